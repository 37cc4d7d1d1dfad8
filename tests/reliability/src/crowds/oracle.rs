//! What a key may hold: its content is a function of database, life, key and version, and the version lies between the
//! last one acknowledged before a read began and the last one begun before it ended.

use jvdb_core::{Key, Operation};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Keys 0 and 1 are only ever written together, in one batch, with one version.
pub const TWINS: usize = 2;

/// What a version of a key is.
#[derive(Debug, PartialEq, Clone)]
pub struct Content {
    pub vector: Vec<f32>,
    pub metadata: Vec<u8>,
}

/// One life of a database, from its creation to its removal: the versions of all its keys.
pub struct Life {
    pub database: usize,
    pub number: u64,
    keys: Vec<Versions>,
    /// Compactions begun and completed, which tell how often a scan may have lost its place.
    pub compactions_begun: AtomicU64,
    pub compactions_done: AtomicU64,
}

struct Versions {
    name: Name,
    /// Held by whoever writes the key, so that versions rise. The version that the key has now.
    now: Mutex<u64>,
    begun: AtomicU64,
    acknowledged: AtomicU64,
}

/// How the engine knows a key.
pub enum Name {
    Int(u64),
    Bytes(Vec<u8>),
    Attribute(Vec<u8>),
}

impl Name {
    fn new(number: usize) -> Self {
        let text = || format!("key {number} ").into_bytes();
        match number % 8 {
            0..=3 => Self::Int((number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            4 | 5 => Self::Bytes(text()),
            // Too long for a record's header.
            6 => Self::Bytes(text().repeat(3 + number % 50)),
            _ => Self::Attribute(text()),
        }
    }

    /// The key of a vector.
    pub fn key(&self) -> Option<Key<'_>> {
        match self {
            Self::Int(id) => Some(Key::Int(*id)),
            Self::Bytes(bytes) => Some(Key::Bytes(bytes)),
            Self::Attribute(_) => None,
        }
    }
}

/// The right to write one key.
pub struct Turn<'a> {
    life: &'a Life,
    key: usize,
    now: MutexGuard<'a, u64>,
}

impl Turn<'_> {
    /// Whether the key is there now.
    pub fn is_there(&self) -> bool {
        self.life.is_there(self.key, *self.now)
    }

    /// Begins the next version.
    pub fn begin(&mut self) -> Option<Content> {
        let version = *self.now + 1;
        self.life.keys[self.key].begun.store(version, SeqCst);
        self.life.content(self.key, version)
    }

    /// The version that was begun is acknowledged.
    pub fn acknowledge(mut self) {
        *self.now += 1;
        self.life.keys[self.key].acknowledged.store(*self.now, SeqCst);
    }
}

impl Life {
    pub fn new(database: usize, number: u64) -> Self {
        let versions = |number| Versions {
            name: Name::new(number),
            now: Mutex::new(0),
            begun: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
        };
        // Enough in some of them for tables that grow several times.
        let keys = (0..16 + database % 5 * 75).map(versions).collect();
        Self { database, number, keys, compactions_begun: AtomicU64::new(0), compactions_done: AtomicU64::new(0) }
    }

    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    pub fn name(&self, key: usize) -> &Name {
        &self.keys[key].name
    }

    /// The key of that name.
    pub fn find(&self, name: Key<'_>) -> Option<usize> {
        (0..self.keys()).find(|key| self.name(*key).key() == Some(name))
    }

    pub fn dimension(database: usize) -> usize {
        [1, 7, 16, 33, 128, 300][database % 6]
    }

    /// Waits for the right to write a key.
    pub fn turn(&self, key: usize) -> Turn<'_> {
        let now = self.keys[key].now.lock().unwrap_or_else(PoisonError::into_inner);
        Turn { life: self, key, now }
    }

    /// The version that any read which begins now must at least see.
    pub fn floor(&self, key: usize) -> u64 {
        self.keys[key].acknowledged.load(SeqCst)
    }

    /// Numbers from which a version's content is made. Twins share theirs up to here.
    fn random(&self, key: usize, version: u64) -> fastrand::Rng {
        let key = if key < TWINS { 0 } else { key };
        let whole = [self.database as u64, self.number, key as u64, version];
        let mix = |seed: u64, part: u64| (seed ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        fastrand::Rng::with_seed(whole.into_iter().fold(1, mix))
    }

    fn is_there(&self, key: usize, version: u64) -> bool {
        version > 0 && self.random(key, version).u8(..4) > 0
    }

    /// What a version holds; `None` for a deletion, and before the first.
    pub fn content(&self, key: usize, version: u64) -> Option<Content> {
        if !self.is_there(key, version) {
            return None;
        }
        let mut random = self.random(key, version);
        let large = random.u8(..) == 0;
        let len = random.usize(..if large { 60_000 } else { 200 });
        let mut metadata = vec![0; len];
        random.fill(&mut metadata);
        let dimension = if matches!(self.name(key), Name::Attribute(_)) { 0 } else { Self::dimension(self.database) };
        // All bit patterns but NaNs, which equal nothing; and the key and version in the clear.
        let mut vector: Vec<f32> = (0..dimension).map(|_| f32::from_bits(random.u32(..0x7f00_0000))).collect();
        if let [first, second, third, ..] = &mut vector[..] {
            (*first, *second, *third) = (self.number as f32, key as f32, version as f32);
        }
        Some(Content { vector, metadata })
    }

    /// Checks what a read found against every version it may have seen. Gives the earliest that fits, or what is wrong.
    pub fn check(&self, key: usize, floor: u64, found: Option<(&[f32], &[u8])>) -> Result<u64, String> {
        let ceiling = self.keys[key].begun.load(SeqCst);
        let fits = |version: &u64| match (self.content(key, *version), found) {
            (None, None) => true,
            (Some(content), Some((vector, metadata))) => content.vector == vector && content.metadata == metadata,
            _ => false,
        };
        if let Some(version) = (floor..=ceiling).find(fits) {
            return Ok(version);
        }
        let older = (0..floor).rev().find(fits).map_or(String::new(), |version| format!(", it is version {version}"));
        let found = found.map(|(vector, metadata)| (&vector[..vector.len().min(4)], metadata.len()));
        Err(format!(
            "database {}, life {}, key {key}: none of the versions {floor}..={ceiling}, but {found:?}{older}",
            self.database, self.number
        ))
    }

    /// Whether a read that began at `floor` may have found the key there, or not there.
    pub fn may_be(&self, key: usize, floor: u64, there: bool) -> bool {
        let ceiling = self.keys[key].begun.load(SeqCst);
        (floor..=ceiling).any(|version| self.is_there(key, version) == there)
    }

    /// Whether the key was there throughout, from `floor` until now.
    pub fn was_there(&self, key: usize, floor: u64) -> bool {
        let ceiling = self.keys[key].begun.load(SeqCst);
        (floor..=ceiling).all(|version| self.is_there(key, version))
    }
}

/// A key and what it is to hold, as the engine takes it.
pub fn operation<'a>(key: Key<'a>, content: Option<&'a Content>) -> Operation<'a> {
    match content {
        Some(Content { vector, metadata }) => Operation::Put { key, vector, metadata },
        None => Operation::Delete { key },
    }
}
