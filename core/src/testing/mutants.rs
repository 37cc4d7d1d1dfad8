//! Switches that break the protocol on purpose, so that tests can show that they would notice.
//!
//! Without the feature `__mutants`, which nothing but the crash tests turns on, every switch is a constant `false`.

/// A way in which the protocol can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// The first sync of a flush is left out.
    NoLogSync,
    /// The second sync of a flush is left out.
    NoSuperblockSync,
    /// The superblock is written and synced before the log is.
    SuperblockFirst,
    /// Slots are written before the superblock says that what they point at is durable.
    ApplyEarly,
    /// The superblock says that slots are durable which are only written.
    AppliedAtOnce,
    /// Slots that look right in the cache are not written again.
    CacheTrusted,
    /// A table that grew is written after the sync that should cover it.
    GrowthUnsynced,
    /// The tail that an opening found is not written again before a flush calls it durable.
    TailTrusted,
    /// A failed sync is tried again, and believed.
    SyncRetried,
    /// What the disk may hold behind the end of a file that an opening found is not taken off it.
    StaleTailKept,
    /// What was cut off the end is not taken off the disk before something is written in its place.
    TruncationUnsynced,
    /// Records need not follow the one before them.
    Unchained,
    /// Every opening uses the same salt.
    SaltKept,
    /// The bodies of replayed records are not checked.
    BodyUnchecked,
    /// A batch without its end is replayed.
    HalfBatch,
    /// Replaying does not ask the table what it knows.
    ReplayBlind,
    /// A search stops at the first bucket with a free slot.
    StopAtGap,
    /// A new file gets its name before it is synced.
    CreateUnsynced,
    /// A new file gets its name before the attributes that it is made with are flushed.
    AttributesUnflushed,
    /// The directory is not synced after a new file got its name.
    NoDirectorySync,
    /// A compacted file gets its name before it is synced.
    CompactUnsynced,
    /// A writer takes for granted that nobody has written since it opened the file.
    ClaimTrusted,
    /// A writer does not look whether the token is still its own.
    FenceIgnored,
    /// A flush does not look at the fence before it writes a superblock.
    FlushUnlooked,
    /// A compacted file takes its place without a look at the fence.
    CompactUnlooked,
    /// A compacted file claims no more than what was durable when the compaction began, though flushes went on.
    CompactFinishesEarly,
    /// A backup keeps the pages of the index as they were when it came to them.
    BackupMissesChangedPages,
    /// A backup gets its name before it is synced.
    BackupUnsynced,
    /// A reader takes it for an answer that the index does not know a name, although the file has changed.
    MissTrusted,
    /// A scan passes over records whose names were written again meanwhile.
    PostponedPassedOver,
    /// A scan takes what was deleted meanwhile for dead.
    DeletionsUnread,
    /// What a flush has deferred counts as applied to the table, which it is not.
    DeferredCalledApplied,
    /// What a flush has deferred is neither applied to the table nor looked up any more.
    DeferredForgotten,
}

#[cfg(feature = "__mutants")]
mod switch {
    use super::Mutant;
    use std::cell::Cell;

    thread_local!(static BROKEN: Cell<Option<Mutant>> = const { Cell::new(None) });

    /// Breaks the protocol for what this thread does from now on.
    pub fn break_protocol(mutant: Option<Mutant>) {
        BROKEN.set(mutant);
    }

    pub(crate) fn broken(mutant: Mutant) -> bool {
        BROKEN.get() == Some(mutant)
    }
}

#[cfg(not(feature = "__mutants"))]
mod switch {
    #[inline(always)]
    pub(crate) const fn broken(_: super::Mutant) -> bool {
        false
    }
}

#[cfg(feature = "__mutants")]
pub use switch::break_protocol;
pub(crate) use switch::broken;
