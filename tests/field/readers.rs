//! One process writes and others read: reads end with "the file has changed", a verification calls a healthy file damaged, an
//! export fails.

use jvdb_core::{Access, Error, KeyBuf, Metric, Options, Position, Schema, Storage};
use jvdb_tests::history::{History, Numbers, Reader, all_of, key};
use jvdb_tests::never_flushing;
use std::collections::BTreeMap;
use std::ops::ControlFlow::Continue;
use std::path::Path;

fn schema() -> Schema {
    Schema::new(1, Metric::DotProduct).unwrap()
}

fn open(path: &Path, access: Access, oldest: u64) -> Reader {
    let options = Options::default().read_only(true).access(access);
    Reader { database: Storage::open(path, options).unwrap().database("points").unwrap(), oldest }
}

#[test]
fn readers_beside_a_writer_see_one_state_after_another_and_no_error() {
    for seed in 0..10 {
        let mut numbers = Numbers(seed);
        let directory = tempfile::tempdir().unwrap();
        let storage = Storage::open(directory.path(), never_flushing(Access::Mmap)).unwrap();
        let database = storage.create("points", schema()).unwrap();
        database.flush().unwrap();
        let mut history = History::default();
        let mut readers = [Access::Mmap, Access::File].map(|access| open(directory.path(), access, 0));
        let mut scans: Vec<(usize, jvdb_core::Cursor, BTreeMap<KeyBuf, f32>)> = Vec::new();
        let mut durable = 0;
        for _ in 0..700 {
            let changed = key(numbers.below(40));
            match numbers.below(16) {
                0 => {
                    database.flush().unwrap();
                    durable = history.now;
                }
                1 if numbers.below(10) == 0 => {
                    database.compact().unwrap();
                    durable = history.now;
                }
                2..5 if database.delete(&changed).unwrap() => history.note(changed, None),
                10 => {
                    // One of the two at a time.
                    let (new, old) = if numbers.below(2) == 0 { (b"a", b"b") } else { (b"b", b"a") };
                    database.remove_attribute(old).unwrap();
                    database.set_attribute(new, b"").unwrap();
                }
                5..10 => {
                    let value = history.now as f32 + 1.0;
                    database.put(&changed, &[value], b"").unwrap();
                    history.note(changed, Some(value));
                }
                _ => {}
            }
            let number = numbers.below(2) as usize;
            let reader = &mut readers[number];
            match numbers.below(12) {
                0 => {
                    reader.database.refresh().unwrap();
                    reader.oldest = reader.oldest.max(durable);
                    assert!(!reader.database.refresh().unwrap(), "seed {seed}");
                }
                1 => reader.saw_all(&history, &all_of(&reader.database)),
                2 => {
                    let report = reader.database.verify().unwrap();
                    assert!(report.damage.is_empty(), "seed {seed}: {report:?}");
                }
                3 => {
                    let mut found = BTreeMap::new();
                    let mut nested = Vec::new();
                    reader
                        .database
                        .visit(Position::START, |key, vector, _| {
                            found.insert(key.to_owned(), vector[0]);
                            let there = reader.database.get(key).unwrap().map(|vector| vector.vector()[0]);
                            nested.push((key.to_owned(), there));
                            Continue(())
                        })
                        .unwrap();
                    let mut before = Reader { database: reader.database.clone(), oldest: reader.oldest };
                    before.saw_all(&history, &found);
                    nested.iter().for_each(|(key, value)| reader.saw(&history, key, *value));
                }
                4 => scans.push((number, reader.database.scan(Position::START), BTreeMap::new())),
                5 => {
                    let copies = tempfile::tempdir().unwrap();
                    reader.database.backup(copies.path().join("points.jvdb")).unwrap();
                    let copy = open(copies.path(), Access::Mmap, 0).database;
                    assert!(copy.verify().unwrap().damage.is_empty());
                    reader.saw_all(&history, &all_of(&copy));
                }
                6 => {
                    let keys: Vec<KeyBuf> = (0..40).map(key).collect();
                    let mut values = Vec::new();
                    reader
                        .database
                        .read_many(&keys, |_, found| values.push(found.map(|(vector, _)| vector[0])))
                        .unwrap();
                    keys.iter().zip(values).for_each(|(key, value)| reader.saw(&history, key, value));
                }
                _ => {
                    let key = key(numbers.below(40));
                    let value = reader.database.get(&key).unwrap().map(|vector| vector.vector()[0]);
                    reader.saw(&history, &key, value);
                    assert_eq!(reader.database.stats().vectors, reader.database.count());
                    // Attributes keep pace with the vectors.
                    let names = reader.database.attributes().unwrap();
                    let seen: Vec<bool> = [b"a", b"b"].map(|name| names.contains(&name.to_vec())).into();
                    assert!(seen.iter().filter(|there| **there).count() <= 1, "seed {seed}: {names:?}");
                }
            }
            if let Some((number, scan, found)) = scans.last_mut() {
                match scan.next() {
                    Some(vector) => {
                        let vector = vector.unwrap();
                        found.insert(vector.key().to_owned(), vector.vector()[0]);
                    }
                    None => {
                        // What it shows may be older than what single reads have shown since.
                        let mut then = Reader { database: readers[*number].database.clone(), oldest: 0 };
                        then.saw_all(&history, found);
                        scans.pop();
                    }
                }
            }
        }
    }
}

#[test]
fn a_reader_sees_what_a_writer_that_was_killed_had_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let storage = Storage::open(directory.path(), never_flushing(Access::Mmap)).unwrap();
    let database = storage.create("points", schema()).unwrap();
    database.put(1, &[1.0], b"").unwrap();
    database.flush().unwrap();
    database.put(2, &[2.0], b"").unwrap();
    // As after a kill: nothing is flushed.
    let image = tempfile::tempdir().unwrap();
    std::fs::copy(directory.path().join("points.jvdb"), image.path().join("points.jvdb")).unwrap();
    let reader = open(image.path(), Access::Mmap, 0).database;
    assert_eq!(reader.count(), 2);
    assert_eq!(reader.get(2).unwrap().unwrap().vector(), [2.0]);
}

#[test]
fn a_reader_of_a_file_that_another_database_took_says_so_and_the_next_opening_is_of_that() {
    let directory = tempfile::tempdir().unwrap();
    let storage = Storage::open(directory.path(), never_flushing(Access::Mmap)).unwrap();
    let database = storage.create("points", schema()).unwrap();
    database.put(1, &[1.0], b"").unwrap();
    database.flush().unwrap();
    let reading = Storage::open(directory.path(), Options::default().read_only(true)).unwrap();
    let reader = reading.database("points").unwrap();
    drop(database);
    storage.drop_database("points").unwrap();
    assert!(matches!(reader.refresh(), Err(Error::Removed { .. })));
    storage.create("points", schema()).unwrap().flush().unwrap();
    let error = reader.refresh().unwrap_err();
    assert!(matches!(&error, Error::Removed { path } if path.ends_with("points.jvdb")), "{error}");
    assert_eq!(reader.get(1).unwrap().unwrap().vector(), [1.0], "it shows what it showed");
    assert_eq!(reading.database("points").unwrap().count(), 0);
}
