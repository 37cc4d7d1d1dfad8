//! Many threads on one directory, and full disks: nothing hangs, nothing is lost, nothing comes back.

use jvdb_core::medium::{Medium, MemoryVolume, Permit, Volume};
use jvdb_core::{Error, Metric, Operation, Options, Schema, Storage};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::time::Duration;

fn options() -> Options {
    Options::default().flush_interval(Duration::ZERO).max_open_files(5)
}

fn schema() -> Schema {
    Schema::new(4, Metric::Cosine).unwrap()
}

/// A directory in memory whose files can grow to `limit` bytes.
struct SmallDisk {
    inner: MemoryVolume,
    limit: Arc<AtomicU64>,
}

struct SmallFile {
    inner: Box<dyn Medium>,
    limit: Arc<AtomicU64>,
}

impl Medium for SmallFile {
    fn len(&self) -> u64 {
        self.inner.len()
    }
    fn read_into(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.inner.read_into(offset, into)
    }
    fn write(&self, offset: u64, bytes: &[u8], permit: Permit) -> io::Result<()> {
        let room = self.limit.load(SeqCst).saturating_sub(offset);
        if bytes.len() as u64 <= room {
            return self.inner.write(offset, bytes, permit);
        }
        self.inner.write(offset, &bytes[..room as usize], permit)?;
        Err(io::ErrorKind::StorageFull.into())
    }
    fn sync(&self) -> io::Result<()> {
        self.inner.sync()
    }
    fn truncate(&self, len: u64, permit: Permit) -> io::Result<()> {
        self.inner.truncate(len, permit)
    }
}

impl SmallDisk {
    fn new() -> Arc<Self> {
        Arc::new(Self { inner: MemoryVolume::default(), limit: Arc::new(AtomicU64::new(u64::MAX)) })
    }
    fn file(&self, inner: Box<dyn Medium>) -> Box<dyn Medium> {
        Box::new(SmallFile { inner, limit: Arc::clone(&self.limit) })
    }
}

impl Volume for SmallDisk {
    fn path(&self) -> &str {
        "small"
    }
    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }
    fn open(&self, file: &str) -> io::Result<Box<dyn Medium>> {
        Ok(self.file(self.inner.open(file)?))
    }
    fn create(&self, file: &str) -> io::Result<Box<dyn Medium>> {
        Ok(self.file(self.inner.create(file)?))
    }
    fn size(&self, file: &str) -> io::Result<u64> {
        self.inner.size(file)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.inner.rename(from, to)
    }
    fn remove(&self, file: &str) -> io::Result<()> {
        self.inner.remove(file)
    }
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
    fn entropy(&self) -> [u8; 16] {
        self.inner.entropy()
    }
    fn now(&self) -> Duration {
        self.inner.now()
    }
}

#[test]
fn of_several_creators_of_one_name_one_succeeds_and_none_blocks_the_rest() {
    let storage = Storage::in_memory(options()).unwrap();
    for round in 0..500 {
        let (name, start) = (format!("d{round}"), Barrier::new(4));
        let made = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        storage.create(&name, schema()).is_ok()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).filter(|made| *made).count()
        });
        assert_eq!(made, 1);
        assert!(storage.database(&name).is_ok());
    }
}

#[test]
fn a_dropped_name_does_not_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::open(dir.path(), options()).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(SeqCst) {
                storage.list().unwrap();
                storage.stats().unwrap();
            }
        });
        for round in 0..200 {
            let name = format!("d{round}");
            drop(storage.create(&name, schema()).unwrap());
            storage.drop_database(&name).unwrap();
        }
        stop.store(true, SeqCst);
    });
    assert_eq!(storage.list().unwrap(), Vec::<String>::new());
    assert_eq!(storage.stats().unwrap().databases, 0);
}

#[test]
fn two_engines_do_not_share_a_volume() {
    let volume: Arc<dyn Volume> = Arc::new(MemoryVolume::default());
    let first = Storage::on(Arc::clone(&volume), options()).unwrap();
    assert!(matches!(Storage::on(Arc::clone(&volume), options()), Err(Error::Locked { .. })));
    drop(first);
    assert!(Storage::on(volume, options()).is_ok());
}

#[test]
fn a_disk_full_at_any_point_of_a_flush_loses_nothing() {
    // The table's header, some of its buckets, all but its last byte: whatever there is room for.
    for room in [0, 64, 100, 4096, 10_000, 40_000] {
        let disk = SmallDisk::new();
        let storage = Storage::on(Arc::clone(&disk) as _, options()).unwrap();
        let db = storage.create("d", schema()).unwrap();
        (0..1000).for_each(|id| assert!(db.put(id, &[id as f32; 4], b"metadata").is_ok()));
        let full = db.stats().file_bytes + room;
        for _ in 0..5 {
            disk.limit.store(full, SeqCst);
            let error = db.flush().map(drop).err();
            if let Some(error) = error {
                assert!(error.to_string().contains("no storage space"), "{error}");
            }
            let _ = db.put(5000, &[0.0; 4], &[7; 5000]);
            assert_eq!(db.get(999).unwrap().unwrap().vector(), [999.0; 4], "reads go on");
        }
        assert!(db.stats().file_bytes <= full, "tries that fail take no room");
        disk.limit.store(u64::MAX, SeqCst);
        drop(db);
        // Evicted, and back.
        (0..5).for_each(|other| drop(storage.create(&format!("other{other}"), schema()).unwrap()));
        let db = storage.database("d").unwrap();
        db.put(1000, &[1.0; 4], b"").unwrap();
        db.flush().unwrap();
        assert_eq!(db.verify().unwrap().damage, []);
        drop(db);
        storage.close().unwrap();
        let storage = Storage::on(disk, options()).unwrap();
        let db = storage.database("d").unwrap();
        assert!(db.count() >= 1001);
        (0..1000).for_each(|id| assert_eq!(db.get(id).unwrap().unwrap().vector(), [id as f32; 4]));
    }
}

#[test]
fn names_that_share_a_home_still_find_room() {
    use xxhash_rust::xxh3::xxh3_64_with_seed;
    let volume = Arc::new(MemoryVolume::default());
    let storage = Storage::on(Arc::clone(&volume) as _, options()).unwrap();
    let db = storage.create("d", schema()).unwrap();
    let head = volume.bytes("d.jvdb").unwrap();
    let seed = u64::from_le_bytes(head[8..16].try_into().unwrap());
    // Hashes within a 4096th of their range: far too many for the windows of a table of their number.
    let close = |id: &u64| xxh3_64_with_seed(&id.to_le_bytes(), seed) >> 52 == 7;
    let ids: Vec<u64> = (0..).filter(close).take(300).collect();
    for part in ids.chunks(60) {
        part.iter().for_each(|id| assert!(db.put(*id, &[*id as f32; 4], b"").is_ok()));
        db.flush().unwrap();
    }
    assert_eq!(db.verify().unwrap().damage, []);
    drop(db);
    storage.close().unwrap();
    let storage = Storage::on(volume, options()).unwrap();
    let db = storage.database("d").unwrap();
    ids.iter().for_each(|id| assert_eq!(db.get(*id).unwrap().unwrap().vector(), [*id as f32; 4]));
    assert_eq!(db.count(), 300);
}

#[test]
fn readers_writers_and_flushes_meet_without_harm() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::open(dir.path(), options().max_unflushed_operations(300)).unwrap();
    (0..12).for_each(|n| drop(storage.create(&format!("d{n}"), schema()).unwrap()));
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let storage = &storage;
            scope.spawn(move || {
                for round in 0..1500_u64 {
                    let db = storage.database(&format!("d{}", (round * 7 + thread) % 12)).unwrap();
                    let id = thread * 10_000 + round;
                    db.put(id, &[id as f32; 4], b"m").unwrap();
                    let held = db.get(id).unwrap().unwrap();
                    if round % 3 == 0 {
                        db.delete(id).unwrap();
                    }
                    if round % 97 == 0 {
                        db.flush().unwrap();
                    }
                    drop(db);
                    assert_eq!(held.vector(), [id as f32; 4]);
                }
            });
        }
    });
    let total: u64 = (0..12).map(|n| storage.database(&format!("d{n}")).unwrap().count()).sum();
    assert_eq!(total, 4 * 1000);
    let stats = storage.stats().unwrap();
    assert_eq!((stats.vectors, stats.databases), (4000, 12));
    assert!(stats.evictions > 0 && stats.open_files <= 5);
    for n in 0..12 {
        assert_eq!(storage.database(&format!("d{n}")).unwrap().verify().unwrap().damage, []);
    }
}

#[test]
fn figures_are_asked_for_while_databases_are_opened_and_flushed() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::open(dir.path(), options()).unwrap();
    (0..8).for_each(|n| drop(storage.create(&format!("d{n}"), schema()).unwrap()));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let askers = [(); 2].map(|()| {
            scope.spawn(|| {
                while !stop.load(SeqCst) {
                    storage.stats().unwrap();
                }
            })
        });
        for round in 0..1000_u64 {
            let db = storage.database(&format!("d{}", round % 8)).unwrap();
            db.put(round, &[0.0; 4], b"").unwrap();
            db.flush().unwrap();
        }
        stop.store(true, SeqCst);
        askers.into_iter().for_each(|asker| asker.join().unwrap());
    });
}

#[test]
fn a_database_dropped_while_it_is_compacted_stays_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::open(dir.path(), options()).unwrap();
    for round in 0..50 {
        let name = format!("d{round}");
        let db = storage.create(&name, schema()).unwrap();
        (0..200).for_each(|id| assert!(db.put(id % 20, &[0.0; 4], b"").is_ok()));
        std::thread::scope(|scope| {
            scope.spawn(|| while db.compact().is_ok() {});
            std::thread::sleep(Duration::from_micros(round * 97));
            storage.drop_database(&name).unwrap();
        });
        assert_eq!(storage.list().unwrap(), Vec::<String>::new());
        assert!(matches!(db.compact(), Err(Error::Dropped { .. })));
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "only the lock file is left");
}

/// A directory in memory that opens files only while its gate is open.
struct GatedDisk {
    inner: MemoryVolume,
    shut: AtomicBool,
    /// Openings that wait at the gate.
    waiting: AtomicU64,
}

impl Volume for GatedDisk {
    fn path(&self) -> &str {
        "gated"
    }
    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }
    fn open(&self, file: &str) -> io::Result<Box<dyn Medium>> {
        self.waiting.fetch_add(1, SeqCst);
        while self.shut.load(SeqCst) {
            std::thread::yield_now();
        }
        self.waiting.fetch_sub(1, SeqCst);
        self.inner.open(file)
    }
    fn create(&self, file: &str) -> io::Result<Box<dyn Medium>> {
        self.inner.create(file)
    }
    fn size(&self, file: &str) -> io::Result<u64> {
        self.inner.size(file)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.inner.rename(from, to)
    }
    fn remove(&self, file: &str) -> io::Result<()> {
        self.inner.remove(file)
    }
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
    fn entropy(&self) -> [u8; 16] {
        self.inner.entropy()
    }
    fn now(&self) -> Duration {
        self.inner.now()
    }
}

#[test]
fn a_flush_of_all_waits_for_a_database_that_is_just_being_opened() {
    let disk = Arc::new(GatedDisk {
        inner: MemoryVolume::default(),
        shut: AtomicBool::new(false),
        waiting: AtomicU64::new(0),
    });
    let storage = Storage::on(Arc::clone(&disk) as Arc<dyn Volume>, options()).unwrap();
    storage.create("suspended", schema()).unwrap().put(1, &[1.0; 4], b"").unwrap();
    for round in 0..5 {
        storage.create(&format!("d{round}"), schema()).unwrap();
    }
    disk.shut.store(true, SeqCst);
    std::thread::scope(|scope| {
        // It comes back with what was acknowledged above.
        let opening = scope.spawn(|| storage.database("suspended").unwrap());
        while disk.waiting.load(SeqCst) == 0 {
            std::thread::yield_now();
        }
        let flushing = scope.spawn(|| {
            storage.flush().unwrap();
            storage.stats().unwrap().unflushed_bytes
        });
        std::thread::sleep(Duration::from_millis(50));
        let early = flushing.is_finished();
        disk.shut.store(false, SeqCst);
        assert!(!early, "it left a database out");
        opening.join().unwrap();
        assert_eq!(flushing.join().unwrap(), 0);
    });
}

#[test]
fn what_a_flush_leaves_to_its_thread_is_missed_by_nobody() {
    const ROUNDS: u64 = if cfg!(miri) { 2 } else { 60 };
    let volume = Arc::new(MemoryVolume::default());
    let mut storage = Storage::on(Arc::clone(&volume) as Arc<dyn Volume>, options()).unwrap();
    storage.create("d", schema()).unwrap();
    let mut model = std::collections::BTreeMap::new();
    for round in 0..ROUNDS {
        let db = storage.database("d").unwrap();
        for i in 0..200 {
            // New keys, keys of the round before, and keys from long ago.
            let key = if i % 3 == 0 { i } else { round * 130 + i };
            if i % 7 == 6 {
                assert_eq!(db.delete(key).unwrap(), model.remove(&key).is_some());
            } else {
                db.put(key, &[round as f32, i as f32, 0.0, 0.0], b"").unwrap();
                model.insert(key, (round, i));
            }
        }
        db.flush().unwrap();
        match round % 6 {
            0 => drop(db.flush().unwrap()),
            1 => assert_eq!(db.verify().unwrap().damage, []),
            2 => drop(db.compact().unwrap()),
            3 => {
                // The process dies with the index behind.
                let image = volume.bytes("d.jvdb").unwrap();
                let files = Arc::new(MemoryVolume::with_files([("d.jvdb", &image[..])]));
                let again = Storage::on(files, options()).unwrap();
                assert_eq!(again.database("d").unwrap().count(), model.len() as u64);
            }
            4 => {
                drop(db);
                storage.close().unwrap();
                storage = Storage::on(Arc::clone(&volume) as Arc<dyn Volume>, options()).unwrap();
            }
            _ => {}
        }
        let db = storage.database("d").unwrap();
        assert_eq!(db.count(), model.len() as u64);
        for (key, (round, i)) in &model {
            let found = db.get(*key).unwrap().expect("it was put");
            assert_eq!(found.vector()[..2], [*round as f32, *i as f32]);
        }
        assert!(db.get(u64::MAX).unwrap().is_none());
    }
}

#[test]
#[cfg_attr(miri, ignore = "waits for time to pass")]
fn those_that_flush_all_the_time_do_not_keep_the_others_from_being_flushed() {
    let options = options().flush_interval(Duration::from_millis(50));
    let storage = Storage::in_memory(options.max_open_files(100)).unwrap();
    let quiet = storage.create("quiet", schema()).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (db, done) = (storage.create(&format!("busy {number}"), schema()).unwrap(), &done);
            scope.spawn(move || {
                while !done.load(SeqCst) {
                    let puts =
                        (0..2000_u64).map(|key| Operation::Put { key: key.into(), vector: &[1.0; 4], metadata: b"" });
                    db.write(puts).unwrap();
                    db.flush().unwrap();
                }
            });
        }
        quiet.put(1, &[1.0; 4], b"").unwrap();
        let since = std::time::Instant::now();
        while quiet.stats().unflushed_bytes > 0 && since.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(5));
        }
        done.store(true, SeqCst);
        assert_eq!(quiet.stats().unflushed_bytes, 0);
    });
}
