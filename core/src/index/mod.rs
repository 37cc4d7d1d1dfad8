//! The index: changes in memory, and bringing them into the table of the file.

pub(crate) mod apply;
pub(crate) mod delta;
