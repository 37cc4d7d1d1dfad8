//! Changing what is there: updates, deletions, and giving their space back.

use crate::contestant::Housed;
use crate::machine;
use crate::outcome::Result;
use crate::rounds::{Row, Unit, measure, measure_all};
use crate::workloads::{Setting, WRITING, for_a_while, per_operation, timed};

/// Another vector under each key of a flushed store, one by one, in random order; then, flushed again, deletions of each.
///
/// # Errors
/// A contestant's; so in all functions here.
pub fn update_and_delete(setting: Setting<'_>) -> Result<[Row; 2]> {
    setting.prepare();
    let data = setting.data;
    let rows = ["update", "delete"].map(|what| (what.to_string(), Unit::Nanoseconds));
    let [updates, deletions] = measure_all(rows, setting.contestants, setting.rounds, |i| {
        let contestant = &setting.contestants[i];
        if contestant.read_only {
            return Ok(None);
        }
        let Housed { store, dir: _dir } = &mut setting.filled(contestant, 0..data.len())?;
        let update = for_a_while(WRITING, data.len(), |range| store.update_each(data, range))?;
        store.flush()?;
        machine::wait_until_quiet();
        let delete = for_a_while(WRITING, data.len(), |range| store.delete_each(&data.reads[range]))?;
        Ok(Some([update, delete]))
    })?;
    Ok([updates.moving(data.payload()), deletions])
}

/// Compaction after half of all vectors were deleted, per vector that is left. The limit is a copy of the bytes of those,
/// in pieces as large as they come, with a sync of the new file.
pub fn compact(setting: Setting<'_>) -> Result<Row> {
    setting.prepare();
    let half = setting.data.len() / 2;
    let row = measure("compact, half deleted", setting.contestants, setting.rounds, |i| {
        let contestant = &setting.contestants[i];
        if !contestant.keeps_files() {
            return Ok(None);
        }
        let Housed { store, dir: _dir } = &mut setting.filled(contestant, 0..setting.data.len())?;
        store.delete_each(&setting.data.reads[..half])?;
        store.flush()?;
        store.begin_reading()?;
        machine::wait_until_quiet();
        let (compacted, time) = timed(|| store.compact())?;
        Ok(compacted.then(|| per_operation(time, setting.data.len() - half)))
    });
    Ok(row?.moving(setting.data.payload()))
}
