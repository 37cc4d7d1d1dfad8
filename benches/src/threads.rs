//! Several threads on one store: readers beside readers, readers beside a writer and a flush, and what waits for a flush.

use crate::contestant::Housed;
use crate::passes::AnyStore;
use crate::passes::Passes;
use crate::rounds::{Row, Unit, measure_all};
use crate::store::Share;
use crate::table::grouped;
use crate::workloads::{BATCH, Setting, per_operation, timed};
use crate::{Error, Result, machine};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How long readers are watched.
const WATCHED: Duration = Duration::from_millis(400);

/// What another thread does with a handle of its own.
type Work<'a> = dyn FnMut(&mut dyn Passes) -> Result<()> + Send + 'a;

/// Reads of many keys, one by one.
type Reads<'a> = dyn Fn(&dyn Passes, &[u64]) -> Result<u64> + Sync + 'a;

/// Runs `mine` here while other threads do their work, each on its own handle; all begin at once, with all handles made.
/// `mine` comes back first where the others wait for it.
fn beside<R>(others: Vec<(Share<AnyStore>, Box<Work<'_>>)>, mine: impl FnOnce() -> Result<R>) -> Result<R> {
    let start = Barrier::new(others.len() + 1);
    std::thread::scope(|scope| {
        let threads = others.into_iter().map(|(share, mut work)| {
            let start = &start;
            scope.spawn(move || {
                let handle = share();
                start.wait();
                work(&mut *handle?)
            })
        });
        let threads: Vec<_> = threads.collect();
        start.wait();
        let result = mine();
        for thread in threads {
            thread.join().map_err(|_| Error::from("a thread panicked"))??;
        }
        result
    })
}

/// Sets a flag when it goes, whatever it goes for: who waits for the flag does not wait for ever.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// 95 copies and 5 updates of each 100 operations in random order, by one thread and by two that share the work.
///
/// # Errors
/// A contestant's; so in all functions here.
pub fn mixed(setting: Setting<'_>) -> Result<[Row; 2]> {
    setting.prepare();
    let rows = ["1 thread", "2 threads"].map(|who| (format!("19 gets, copied, to 1 update, {who}"), Unit::Nanoseconds));
    let (data, half) = (setting.data, setting.data.len() / 2);
    measure_all(rows, setting.contestants, setting.rounds, |i| {
        let contestant = &setting.contestants[i];
        if contestant.read_only {
            return Ok(None);
        }
        let Housed { store, dir: _dir } = &mut setting.filled(contestant, 0..data.len())?;
        let ((), one) = timed(|| store.mix(data, 0..data.len()))?;
        let Some(share) = store.share() else { return Ok(None) };
        let work: Box<Work<'_>> = Box::new(|store| store.mix(data, half..data.len()));
        // From here to here: all threads have begun, all threads are done.
        let mut start = Instant::now();
        beside(vec![(share, work)], || {
            start = Instant::now();
            store.mix(data, 0..half)
        })?;
        Ok(Some([one, start.elapsed()].map(|time| per_operation(time, data.len()))))
    })
}

/// What two threads read in a time, over what one reads: copied, and zero-copy.
pub fn readers(setting: Setting<'_>) -> Result<[Row; 2]> {
    const PASSES: usize = 3;
    setting.prepare();
    let rows = ["copied", "zero-copy"].map(|how| (format!("2 threads get as many times as 1, {how}"), Unit::Gain));
    let data = setting.data;
    let (first, second) = data.reads.split_at(data.len() / 2);
    // Neither follows in the other's footsteps.
    let turned = [second, first].concat();
    let copies = |store: &dyn Passes, keys: &[u64]| store.copy_each(keys, data.dimension);
    let views = |store: &dyn Passes, keys: &[u64]| store.view_each(keys);
    let ways: [&Reads<'_>; 2] = [&copies, &views];
    measure_all(rows, setting.contestants, setting.rounds, |i| {
        let Housed { store, dir: _dir } = &mut setting.filled(&setting.contestants[i], 0..data.len())?;
        let mut gains = [0.0; 2];
        for (read, gain) in ways.iter().zip(&mut gains) {
            let pass = |store: &dyn Passes, keys: &[u64]| (0..PASSES).try_for_each(|_| read(store, keys).map(drop));
            pass(&**store, &data.reads)?;
            let ((), one) = timed(|| pass(&**store, &data.reads))?;
            let Some(share) = store.share() else { return Ok(None) };
            let turned = &turned;
            let work: Box<Work<'_>> = Box::new(move |store| pass(store, turned));
            let mut start = Instant::now();
            beside(vec![(share, work)], || {
                start = Instant::now();
                pass(&**store, &data.reads)
            })?;
            *gain = 2.0 * one.as_secs_f64() / start.elapsed().as_secs_f64();
        }
        Ok(Some(gains))
    })
}

/// Copies by one thread for a while: how many a second.
fn pace(store: &dyn Passes, keys: &[u64], dimension: usize) -> Result<f64> {
    let (start, mut read) = (Instant::now(), 0);
    for keys in keys.chunks(BATCH).cycle() {
        std::hint::black_box(store.copy_each(keys, dimension)?);
        read += keys.len();
        if start.elapsed() >= WATCHED {
            break;
        }
    }
    Ok(read as f64 / start.elapsed().as_secs_f64())
}

/// What a thread reads while another one puts without a pause, over what it reads alone; and the same while a third one
/// flushes without a pause.
pub fn beside_writer(setting: Setting<'_>) -> Result<[Row; 2]> {
    setting.prepare();
    let rows = ["a writer", "a writer and flushes"];
    let rows = rows.map(|who| (format!("gets, copied, beside {who}, of those alone"), Unit::Gain));
    let (data, half) = (setting.data, setting.data.len() / 2);
    // Only what is there from the beginning is read: the same work with and without a writer.
    let keys: Vec<u64> =
        data.keys[..half].iter().step_by(7).chain(data.keys[..half].iter().step_by(5)).copied().collect();
    measure_all(rows, setting.contestants, setting.rounds, |i| {
        let contestant = &setting.contestants[i];
        if !contestant.keeps_files() {
            return Ok(None);
        }
        let Housed { store, dir: _dir } = &mut setting.filled(contestant, 0..half)?;
        let mut gains = [0.0; 2];
        for (flushes, gain) in [false, true].into_iter().zip(&mut gains) {
            machine::wait_until_quiet();
            let alone = pace(&**store, &keys, data.dimension)?;
            let stop = &AtomicBool::new(false);
            let write: Box<Work<'_>> = Box::new(move |store| {
                let mut took = Vec::with_capacity(data.len());
                while !stop.load(Relaxed) {
                    took.clear();
                    store.put_until(data, half..data.len(), stop, &mut took)?;
                }
                Ok(())
            });
            let flush: Box<Work<'_>> = Box::new(move |store| {
                while !stop.load(Relaxed) {
                    store.flush()?;
                }
                Ok(())
            });
            let (Some(writer), Some(flusher)) = (store.share(), store.share()) else { return Ok(None) };
            let mut others = vec![(writer, write)];
            if flushes {
                others.push((flusher, flush));
            }
            let beside = beside(others, || {
                let _ends = Ends(stop);
                pace(&**store, &keys, data.dimension)
            });
            *gain = beside? / alone;
        }
        Ok(Some(gains))
    })
}

/// Puts and gets while a flush of `count` dirty vectors runs: what 999 of 1,000 do not exceed, and the longest.
pub fn waits(setting: Setting<'_>, count: usize) -> Result<[Row; 4]> {
    const FLUSHES: usize = 5;
    setting.prepare();
    let during = format!("during a flush of {}", grouped(count));
    let rows = ["put", "get, copied"]
        .map(|what| ["99.9 % within", "longest"].map(|which| (format!("{what} {during}, {which}"), Unit::Nanoseconds)));
    let [[a, b], [c, d]] = rows;
    let (data, base) = (setting.data, setting.data.len() - count);
    let keys = &data.keys[..base];
    measure_all([a, b, c, d], setting.contestants, setting.rounds, |i| {
        let contestant = &setting.contestants[i];
        if !contestant.keeps_files() {
            return Ok(None);
        }
        let Housed { store, dir: _dir } = &mut setting.filled(contestant, 0..base)?;
        let mut took = [Vec::with_capacity(data.len()), Vec::with_capacity(10 * data.len())];
        for flush in 0..2 * FLUSHES {
            machine::wait_until_quiet();
            store.put_batches(data, base..data.len(), BATCH)?;
            let (puts, took) = (flush % 2 == 0, &mut took[flush % 2]);
            let Some(share) = store.share() else { return Ok(None) };
            let done = &AtomicBool::new(false);
            let work: Box<Work<'_>> = Box::new(move |store| {
                let _ends = Ends(done);
                store.flush()
            });
            beside(vec![(share, work)], || {
                while puts && !done.load(Relaxed) {
                    store.put_until(data, 0..base, done, took)?;
                }
                if puts { Ok(()) } else { store.copy_until(keys, data.dimension, done, took) }
            })?;
        }
        let [puts, gets] = took.map(tail);
        Ok(Some([puts[0], puts[1], gets[0], gets[1]]))
    })
}

/// What 999 of 1,000 do not exceed, and the largest.
fn tail(mut took: Vec<u64>) -> [f64; 2] {
    took.sort_unstable();
    let at = (took.len() * 999 / 1_000).min(took.len().saturating_sub(1));
    [took.get(at), took.last()].map(|figure| figure.copied().unwrap_or(0) as f64)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_tail_is_what_999_of_1000_do_not_exceed() {
        assert_eq!(super::tail((1..=10_000).rev().collect()), [9_991.0, 10_000.0]);
        assert_eq!(super::tail(vec![7]), [7.0, 7.0]);
    }
}
