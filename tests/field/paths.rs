//! A program opens a directory through a link, and the link is moved: what it writes lands in another application's directory,
//! unlocked, and over its vectors.

use jvdb_core::{Metric, Options, Schema, Storage};
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
