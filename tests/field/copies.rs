//! Two backups go to one path at the same moment, and one replaces the other, though each was told that nothing would be replaced.

use jvdb_core::{Access, Metric, Schema, Storage};
use jvdb_tests::never_flushing;
use std::sync::Barrier;

#[test]
fn of_two_backups_to_one_path_one_fails_and_the_other_stays() {
    let directory = tempfile::tempdir().unwrap();
    let storage = Storage::open(directory.path(), never_flushing(Access::Mmap)).unwrap();
    let databases: Vec<_> = (0..4u64)
        .map(|number| {
            let database = storage.create(&format!("d{number}"), Schema::new(1, Metric::Cosine).unwrap()).unwrap();
            (0..=number).for_each(|key| assert!(database.put(key, &[1.0], b"").unwrap()));
            database
        })
        .collect();
    for round in 0..20 {
        let copies = directory.path().join(format!("copies-{round}"));
        std::fs::create_dir(&copies).unwrap();
        let (path, together) = (copies.join("copy.jvdb"), Barrier::new(databases.len()));
        let done: Vec<bool> = std::thread::scope(|scope| {
            let threads: Vec<_> = databases
                .iter()
                .map(|database| {
                    scope.spawn(|| {
                        together.wait();
                        database.backup(&path).is_ok()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(done.iter().filter(|done| **done).count(), 1, "{done:?}");
        let winner = done.iter().position(|done| *done).unwrap() as u64;
        let copy = Storage::open(&copies, never_flushing(Access::Mmap)).unwrap();
        assert_eq!(copy.database("copy").unwrap().count(), winner + 1);
        assert_eq!(std::fs::read_dir(&copies).unwrap().count(), 2, "the copy and the lock file");
    }
}
