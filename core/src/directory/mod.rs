//! A directory of databases: which there are, which are open, and the thread that flushes them.

pub(crate) mod catalog;
mod flush_all;
pub(crate) mod handle;
mod slots;
mod stats;
pub(crate) mod worker;
