//! Positions in a database, and iterators that go on from them. They remember where they are; the steps are `scan`'s.

use crate::store::scan::ScanState;
use crate::store::store::Store;
use crate::types::error::Result;
use crate::types::key::KeyBuf;
use crate::vector::Vector;
use std::fmt::{self, Debug, Formatter};
use std::iter::FusedIterator;

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

    pub(crate) fn state(self) -> ScanState {
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

/// Iterates over live vectors in log order. See [`Database::scan`](crate::Database::scan). One thread at a time uses it; it
/// may go from one to another.
///
/// It ends for good behind the last vector, or with the first error. A scan from its [`position`](Self::position) goes on:
/// after an end, with what was written since.
#[must_use = "nothing is read before the first call of `next`"]
pub struct Cursor<'a> {
    store: &'a Store,
    position: ScanState,
    ended: bool,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(store: &'a Store, from: Position) -> Self {
        Self { store, position: from.state(), ended: false }
    }

    /// Behind the vector given last: a later scan from here goes on with the next one.
    pub fn position(&self) -> Position {
        Position::at(self.position)
    }
}

impl Iterator for Cursor<'_> {
    type Item = Result<Vector>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.store.next_vector(&mut self.position).transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next.map(|pinned| pinned.map(|record| Vector::new(record, self.store.vector_bytes())))
    }
}

impl FusedIterator for Cursor<'_> {}

impl Debug for Cursor<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let database = &self.store.identity.name;
        f.debug_struct("Cursor").field("database", database).field("position", &self.position()).finish_non_exhaustive()
    }
}

/// Iterates over keys of live vectors in log order. See [`Database::keys`](crate::Database::keys). It ends, and is used by
/// threads, as a [`Cursor`] is.
#[must_use = "nothing is read before the first call of `next`"]
pub struct Keys<'a> {
    store: &'a Store,
    position: ScanState,
    ended: bool,
}

impl<'a> Keys<'a> {
    pub(crate) fn new(store: &'a Store, from: Position) -> Self {
        Self { store, position: from.state(), ended: false }
    }

    /// Behind the key given last.
    pub fn position(&self) -> Position {
        Position::at(self.position)
    }
}

impl Iterator for Keys<'_> {
    type Item = Result<KeyBuf>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.store.next_key(&mut self.position).transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

impl FusedIterator for Keys<'_> {}

impl Debug for Keys<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let database = &self.store.identity.name;
        f.debug_struct("Keys").field("database", database).field("position", &self.position()).finish_non_exhaustive()
    }
}
