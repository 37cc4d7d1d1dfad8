//! What readers beside a writer may see: one state after another of a history of changes. Knows how states are told apart, and
//! nothing of how they are read.

use jvdb_core::{Database, Key, KeyBuf, Position};
use std::collections::BTreeMap;

/// Keys of all shapes: integers, and ones too long for a record's header.
pub fn key(number: u64) -> KeyBuf {
    match number % 3 {
        0 => Key::from(format!("{number:040}").as_str()).to_owned(),
        _ => KeyBuf::Int(number),
    }
}

/// A sequence of numbers that a seed makes.
pub struct Numbers(pub u64);

impl Numbers {
    /// One of them, below a bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// What became of each key, change after change: from which change on it had which value.
#[derive(Default)]
pub struct History {
    changes: BTreeMap<KeyBuf, Vec<(u64, Option<f32>)>>,
    /// Number of the last change.
    pub now: u64,
}

impl History {
    /// A change that was acknowledged.
    pub fn note(&mut self, key: KeyBuf, value: Option<f32>) {
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
pub struct Reader {
    /// What it reads.
    pub database: Database,
    /// Number of the first change that it may not be behind of.
    pub oldest: u64,
}

impl Reader {
    /// One value that was shown.
    pub fn saw(&mut self, history: &History, key: &KeyBuf, value: Option<f32>) {
        let span = match value {
            Some(_) => history.span(key, value),
            None => history.absent_span(key, self.oldest),
        };
        let (from, to) = span.unwrap_or_else(|| panic!("{key} never had {value:?} since {}", self.oldest));
        assert!(to > self.oldest, "{key}: {value:?} was so before {to}, and {} was seen", self.oldest);
        self.oldest = self.oldest.max(from);
    }

    /// Everything of one state, which must have been a state.
    pub fn saw_all(&mut self, history: &History, found: &BTreeMap<KeyBuf, f32>) {
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

/// Everything in a database, each key once.
pub fn all_of(database: &Database) -> BTreeMap<KeyBuf, f32> {
    let mut found = BTreeMap::new();
    for vector in database.scan(Position::START) {
        let vector = vector.unwrap();
        let twice = found.insert(vector.key().to_owned(), vector.vector()[0]);
        assert_eq!(twice, None, "{} comes twice", vector.key());
    }
    found
}
