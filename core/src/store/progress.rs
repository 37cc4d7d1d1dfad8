//! How far flushes have come: what is durable, what the table on the disk speaks of, and what is still to be done.

use crate::format::chain::Link;
use crate::format::counts::Counts;
use crate::format::superblock::Superblock;
use crate::format::table::Geometry;
use crate::index::delta::Delta;
use std::sync::Arc;

/// What the last flush left. Whoever holds its lock is the one that flushes.
pub(crate) struct Progress {
    /// The newest superblock on disk.
    pub superblock: Superblock,
    /// The table in the file, though not yet surely on disk, speaks of everything before this.
    pub applied_to: u64,
    /// End of the tail that an opening found in the file without knowing whether the disk has it.
    pub unverified_to: u64,
    /// Whether the file's name may not have reached the disk: whoever gave it that name may have died before the
    /// directory was synced.
    pub name_unsynced: bool,
    /// A table to build although the present one is not full, because one of its windows is.
    pub wanted: Option<Geometry>,
    /// Room in the log for a table that a failed flush did not come to use.
    pub reserved: Option<Geometry>,
    /// What is durable, and was left to another thread to apply to the table.
    pub pending: Option<Cut>,
}

impl Progress {
    /// As a superblock on disk says it.
    pub(crate) fn at(superblock: Superblock) -> Self {
        Self {
            superblock,
            applied_to: superblock.applied_end,
            unverified_to: 0,
            name_unsynced: false,
            wanted: None,
            reserved: None,
            pending: None,
        }
    }
}

/// The part of the log that a flush takes on.
pub(crate) struct Cut {
    pub next: Link,
    pub counts: Counts,
    /// A new table to build, in room reserved for it.
    pub table: Option<Geometry>,
    /// What readers are shown as frozen.
    pub changes: Arc<Delta>,
}
