//! One database file in use: writing, reading, iteration, durability, opening.

mod catch_up;
pub(crate) mod changed_pages;
pub(crate) mod claim;
pub(crate) mod create;
pub(crate) mod fence;
pub(crate) mod flush;
pub(crate) mod follow;
pub(crate) mod lookup;
pub(crate) mod moves;
pub(crate) mod postponed;
pub(crate) mod progress;
pub(crate) mod read;
pub(crate) mod recovery;
pub(crate) mod scan;
#[expect(clippy::module_inception, reason = "the type that the room is named for")]
pub(crate) mod store;
mod suspend;
pub(crate) mod view;
pub(crate) mod write;
