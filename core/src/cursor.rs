//! Positions in a database, and iterators that go on from them. They remember where they are; the steps are `scan`'s.

use crate::directory::handle::Handle;
use crate::store::scan::ScanState;
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

    pub(crate) fn at(position: &ScanState) -> Self {
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

/// Iterates over live vectors in log order. See [`Database::scan`](crate::Database::scan). It pins the database as a handle
/// does. One thread at a time uses it; it may go from one to another.
///
/// It ends for good where the log ended at its first step, or with the first error. A scan from its
/// [`position`](Self::position) goes on: after an end, with what was written since.
#[must_use = "nothing is read before the first call of `next`"]
pub struct Cursor {
    handle: Handle,
    state: ScanState,
    ended: bool,
}

impl Cursor {
    pub(crate) fn new(handle: Handle, from: Position) -> Self {
        Self { handle, state: from.state(), ended: false }
    }

    /// Behind the vector given last: a later scan from here goes on with the next one.
    pub fn position(&self) -> Position {
        Position::at(&self.state)
    }

    /// As [`next`](Iterator::next), the key alone: nothing is pinned.
    ///
    /// ```
    /// # use jvdb_core::{Key, Metric, Options, Position, Schema, Storage};
    /// # let db = Storage::in_memory(Options::default())?.create("points", Schema::new(1, Metric::DotProduct)?)?;
    /// db.put("a", &[1.0], b"")?;
    /// db.put("b", &[2.0], b"")?;
    /// let mut cursor = db.scan(Position::START);
    /// assert_eq!(cursor.next_key().transpose()?.as_ref().map(|key| key.as_key()), Some(Key::from("a")));
    /// assert_eq!(cursor.next().transpose()?.expect("there are two").key(), Key::from("b"));
    /// # Ok::<(), jvdb_core::Error>(())
    /// ```
    pub fn next_key(&mut self) -> Option<Result<KeyBuf>> {
        if self.ended {
            return None;
        }
        let next = self.handle.store().next_key(&mut self.state).transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

impl Iterator for Cursor {
    type Item = Result<Vector>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let store = self.handle.store();
        let next = store.next_vector(&mut self.state).transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next.map(|pinned| pinned.map(|record| Vector::new(record, store.vector_bytes())))
    }
}

impl FusedIterator for Cursor {}

impl Debug for Cursor {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let database = &self.handle.store().identity.name;
        f.debug_struct("Cursor").field("database", database).field("position", &self.position()).finish_non_exhaustive()
    }
}

/// Iterates over keys of live vectors in log order. See [`Database::keys`](crate::Database::keys). It ends, and is used by
/// threads, as a [`Cursor`] is.
#[must_use = "nothing is read before the first call of `next`"]
pub struct Keys(Cursor);

impl Keys {
    pub(crate) fn new(handle: Handle, from: Position) -> Self {
        Self(Cursor::new(handle, from))
    }

    /// Behind the key given last.
    pub fn position(&self) -> Position {
        self.0.position()
    }
}

impl Iterator for Keys {
    type Item = Result<KeyBuf>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next_key()
    }
}

impl FusedIterator for Keys {}

impl Debug for Keys {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keys").field(&self.0).finish()
    }
}
