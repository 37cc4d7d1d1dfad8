//! A window of the index table that has no room although the table is not full: its names wait for a larger table, and
//! nobody loses any of them meanwhile.

mod crowd;

use crowd::crowd;
use jvdb_core::{Database, Metric, Options, Schema, Storage};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64_with_seed;

const NAME: &str = "crowded";
/// Keys that make the first table.
const FIRST: u64 = 300;

fn options() -> Options {
    Options::default().flush_interval(Duration::ZERO)
}

fn value(key: u64, version: u64) -> [f32; 2] {
    [key as f32, version as f32]
}

/// A flushed database of the first keys, and the crowd that is to come.
fn database(dir: &Path) -> (Storage, Database, Vec<u64>) {
    let storage = Storage::open(dir, options()).unwrap();
    let database = storage.create(NAME, Schema::new(2, Metric::Cosine).unwrap()).unwrap();
    (0..FIRST).for_each(|key| assert!(database.put(key, &value(key, 0), b"").unwrap()));
    database.flush().unwrap();
    let crowd = crowd(&std::fs::read(dir.join(format!("{NAME}.jvdb"))).unwrap(), FIRST);
    (storage, database, crowd)
}

/// Whether the database holds just that, also once it is closed and opened again.
fn check(storage: Storage, database: Database, dir: &Path, there: &BTreeMap<u64, u64>, gone: &[u64]) {
    let same = |database: &Database| {
        assert_eq!(database.count(), there.len() as u64);
        for (&key, &version) in there {
            let found = database.get(key).unwrap().unwrap_or_else(|| panic!("{key} is lost"));
            assert_eq!(found.vector(), value(key, version));
        }
        gone.iter().for_each(|key| assert!(!database.contains(*key).unwrap(), "{key} is back"));
        assert_eq!(database.verify().unwrap().damage, []);
    };
    same(&database);
    database.flush().unwrap();
    same(&database);
    drop(database);
    storage.close().unwrap();
    let storage = Storage::open(dir, options()).unwrap();
    same(&storage.database(NAME).unwrap());
}

#[test]
fn what_has_no_room_is_found_before_and_after_the_table_has_grown() {
    let dir = tempfile::tempdir().unwrap();
    let (storage, database, crowd) = database(dir.path());
    let before = database.stats().index_buckets;
    crowd.iter().for_each(|key| assert!(database.put(*key, &value(*key, 1), b"").unwrap()));
    database.flush().unwrap();
    assert!(database.stats().index_buckets > before);
    let there = (0..FIRST).map(|key| (key, 0)).chain(crowd.iter().map(|key| (*key, 1))).collect();
    check(storage, database, dir.path(), &there, &[]);
}

/// Writes come between a flush that finds no room and the one that makes it.
#[test]
fn writes_meanwhile_are_newer_than_what_had_no_room() {
    for round in 0..20 {
        let dir = tempfile::tempdir().unwrap();
        let (storage, database, crowd) = database(dir.path());
        let random = |version: u64, below: u64| xxh3_64_with_seed(&version.to_le_bytes(), round) % below;
        let mut there: BTreeMap<u64, u64> = (0..FIRST).map(|key| (key, 0)).collect();
        crowd.iter().for_each(|key| {
            database.put(*key, &value(*key, 1), b"").unwrap();
            there.insert(*key, 1);
        });
        let flushed = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                database.flush().unwrap();
                flushed.store(true, Relaxed);
            });
            let mut version = 2;
            while !flushed.load(Relaxed) {
                let key = crowd[random(version, crowd.len() as u64) as usize];
                if random(!version, 3) == 0 {
                    assert_eq!(database.delete(key).unwrap(), there.remove(&key).is_some());
                } else {
                    let new = there.insert(key, version).is_none();
                    assert_eq!(database.put(key, &value(key, version), b"").unwrap(), new);
                }
                version += 1;
            }
        });
        let gone: Vec<u64> = crowd.iter().copied().filter(|key| !there.contains_key(key)).collect();
        check(storage, database, dir.path(), &there, &gone);
    }
}
