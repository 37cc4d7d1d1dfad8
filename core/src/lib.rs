//! Embedded, crash-safe vector storage: one log-structured `.jvdb` file per database.
//!
//! ```
//! use jvdb_core::{Metric, Options, Schema, Storage};
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path();
//! let storage = Storage::open(path, Options::default())?;
//! let colours = storage.open_or_create("colours", Schema::new(3, Metric::Cosine)?)?;
//! colours.put(7, &[1.0, 0.5, 0.0], b"orange")?; // survives kill -9 from here on
//! colours.flush()?; // survives a loss of power from here on
//! assert_eq!(colours.get(7)?.expect("just stored").vector(), [1.0, 0.5, 0.0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Storage`] is a directory of databases, open; [`Database`] is one of them in use, and [`Vector`] is a vector that the
//! caller reads where it lies. More programs are in `core/examples/`; `core/DESIGN.md` states the file format, the promises
//! and how they are tested.
//!
//! # What it is
//!
//! - A store of `f32` vectors of one dimension per database, each under a key (an integer or up to 512 bytes) with up to
//!   16 MiB of metadata, which it keeps as they are.
//! - Crash-safe: a write that returned survives the death of the process, a flush that returned survives a loss of power, and
//!   a batch is there as a whole or not at all. Damage is an error, never an answer.
//! - Zero-copy where files are mapped: a vector is a `&[f32]` on a 64-byte boundary that stays valid and unchanged while its
//!   guard lives.
//!
//! # What it is not
//!
//! - **No search for neighbours.** The metric is stored and given back, and the engine never computes a distance. A program
//!   that needs neighbours builds its index on top, or looks at all vectors ([`Database::visit`]).
//! - **No ranges and no order of keys.** A key is found by its hash; a scan gives vectors in the order in which they were last
//!   stored.
//! - **No transactions across databases**, and none with reads in them: a batch ([`Database::write`]) is atomic within one
//!   database.
//! - **No second writer.** One process at a time opens a directory for writing; any number may open it read-only. There is no
//!   server and no network.
//!
//! # Threads
//!
//! Every call takes `&self`. [`Storage`], [`Database`] and [`Vector`] are `Send` and `Sync`, and any number of threads may use
//! one at once. Reads of a database go on beside its writes; its writes take turns.
//!
//! # Memory
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
mod upkeep;
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
    for_many_threads::<Cursor>();
    for_many_threads::<Keys>();
    for_many_threads::<Error>();
};
