//! What a database must hold: operations, and the content after each of them.

use jvdb_core::{Database, Error, Key, KeyBuf, Metric, Operation, Options, Position, Result, Schema, Storage};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Dimension of the vectors: records of less than a sector, so that sectors hold several and cut through others.
pub const DIMENSION: usize = 6;
/// Name of the database under test.
pub const NAME: &str = "d";

/// One call of a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Store or replace.
    Put(u8, u16),
    /// Delete.
    Delete(u8),
    /// Several of the two above, as one.
    Batch(Vec<Op>),
    /// Set an attribute.
    Attribute(u8, u16),
    /// Remove an attribute.
    RemoveAttribute(u8),
    /// Make durable.
    Flush,
    /// Do what the flush thread does: bring into the index what a flush has left.
    Attend,
    /// Close everything in order and open it again.
    Reopen,
    /// Die, and start again on what is in the cache.
    Kill,
    /// Write the file anew without what is dead.
    Compact,
    /// Drop the database and make an empty one of its name.
    Recreate,
}

/// Content of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    vectors: BTreeMap<u8, u16>,
    attributes: BTreeMap<u8, u16>,
}

/// Keys of all shapes: integers, short ones, and ones too long for a record's header.
pub fn key(number: u8) -> KeyBuf {
    match number % 3 {
        0 => KeyBuf::Int(u64::from(number)),
        1 => KeyBuf::Bytes(format!("k{number}").into_bytes().into()),
        _ => KeyBuf::Bytes(format!("a key that does not fit into a header, {number}").into_bytes().into()),
    }
}

/// The vector of a value.
pub fn vector(value: u16) -> [f32; DIMENSION] {
    std::array::from_fn(|i| f32::from(value) + i as f32 * 0.5)
}

/// Values from here on have metadata so long that a few of them in a batch are written in pieces.
pub const LARGE: u16 = 1000;

/// The metadata of a value: lengths from nothing to more than a sector.
pub fn metadata(value: u16) -> Vec<u8> {
    let len = match value % 5 {
        _ if value >= LARGE => 150_000,
        0 => 0,
        4 => 700,
        n => usize::from(n) * 37,
    };
    (0..len).map(|i| (usize::from(value) + i) as u8).collect()
}

impl Model {
    /// What an operation makes of it.
    pub fn apply(&mut self, op: &Op) {
        match op {
            Op::Put(number, value) => drop(self.vectors.insert(*number, *value)),
            Op::Delete(number) => drop(self.vectors.remove(number)),
            Op::Batch(ops) => ops.iter().for_each(|op| self.apply(op)),
            Op::Attribute(number, value) => drop(self.attributes.insert(*number, *value)),
            Op::RemoveAttribute(number) => drop(self.attributes.remove(number)),
            Op::Flush | Op::Attend | Op::Compact | Op::Reopen | Op::Kill => {}
            Op::Recreate => *self = Self::default(),
        }
    }
}

/// Options of every opening of a campaign.
pub fn options() -> Options {
    Options::default().max_open_files(5).flush_interval(std::time::Duration::ZERO).verify_checksums(true)
}

/// The schema of every database of a campaign.
pub fn schema() -> Schema {
    Schema::new(DIMENSION, Metric::Cosine).expect("a valid dimension")
}

/// Performs an operation on a real database. What concerns more than one handle is the caller's
/// business.
pub fn perform(db: &Database, op: &Op) -> Result<()> {
    match op {
        Op::Put(number, value) => db.put(&key(*number), &vector(*value), &metadata(*value)).map(drop),
        Op::Delete(number) => db.delete(&key(*number)).map(drop),
        Op::Attribute(number, value) => db.set_attribute(&[*number], &value.to_le_bytes()),
        Op::RemoveAttribute(number) => db.remove_attribute(&[*number]).map(drop),
        Op::Flush => db.flush().map(drop),
        Op::Attend => db.flush_due(),
        Op::Compact => db.compact().map(drop),
        Op::Batch(ops) => {
            let parts: Vec<_> = ops
                .iter()
                .map(|op| match op {
                    Op::Put(number, value) => (key(*number), Some((vector(*value), metadata(*value)))),
                    Op::Delete(number) => (key(*number), None),
                    other => unreachable!("{other:?} is no part of a batch"),
                })
                .collect();
            let operations = parts.iter().map(|(key, put)| match put {
                Some((vector, metadata)) => Operation::Put { key: key.as_key(), vector, metadata },
                None => Operation::Delete { key: key.as_key() },
            });
            db.write(operations).map(drop)
        }
        Op::Reopen | Op::Kill | Op::Recreate => Ok(()),
    }
}

/// Reads everything in every way there is. Any contradiction is an error; no database is `None`.
pub fn read_all(storage: &Storage) -> std::result::Result<Option<Model>, String> {
    let db = match storage.database(NAME) {
        Ok(db) => db,
        Err(Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    read(&db).map(Some)
}

/// As [`read_all`], of a database that is open.
pub fn read(db: &Database) -> std::result::Result<Model, String> {
    let fail = |error: Error| error.to_string();
    let mut model = Model::default();
    for vector in db.scan(Position::START) {
        let vector = vector.map_err(fail)?;
        let (number, value) = recognise(vector.key(), vector.vector(), vector.metadata())?;
        if model.vectors.insert(number, value).is_some() {
            return Err(format!("key {number} is scanned twice"));
        }
    }
    if model.vectors.len() as u64 != db.count() {
        return Err(format!("{} vectors scanned, {} counted", model.vectors.len(), db.count()));
    }
    for number in 0..KEYS {
        let got = match db.get(&key(number)).map_err(fail)? {
            Some(vector) => Some(recognise(vector.key(), vector.vector(), vector.metadata())?.1),
            None => None,
        };
        if got != model.vectors.get(&number).copied() {
            return Err(format!("the index gives another vector for key {number} than the log"));
        }
    }
    for name in db.attributes().map_err(fail)? {
        let bytes = db.attribute(&name).map_err(fail)?.ok_or("an attribute is listed but not there")?;
        let value =
            bytes.as_slice().try_into().map(u16::from_le_bytes).map_err(|_| "an attribute has a wrong value")?;
        model.attributes.insert(name[0], value);
    }
    let report = db.verify().map_err(fail)?;
    match report.damage.first() {
        Some(damage) => Err(format!("verify: {} at {}", damage.what, damage.offset)),
        None => Ok(model),
    }
}

/// Numbers of keys are below this.
pub const KEYS: u8 = 24;
fn recognise(found: Key<'_>, elements: &[f32], bytes: &[u8]) -> std::result::Result<(u8, u16), String> {
    static ALL: OnceLock<Vec<KeyBuf>> = OnceLock::new();
    let keys = ALL.get_or_init(|| (0..KEYS).map(key).collect());
    let number = keys.iter().position(|key| key.as_key() == found).ok_or("a key nobody stored")? as u8;
    let value = elements[0] as u16;
    if elements == vector(value) && bytes == metadata(value) {
        Ok((number, value))
    } else {
        Err(format!("key {number} has a wrong vector or metadata"))
    }
}
