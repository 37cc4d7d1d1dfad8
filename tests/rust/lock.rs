//! One writing process per directory: the second is told who the first is, and death frees the directory.

use jvdb_core::{Access, Error, Metric, Options, Schema, Storage};
use jvdb_tests::Order;
use jvdb_tests::child::Process;

const CHILD: &str = env!("CARGO_BIN_EXE_jvdb-child");

#[test]
fn a_second_process_is_refused_and_told_the_process_id_of_the_first() {
    let dir = tempfile::tempdir().unwrap();
    {
        let storage = Storage::open(dir.path(), Options::default()).unwrap();
        storage.create("d", Schema::new(2, Metric::Cosine).unwrap()).unwrap().put(1, &[1.0, 2.0], b"m").unwrap();
    }
    let mut first = Process::start(CHILD, Order::Hold, dir.path());
    assert_eq!(first.line().as_deref(), Some("holding"));

    for access in [Access::Mmap, Access::File] {
        let refused = Storage::open(dir.path(), Options::default().access(access));
        let error = refused.expect_err("the directory is taken");
        let Error::Locked { path, holder } = &error else { panic!("{error:?}") };
        assert_eq!(*path, dir.path().display().to_string());
        assert_eq!(*holder, format!("process {}", first.id()));
        let text = error.to_string();
        assert!(text.contains(path) && text.contains(&first.id().to_string()), "{text}");
    }
    // Reading needs no lock.
    let reading = Storage::open(dir.path(), Options::default().read_only(true)).unwrap();
    let database = reading.database("d").unwrap();
    assert_eq!(database.get(1).unwrap().unwrap().vector(), [1.0, 2.0]);
    assert!(matches!(database.put(2, &[0.0, 0.0], b""), Err(Error::ReadOnly { .. })));
    assert!(matches!(reading.create("e", database.schema()), Err(Error::ReadOnly { .. })));
}

#[test]
fn a_process_is_refused_its_own_second_opening() {
    let dir = tempfile::tempdir().unwrap();
    let first = Storage::open(dir.path(), Options::default()).unwrap();
    assert!(matches!(Storage::open(dir.path(), Options::default()), Err(Error::Locked { .. })));
    drop(first);
    assert!(Storage::open(dir.path(), Options::default()).is_ok());
}

#[test]
fn the_lock_is_gone_after_kill_minus_nine() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = Process::start(CHILD, Order::Hold, dir.path());
    assert_eq!(first.line().as_deref(), Some("holding"));
    assert!(matches!(Storage::open(dir.path(), Options::default()), Err(Error::Locked { .. })));
    first.kill();
    let storage = Storage::open(dir.path(), Options::default()).unwrap();
    storage.create("d", Schema::new(2, Metric::Cosine).unwrap()).unwrap().put(1, &[1.0, 2.0], b"").unwrap();
}
