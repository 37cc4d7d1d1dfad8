//! Operations against a model: after each of them, and after every way to close and open, the database holds what the
//! model holds.

use arbitrary::{Arbitrary, Unstructured};
use jvdb_core::medium::MemoryVolume;
use jvdb_core::{Database, Error, Key, KeyBuf, Metric, Operation, Options, Position, Schema, Storage};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const FILE: &str = "d.jvdb";
/// Operations of one input; more find nothing that these do not.
const MOST: usize = 200;

#[derive(Debug, Arbitrary)]
enum Step {
    Put(u8, u16),
    Insert(u8, u16),
    Replace(u8, u16),
    Delete(u8),
    Batch(Vec<(u8, Option<u16>)>),
    SetAttribute(u8, u16),
    RemoveAttribute(u8),
    Flush,
    FlushAll,
    Compact,
    /// Enough other databases come and go that this one is evicted.
    Evict,
    /// Close, open.
    Reopen,
    /// The process dies: what the file holds now is all there is.
    Die,
    Recreate,
    /// Walks, and goes on from a position in the middle.
    Walk(u8),
    /// A read-only look at the file as it is.
    Look,
    Check,
}

#[derive(Default, Clone)]
struct Model {
    vectors: BTreeMap<KeyBuf, u16>,
    attributes: BTreeMap<Vec<u8>, u16>,
}

/// The engine under test, and what it must hold.
struct World {
    volume: Arc<MemoryVolume>,
    storage: Option<Storage>,
    database: Option<Database>,
    dimension: usize,
    model: Model,
}

/// The target.
pub fn operations(input: &[u8]) {
    let mut input = Unstructured::new(input);
    let Ok(shape) = u8::arbitrary(&mut input) else { return };
    let mut world = World::new([1, 3, 16, 100][usize::from(shape % 4)]);
    for _ in 0..MOST {
        match Step::arbitrary(&mut input) {
            Ok(step) if !input.is_empty() => world.take(step),
            _ => break,
        }
    }
    world.check();
    world.take(Step::Die);
    world.check();
    world.take(Step::Reopen);
    world.check();
}

/// Keys of all shapes, few enough that they meet.
fn key(number: u8) -> KeyBuf {
    let number = number % 48;
    match number % 3 {
        0 => KeyBuf::Int(u64::from(number) << 40),
        1 => KeyBuf::Bytes(vec![number; 1 + usize::from(number) / 3].into()),
        _ => KeyBuf::Bytes(vec![number; 10 * usize::from(number)].into()),
    }
}

fn vector(value: u16, dimension: usize) -> Vec<f32> {
    (0..dimension).map(|element| f32::from(value) + element as f32 * 0.25).collect()
}

fn metadata(value: u16) -> Vec<u8> {
    let len = match value % 7 {
        0 => 0,
        6 => usize::from(value) / 2,
        _ => usize::from(value % 200),
    };
    vec![value as u8; len]
}

fn options(read_only: bool) -> Options {
    Options::default()
        .max_open_files(5)
        .flush_interval(Duration::ZERO)
        .verify_checksums(read_only)
        .read_only(read_only)
        .seed(1)
}

impl World {
    fn new(dimension: usize) -> Self {
        let volume = Arc::new(MemoryVolume::default());
        let storage = Storage::on(Arc::clone(&volume) as _, options(false)).expect("a directory opens");
        let mut world = Self { volume, storage: Some(storage), database: None, dimension, model: Model::default() };
        world.create();
        world
    }

    fn storage(&self) -> &Storage {
        self.storage.as_ref().expect("open between steps")
    }

    fn database(&self) -> &Database {
        self.database.as_ref().expect("open between steps")
    }

    fn create(&mut self) {
        let schema = Schema::new(self.dimension, Metric::Cosine).expect("a valid dimension");
        self.database = Some(self.storage().create("d", schema).expect("it is made"));
    }

    fn open(&mut self) {
        let storage = Storage::on(Arc::clone(&self.volume) as _, options(false)).expect("a directory opens");
        self.database = Some(storage.database("d").expect("it opens"));
        self.storage = Some(storage);
    }

    fn take(&mut self, step: Step) {
        let there = |world: &Self, number| world.model.vectors.contains_key(&key(number));
        match step {
            Step::Put(number, value) => {
                let new =
                    self.put(number, value, |database, key, vector, metadata| database.put(key, vector, metadata));
                assert_eq!(new.expect("it is stored"), !there(self, number));
                self.model.vectors.insert(key(number), value);
            }
            Step::Insert(number, value) => {
                let done =
                    self.put(number, value, |database, key, vector, metadata| database.insert(key, vector, metadata));
                match there(self, number) {
                    true => assert!(matches!(done, Err(Error::KeyExists { .. })), "{done:?}"),
                    false => done.expect("it is stored"),
                }
                self.model.vectors.entry(key(number)).or_insert(value);
            }
            Step::Replace(number, value) => {
                let done =
                    self.put(number, value, |database, key, vector, metadata| database.replace(key, vector, metadata));
                match self.model.vectors.get_mut(&key(number)) {
                    Some(present) => {
                        done.expect("it is stored");
                        *present = value;
                    }
                    None => assert!(matches!(done, Err(Error::KeyNotFound { .. })), "{done:?}"),
                }
            }
            Step::Delete(number) => {
                let deleted = self.database().delete(&key(number)).expect("it is deleted");
                assert_eq!(deleted, self.model.vectors.remove(&key(number)).is_some());
            }
            Step::Batch(parts) => self.batch(&parts),
            Step::SetAttribute(number, value) => {
                let name = vec![number; 1 + usize::from(number)];
                self.database().set_attribute(&name, &metadata(value)).expect("it is set");
                self.model.attributes.insert(name, value);
            }
            Step::RemoveAttribute(number) => {
                let name = vec![number; 1 + usize::from(number)];
                let removed = self.database().remove_attribute(&name).expect("it is removed");
                assert_eq!(removed, self.model.attributes.remove(&name).is_some());
            }
            Step::Flush => drop(self.database().flush().expect("it is flushed")),
            Step::FlushAll => drop(self.storage().flush().expect("all is flushed")),
            Step::Compact => drop(self.database().compact().expect("it is compacted")),
            Step::Evict => self.evict(),
            Step::Reopen => {
                self.database = None;
                self.storage.take().expect("open between steps").close().expect("it is closed");
                self.open();
            }
            Step::Die => {
                let image = self.volume.bytes(FILE).expect("the file is there");
                (self.database, self.storage) = (None, None);
                self.volume = Arc::new(MemoryVolume::with_files([(FILE, &image[..])]));
                self.open();
            }
            Step::Recreate => {
                self.storage().drop_database("d").expect("it is dropped");
                let gone = self.database().get(&key(0)).err();
                assert!(matches!(gone, Some(Error::Dropped { .. })), "{gone:?}");
                self.create();
                self.model = Model::default();
            }
            Step::Walk(steps) => self.walk(usize::from(steps)),
            Step::Look => {
                let image = self.volume.bytes(FILE).expect("the file is there");
                let volume = Arc::new(MemoryVolume::with_files([(FILE, &image[..])]));
                let storage = Storage::on(volume, options(true)).expect("a directory opens");
                check(&storage.database("d").expect("it opens"), &self.model, self.dimension);
            }
            Step::Check => self.check(),
        }
    }

    fn put<R>(
        &self,
        number: u8,
        value: u16,
        how: impl FnOnce(&Database, Key<'_>, &[f32], &[u8]) -> jvdb_core::Result<R>,
    ) -> jvdb_core::Result<R> {
        how(self.database(), key(number).as_key(), &vector(value, self.dimension), &metadata(value))
    }

    fn batch(&mut self, parts: &[(u8, Option<u16>)]) {
        let contents: Vec<_> = parts
            .iter()
            .map(|(number, value)| (key(*number), value.map(|value| (vector(value, self.dimension), metadata(value)))))
            .collect();
        let operations = contents.iter().map(|(key, content)| match content {
            Some((vector, metadata)) => Operation::Put { key: key.as_key(), vector, metadata },
            None => Operation::Delete { key: key.as_key() },
        });
        let written = self.database().write(operations).expect("it is written");
        let (mut inserted, mut replaced, mut deleted) = (0, 0, 0);
        for (number, value) in parts {
            let before = match value {
                Some(value) => self.model.vectors.insert(key(*number), *value),
                None => self.model.vectors.remove(&key(*number)),
            };
            match (before, value) {
                (None, Some(_)) => inserted += 1,
                (Some(_), Some(_)) => replaced += 1,
                (Some(_), None) => deleted += 1,
                (None, None) => {}
            }
        }
        assert_eq!((written.inserted, written.replaced, written.deleted), (inserted, replaced, deleted));
    }

    fn evict(&mut self) {
        self.database = None;
        for other in 0..5 {
            let (name, schema) = (format!("other {other}"), Schema::new(1, Metric::Cosine).expect("a valid dimension"));
            let storage = self.storage();
            let opened = if storage.exists(&name).expect("it is asked") {
                storage.database(&name)
            } else {
                storage.create(&name, schema)
            };
            drop(opened.expect("there is room for it"));
        }
        self.database = Some(self.storage().database("d").expect("it comes back"));
    }

    /// A walk in two parts gives every key once.
    fn walk(&self, steps: usize) {
        let mut first = self.database().keys(Position::START);
        let mut met: Vec<KeyBuf> = first.by_ref().take(steps).map(|key| key.expect("it goes on")).collect();
        let position = Position::from_u64(first.position().to_u64());
        met.extend(self.database().keys(position).map(|key| key.expect("it goes on")));
        met.sort_unstable();
        assert!(met.iter().eq(self.model.vectors.keys()), "{met:?}");
    }

    fn check(&self) {
        check(self.database(), &self.model, self.dimension);
    }
}

fn check(database: &Database, model: &Model, dimension: usize) {
    assert_eq!(database.count(), model.vectors.len() as u64);
    for number in 0..48 {
        let found = database.get(&key(number)).expect("it is read");
        let found = found.as_ref().map(|found| (found.vector().to_vec(), found.metadata().to_vec()));
        let expected = model.vectors.get(&key(number)).map(|value| (vector(*value, dimension), metadata(*value)));
        assert!(found == expected, "key {number}: {expected:?} expected, {found:?} found");
    }
    let mut scanned = BTreeMap::new();
    for found in database.scan(Position::START) {
        let found = found.expect("it goes on");
        assert!((found.vector().as_ptr() as usize).is_multiple_of(64));
        let twice = scanned.insert(found.key().to_owned(), (found.vector().to_vec(), found.metadata().to_vec()));
        assert_eq!(twice, None, "a scan gives {:?} twice", found.key());
    }
    let expected =
        model.vectors.iter().map(|(key, value)| (key.clone(), (vector(*value, dimension), metadata(*value))));
    assert!(scanned.into_iter().eq(expected), "a scan gives something else");
    assert!(database.attributes().expect("they are listed").iter().eq(model.attributes.keys()));
    for (name, value) in &model.attributes {
        assert_eq!(database.attribute(name).expect("it is read"), Some(metadata(*value)));
    }
    let report = database.verify().expect("it is read");
    assert_eq!((report.damage, report.vectors), (vec![], model.vectors.len() as u64));
}
