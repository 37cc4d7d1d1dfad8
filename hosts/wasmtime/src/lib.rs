//! The jvdb component, hosted by wasmtime: the engine in a sandbox, over one directory and nothing else.
//!
//! A [`Component`] is compiled code, loaded once and shared by all threads. A [`Storage`] is an instance of it over one
//! directory, and a [`Database`] a handle on one database there. The calls are those of the interface
//! `jvdb:storage/engine` in `wit/jvdb.wit`, which says of each what it promises and how it fails; the types are
//! generated from it.
//!
//! **Privilege.** The component gets the directory, opened before it starts, and the clocks. A component that asks for
//! anything more, such as network or environment, is refused when it is loaded.
//!
//! **One writer.** WASI has no file locks, so this crate takes the directory's lock before the component sees it, the
//! same lock the native library takes, and holds it until the storage and all its databases are dropped.
//!
//! **Threads.** Everything is `Send + Sync`. Calls on one storage run one after another; for more at once, open several
//! storages over several directories. Calls block, on disk too: an async task makes them through `spawn_blocking`, since
//! wasmtime's synchronous WASI panics on a thread that drives async tasks.
//!
//! ```no_run
#![doc = include_str!("../examples/quickstart.rs")]
//! ```

mod bindings;
mod component;
mod error;
mod precompiled;
mod storage;

pub use bindings::exports::jvdb::storage::engine::{
    Corruption, DatabaseStats, DimensionMismatch, Entry, EntryPage, Error as EngineError, ErrorKind, InvalidArgument,
    InvalidName, IoError, Key, KeyError, KeyPage, LockError, Metric, Operation, Options, Poison, Schema, StorageStats,
    Stored, UnsupportedVersion, Written,
};
pub use component::Component;
pub use error::{Error, Result};
pub use precompiled::Cache;
pub use storage::{Database, Storage};

impl Default for Options {
    /// Every default of the interface: writable, 100 open files, a flush every 300 s.
    fn default() -> Self {
        Self {
            directory: None,
            max_open_files: None,
            flush_interval_seconds: None,
            max_unflushed_bytes: None,
            max_unflushed_operations: None,
            read_only: false,
            verify_checksums: false,
            seed: None,
        }
    }
}

impl From<u64> for Key {
    fn from(id: u64) -> Self {
        Self::Integer(id)
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::Bytes(text.into())
    }
}

impl From<&[u8]> for Key {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<Vec<u8>> for Key {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}
