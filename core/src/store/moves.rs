//! Where a compaction has put things, so that positions from before it stay good.

use crate::format::layout::LOG_START;

/// Where things went in the last compaction: pairs of an old and a new offset, of live records, rising.
pub(crate) type Moves = Vec<(u64, u64)>;

/// Where a place in the log before the last compaction is now: at or before it, never behind.
pub(crate) fn moved(moves: &Moves, offset: u64) -> u64 {
    match moves.partition_point(|(old, _)| *old <= offset) {
        0 => LOG_START,
        after => moves[after - 1].1,
    }
}
