//! The functional tests that users of the replaced classes know from their migration guide.

use jvdb_core::{Access, Metric, Options, Schema, Storage};
use jvdb_tests::child;
use jvdb_tests::{DATABASE, DIMENSION, Order, bits, metadata, vector};

const CHILD: &str = env!("CARGO_BIN_EXE_jvdb-child");

fn schema() -> Schema {
    Schema::new(DIMENSION, Metric::Cosine).unwrap()
}

fn options(access: Access) -> Options {
    Options::default().access(access)
}

#[test]
fn a_stored_vector_is_retrieved_and_its_file_exists() {
    for access in [Access::Mmap, Access::File] {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(dir.path(), options(access)).unwrap();
        let database = storage.create("test_db", schema()).unwrap();
        assert!(database.put(1, &vector(1), br#"{"k":"v"}"#).unwrap());
        let found = database.get(1).unwrap().expect("just stored");
        assert_eq!(bits(found.vector()), bits(&vector(1)));
        assert_eq!(found.metadata(), br#"{"k":"v"}"#);
        assert!(database.get(2).unwrap().is_none());
        assert!(dir.path().join("test_db.jvdb").is_file());
    }
}

#[test]
fn a_hundred_vectors_survive_a_restart_after_a_flush() {
    let dir = tempfile::tempdir().unwrap();
    assert!(child::command(CHILD, Order::Flush, dir.path()).status().unwrap().success());
    for access in [Access::Mmap, Access::File] {
        let storage = Storage::open(dir.path(), options(access)).unwrap();
        let database = storage.database(DATABASE).unwrap();
        assert_eq!(database.count(), 100);
        for id in 0..100 {
            let found = database.get(id).unwrap().expect("flushed before the restart");
            assert_eq!(bits(found.vector()), bits(&vector(id)));
            assert_eq!(found.metadata(), metadata(id));
        }
    }
}

#[test]
fn a_thousand_vectors_keep_every_bit_through_replacement_deletion_and_restart() {
    let dir = tempfile::tempdir().unwrap();
    // What is expected of an id: every third is replaced, every tenth deleted afterwards.
    let last = |id: u64| if id.is_multiple_of(3) { id + 1_000_000 } else { id };
    let alive = |id: &u64| id % 10 != 9;
    let storage = Storage::open(dir.path(), options(Access::Mmap)).unwrap();
    let database = storage.create("integrity", schema()).unwrap();
    for id in 0..1000 {
        assert!(database.put(id, &vector(id), &metadata(id)).unwrap());
    }
    for id in (0..1000_u64).filter(|id| id.is_multiple_of(3)) {
        assert!(!database.put(id, &vector(last(id)), &metadata(last(id))).unwrap());
    }
    for id in (0..1000).filter(|id| !alive(id)) {
        assert!(database.delete(id).unwrap());
    }
    drop(database);
    storage.close().unwrap();

    for access in [Access::File, Access::Mmap] {
        let storage = Storage::open(dir.path(), options(access)).unwrap();
        let database = storage.database("integrity").unwrap();
        assert_eq!(database.count(), 900);
        for id in 0..1000 {
            let found = database.get(id).unwrap();
            assert_eq!(found.is_some(), alive(&id), "vector {id}");
            let Some(found) = found else { continue };
            assert_eq!(bits(found.vector()), bits(&vector(last(id))), "vector {id}");
            assert_eq!(found.metadata(), metadata(last(id)), "vector {id}");
        }
        let report = database.verify().unwrap();
        assert_eq!((report.vectors, report.damage), (900, vec![]));
    }
}
