//! Somebody removes the directory, or puts another file in place of one that is open: what a flush calls durable then is in a
//! file that nobody ever finds.

use jvdb_core::{Access, Error, Metric, Schema, Storage};
use jvdb_tests::never_flushing;

fn schema() -> Schema {
    Schema::new(4, Metric::Cosine).unwrap()
}

#[test]
fn a_flush_of_a_removed_file_fails_and_says_so() {
    for access in [Access::Mmap, Access::File] {
        let directory = tempfile::tempdir().unwrap();
        let storage = Storage::open(directory.path(), never_flushing(access)).unwrap();
        let database = storage.create("d", schema()).unwrap();
        database.put(1, &[1.0; 4], b"").unwrap();
        database.flush().unwrap();
        database.put(2, &[2.0; 4], b"").unwrap();
        std::fs::remove_file(directory.path().join("d.jvdb")).unwrap();
        let error = database.flush().unwrap_err();
        assert!(matches!(&error, Error::Removed { path } if path.ends_with("d.jvdb")), "{error}");
        assert_eq!(database.get(2).unwrap().unwrap().vector(), [2.0; 4], "reads go on");
        assert!(matches!(database.flush(), Err(Error::Removed { .. })), "it is told again");
        drop(database);
        assert!(matches!(storage.close(), Err(Error::Removed { .. })));
    }
}

#[test]
fn a_flush_of_a_replaced_file_fails_and_leaves_the_other_file_alone() {
    let directory = tempfile::tempdir().unwrap();
    let storage = Storage::open(directory.path(), never_flushing(Access::Mmap)).unwrap();
    let database = storage.create("d", schema()).unwrap();
    database.put(1, &[1.0; 4], b"").unwrap();
    database.flush().unwrap();
    let path = directory.path().join("d.jvdb");
    let copy = directory.path().join("copy");
    std::fs::copy(&path, &copy).unwrap();
    std::fs::rename(&copy, &path).unwrap();
    let before = std::fs::read(&path).unwrap();
    database.put(2, &[2.0; 4], b"").unwrap();
    assert!(matches!(database.flush(), Err(Error::Removed { .. })));
    assert!(matches!(database.compact(), Err(Error::Removed { .. } | Error::Fenced { .. })));
    drop(database);
    drop(storage);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}
