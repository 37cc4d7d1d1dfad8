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
#![warn(clippy::all)]

#[cfg(target_endian = "big")]
compile_error!("jvdb reads vectors in place from little-endian files");

mod append;
mod backup;
mod census;
mod checkpoint;
mod checksum;
mod compact;
mod cursor;
mod database;
mod delta;
mod error;
mod flush;
mod flusher;
mod key;
#[cfg(feature = "late")]
#[doc(hidden)]
pub mod late;
#[cfg(not(feature = "late"))]
mod late;
mod log;
pub mod medium;
mod name;
mod options;
mod pin;
mod read;
mod record;
mod recovery;
mod repair;
mod rewrite;
mod salvage;
mod scan;
mod schema;
mod shelf;
mod state;
mod stats;
mod storage;
mod store;
mod superblock;
mod sweep;
mod sync;
mod table;
#[cfg(feature = "teeth")]
#[doc(hidden)]
pub mod teeth;
#[cfg(not(feature = "teeth"))]
mod teeth;
mod vector;
mod verify;

pub use cursor::{Cursor, Keys, Position};
pub use database::{Database, Operation, Written};
pub use error::{Error, Result};
pub use key::{Key, KeyBuf};
pub use options::{Access, Advice, Layout, Options};
pub use repair::{Gap, Item, Repair};
pub use schema::{MAX_DIMENSION, MAX_KEY_LEN, MAX_METADATA_LEN, Metric, Schema};
pub use stats::{DatabaseStats, StorageStats};
pub use storage::Storage;
pub use vector::Vector;
pub use verify::{Damage, Report};
