//! Work on a whole file: compacting, copying, checking and repairing it.

mod backup;
mod compact;
pub(crate) mod findings;
pub(crate) mod repair;
mod rewrite;
mod salvage;
mod verify;
