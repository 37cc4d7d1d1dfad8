//! Somebody removes the lock file, or the file system has no locks, and a second process writes to the same directory: without a
//! fence each overwrites what the other has flushed, and verification finds nothing wrong.

use jvdb_core::{Access, Database, Error, Metric, Options, Schema, Storage};
use jvdb_tests::never_flushing;
use std::path::Path;

const KINDS: [Access; 2] = [Access::Mmap, Access::File];

fn schema() -> Schema {
    Schema::new(4, Metric::Cosine).unwrap()
}

/// A directory with a database of one flushed vector.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let storage = Storage::open(directory.path(), Options::default()).unwrap();
    let database = storage.create("d", schema()).unwrap();
    database.put(0, &[0.0; 4], b"").unwrap();
    database.flush().unwrap();
    directory
}

/// Opens the directory for writing although another storage has it: the lock file is gone.
fn get_in(directory: &Path, access: Access) -> (Storage, Database) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "jvdb") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let storage = Storage::open(directory, never_flushing(access)).unwrap();
    let database = storage.database("d").unwrap();
    (storage, database)
}

fn held(directory: &Path) -> Vec<u64> {
    let storage = Storage::open(directory, Options::default().read_only(true)).unwrap();
    let database = storage.database("d").unwrap();
    assert_eq!(database.verify().unwrap().damage, []);
    (0..100).filter(|key| database.contains(*key).unwrap()).collect()
}

#[test]
fn the_first_writer_is_fenced_by_the_second_and_what_was_flushed_is_there() {
    for (one, other) in KINDS.iter().flat_map(|one| KINDS.map(|other| (*one, other))) {
        let directory = directory();
        let (_first, a) = get_in(directory.path(), one);
        a.put(1, &[1.0; 4], b"").unwrap();
        a.flush().unwrap();
        a.put(2, &[2.0; 4], b"").unwrap();
        let (_second, b) = get_in(directory.path(), other);
        b.put(3, &[3.0; 4], b"").unwrap();
        b.flush().unwrap();
        let refused = [
            a.put(4, &[4.0; 4], b"").map(drop),
            a.flush().map(drop),
            a.delete(1).map(drop),
            a.compact().map(drop),
            a.set_attribute(b"a", b"b"),
        ];
        for error in refused {
            assert!(matches!(error, Err(Error::Fenced { .. })), "{one:?} beside {other:?}: {error:?}");
        }
        assert_eq!(a.get(1).unwrap().unwrap().vector(), [1.0; 4], "reads go on");
        b.put(5, &[5.0; 4], b"").unwrap();
        b.flush().unwrap();
        assert_eq!(held(directory.path()), [0, 1, 2, 3, 5], "{one:?} beside {other:?}");
    }
}

#[test]
fn an_opening_that_comes_too_late_does_not_disturb_the_one_that_writes() {
    for (one, other) in KINDS.iter().flat_map(|one| KINDS.map(|other| (*one, other))) {
        let directory = directory();
        let (_first, a) = get_in(directory.path(), one);
        let (_second, b) = get_in(directory.path(), other);
        a.put(1, &[1.0; 4], b"").unwrap();
        a.flush().unwrap();
        assert!(matches!(b.put(2, &[2.0; 4], b""), Err(Error::Fenced { .. })));
        assert!(matches!(b.compact(), Err(Error::Fenced { .. })));
        a.put(3, &[3.0; 4], b"").unwrap();
        a.flush().unwrap();
        assert_eq!(held(directory.path()), [0, 1, 3]);
    }
}

#[test]
fn a_fenced_writer_neither_drops_nor_replaces_what_the_other_writes_to() {
    let directory = directory();
    let (first, a) = get_in(directory.path(), Access::Mmap);
    a.put(1, &[1.0; 4], b"").unwrap();
    let (_second, b) = get_in(directory.path(), Access::Mmap);
    b.put(2, &[2.0; 4], b"").unwrap();
    b.flush().unwrap();
    assert!(matches!(first.drop_database("d"), Err(Error::Fenced { .. })));
    drop(a);
    assert!(matches!(first.close(), Err(Error::Fenced { .. })), "what was not flushed is not called safe");
    assert_eq!(held(directory.path()), [0, 1, 2]);
}

#[test]
fn a_backup_beside_another_writer_is_no_mixture_of_two_states() {
    for access in KINDS {
        let directory = directory();
        let (_first, a) = get_in(directory.path(), access);
        let (_second, b) = get_in(directory.path(), access);
        assert_eq!(a.get(0).unwrap().unwrap().vector(), [0.0; 4]);
        b.put(0, &[1.0; 4], b"").unwrap();
        b.flush().unwrap();
        let error = a.backup(directory.path().join("copy"));
        assert!(matches!(error, Err(Error::Fenced { .. })), "it never wrote: {error:?}");
        assert!(!directory.path().join("copy").exists());
        b.backup(directory.path().join("copy")).unwrap();
    }
}

#[test]
fn a_compaction_by_the_second_writer_fences_the_first() {
    let directory = directory();
    let (_first, a) = get_in(directory.path(), Access::Mmap);
    a.put(1, &[1.0; 4], b"").unwrap();
    a.flush().unwrap();
    let (_second, b) = get_in(directory.path(), Access::Mmap);
    b.compact().unwrap();
    b.put(2, &[2.0; 4], b"").unwrap();
    b.flush().unwrap();
    assert!(matches!(a.put(3, &[3.0; 4], b""), Err(Error::Fenced { .. })));
    assert!(matches!(a.flush(), Ok(_) | Err(Error::Fenced { .. } | Error::Removed { .. })));
    assert_eq!(held(directory.path()), [0, 1, 2]);
}

#[test]
fn without_a_lock_a_second_writer_is_found_by_the_fence() {
    let directory = tempfile::tempdir().unwrap();
    let open = || Storage::open(directory.path(), never_flushing(Access::Mmap).lock(false)).unwrap();
    let (first, second) = (open(), open());
    let one = first.create("d", Schema::new(1, Metric::Cosine).unwrap()).unwrap();
    one.put(1, &[1.0], b"").unwrap();
    one.flush().unwrap();
    let two = second.database("d").unwrap();
    two.put(2, &[2.0], b"").unwrap();
    two.flush().unwrap();
    let error = one.put(3, &[3.0], b"").unwrap_err();
    assert!(matches!(error, Error::Fenced { .. }), "{error}");
    assert!(two.contains(1).unwrap() && two.contains(2).unwrap());
}
