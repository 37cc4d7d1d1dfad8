//! How far flushes have come: what is durable, what the table on the disk covers, and what is still to be done.

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
    /// The table in the file covers everything before this, though perhaps not yet on the disk.
    pub applied_to: u64,
    pub inherited: Inherited,
    pub growth: Growth,
    /// What is durable, and was left to another thread to apply to the table.
    pub deferred: Option<Cut>,
}

/// What an opening found in the file without knowing whether the disk has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inherited {
    /// The end of the log, up to `end`, and the file's name: whoever gave the file that name may have died before the
    /// directory was synced.
    NameAndTail { end: u64 },
    /// The end of the log, up to `end`.
    Tail { end: u64 },
    /// Nothing: a flush of this process has made all of it durable.
    Nothing,
}

/// A larger table that is wanted, and room for one that was not built.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Growth {
    /// To be built by the next flush, because a probe window of the present table is full.
    pub wanted: Option<Geometry>,
    /// Room in the log for a table that a failed flush did not come to use.
    pub reserved: Option<Geometry>,
}

impl Progress {
    /// Where a file begins whose newest superblock is this.
    pub(crate) fn at(superblock: Superblock, inherited: Inherited) -> Self {
        let applied_to = superblock.applied_end;
        Self { superblock, applied_to, inherited, growth: Growth::default(), deferred: None }
    }
}

impl Inherited {
    /// Where the tail ends that may not be on the disk, if there is one.
    pub(crate) fn tail_end(self) -> u64 {
        match self {
            Self::NameAndTail { end } | Self::Tail { end } => end,
            Self::Nothing => 0,
        }
    }
}

/// Which table is in force after a flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    /// A new one, which covers everything that the flush made durable.
    Built(Geometry),
    /// The one there was.
    Kept,
}

/// The part of the log that a flush takes on.
pub(crate) struct Cut {
    pub next: Link,
    pub counts: Counts,
    /// A new table to build, in room reserved for it.
    pub table: Option<Geometry>,
    /// Its changes, which readers see as frozen.
    pub changes: Arc<Delta>,
}
