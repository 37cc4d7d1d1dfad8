//! `max_open_files` holds, as the operating system counts.

use jvdb_core::{Metric, Options, Schema, Storage};
use jvdb_tests::{DIMENSION, bits, metadata, vector};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

const DATABASES: u64 = 150;
const LIMIT: usize = 100;

/// Descriptors of this process that lead to `.jvdb` files below a directory, also to such that are only being made.
fn open_files(directory: &Path) -> usize {
    let links = fs::read_dir("/proc/self/fd").unwrap().filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
    let is_database = |to: &Path| [".jvdb", ".jvdb.tmp"].iter().any(|end| to.to_string_lossy().ends_with(end));
    links.filter(|to| to.starts_with(directory) && is_database(to)).count()
}

fn name(number: u64) -> String {
    format!("db_{number:03}")
}

#[test]
fn a_hundred_and_fifty_databases_never_hold_more_than_a_hundred_files_open() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap();
    let done = AtomicBool::new(false);
    let most = thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = 0;
            while !done.load(Relaxed) {
                most = most.max(open_files(&path));
            }
            most
        });
        // A failed assertion must end the watch too, or the scope would wait for it for ever.
        let _stop = Stop(&done);
        fill_and_read(&path);
        done.store(true, Relaxed);
        watch.join().unwrap()
    });
    assert!(most <= LIMIT, "{most} files were open at once");
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

fn fill_and_read(path: &Path) {
    let options = Options::default().max_open_files(LIMIT);
    let storage = Storage::open(path, options).unwrap();
    for number in 0..DATABASES {
        let database = storage.create(&name(number), Schema::new(DIMENSION, Metric::Cosine).unwrap()).unwrap();
        for id in 0..10 {
            database.put(id, &vector(number * 10 + id), &metadata(id)).unwrap();
        }
        assert!(open_files(path) <= LIMIT);
    }
    assert_eq!(open_files(path), LIMIT, "the limit is used, so what was counted means something");

    // Round and round, against the order of eviction: every access opens a file.
    for number in (0..DATABASES).chain((0..DATABASES).rev()) {
        let database = storage.database(&name(number)).unwrap();
        assert_eq!(database.count(), 10);
        for id in 0..10 {
            let found = database.get(id).unwrap().expect("each still has all");
            assert_eq!(bits(found.vector()), bits(&vector(number * 10 + id)));
        }
        assert!(open_files(path) <= LIMIT);
    }
    let stats = storage.stats().unwrap();
    assert_eq!((stats.databases, stats.vectors), (DATABASES, DATABASES * 10));
    assert_eq!((stats.open_files, stats.max_open_files), (LIMIT as u64, LIMIT as u64));
    storage.close().unwrap();
    assert_eq!(open_files(path), 0);
}
