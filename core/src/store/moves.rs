//! Where a compaction has put things, so that positions from before it stay good.

use crate::format::layout::LOG_START;

/// Pairs of the old and the new offset of live records in the last compaction, rising.
pub(crate) type Moves = Vec<(u64, u64)>;

/// The offset at which a scan goes on that was at `offset` before the last compaction: at the same record or a little before it.
pub(crate) fn moved(moves: &Moves, offset: u64) -> u64 {
    match moves.partition_point(|(old, _)| *old <= offset) {
        0 => LOG_START,
        after => moves[after - 1].1,
    }
}
