//! The C face of the engine: `libjvdb` and its header `include/jvdb.h`, which cbindgen generates from this crate.
//!
//! One file per C type. Each call checks its pointers, hands on to the core, and turns the answer into a status; there
//! is no other logic here. `panic` is the only place where one is caught, `pointer` the only place where a raw
//! pointer becomes a reference, `sized` the only place where structs that carry their size are read and written.
//!
//! Doc comments of public items are the header's, so they are written for readers of C. Rust programs use `jvdb-core`.

mod boundary;
mod failure;
mod panic;
mod pointer;
mod sized;

// The header follows this order: versions and how calls answer, then directories, then databases, then what is in them.
pub mod version;

pub mod status;

pub mod error;
pub mod log;

pub mod options;
pub mod storage;

pub mod names;
pub mod stats;

pub mod database;
pub mod key;
pub mod vector;

pub mod batch;
pub mod cursor;
pub mod get_batch;
pub mod visit;

pub mod attribute;

pub mod advice;
pub mod findings;
pub mod upkeep;
