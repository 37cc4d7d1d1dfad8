//! The engine beside what it competes with, doing the same work on the same data within one run.
//!
//! [`contestants`] lists who takes part, [`rounds`] measures them in turns, [`table`] prints what came out. Nothing here
//! is part of the product, and nothing of the product depends on it.

pub mod changes;
pub mod cold;
pub mod conformance;
pub mod contestant;
pub mod dataset;
pub mod floor;
pub mod growth;
pub mod machine;
pub mod many;
pub mod memory;
pub mod opening;
pub mod passes;
pub mod rounds;
pub mod space;
pub mod store;
pub mod table;
pub mod threads;
pub mod workloads;

mod bare;
mod boxes;
mod jvdb;
mod list;
mod lmdb;
mod outcome;

pub use list::contestants;
pub use outcome::{Error, Result};
