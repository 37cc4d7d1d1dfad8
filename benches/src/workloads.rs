//! Writing, reading and flushing. Each function measures one workload and gives its row of the table.

use crate::contestant::{Contestant, Housed, Kind};
use crate::dataset::Dataset;
use crate::machine;
use crate::outcome::Result;
use crate::passes::{Passes, dot};
use crate::rounds::{Row, measure};
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

/// Operations per batch.
pub const BATCH: usize = 1_000;

/// How long writes, and reads, are measured at most.
pub(crate) const WRITING: Duration = Duration::from_millis(500);
const READING: Duration = Duration::from_millis(150);

/// Who is measured, on what, where and how often.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// Who takes part.
    pub contestants: &'a [Contestant],
    /// What is stored.
    pub data: &'a Dataset,
    /// Where files are kept.
    pub dir: &'a Path,
    /// Rounds per workload.
    pub rounds: usize,
}

impl Setting<'_> {
    /// Gives the process the memory that all contestants together will need.
    pub(crate) fn prepare(&self) {
        machine::take_memory((self.contestants.len() + 2) * self.data.len() * self.data.payload());
        machine::wait_until_quiet();
    }

    pub(crate) fn fresh(&self, contestant: &Contestant) -> Result<Housed> {
        contestant.fresh(self.dir, self.data.dimension)
    }

    /// A store that holds the records of a range, flushed and ready to be read; nothing waits to be written.
    pub(crate) fn filled(&self, contestant: &Contestant, range: Range<usize>) -> Result<Housed> {
        let mut housed = self.fresh(contestant)?;
        housed.store.put_batches(self.data, range, BATCH)?;
        housed.store.flush()?;
        housed.store.begin_reading()?;
        machine::wait_until_quiet();
        Ok(housed)
    }
}

pub(crate) fn timed<R>(work: impl FnOnce() -> Result<R>) -> Result<(R, Duration)> {
    let start = Instant::now();
    let result = work()?;
    Ok((result, start.elapsed()))
}

pub(crate) fn per_operation(time: Duration, operations: usize) -> f64 {
    time.as_nanos() as f64 / operations as f64
}

/// Does the work for one slice of the records after another until all are done or it has taken long enough: the
/// slowest contestants would else decide how long everything takes. What they leave out makes them look no slower: their
/// stores stay smaller. Nanoseconds of one operation.
pub(crate) fn for_a_while(
    enough: Duration,
    records: usize,
    mut work: impl FnMut(Range<usize>) -> Result<()>,
) -> Result<f64> {
    let start = Instant::now();
    let mut done = 0;
    while done < records && start.elapsed() < enough {
        let end = records.min(done + BATCH);
        work(done..end)?;
        done = end;
    }
    Ok(per_operation(start.elapsed(), done))
}

/// Storing records in a new store, by any of the ways to do so.
fn storing(
    title: &str,
    setting: Setting<'_>,
    store: fn(&mut dyn Passes, &Dataset, Range<usize>) -> Result<()>,
) -> Result<Row> {
    setting.prepare();
    measure(title, setting.contestants, setting.rounds, |i| {
        let contestant = &setting.contestants[i];
        if contestant.read_only {
            return Ok(None);
        }
        let mut target = setting.fresh(contestant)?;
        for_a_while(WRITING, setting.data.len(), |range| store(&mut *target.store, setting.data, range)).map(Some)
    })
    .map(|row| row.moving(setting.data.payload()))
}

/// One put after another into a new store; every one survives the death of the process.
///
/// # Errors
/// A contestant's; so in all functions here.
pub fn put(setting: Setting<'_>) -> Result<Row> {
    storing("put", setting, |store, data, range| store.put_each(data, range))
}

/// Atomic batches of [`BATCH`] puts into a new store.
pub fn put_batch(setting: Setting<'_>) -> Result<Row> {
    storing("put, batches of 1,000", setting, |store, data, range| store.put_batches(data, range, BATCH))
}

/// One put after another, and a flush after every [`BATCH`] of them: all survive a loss of power at the end.
pub fn insert(setting: Setting<'_>) -> Result<Row> {
    storing("put, a flush every 1,000", setting, |store, data, range| {
        store.put_each(data, range)?;
        store.flush()
    })
}

/// Flushes of `count` puts each, into a store that already holds some and is flushed.
pub fn flush(setting: Setting<'_>, count: usize) -> Result<Row> {
    const SAMPLES: usize = 20;
    setting.prepare();
    let base = setting.data.len() / 10;
    let flushes = ((setting.data.len() - base) / count).min(SAMPLES);
    measure(format!("flush after {}", crate::table::grouped(count)), setting.contestants, setting.rounds, |i| {
        let contestant = &setting.contestants[i];
        if contestant.read_only || !contestant.on_disk {
            return Ok(None);
        }
        let Housed { store, dir: _dir } = &mut setting.fresh(contestant)?;
        store.put_batches(setting.data, 0..base, BATCH)?;
        store.flush()?;
        machine::wait_until_quiet();
        let mut total = Duration::ZERO;
        for start in (base..).step_by(count).take(flushes) {
            store.put_batches(setting.data, start..start + count, BATCH)?;
            total += timed(|| store.flush())?.1;
        }
        Ok(Some(per_operation(total, flushes)))
    })
}

/// Reads of every vector in random order, from stores that hold all of them.
pub struct Reads<'a> {
    setting: Setting<'a>,
    stores: Vec<Housed>,
}

impl<'a> Reads<'a> {
    /// Fills one store per contestant; nothing is flushed yet.
    pub fn prepare(setting: Setting<'a>) -> Result<Self> {
        setting.prepare();
        let fill = |contestant: &Contestant| {
            let mut housed = setting.fresh(contestant)?;
            housed.store.put_batches(setting.data, 0..setting.data.len(), BATCH)?;
            Ok(housed)
        };
        let mut reads = Self { setting, stores: setting.contestants.iter().map(fill).collect::<Result<_>>()? };
        reads.begin()?;
        Ok(reads)
    }

    /// Flushes all stores.
    pub fn flush(&mut self) -> Result<()> {
        self.stores.iter_mut().try_for_each(|housed| housed.store.flush())?;
        self.begin()
    }

    fn begin(&mut self) -> Result<()> {
        self.stores.iter_mut().try_for_each(|housed| housed.store.begin_reading())
    }

    /// Copies into the caller's buffers.
    pub fn copy(&self) -> Result<Row> {
        let dimension = self.setting.data.dimension;
        self.row("get, copied", |store, keys| store.copy_each(keys, dimension))
    }

    /// Copies into a matrix, [`BATCH`] vectors at once.
    pub fn copy_many(&self) -> Result<Row> {
        let dimension = self.setting.data.dimension;
        self.row("get, copied, 1,000 at once", |store, keys| store.copy_batches(keys, dimension, BATCH))
    }

    /// Inner products of all vectors with one. The limit is the same loop over one array in memory, and no store at all.
    pub fn scan(&self) -> Result<Row> {
        let Setting { contestants, data, rounds, .. } = self.setting;
        let query = &data.array()[..data.dimension];
        let scan = |i: usize| match contestants[i].kind {
            Kind::Limit => {
                let vectors = data.array().chunks_exact(data.dimension);
                Ok(vectors.map(|vector| dot(query, bytemuck::cast_slice(vector))).sum())
            }
            _ => match self.stores[i].store.scan_dot(query)? {
                (count, sum) if count == data.len() => Ok(sum),
                (count, _) => {
                    Err(crate::outcome::Error::from(format!("a scan showed {count} vectors of {}", data.len())))
                }
            },
        };
        for i in 0..contestants.len() {
            scan(i)?;
        }
        let row = measure("scan with an inner product", contestants, rounds, |i| {
            let (sum, time) = timed(|| scan(i))?;
            std::hint::black_box(sum);
            Ok(Some(per_operation(time, data.len())))
        });
        Ok(row?.moving(data.dimension * size_of::<f32>()))
    }

    /// Views without a copy, where the contestant can: the first element and the last byte of metadata are touched.
    pub fn view(&self, title: &str) -> Result<Row> {
        self.row(title, |store, keys| store.view_each(keys))
    }

    /// Views of many asked for at once.
    pub fn view_many(&self) -> Result<Row> {
        self.row("get, zero-copy, many at once", |store, keys| store.view_many(keys))
    }

    /// Views that their reader could keep.
    pub fn hold(&self) -> Result<Row> {
        self.row("get, zero-copy, to keep", |store, keys| store.hold_each(keys))
    }

    /// Views again, each read waiting for the one before it.
    pub fn follow(&self) -> Result<Row> {
        self.row("get, zero-copy, one by one", |store, keys| store.follow_each(keys))
    }

    /// One warm-up for each, which also tells whether all of them read the same bytes; then the rounds.
    fn row(&self, title: &str, read: impl Fn(&dyn Passes, &[u64]) -> Result<u64>) -> Result<Row> {
        let keys = &self.setting.data.reads;
        let sums = self.stores.iter().map(|housed| read(&*housed.store, keys)).collect::<Result<Vec<_>>>()?;
        if sums.windows(2).any(|pair| pair[0] != pair[1]) {
            return Err(format!("{title}: the contestants read different bytes: {sums:x?}").into());
        }
        measure(title, self.setting.contestants, self.setting.rounds, |i| {
            let some = |range: Range<usize>| {
                std::hint::black_box(read(&*self.stores[i].store, &keys[range])?);
                Ok(())
            };
            for_a_while(READING, keys.len(), some).map(Some)
        })
        .map(|row| row.moving(self.setting.data.payload()))
    }
}
