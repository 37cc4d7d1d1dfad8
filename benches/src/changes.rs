//! Changing what is there: updates, deletions, and giving their space back.

use crate::Result;
use crate::contestant::Housed;
use crate::dataset::Dataset;
use crate::passes::Passes;
use crate::rounds::{Row, measure};
use crate::workloads::{Setting, for_a_while, per_operation, timed};
use std::ops::Range;

/// Changes of the vectors of a flushed store, in random order.
fn changing(
    title: &str,
    setting: Setting<'_>,
    change: fn(&mut dyn Passes, &Dataset, Range<usize>) -> Result<()>,
) -> Result<Row> {
    setting.prepare();
    measure(title, setting.contestants, setting.rounds, |i| {
        let contestant = &setting.contestants[i];
        if contestant.read_only {
            return Ok(None);
        }
        let Housed { store, dir: _dir } = &mut setting.filled(contestant, 0..setting.data.len())?;
        for_a_while(setting.data.len(), |range| change(&mut **store, setting.data, range)).map(Some)
    })
}

/// Another vector under each key, one by one.
///
/// # Errors
/// A contestant's; so in all functions here.
pub fn update(setting: Setting<'_>) -> Result<Row> {
    let row = changing("update", setting, |store, data, range| store.update_each(data, range));
    Ok(row?.moving(setting.data.payload()))
}

/// Deletions of each key, one by one.
pub fn delete(setting: Setting<'_>) -> Result<Row> {
    changing("delete", setting, |store, data, range| store.delete_each(&data.reads[range]))
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
        crate::machine::settle();
        let (compacted, time) = timed(|| store.compact())?;
        Ok(compacted.then(|| per_operation(time, setting.data.len() - half)))
    });
    Ok(row?.moving(setting.data.payload()))
}
