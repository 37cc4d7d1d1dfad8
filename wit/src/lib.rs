//! The engine as a WebAssembly component: the world `jvdb` of `wit/jvdb.wit`, over `wasi:filesystem`.
//!
//! Three parts, none of which decides anything the engine could: `directory` and `file` are a volume and a medium
//! over a preopened directory; `engine` answers each exported call with one call of `jvdb_core`; `types` turns the
//! engine's types into those of the interface and back.
//!
//! Built for `wasm32-unknown-unknown` the crate is a component. Built for anything else it is checked but of no use:
//! nothing is exported, and every import would stop the program.

#[allow(unsafe_code, missing_docs, unsafe_op_in_unsafe_fn, clippy::all)]
mod bindings;
mod directory;
mod engine;
mod file;
mod types;

/// What the component gives to its host.
#[cfg(target_family = "wasm")]
#[allow(unsafe_code, missing_docs, unsafe_op_in_unsafe_fn, clippy::all)]
mod exports {
    use crate::engine::Engine;
    crate::bindings::export!(Engine with_types_in crate::bindings);
}
