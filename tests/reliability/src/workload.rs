//! What the processes that are killed do: a stream of operations that a seed determines, so that whoever knows the seed
//! and how many were acknowledged knows what must be there.
//!
//! Operations depend on nothing that is there: one on a database that does not exist does nothing.

use fastrand::Rng;
use jvdb_core::{Error, Key, KeyBuf, Metric, Operation, Result, Schema, Storage};
use std::collections::BTreeMap;

/// Databases of a workload: more than may be open at once.
pub const DATABASES: u8 = 8;
/// Keys of each database are below this.
pub const KEYS: u16 = 600;
const ATTRIBUTES: u8 = 20;
/// Dimension of each database: records that share a sector, and records of several pages.
const DIMENSIONS: [usize; DATABASES as usize] = [6, 6, 16, 48, 48, 100, 300, 900];

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    Put {
        db: u8,
        key: u16,
        value: u32,
    },
    Delete {
        db: u8,
        key: u16,
    },
    /// Puts, and deletions where there is no value, as one.
    Batch {
        db: u8,
        parts: Vec<(u16, Option<u32>)>,
    },
    Attribute {
        db: u8,
        name: u8,
        value: u32,
    },
    RemoveAttribute {
        db: u8,
        name: u8,
    },
    Flush {
        db: u8,
    },
    FlushAll,
    Compact {
        db: u8,
    },
    Create {
        db: u8,
    },
    Drop {
        db: u8,
    },
    /// Close the directory and open it again.
    Reopen,
}

/// Content of one database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    pub vectors: BTreeMap<u16, u32>,
    pub attributes: BTreeMap<u8, u32>,
}

impl Op {
    /// The one database it is about.
    pub fn database(&self) -> Option<u8> {
        match self {
            Self::Put { db, .. } | Self::Delete { db, .. } | Self::Batch { db, .. } => Some(*db),
            Self::Attribute { db, .. } | Self::RemoveAttribute { db, .. } => Some(*db),
            Self::Flush { db } | Self::Compact { db } | Self::Create { db } | Self::Drop { db } => Some(*db),
            Self::FlushAll | Self::Reopen => None,
        }
    }

    /// What it is, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Put { .. } => "put",
            Self::Delete { .. } => "delete",
            Self::Batch { .. } => "batch",
            Self::Attribute { .. } | Self::RemoveAttribute { .. } => "attribute",
            Self::Flush { .. } | Self::FlushAll => "flush",
            Self::Compact { .. } => "compaction",
            Self::Create { .. } => "creation",
            Self::Drop { .. } => "drop",
            Self::Reopen => "closing",
        }
    }

    /// Whether it makes durable what was acknowledged before it began.
    pub fn flushes(&self) -> bool {
        matches!(self, Self::Flush { .. } | Self::FlushAll | Self::Compact { .. } | Self::Reopen)
    }

    /// Whether it is durable itself when it returns, if it did anything.
    pub fn is_durable(&self) -> bool {
        matches!(self, Self::Create { .. } | Self::Drop { .. })
    }

    /// What it makes of its database; none is `None`.
    pub fn apply(&self, to: &mut Option<Content>) {
        match (self, to.as_mut()) {
            (Self::Create { .. }, None) => *to = Some(Content::default()),
            (Self::Drop { .. }, _) => *to = None,
            (Self::Put { key, value, .. }, Some(content)) => drop(content.vectors.insert(*key, *value)),
            (Self::Delete { key, .. }, Some(content)) => drop(content.vectors.remove(key)),
            (Self::Batch { parts, .. }, Some(content)) => {
                for (key, value) in parts {
                    match value {
                        Some(value) => content.vectors.insert(*key, *value),
                        None => content.vectors.remove(key),
                    };
                }
            }
            (Self::Attribute { name, value, .. }, Some(content)) => drop(content.attributes.insert(*name, *value)),
            (Self::RemoveAttribute { name, .. }, Some(content)) => drop(content.attributes.remove(name)),
            _ => {}
        }
    }
}

/// Name of a database.
pub fn name(db: u8) -> String {
    format!("database {db}")
}

/// Schema of a database.
pub fn schema(db: u8) -> Schema {
    Schema::new(DIMENSIONS[usize::from(db)], Metric::Cosine).expect("a valid dimension")
}

/// Keys of all shapes: integers, short ones, and ones too long for a record's header.
pub fn key(number: u16) -> KeyBuf {
    match number % 3 {
        0 => KeyBuf::Int(u64::from(number)),
        1 => KeyBuf::Bytes(format!("k{number}").into_bytes().into()),
        _ => KeyBuf::Bytes(format!("a key that does not fit into a header k{number}").into_bytes().into()),
    }
}

/// The number of a key.
pub fn number(found: Key<'_>) -> Option<u16> {
    let number = match found {
        Key::Int(id) => u16::try_from(id).ok()?,
        Key::Bytes(bytes) => str::from_utf8(bytes).ok()?.rsplit_once('k')?.1.parse().ok()?,
    };
    (key(number).as_key() == found && number < KEYS).then_some(number)
}

/// The vector of a value. The first element is the value's very bits.
pub fn vector(db: u8, value: u32) -> Vec<f32> {
    let bits = |i: usize| value.wrapping_add((i as u32).wrapping_mul(0x9E37_79B9));
    (0..DIMENSIONS[usize::from(db)]).map(|i| f32::from_bits(bits(i))).collect()
}

/// The metadata of a value: nothing, less than a sector, or more than a page.
pub fn metadata(value: u32) -> Vec<u8> {
    let len = match value % 16 {
        0..4 => 0,
        15 => 5000,
        some => some * 23,
    };
    (0..len).map(|i| (value >> 8).wrapping_add(i) as u8).collect()
}

/// Performs an operation. What it finds missing, or there already, is as the stream has it.
pub fn perform(storage: &Storage, op: &Op) -> Result<()> {
    let open = |db: &u8| storage.database(&name(*db));
    let done = match op {
        Op::Put { db, key: number, value } => {
            open(db).and_then(|it| it.put(&key(*number), &vector(*db, *value), &metadata(*value))).map(drop)
        }
        Op::Delete { db, key: number } => open(db).and_then(|it| it.delete(&key(*number))).map(drop),
        Op::Batch { db, parts } => open(db).and_then(|it| {
            let value = |value: &u32| (vector(*db, *value), metadata(*value));
            let parts: Vec<_> = parts.iter().map(|(number, put)| (key(*number), put.as_ref().map(value))).collect();
            let operations = parts.iter().map(|(key, put)| match put {
                Some((vector, metadata)) => Operation::Put { key: key.as_key(), vector, metadata },
                None => Operation::Delete { key: key.as_key() },
            });
            it.write(operations).map(drop)
        }),
        Op::Attribute { db, name, value } => open(db).and_then(|it| it.set_attribute(&[*name], &value.to_le_bytes())),
        Op::RemoveAttribute { db, name } => open(db).and_then(|it| it.remove_attribute(&[*name])).map(drop),
        Op::Flush { db } => open(db).and_then(|it| it.flush()).map(drop),
        Op::FlushAll => storage.flush().map(drop),
        Op::Compact { db } => open(db).and_then(|it| it.compact()).map(drop),
        Op::Create { db } => storage.create(&name(*db), schema(*db)).map(drop),
        Op::Drop { db } => storage.drop_database(&name(*db)),
        // The business of whoever owns the directory.
        Op::Reopen => Ok(()),
    };
    match done {
        Err(Error::NotFound { .. } | Error::AlreadyExists { .. } | Error::Dropped { .. }) => Ok(()),
        done => done,
    }
}

/// The operations of one thread, without end. Threads have databases of their own: those whose number has the thread's
/// remainder.
pub struct Stream {
    rng: Rng,
    owned: Vec<u8>,
    given: u64,
}

impl Stream {
    pub fn new(seed: u64, thread: u8, threads: u8) -> Self {
        let rng = Rng::with_seed(seed ^ u64::from(thread).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        Self { rng, owned: (0..DATABASES).filter(|db| db % threads == thread).collect(), given: 0 }
    }

    fn parts(&mut self) -> Vec<(u16, Option<u32>)> {
        let len = match self.rng.u8(0..10) {
            0 => self.rng.usize(200..500),
            _ => self.rng.usize(1..30),
        };
        (0..len).map(|_| (self.rng.u16(0..KEYS), (self.rng.u8(0..5) > 0).then(|| self.rng.u32(..)))).collect()
    }
}

impl Iterator for Stream {
    type Item = Op;

    fn next(&mut self) -> Option<Op> {
        let Self { rng, owned, given } = self;
        let number = *given as usize;
        *given += 1;
        if let Some(db) = owned.get(number) {
            return Some(Op::Create { db: *db });
        }
        let db = owned[rng.usize(0..owned.len())];
        let key = rng.u16(0..KEYS);
        let name = rng.u8(0..ATTRIBUTES);
        Some(match rng.u16(0..400) {
            0..200 => Op::Put { db, key, value: rng.u32(..) },
            200..250 => Op::Delete { db, key },
            250..300 => Op::Batch { db, parts: self.parts() },
            300..330 => Op::Attribute { db, name, value: rng.u32(..) },
            330..340 => Op::RemoveAttribute { db, name },
            340..365 => Op::Flush { db },
            365..370 => Op::FlushAll,
            370..380 => Op::Compact { db },
            380..386 => Op::Drop { db },
            386..399 => Op::Create { db },
            _ => Op::Reopen,
        })
    }
}

/// One of each, short and always the same: few enough calls of the system to be killed at each of them.
pub fn short() -> Vec<Op> {
    let mut rng = Rng::with_seed(7);
    let mut batch = |db, keys: std::ops::Range<u16>| {
        let part = |number: u16| (number, (!number.is_multiple_of(7)).then(|| rng.u32(..)));
        Op::Batch { db, parts: keys.map(part).collect() }
    };
    let put = |db, key, value| Op::Put { db, key, value };
    vec![
        Op::Create { db: 0 },
        put(0, 1, 4),
        put(0, 2, 15),
        Op::Attribute { db: 0, name: 1, value: 1 },
        Op::Flush { db: 0 },
        put(0, 1, 5),
        Op::Delete { db: 0, key: 2 },
        batch(0, 1..12),
        // The first table is full: growth.
        batch(0, 10..60),
        Op::Flush { db: 0 },
        Op::Flush { db: 0 },
        Op::RemoveAttribute { db: 0, name: 1 },
        // Others, until the first is evicted with something unflushed, and comes back.
        Op::Create { db: 1 },
        put(1, 1, 6),
        Op::Create { db: 2 },
        put(2, 2, 7),
        Op::Create { db: 3 },
        put(3, 3, 8),
        Op::Create { db: 4 },
        put(4, 4, 9),
        Op::Create { db: 7 },
        // Several pieces of a batch, each a write.
        batch(7, 0..90),
        put(0, 3, 15),
        put(1, 2, 16),
        Op::FlushAll,
        Op::Compact { db: 0 },
        put(0, 4, 17),
        Op::Compact { db: 7 },
        Op::Drop { db: 1 },
        Op::Create { db: 1 },
        put(1, 9, 18),
        Op::Flush { db: 1 },
        put(2, 5, 19),
        Op::Reopen,
        put(2, 6, 20),
        Op::Drop { db: 3 },
        batch(4, 0..40),
        Op::Flush { db: 4 },
        put(4, 1, 21),
        Op::FlushAll,
    ]
}
