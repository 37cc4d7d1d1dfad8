//! How the time of one operation depends on how many vectors there are: stores of every contestant that grow from size to
//! size, each operation measured at every size, in turns.

use jvdb_benches::contestant::{Contestant, Housed};
use jvdb_benches::dataset::{Dataset, Keys};
use jvdb_benches::rounds::{Row, measure};
use jvdb_benches::table::grouped;
use jvdb_benches::workloads::BATCH;
use jvdb_benches::{Result, machine};
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

/// Elements of each vector.
pub const DIMENSION: usize = 128;
const METADATA: usize = 100;
/// Different vectors; the keys are all different.
const DISTINCT: usize = 10_000;
/// Puts and gets of one sample.
const PUTS: usize = 200;
const GETS: usize = 10_000;
/// Nobody grows to a size if that would take longer.
const PATIENCE: Duration = Duration::from_secs(12);

/// One operation at every size.
pub struct Curve {
    /// What was done.
    pub title: String,
    /// Number of vectors, and what it took.
    pub points: Vec<(usize, Row)>,
}

fn timed(operations: usize, work: impl FnOnce() -> Result<()>) -> Result<Option<f64>> {
    let start = Instant::now();
    work()?;
    Ok(Some(start.elapsed().as_nanos() as f64 / operations as f64))
}

/// Keys of vectors among the first `count`, in no order, others in each round.
fn sample(data: &Dataset, count: usize, round: usize) -> Vec<u64> {
    // Odd, and so prime to nearly every count: no key comes twice before most have come.
    const STEP: usize = 7_919 * 31;
    (round * GETS..(round + 1) * GETS).map(|i| data.keys[i % count * STEP % count]).collect()
}

/// One contestant's share of the records that take all from one size to the next.
fn part(from: usize, to: usize, round: usize, rounds: usize) -> Range<usize> {
    from + (to - from) * round / rounds..from + (to - from) * (round + 1) / rounds
}

/// Batches, puts and gets at each of these sizes. Whoever would take too long to get to a size has no figures from there
/// on.
///
/// # Errors
/// A contestant's.
pub fn curves(contestants: &[Contestant], dir: &Path, rounds: usize, sizes: &[usize]) -> Result<Vec<Curve>> {
    let largest = sizes.last().copied().ok_or("no sizes")?;
    let extra = sizes.len() * rounds * PUTS;
    let data = &Dataset::repeated(largest + extra, DISTINCT, DIMENSION, METADATA, Keys::Random);
    machine::take_memory(6 * data.len() * data.payload());
    let fresh = |contestant: &Contestant| (!contestant.read_only).then(|| contestant.fresh(dir, DIMENSION)).transpose();
    let mut stores = contestants.iter().map(fresh).collect::<Result<Vec<Option<Housed>>>>()?;
    let titles = ["put, batches of 1,000", "put", "get, copied", "get, zero-copy"];
    let mut curves = titles.map(|title| Curve { title: title.into(), points: Vec::new() });
    let (mut from, mut spare) = (0, largest);
    for &size in sizes {
        let title = |what: usize| format!("{}, among {}", titles[what], grouped(size));
        if let Some((_, row)) = curves[0].points.last() {
            for (i, store) in stores.iter_mut().enumerate() {
                let expected = row.median(i).unwrap_or(0.0) * (size - from) as f64;
                if expected > PATIENCE.as_nanos() as f64 {
                    *store = None;
                }
            }
        }
        let mut turns = vec![0; contestants.len()];
        let batches = measure(title(0), contestants, rounds, |i| {
            let Some(housed) = &mut stores[i] else { return Ok(None) };
            let range = part(from, size, turns[i], rounds);
            turns[i] += 1;
            timed(range.len(), || housed.store.put_batches(data, range, BATCH))
        })?;
        for housed in stores.iter_mut().flatten() {
            housed.store.flush()?;
        }
        machine::wait_until_quiet();
        turns.fill(0);
        let puts = measure(title(1), contestants, rounds, |i| {
            let Some(housed) = &mut stores[i] else { return Ok(None) };
            let start = spare + turns[i] * PUTS;
            turns[i] += 1;
            timed(PUTS, || housed.store.put_each(data, start..start + PUTS))
        })?;
        spare += rounds * PUTS;
        for housed in stores.iter_mut().flatten() {
            housed.store.flush()?;
            housed.store.begin_reading()?;
        }
        machine::wait_until_quiet();
        let samples: Vec<Vec<u64>> = (0..rounds).map(|round| sample(data, size, round)).collect();
        let mut gets = |what: usize| {
            turns.fill(0);
            measure(title(what), contestants, rounds, |i| {
                let Some(housed) = &stores[i] else { return Ok(None) };
                let keys = &samples[turns[i]];
                turns[i] += 1;
                timed(keys.len(), || {
                    let sum =
                        if what == 2 { housed.store.copy_each(keys, DIMENSION) } else { housed.store.view_each(keys) };
                    std::hint::black_box(sum).map(|_| ())
                })
            })
        };
        let rows = [batches, puts, gets(2)?, gets(3)?];
        for (curve, row) in curves.iter_mut().zip(rows) {
            eprintln!("measured: {}", row.workload);
            curve.points.push((size, row));
        }
        from = size;
    }
    Ok(curves.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_make_the_whole() {
        let parts: Vec<_> = (0..5).map(|round| part(1_000, 10_003, round, 5)).collect();
        assert_eq!((parts[0].start, parts[4].end), (1_000, 10_003));
        assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start));
    }

    #[test]
    fn samples_hold_every_key_of_a_small_store_and_none_beyond() {
        let data = Dataset::repeated(2_000, 10, 4, 0, Keys::Ascending);
        let mut keys = sample(&data, 1_000, 3);
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys, (0..1_000).collect::<Vec<u64>>());
    }
}
