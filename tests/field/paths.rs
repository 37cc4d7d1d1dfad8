//! A program opens a directory by a relative path or through a link, and goes elsewhere, or the link or the directory is moved: what
//! it writes lands in another application's directory, unlocked, and over its vectors.

use jvdb_core::{Metric, Options, Schema, Storage};
use jvdb_tests::Order;
use jvdb_tests::child::Process;
use std::os::unix::fs::symlink;

fn schema() -> Schema {
    Schema::new(2, Metric::Cosine).unwrap()
}

#[test]
fn a_directory_is_what_its_link_led_to_when_it_was_opened() {
    let scratch = tempfile::tempdir().unwrap();
    let [one, other, link] = ["one", "other", "link"].map(|name| scratch.path().join(name));
    std::fs::create_dir(&one).unwrap();
    std::fs::create_dir(&other).unwrap();
    symlink(&one, &link).unwrap();
    let storage = Storage::open(&link, Options::default().max_open_files(5)).unwrap();
    let database = storage.create("d", schema()).unwrap();
    database.put(1, &[1.0, 0.0], b"").unwrap();
    {
        let owner = Storage::open(&other, Options::default()).unwrap();
        let others = owner.create("d", schema()).unwrap();
        others.put(1, &[9.0, 9.0], b"").unwrap();
        drop(others);
        owner.close().unwrap();
    }
    std::fs::remove_file(&link).unwrap();
    symlink(&other, &link).unwrap();
    storage.create("later", schema()).unwrap();
    database.compact().unwrap();
    drop(database);
    // Others take all places of open files, so that the first is opened again.
    for name in ["a", "b", "c", "e", "f"] {
        storage.create(name, schema()).unwrap();
    }
    assert_eq!(storage.database("d").unwrap().get(1).unwrap().unwrap().vector(), [1.0, 0.0]);
    storage.close().unwrap();
    let owner = Storage::open(&other, Options::default()).unwrap();
    assert_eq!(owner.list().unwrap(), ["d"]);
    assert_eq!(owner.database("d").unwrap().get(1).unwrap().unwrap().vector(), [9.0, 9.0]);
}

#[test]
fn a_relative_path_is_that_of_the_opening_wherever_the_process_goes() {
    let scratch = tempfile::tempdir().unwrap();
    let [here, there] = ["here", "there"].map(|name| scratch.path().join(name));
    std::fs::create_dir(&here).unwrap();
    let owner = Storage::open(there.join("data"), Options::default()).unwrap();
    let others = owner.create("d", schema()).unwrap();
    others.put(1, &[9.0, 9.0], b"").unwrap();
    let mut child = Process::start(env!("CARGO_BIN_EXE_jvdb-child"), Order::GoElsewhere, scratch.path());
    assert_eq!(child.line().as_deref(), Some("went"));
    assert_eq!(owner.list().unwrap(), ["d"]);
    assert_eq!(others.get(1).unwrap().unwrap().vector(), [9.0, 9.0]);
    let storage = Storage::open(here.join("data"), Options::default().read_only(true)).unwrap();
    assert_eq!(storage.list().unwrap(), ["a", "b", "c", "d", "e", "f"]);
    assert_eq!(storage.database("d").unwrap().count(), 2);
}

#[test]
fn a_directory_that_takes_the_place_of_another_is_left_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let [path, moved] = ["data", "moved"].map(|name| scratch.path().join(name));
    let storage = Storage::open(&path, Options::default()).unwrap();
    let database = storage.create("d", schema()).unwrap();
    database.put(1, &[1.0, 0.0], b"").unwrap();
    database.flush().unwrap();
    std::fs::rename(&path, &moved).unwrap();
    let owner = Storage::open(&path, Options::default()).unwrap();
    for error in [
        storage.create("new", schema()).map(drop).unwrap_err(),
        storage.drop_database("d").unwrap_err(),
        storage.list().map(drop).unwrap_err(),
        database.compact().map(drop).unwrap_err(),
    ] {
        assert!(error.to_string().contains("moved") || error.to_string().contains("removed"), "{error}");
    }
    assert_eq!(owner.list().unwrap(), Vec::<String>::new());
    drop(owner);
    std::fs::remove_dir_all(&path).unwrap();
    std::fs::rename(&moved, &path).unwrap();
    database.put(2, &[1.0, 0.0], b"").unwrap();
    drop(database);
    storage.close().unwrap();
    assert_eq!(Storage::open(&path, Options::default()).unwrap().database("d").unwrap().count(), 2);
}
