//! Embedded, crash-safe vector storage: one log-structured `.jvdb` file per database.
//!
//! ```text
//! Storage -> Database -> store -> log and index -> Medium
//! ```
//!
//! [`Storage`] is a directory, [`Database`] one file of it in use. Vectors of `f32` are stored under integer or byte
//! keys, with metadata beside them, and read without a copy. `core/DESIGN.md` states the file format and the promises:
//! a write that returned survives the death of the process, a flush that returned survives a loss of power, a batch is
//! all or nothing, and damage is an error, never an answer.
//!
//! Memory that runs out is an error ([`Error::Io`] of kind `OutOfMemory`) wherever the input decides how much is asked
//! for; nothing is done then. Requests of a fixed size, below 4 KiB, end the process, as the standard library has it.
#![warn(clippy::all, missing_debug_implementations, missing_docs)]

#[cfg(target_endian = "big")]
compile_error!("jvdb reads vectors in place from little-endian files");

mod cursor;
mod database;
mod directory;
mod format;
mod index;
mod log;
mod maintenance;
pub mod medium;
mod storage;
mod store;
mod sync;
#[cfg(any(feature = "__deferred_index", feature = "__mutants"))]
#[doc(hidden)]
pub mod testing;
#[cfg(not(any(feature = "__deferred_index", feature = "__mutants")))]
mod testing;
mod types;
mod vector;

pub use cursor::{Cursor, Keys, Position};
pub use database::{Database, Operation};
pub use maintenance::findings::{Damage, Gap, Item, Repair, Report};
pub use storage::Storage;
pub use store::write::Written;
pub use types::error::{Error, Result};
pub use types::key::{Key, KeyBuf};
pub use types::options::{Access, Advice, Layout, Options};
pub use types::schema::{MAX_DIMENSION, MAX_KEY_LEN, MAX_METADATA_LEN, Metric, Schema};
pub use types::stats::{DatabaseStats, StorageStats};
pub use vector::Vector;

/// Handles and what they give may go from thread to thread and be used by many at once.
const _: () = {
    const fn for_many_threads<T: Send + Sync>() {}
    for_many_threads::<Storage>();
    for_many_threads::<Database>();
    for_many_threads::<Vector>();
    for_many_threads::<Cursor<'_>>();
    for_many_threads::<Keys<'_>>();
    for_many_threads::<Error>();
};
