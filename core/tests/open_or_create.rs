//! A database that is opened or made by one call, and iterators that end for good.

use jvdb_core::{Error, Metric, Options, Position, Schema, Storage};
use std::sync::Barrier;

fn schema(dimension: usize) -> Schema {
    Schema::new(dimension, Metric::DotProduct).unwrap()
}

#[test]
fn it_is_made_once_and_opened_after_that() {
    let dir = tempfile::tempdir().unwrap();
    for life in 0..3 {
        let storage = Storage::open(dir.path(), Options::default()).unwrap();
        let db = storage.open_or_create("d", schema(2)).unwrap();
        assert_eq!(db.count(), life);
        db.put(life, &[1.0, 2.0], b"").unwrap();
        drop(db);
        storage.close().unwrap();
    }
}

#[test]
fn another_schema_is_an_error_that_names_both() {
    let storage = Storage::in_memory(Options::default()).unwrap();
    storage.open_or_create("d", schema(2)).unwrap();
    let error = storage.open_or_create("d", schema(3)).unwrap_err();
    assert!(matches!(error, Error::InvalidArgument { what: "schema", .. }), "{error}");
    let text = error.to_string();
    for part in ["\"d\"", "dimension 2 and metric dot_product", "dimension 3 and metric dot_product"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_read_only_directory_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Storage::open(dir.path(), Options::default()).unwrap();
    writer.create("there", schema(2)).unwrap();
    let reader = Storage::open(dir.path(), Options::default().read_only(true)).unwrap();
    assert!(reader.open_or_create("there", schema(2)).is_ok());
    assert!(matches!(reader.open_or_create("missing", schema(2)), Err(Error::ReadOnly { .. })));
}

#[test]
fn of_many_that_open_or_make_it_at_once_all_succeed() {
    const THREADS: usize = 8;
    for _ in 0..50 {
        let storage = Storage::in_memory(Options::default()).unwrap();
        let start = Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    storage.open_or_create("d", schema(2)).unwrap();
                });
            }
        });
        assert_eq!(storage.list().unwrap(), ["d"]);
    }
}

#[test]
fn an_iterator_that_has_ended_stays_so_and_its_position_goes_on() {
    let storage = Storage::in_memory(Options::default()).unwrap();
    let db = storage.open_or_create("d", schema(1)).unwrap();
    db.put(1, &[1.0], b"").unwrap();
    let (mut vectors, mut keys) = (db.scan(Position::START), db.keys(Position::START));
    assert_eq!((vectors.by_ref().count(), keys.by_ref().count()), (1, 1));
    db.put(2, &[2.0], b"").unwrap();
    assert!(vectors.next().is_none() && keys.next().is_none());
    assert_eq!(db.scan(vectors.position()).next().unwrap().unwrap().key(), 2.into());
    assert_eq!(db.keys(keys.position()).next().unwrap().unwrap().as_key(), 2.into());
}
