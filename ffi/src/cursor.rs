//! `jvdb_cursor_t`: the keys or vectors of a database one after another, with no lock in between.

use crate::boundary::Handle;
use crate::database::{Database, call};
use crate::error::Error;
use crate::key::Key;
use crate::pointer::{borrow, free, give, present, set};
use crate::status::*;
use crate::vector::Vector;
use jvdb_core as core;
use std::ptr::null_mut;

/// Goes over the keys or vectors of a database, from a position on. It pins the database. One thread at a time may use it.
pub struct Cursor(Handle<State>);

struct State {
    cursor: core::Cursor,
    /// The key given last, which the caller may still read.
    given: Option<core::KeyBuf>,
}

impl State {
    fn next_key(&mut self) -> core::Result<Option<Key>> {
        self.given = self.cursor.next_key().transpose()?;
        Ok(self.given.as_ref().map(Key::to))
    }

    fn next_vector(&mut self) -> core::Result<Option<(Key, core::Vector)>> {
        self.given = None;
        let Some(vector) = self.cursor.next().transpose()? else { return Ok(None) };
        let key = self.given.insert(vector.key().to_owned());
        Ok(Some((Key::to(key), vector)))
    }
}

/// Opens a cursor behind `position`: 0 to begin, or what jvdb_cursor_position() gave, which stays good for as long as
/// the database is neither dropped nor compacted. Close it with jvdb_cursor_close().
///
/// Keys come in the order in which they were last stored. It gives the database as it was at the first key: each key once, and
/// those that are replaced or deleted meanwhile last. It ends there; what is stored meanwhile comes from a cursor opened at its
/// position, which may give a key that was replaced once more. A compaction meanwhile may make a key come twice. After an error it
/// is at its end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_cursor_open(
    database: *const Database,
    position: u64,
    cursor: *mut *mut Cursor,
    error: *mut *mut Error,
) -> Status {
    let body = |database: &core::Database| {
        present(cursor, "cursor")?;
        let state = State { cursor: database.scan(core::Position::from_u64(position)), given: None };
        // SAFETY: `cursor` is valid for writing.
        unsafe { set(cursor, give(Cursor(Handle::new(state)))) };
        Ok(JVDB_OK)
    };
    // SAFETY: pointers are NULL or valid, as the header demands; what `*cursor` was is not read.
    unsafe {
        set(cursor, null_mut());
        call(database, error, body)
    }
}

/// Gives the next key, or JVDB_ABSENT after the last. Bytes of the key live until the next call on this cursor.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_cursor_next_key(cursor: *mut Cursor, key: *mut Key, error: *mut *mut Error) -> Status {
    let body = |state: &mut State| {
        present(key, "key")?;
        let next = state.next_key()?;
        // SAFETY: `key` is valid for writing.
        unsafe { set(key, next.unwrap_or(Key::NONE)) };
        Ok(if next.is_some() { JVDB_OK } else { JVDB_ABSENT })
    };
    // SAFETY: pointers are NULL or valid, and one thread at a time uses a cursor, as the header demands.
    unsafe { Handle::call_mut(cursor.as_mut().map(|cursor| &mut cursor.0), "cursor", error, body) }
}

/// Gives the next key with its vector and metadata, in place, or JVDB_ABSENT after the last. Bytes of the key live until
/// the next call on this cursor; the vector lives until jvdb_vector_release(), also beyond the cursor. After any status
/// but JVDB_OK there is nothing to release. May be mixed with jvdb_cursor_next_key().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_cursor_next_vector(
    cursor: *mut Cursor,
    key: *mut Key,
    vector: *mut Vector,
    error: *mut *mut Error,
) -> Status {
    if !vector.is_null() {
        // SAFETY: valid for writing; what was there is not read.
        unsafe { Vector::clear(vector) };
    }
    let body = |state: &mut State| {
        present(key, "key")?;
        present(vector, "vector")?;
        let next = state.next_vector()?;
        // SAFETY: both are valid for writing.
        unsafe {
            set(key, next.as_ref().map_or(Key::NONE, |(key, _)| *key));
            let Some((_, guard)) = next else { return Ok(JVDB_ABSENT) };
            Vector::pin(vector, guard);
        }
        Ok(JVDB_OK)
    };
    // SAFETY: pointers are NULL or valid, and one thread at a time uses a cursor, as the header demands.
    unsafe { Handle::call_mut(cursor.as_mut().map(|cursor| &mut cursor.0), "cursor", error, body) }
}

/// Where the cursor is: behind the key given last. A number to keep and to open another cursor at.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_cursor_position(
    cursor: *const Cursor,
    position: *mut u64,
    error: *mut *mut Error,
) -> Status {
    let body = |state: &State| {
        present(position, "position")?;
        // SAFETY: `position` is valid for writing.
        unsafe { set(position, state.cursor.position().to_u64()) };
        Ok(JVDB_OK)
    };
    // SAFETY: pointers are NULL or valid, and one thread at a time uses a cursor, as the header demands.
    unsafe { Handle::call(borrow(cursor).map(|cursor| &cursor.0), "cursor", error, body) }
}

/// Closes a cursor. NULL is ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_cursor_close(cursor: *mut Cursor) {
    // SAFETY: NULL or a cursor not closed yet, which this call consumes.
    unsafe { free(cursor) }
}
