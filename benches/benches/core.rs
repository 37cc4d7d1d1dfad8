//! Each operation by itself, under Criterion: how a change to the engine moves one figure. For figures beside each other
//! run `jvdb-bench`, which measures all contestants in turns.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use jvdb_benches::contestant::{Contestant, Housed};
use jvdb_benches::dataset::{Dataset, Keys};
use jvdb_benches::passes::Passes;
use jvdb_benches::workloads::BATCH;
use jvdb_benches::{Result, contestants, machine};
use std::cell::OnceCell;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const COUNT: usize = 100_000;
const DIMENSION: usize = 384;
const METADATA: usize = 100;

struct Setting {
    data: Dataset,
    dir: TempDir,
}

impl Setting {
    fn fresh(&self, contestant: &Contestant) -> Result<Housed> {
        contestant.fresh(self.dir.path(), DIMENSION)
    }

    fn filled(&self, contestant: &Contestant) -> Result<Housed> {
        let mut housed = self.fresh(contestant)?;
        housed.store.put_batches(&self.data, 0..COUNT, BATCH)?;
        housed.store.flush()?;
        housed.store.begin_reading()?;
        Ok(housed)
    }
}

fn timed(work: impl FnOnce() -> Result<()>) -> Duration {
    let start = Instant::now();
    work().expect("a workload failed");
    start.elapsed()
}

/// The time of `work` over `total` operations, in parts of at most `most`, each prepared outside the clock.
fn in_parts(total: u64, most: usize, mut part: impl FnMut(usize) -> Result<Duration>) -> Duration {
    let (mut left, mut time) = (total as usize, Duration::ZERO);
    while left > 0 {
        let count = left.min(most);
        time += part(count).expect("a workload failed");
        left -= count;
    }
    time
}

fn group<'c>(c: &'c mut Criterion, name: &str, operations: usize) -> BenchmarkGroup<'c, WallTime> {
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(operations as u64));
    group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    group
}

fn writes(c: &mut Criterion, setting: &Setting) {
    let data = &setting.data;
    let writers = || contestants().into_iter().filter(|contestant| !contestant.read_only);
    let mut put = group(c, "put", 1);
    for contestant in writers() {
        put.bench_function(contestant.name, |b| {
            b.iter_custom(|total| {
                in_parts(total, COUNT, |count| {
                    let Housed { store, dir: _dir } = &mut setting.fresh(&contestant)?;
                    Ok(timed(|| store.put_each(data, 0..count)))
                })
            });
        });
    }
    put.finish();
    let mut batch = group(c, "put, batches of 1,000", BATCH);
    for contestant in writers() {
        batch.bench_function(contestant.name, |b| {
            b.iter_custom(|total| {
                in_parts(total, COUNT / BATCH, |count| {
                    let Housed { store, dir: _dir } = &mut setting.fresh(&contestant)?;
                    Ok(timed(|| store.put_batches(data, 0..count * BATCH, BATCH)))
                })
            });
        });
    }
    batch.finish();
    let mut flush = group(c, "flush after 1,000", BATCH);
    for contestant in writers().filter(|contestant| contestant.on_disk) {
        flush.bench_function(contestant.name, |b| {
            b.iter_custom(|total| {
                in_parts(total, COUNT / BATCH, |count| {
                    let Housed { store, dir: _dir } = &mut setting.fresh(&contestant)?;
                    let mut time = Duration::ZERO;
                    for start in (0..).step_by(BATCH).take(count) {
                        store.put_batches(data, start..start + BATCH, BATCH)?;
                        time += timed(|| store.flush());
                    }
                    Ok(time)
                })
            });
        });
    }
    flush.finish();
}

fn reads(c: &mut Criterion, setting: &Setting) {
    let keys = &setting.data.reads;
    let bench = |group: &mut BenchmarkGroup<'_, WallTime>, read: fn(&dyn Passes, &[u64]) -> Result<u64>| {
        for contestant in contestants() {
            let filled = OnceCell::new();
            group.bench_function(contestant.name, |b| {
                let housed = filled.get_or_init(|| setting.filled(&contestant).expect("a store was not filled"));
                b.iter_custom(|total| {
                    in_parts(total, COUNT, |count| {
                        Ok(timed(|| {
                            std::hint::black_box(read(&*housed.store, &keys[..count])?);
                            Ok(())
                        }))
                    })
                });
            });
        }
    };
    let mut copied = group(c, "get, copied", 1);
    bench(&mut copied, |store, keys| store.copy_each(keys, DIMENSION));
    copied.finish();
    let mut viewed = group(c, "get, zero-copy", 1);
    bench(&mut viewed, |store, keys| store.view_each(keys));
    viewed.finish();
}

fn opens(c: &mut Criterion, setting: &Setting) {
    let open_once = |contestant: &Contestant, dir: &Path| -> Result<Duration> {
        let start = Instant::now();
        let store = match contestant.open {
            Some(open) => open(dir, DIMENSION, METADATA)?,
            None => (contestant.create)(dir, DIMENSION)?,
        };
        let time = start.elapsed();
        drop(store);
        Ok(time)
    };
    let mut group = group(c, "open", 1);
    for contestant in contestants().into_iter().filter(|c| c.open.is_some() || c.name == "jvdb memory") {
        let closed = OnceCell::new();
        group.bench_function(contestant.name, |b| {
            let dir = closed.get_or_init(|| setting.filled(&contestant).expect("a store was not filled").dir);
            b.iter_custom(|total| in_parts(total, 1, |_| open_once(&contestant, dir.path())));
        });
    }
    group.finish();
}

fn all(c: &mut Criterion) {
    let dir = machine::directory(Path::new(".")).expect("no directory for the files");
    let data = Dataset::generated(COUNT, DIMENSION, METADATA, Keys::Random);
    machine::take_memory(4 * COUNT * data.payload());
    let setting = Setting { data, dir };
    writes(c, &setting);
    reads(c, &setting);
    opens(c, &setting);
}

criterion_group!(benches, all);
criterion_main!(benches);
