//! A directory of databases: which there are, which are open, and the thread that flushes them.

pub(crate) mod catalog;
mod file_slots;
mod flush_all;
pub(crate) mod flush_thread;
pub(crate) mod handle;
mod stats;
