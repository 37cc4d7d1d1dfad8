//! Places in a database, and iterators that go on from them. They remember where they are; the steps are `scan`'s.

use crate::error::Result;
use crate::key::KeyBuf;
use crate::scan::Position;
use crate::store::Store;
use crate::vector::Vector;

/// A place in a database's log, to go on from. It survives writes: what it has passed stays passed, what is written
/// later comes later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Cursor(u64);

impl Cursor {
    /// Before the first vector.
    pub const START: Self = Self(0);

    pub(crate) fn at(position: Position) -> Self {
        Self(position.cursor())
    }

    pub(crate) fn position(self) -> Position {
        Position::from_cursor(self.0)
    }

    /// As a number that a caller may store, good until the database is dropped, or closed after a compaction.
    pub fn to_u64(self) -> u64 {
        self.0
    }

    /// From [`to_u64`](Self::to_u64). Any number is taken; one that no cursor gave makes the scan end with an error.
    pub fn from_u64(position: u64) -> Self {
        Self(position)
    }
}

/// Iterates over live vectors in log order. See [`Database::scan`](crate::Database::scan).
pub struct Scan<'a> {
    store: &'a Store,
    position: Position,
    failed: bool,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(store: &'a Store, from: Cursor) -> Self {
        Self { store, position: from.position(), failed: false }
    }

    /// Behind the vector given last: a later scan from here goes on with the next one.
    pub fn cursor(&self) -> Cursor {
        Cursor::at(self.position)
    }
}

impl Iterator for Scan<'_> {
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

/// Iterates over keys of live vectors in log order. See [`Database::ids`](crate::Database::ids).
pub struct Ids<'a> {
    store: &'a Store,
    position: Position,
    failed: bool,
}

impl<'a> Ids<'a> {
    pub(crate) fn new(store: &'a Store, from: Cursor) -> Self {
        Self { store, position: from.position(), failed: false }
    }

    /// Behind the key given last.
    pub fn cursor(&self) -> Cursor {
        Cursor::at(self.position)
    }
}

impl Iterator for Ids<'_> {
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
