//! The index: changes in memory, and applying them to the table of the file.

pub(crate) mod apply;
pub(crate) mod delta;
