//! The interface `jvdb:storage/engine` as generated from `wit/jvdb.wit`.

#![allow(missing_docs)]

wasmtime::component::bindgen!({
    path: "../../wit/jvdb.wit",
    world: "jvdb",
    additional_derives: [PartialEq],
});
