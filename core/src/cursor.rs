//! Places in a database, and iterators that go on from them. They remember where they are; the steps are `scan`'s.

use crate::store::scan::ScanState;
use crate::store::store::Store;
use crate::types::error::Result;
use crate::types::key::KeyBuf;
use crate::vector::Vector;

/// A place in a database's log, to go on from. It survives writes: what it has passed stays passed, what is written
/// later comes later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(u64);

impl Position {
    /// Before the first vector.
    pub const START: Self = Self(0);

    pub(crate) fn at(position: ScanState) -> Self {
        Self(position.number())
    }

    pub(crate) fn position(self) -> ScanState {
        ScanState::from_number(self.0)
    }

    /// As a number that a caller may store, good until the database is dropped, or closed after a compaction.
    pub fn to_u64(self) -> u64 {
        self.0
    }

    /// From [`to_u64`](Self::to_u64). Any number is taken; one that no scan gave makes the scan end with an error.
    pub fn from_u64(position: u64) -> Self {
        Self(position)
    }
}

/// Iterates over live vectors in log order. See [`Database::scan`](crate::Database::scan).
pub struct Cursor<'a> {
    store: &'a Store,
    position: ScanState,
    failed: bool,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(store: &'a Store, from: Position) -> Self {
        Self { store, position: from.position(), failed: false }
    }

    /// Behind the vector given last: a later scan from here goes on with the next one.
    pub fn position(&self) -> Position {
        Position::at(self.position)
    }
}

impl Iterator for Cursor<'_> {
    type Item = Result<Vector>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.store.next_vector(&mut self.position).transpose();
        self.failed = matches!(next, Some(Err(_)));
        next.map(|held| held.map(|held| Vector::new(held, self.store.vector_bytes())))
    }
}

/// Iterates over keys of live vectors in log order. See [`Database::keys`](crate::Database::keys).
pub struct Keys<'a> {
    store: &'a Store,
    position: ScanState,
    failed: bool,
}

impl<'a> Keys<'a> {
    pub(crate) fn new(store: &'a Store, from: Position) -> Self {
        Self { store, position: from.position(), failed: false }
    }

    /// Behind the key given last.
    pub fn position(&self) -> Position {
        Position::at(self.position)
    }
}

impl Iterator for Keys<'_> {
    type Item = Result<KeyBuf>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.store.next_key(&mut self.position).transpose();
        self.failed = matches!(next, Some(Err(_)));
        next
    }
}
