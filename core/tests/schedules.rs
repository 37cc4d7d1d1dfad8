//! The engine under a scheduler that decides which thread runs next, at every lock and every atomic: thousands of orders
//! of pins, evictions, reopenings, flushes and compactions that a machine would come upon once a year.
//!
//! Built only with `--cfg jvdb_shuttle`, by `cargo xtask schedules`. A failure prints the schedule that led to it. What
//! runs is the engine on a volume in memory; only locks, atomics and threads are the scheduler's (`core/src/sync/primitives.rs`).
#![cfg(jvdb_shuttle)]

use jvdb_core::medium::{FileId, Medium, MemoryVolume, Permit, Pinned, View, Volume};
use jvdb_core::{Database, Error, Key, Metric, Operation, Options, Position, Schema, Storage};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::sync::atomic::{AtomicU64, Ordering::SeqCst};
use shuttle::{Config, Runner, thread};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Schedules of each model and scheduler, if `JVDB_SCHEDULES` does not say otherwise.
const SCHEDULES: usize = 4000;
/// Changes of priority in a schedule of the scheduler that looks for rare orders.
const DEPTH: usize = 3;

fn explore(name: &str, model: fn()) {
    let count = std::env::var("JVDB_SCHEDULES").map_or(SCHEDULES, |count| count.parse().expect("a number"));
    let config = || {
        let mut config = Config::new();
        config.stack_size = 1 << 20;
        config.silence_warnings = true;
        config
    };
    let seed = 1;
    let ran = Runner::new(RandomScheduler::new_from_seed(seed, count), config()).run(model)
        + Runner::new(PctScheduler::new_from_seed(seed, DEPTH, count / 2), config()).run(model);
    println!("schedules: {ran} of {name}");
}

/// A directory in memory, in which every call is a place where another thread may run, and time passes by being asked.
struct Stage {
    inner: MemoryVolume,
    beat: Arc<AtomicU64>,
    /// Open files, and the most there were.
    open: Arc<AtomicU64>,
}

struct Prop {
    inner: Box<dyn Medium>,
    beat: Arc<AtomicU64>,
    open: Arc<AtomicU64>,
}

impl Stage {
    fn new() -> Arc<Self> {
        let (beat, open) = (Arc::default(), Arc::default());
        Arc::new(Self { inner: MemoryVolume::default(), beat, open })
    }

    fn beat(&self) -> u64 {
        self.beat.fetch_add(1, SeqCst)
    }

    fn prop(&self, inner: Box<dyn Medium>) -> Box<dyn Medium> {
        let open = self.open.fetch_add(1, SeqCst) + 1;
        assert!(open <= LIMIT as u64, "{open} files are open");
        Box::new(Prop { inner, beat: Arc::clone(&self.beat), open: Arc::clone(&self.open) })
    }
}

impl Drop for Prop {
    fn drop(&mut self) {
        self.open.fetch_sub(1, SeqCst);
    }
}

impl Prop {
    fn beat(&self) {
        self.beat.fetch_add(1, SeqCst);
    }
}

impl Medium for Prop {
    fn id(&self) -> Option<FileId> {
        self.inner.id()
    }
    fn len(&self) -> u64 {
        self.inner.len()
    }
    fn read_into(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.beat();
        self.inner.read_into(offset, into)
    }
    fn read(&self, offset: u64, len: usize) -> io::Result<View<'_>> {
        self.inner.read(offset, len)
    }
    fn pin(&self, offset: u64, len: usize) -> io::Result<Pinned> {
        self.beat();
        self.inner.pin(offset, len)
    }
    fn write(&self, offset: u64, bytes: &[u8], permit: Permit) -> io::Result<()> {
        self.beat();
        self.inner.write(offset, bytes, permit)
    }
    fn sync(&self) -> io::Result<()> {
        self.beat();
        Ok(())
    }
    fn truncate(&self, len: u64, permit: Permit) -> io::Result<()> {
        self.beat();
        self.inner.truncate(len, permit)
    }
}

impl Volume for Stage {
    fn path(&self) -> &str {
        "stage"
    }
    fn list(&self) -> io::Result<Vec<String>> {
        self.beat();
        self.inner.list()
    }
    fn open(&self, file: &str) -> io::Result<Box<dyn Medium>> {
        self.beat();
        Ok(self.prop(self.inner.open(file)?))
    }
    fn create(&self, file: &str) -> io::Result<Box<dyn Medium>> {
        self.beat();
        Ok(self.prop(self.inner.create(file)?))
    }
    fn id_of(&self, file: &str) -> io::Result<Option<FileId>> {
        self.inner.id_of(file)
    }
    fn size(&self, file: &str) -> io::Result<u64> {
        self.inner.size(file)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.beat();
        self.inner.rename(from, to)
    }
    fn remove(&self, file: &str) -> io::Result<()> {
        self.beat();
        self.inner.remove(file)
    }
    fn sync(&self) -> io::Result<()> {
        self.beat();
        Ok(())
    }
    fn entropy(&self) -> [u8; 16] {
        unreachable!("identities come from a seed")
    }
    fn now(&self) -> Duration {
        Duration::from_nanos(self.beat())
    }
}

/// The smallest `max_open_files` there is.
const LIMIT: usize = 5;

fn options() -> Options {
    Options::default().max_open_files(LIMIT).flush_interval(Duration::ZERO).seed(1)
}

fn open_on(stage: &Arc<Stage>, options: Options) -> Arc<Storage> {
    Arc::new(Storage::on(Arc::clone(stage) as _, options).unwrap())
}

fn schema() -> Schema {
    Schema::new(2, Metric::Cosine).unwrap()
}

/// The vector of a version: no two halves of different ones fit together.
fn vector(version: u64) -> [f32; 2] {
    [version as f32, -(version as f32)]
}

fn put(database: &Database, key: u64, version: u64) {
    database.put(key, &vector(version), &version.to_le_bytes()).unwrap();
}

/// The version that a key has; 0 if it is not there.
fn version(database: &Database, key: u64) -> u64 {
    database.get(key).unwrap().map_or(0, |found| {
        let version = u64::from_le_bytes(found.metadata().try_into().unwrap());
        assert_eq!(found.vector(), vector(version));
        assert_eq!(found.key(), Key::Int(key));
        version
    })
}

/// Everything is closed, opened again, and found to be sound.
fn reopened(storage: Arc<Storage>, stage: &Arc<Stage>) -> Arc<Storage> {
    Arc::into_inner(storage).expect("no thread has it any more").close().unwrap();
    assert_eq!(stage.open.load(SeqCst), 0, "all files are closed");
    let storage = open_on(stage, options());
    for name in storage.list().unwrap() {
        assert_eq!(storage.database(&name).unwrap().verify().unwrap().damage, []);
    }
    storage
}

#[test]
fn databases_that_share_one_place() {
    explore("databases that are pinned, evicted and opened again", || {
        let stage = Stage::new();
        let storage = open_on(&stage, options());
        (0..3).for_each(|number| drop(storage.create(&format!("d{number}"), schema()).unwrap()));
        // All places but one are taken.
        let held: Vec<_> =
            (1..LIMIT).map(|number| storage.create(&format!("held{number}"), schema()).unwrap()).collect();
        let threads: Vec<_> = (0..3_u64)
            .map(|number| {
                let storage = Arc::clone(&storage);
                thread::spawn(move || {
                    for round in 0..2 {
                        let database = storage.database(&format!("d{}", (number + round) % 3)).unwrap();
                        put(&database, number, round + 1);
                        let found = database.get(number).unwrap().unwrap();
                        if round == 0 {
                            database.flush().unwrap();
                        }
                        drop(database);
                        // Whatever has become of the file.
                        assert_eq!(found.vector(), vector(round + 1));
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        held.iter().for_each(|held| assert_eq!(version(held, 1), 0, "what is held stays open"));
        drop(held);
        let storage = reopened(storage, &stage);
        for number in 0..3 {
            for round in 0..2 {
                let database = storage.database(&format!("d{}", (number + round) % 3)).unwrap();
                assert_eq!(version(&database, number), round + 1);
            }
        }
    });
}

#[test]
fn readers_beside_writers_and_flushes() {
    explore("readers beside writers and flushes", || {
        let stage = Stage::new();
        let storage = open_on(&stage, options());
        let database = storage.create("d", schema()).unwrap();
        put(&database, 7, 1);
        database.set_attribute(b"name", b"").unwrap();
        let acknowledged = Arc::new(AtomicU64::new(0));
        let writer = {
            let (database, acknowledged) = (database.clone(), Arc::clone(&acknowledged));
            thread::spawn(move || {
                for round in 1..=3 {
                    put(&database, 1, round);
                    acknowledged.store(round, SeqCst);
                    database.set_attribute(b"name", &round.to_le_bytes()).unwrap();
                    // Both, or neither.
                    let (vector, metadata) = (vector(round), round.to_le_bytes());
                    let put = |key| Operation::Put { key: Key::Int(key), vector: &vector, metadata: &metadata };
                    database.write([put(2), put(3)]).unwrap();
                }
                database.delete(7).unwrap();
            })
        };
        let flusher = {
            let database = database.clone();
            thread::spawn(move || (0..2).for_each(|_| assert!(database.flush().is_ok())))
        };
        let reader = {
            let database = database.clone();
            thread::spawn(move || {
                for _ in 0..3 {
                    let least = acknowledged.load(SeqCst);
                    let found = version(&database, 1);
                    assert!(found >= least, "version {found} after {least} was acknowledged");
                    let first = version(&database, 2);
                    let second = version(&database, 3);
                    assert!(second >= first, "half of a batch: {first}, then {second}");
                    assert_eq!(database.attributes().unwrap(), [b"name"]);
                    let seen = database.read(7, |vector, _| assert_eq!(vector, self::vector(1))).unwrap();
                    assert!(seen.is_some() || !database.contains(7).unwrap(), "it came back");
                }
            })
        };
        [writer, flusher, reader].into_iter().for_each(|thread| thread.join().unwrap());
        drop(database);
        let database = reopened(storage, &stage).database("d").unwrap();
        assert_eq!((1..=3).map(|key| version(&database, key)).collect::<Vec<_>>(), [3, 3, 3]);
        assert_eq!((version(&database, 7), database.count()), (0, 3));
    });
}

#[test]
fn a_compaction_beside_everything() {
    explore("a compaction beside writers, readers and scans", || {
        let stage = Stage::new();
        let storage = open_on(&stage, options());
        let database = storage.create("d", schema()).unwrap();
        (1..=3).for_each(|version| put(&database, 1, version));
        put(&database, 2, 1);
        let start = |work: fn(&Database)| {
            let database = database.clone();
            thread::spawn(move || work(&database))
        };
        let threads = [
            start(|database| assert!(database.compact().is_ok())),
            start(|database| {
                put(database, 1, 4);
                put(database, 3, 1);
                database.delete(2).unwrap();
            }),
            start(|database| {
                let mut last = 0;
                for found in database.scan(Position::START) {
                    let found = found.unwrap();
                    let version = u64::from_le_bytes(found.metadata().try_into().unwrap());
                    assert_eq!(found.vector(), vector(version));
                    if found.key() == Key::Int(1) {
                        assert!(version >= 3, "version {version} was replaced before");
                        last = version;
                    }
                }
                assert!(last >= 3, "a scan leaves a key out");
                assert!(version(database, 1) >= last);
            }),
            start(|database| assert!(database.flush().is_ok())),
        ];
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        drop(database);
        let database = reopened(storage, &stage).database("d").unwrap();
        assert_eq!((1..=3).map(|key| version(&database, key)).collect::<Vec<_>>(), [4, 0, 1]);
    });
}

#[test]
fn a_database_dropped_and_made_again() {
    explore("a database that is dropped and made again", || {
        let stage = Stage::new();
        let storage = open_on(&stage, options());
        let database = storage.create("d", schema()).unwrap();
        put(&database, 1, 1);
        let is_dropped = |error: Error| assert!(matches!(error, Error::Dropped { .. }), "{error}");
        let flusher = {
            let database = database.clone();
            thread::spawn(move || {
                database.flush().map(drop).unwrap_or_else(is_dropped);
                database.compact().map(drop).unwrap_or_else(is_dropped);
            })
        };
        let writer = {
            thread::spawn(move || {
                for round in 2..5 {
                    database.put(1, &vector(round), b"").map(drop).unwrap_or_else(is_dropped);
                    database.get(1).map(drop).unwrap_or_else(is_dropped);
                }
            })
        };
        let dropper = {
            let storage = Arc::clone(&storage);
            thread::spawn(move || {
                storage.drop_database("d").unwrap();
                let database = storage.create("d", schema()).unwrap();
                assert_eq!(version(&database, 1), 0, "it is new");
                put(&database, 2, 9);
            })
        };
        [flusher, writer, dropper].into_iter().for_each(|thread| thread.join().unwrap());
        let database = reopened(storage, &stage).database("d").unwrap();
        assert_eq!((version(&database, 1), version(&database, 2), database.count()), (0, 9, 1));
    });
}

#[test]
fn the_flush_thread() {
    explore("the flush thread beside writers, and its end", || {
        let stage = Stage::new();
        let storage = open_on(&stage, options().max_unflushed_operations(2));
        (0..2).for_each(|number| drop(storage.create(&format!("d{number}"), schema()).unwrap()));
        let threads = [0, 1].map(|number| {
            let storage = Arc::clone(&storage);
            thread::spawn(move || {
                let database = storage.database(&format!("d{number}")).unwrap();
                (1..=5).for_each(|round| put(&database, round % 3, round));
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let storage = reopened(storage, &stage);
        for number in 0..2 {
            let database = storage.database(&format!("d{number}")).unwrap();
            assert_eq!((0..3).map(|key| version(&database, key)).collect::<Vec<_>>(), [3, 4, 5]);
        }
    });
}
