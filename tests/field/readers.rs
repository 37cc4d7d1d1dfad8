//! One process writes and others read: reads end with "the file has changed", a verification calls a healthy file damaged, an
//! export fails.

use jvdb_core::{Access, Database, Error, Key, KeyBuf, Metric, Options, Position, Schema, Storage};
use jvdb_tests::never_flushing;
use std::collections::BTreeMap;
use std::ops::ControlFlow::Continue;
use std::path::Path;

fn schema() -> Schema {
    Schema::new(1, Metric::DotProduct).unwrap()
}

fn key(number: u64) -> KeyBuf {
    match number % 3 {
        0 => Key::from(format!("{number:040}").as_str()).to_owned(),
        _ => KeyBuf::Int(number),
    }
}

/// A sequence of numbers that a seed makes.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// What became of each key, change after change: from which change on it had which value.
#[derive(Default)]
struct History {
    changes: BTreeMap<KeyBuf, Vec<(u64, Option<f32>)>>,
    now: u64,
}

impl History {
    fn note(&mut self, key: KeyBuf, value: Option<f32>) {
        self.now += 1;
        self.changes.entry(key).or_default().push((self.now, value));
    }

    /// From which change on, and before which, a key had a value.
    fn span(&self, key: &KeyBuf, value: Option<f32>) -> Option<(u64, u64)> {
        let none = [(0, None)];
        let changes: Vec<_> = none.iter().chain(self.changes.get(key).into_iter().flatten()).collect();
        // The value that a key never had twice, or the last time that it had none.
        let at = changes.iter().rposition(|(_, had)| *had == value)?;
        Some((changes[at].0, changes.get(at + 1).map_or(u64::MAX, |(next, _)| *next)))
    }

    /// The latest spans before `to` for an absent key are several; this finds the first one that ends behind `from`.
    fn absent_span(&self, key: &KeyBuf, from: u64) -> Option<(u64, u64)> {
        let none = [(0, None)];
        let changes: Vec<_> = none.iter().chain(self.changes.get(key).into_iter().flatten()).collect();
        (0..changes.len())
            .filter(|at| changes[*at].1.is_none())
            .map(|at| (changes[at].0, changes.get(at + 1).map_or(u64::MAX, |(next, _)| *next)))
            .find(|(_, end)| *end > from)
    }
}

/// A reader, and the oldest state that it may show.
struct Reader {
    database: Database,
    oldest: u64,
}

impl Reader {
    fn open(path: &Path, access: Access, oldest: u64) -> Self {
        let options = Options::default().read_only(true).access(access);
        Self { database: Storage::open(path, options).unwrap().database("points").unwrap(), oldest }
    }

    /// One value that was shown.
    fn saw(&mut self, history: &History, key: &KeyBuf, value: Option<f32>) {
        let span = match value {
            Some(_) => history.span(key, value),
            None => history.absent_span(key, self.oldest),
        };
        let (from, to) = span.unwrap_or_else(|| panic!("{key} never had {value:?} since {}", self.oldest));
        assert!(to > self.oldest, "{key}: {value:?} was so before {to}, and {} was seen", self.oldest);
        self.oldest = self.oldest.max(from);
    }

    /// Everything of one state, which must have been a state.
    fn saw_all(&mut self, history: &History, found: &BTreeMap<KeyBuf, f32>) {
        let (mut state, mut to) = (self.oldest, u64::MAX);
        for (key, value) in found {
            let (begun, ended) = history.span(key, Some(*value)).expect("it had that value");
            (state, to) = (state.max(begun), to.min(ended));
        }
        // The first state from there on in which all the others were absent.
        loop {
            let before = state;
            for key in history.changes.keys().filter(|key| !found.contains_key(*key)) {
                let (begun, _) = history.absent_span(key, state).unwrap_or_else(|| panic!("{key} is missing"));
                state = state.max(begun);
            }
            if state == before {
                break;
            }
        }
        assert!(state < to, "no state from {} to {to} was like that: {found:?}", self.oldest);
        self.oldest = state;
    }
}

fn all_of(database: &Database) -> BTreeMap<KeyBuf, f32> {
    let mut found = BTreeMap::new();
    for vector in database.scan(Position::START) {
        let vector = vector.unwrap();
        let twice = found.insert(vector.key().to_owned(), vector.vector()[0]);
        assert_eq!(twice, None, "{} comes twice", vector.key());
    }
    found
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
        let mut readers = [Access::Mmap, Access::File].map(|access| Reader::open(directory.path(), access, 0));
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
                    let copy = Reader::open(copies.path(), Access::Mmap, 0).database;
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
    let reader = Reader::open(image.path(), Access::Mmap, 0).database;
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
