//! The log: reading records, and adding them at its end.

pub(crate) mod reader;
pub(crate) mod writer;
