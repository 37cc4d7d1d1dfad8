//! A store that grows for long: whether the ten-millionth put takes as long as the first, and whether any put waits.
//!
//! A thread of its own flushes, as a store does by itself once so much is dirty; here it is the same for all.

use crate::contestant::Housed;
use crate::dataset::{Dataset, Keys};
use crate::machine;
use crate::outcome::{Error, Result};
use crate::rounds::{Row, Unit, measure_all};
use crate::table::grouped;
use crate::workloads::{Setting, timed};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;

/// Elements per vector.
const DIMENSION: usize = 16;
/// Different vectors; the keys are all different.
const DISTINCT: usize = 10_000;
/// Puts after which the next flush begins, if none is under way.
const FLUSHED: usize = 250_000;
/// Parts of the growth that have a row each.
const PARTS: usize = 10;

/// Puts of `count` vectors into an empty store, one by one: time of one put in each tenth, then the longest of all.
///
/// # Errors
/// A contestant's.
pub fn growth(setting: Setting<'_>, count: usize) -> Result<Vec<Row>> {
    let data = Dataset::repeated(count, DISTINCT, DIMENSION, setting.data.metadata_len, Keys::Random);
    let title = |part| format!("put, {}/{PARTS} of {} x {DIMENSION}", part + 1, grouped(count));
    let rows: [_; PARTS + 1] = std::array::from_fn(|part| match part {
        PARTS => ("the longest of those".to_string(), Unit::Nanoseconds),
        _ => (title(part), Unit::Nanoseconds),
    });
    let rows = measure_all(rows, setting.contestants, setting.rounds, |i| {
        let contestant = &setting.contestants[i];
        if contestant.read_only {
            return Ok(None);
        }
        machine::take_memory(2 * count * data.payload());
        let Housed { store, dir: _dir } = &mut setting.contestants[i].fresh(setting.dir, DIMENSION)?;
        machine::wait_until_quiet();
        let share = store.share();
        std::thread::scope(|scope| {
            let (due, ring) = mpsc::sync_channel::<()>(1);
            let flusher = share.filter(|_| contestant.on_disk).map(|share| {
                scope.spawn(move || -> Result<()> {
                    let mut handle = share()?;
                    ring.into_iter().try_for_each(|()| handle.flush())
                })
            });
            let never = AtomicBool::new(false);
            let mut took = vec![1; FLUSHED];
            let mut figures = [0.0; PARTS + 1];
            for part in 0..PARTS {
                let (from, to) = (count * part / PARTS, count * (part + 1) / PARTS);
                for start in (from..to).step_by(FLUSHED) {
                    took.clear();
                    let range = start..to.min(start + FLUSHED);
                    let (_, time) = timed(|| store.put_until(&data, range, &never, &mut took))?;
                    figures[part] += time.as_nanos() as f64 / (to - from) as f64;
                    let longest = took.iter().max().copied().unwrap_or(0) as f64;
                    figures[PARTS] = f64::max(figures[PARTS], longest);
                    // Full, or nobody there: a flush is under way, or there is none.
                    let _ = due.try_send(());
                }
            }
            drop(due);
            if let Some(flusher) = flusher {
                flusher.join().map_err(|_| Error::from("a thread panicked"))??;
            }
            Ok(Some(figures))
        })
    })?;
    Ok(rows.into())
}
