//! A person, or a backup, puts a file called `my copy.jvdb` into the directory: it is not listed, and who opens `my copy` gets a new,
//! empty database in `my%20copy.jvdb` beside it.

use jvdb_core::{Error, Layout, Metric, Options, Schema, Storage};
use std::fs;
use std::path::Path;

fn schema() -> Schema {
    Schema::new(2, Metric::Cosine).unwrap()
}

fn open(directory: &Path, layout: Layout) -> Storage {
    Storage::open(directory, Options::default().layout(layout)).unwrap()
}

/// Makes a database of one vector, and gives its file another name.
fn make(directory: &Path, name: &str, file: &str) {
    let storage = open(directory, Layout::Flat);
    storage.create("made", schema()).unwrap().put(1, &[1.0, 2.0], name.as_bytes()).unwrap();
    storage.close().unwrap();
    fs::rename(directory.join("made.jvdb"), directory.join(file)).unwrap();
}

fn files(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<_> = names.filter(|name| !name.starts_with(".storage")).collect();
    files.sort();
    files
}

#[test]
fn a_file_that_a_person_has_named_is_the_database_of_this_name() {
    for name in ["my copy", "100%", "a%2", "%61", "é (1)", "a+b", "x.jvdb y"] {
        let directory = tempfile::tempdir().unwrap();
        let file = format!("{name}.jvdb");
        make(directory.path(), name, &file);
        let storage = open(directory.path(), Layout::Flat);
        assert_eq!(storage.list().unwrap(), [name]);
        assert!(storage.exists(name).unwrap());
        assert!(matches!(storage.create(name, schema()), Err(Error::AlreadyExists { .. })));
        let db = storage.open_or_create(name, schema()).unwrap();
        assert_eq!(db.get(1).unwrap().unwrap().metadata(), name.as_bytes());
        for id in 0..100 {
            db.put(id % 3, &[id as f32, 0.0], b"").unwrap();
        }
        db.flush().unwrap();
        assert!(db.compact().unwrap() > 0);
        db.put(7, &[7.0, 7.0], b"").unwrap();
        drop(db);
        storage.close().unwrap();
        assert_eq!(files(directory.path()), [file.as_str()], "it keeps its name");

        let readers = Storage::open(directory.path(), Options::default().read_only(true)).unwrap();
        assert_eq!(readers.database(name).unwrap().count(), 4);
        let storage = open(directory.path(), Layout::Flat);
        assert_eq!(storage.database(name).unwrap().count(), 4);
        assert_eq!(storage.stats().unwrap().databases, 1);
        storage.drop_database(name).unwrap();
        assert_eq!(files(directory.path()), [""; 0]);
    }
}

#[test]
fn a_backup_is_listed_under_its_name_while_the_directory_is_open() {
    let directory = tempfile::tempdir().unwrap();
    let storage = open(directory.path(), Layout::Flat);
    let db = storage.create("d", schema()).unwrap();
    db.put(1, &[1.0, 2.0], b"").unwrap();
    db.backup(directory.path().join("my copy.jvdb")).unwrap();
    assert_eq!(storage.list().unwrap(), ["d", "my copy"]);
    assert_eq!(storage.database("my copy").unwrap().count(), 1);
    let damaged = directory.path().join("my copy.jvdb");
    drop(db);
    storage.close().unwrap();
    // What a backup that was cut short leaves is removed, and nothing of its name.
    fs::write(directory.path().join("my copy.jvdb.tmp"), b"part").unwrap();
    assert_eq!(open(directory.path(), Layout::Flat).list().unwrap(), ["d", "my copy"]);
    assert_eq!(files(directory.path()), ["d.jvdb", "my copy.jvdb"]);
    fs::write(&damaged, b"no database").unwrap();
    let error = open(directory.path(), Layout::Flat).database("my copy").unwrap_err().to_string();
    assert!(error.contains(damaged.to_str().unwrap()), "{error}");
}

#[test]
fn where_both_spellings_are_there_ours_is_the_database_and_neither_is_changed() {
    let directory = tempfile::tempdir().unwrap();
    make(directory.path(), "by hand", "my copy.jvdb");
    let by_hand = fs::read(directory.path().join("my copy.jvdb")).unwrap();
    make(directory.path(), "ours", "my%20copy.jvdb");
    let storage = open(directory.path(), Layout::Flat);
    assert_eq!(storage.list().unwrap(), ["my copy"]);
    let db = storage.database("my copy").unwrap();
    assert_eq!(db.get(1).unwrap().unwrap().metadata(), b"ours");
    db.put(2, &[0.0, 0.0], b"").unwrap();
    drop(db);
    storage.drop_database("my copy").unwrap();
    assert_eq!(fs::read(directory.path().join("my copy.jvdb")).unwrap(), by_hand);
    assert_eq!(storage.list().unwrap(), ["my copy"], "the other one has the name then");
    assert_eq!(storage.database("my copy").unwrap().get(1).unwrap().unwrap().metadata(), b"by hand");
}

#[test]
fn what_is_hidden_is_opened_by_its_name_and_not_listed() {
    let directory = tempfile::tempdir().unwrap();
    make(directory.path(), "hidden", ".hidden.jvdb");
    fs::write(directory.path().join("._d.jvdb"), b"what another system has put beside d.jvdb").unwrap();
    let storage = open(directory.path(), Layout::Flat);
    assert!(storage.list().unwrap().is_empty());
    assert_eq!(storage.stats().unwrap().databases, 0);
    assert_eq!(storage.database(".hidden").unwrap().count(), 1);
}

#[test]
fn a_folder_that_a_person_has_named_is_found_too() {
    let directory = tempfile::tempdir().unwrap();
    let storage = open(directory.path(), Layout::Folders);
    storage.create("made", schema()).unwrap().put(1, &[1.0, 2.0], b"").unwrap();
    storage.close().unwrap();
    fs::rename(directory.path().join("made"), directory.path().join("my copy")).unwrap();
    let storage = open(directory.path(), Layout::Folders);
    assert_eq!(storage.list().unwrap(), ["my copy"]);
    let db = storage.database("my copy").unwrap();
    db.put(1, &[2.0, 2.0], b"").unwrap();
    assert!(db.compact().unwrap() > 0);
    drop(db);
    storage.close().unwrap();
    assert_eq!(files(directory.path()), ["my copy"]);
    assert_eq!(files(&directory.path().join("my copy")), ["vectors.jvdb"]);
    let storage = open(directory.path(), Layout::Folders);
    storage.drop_database("my copy").unwrap();
    assert_eq!(files(directory.path()), [""; 0]);
}
