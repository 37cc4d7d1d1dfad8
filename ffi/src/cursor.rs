//! `jvdb_cursor_t`: the keys or vectors of a database one after another, taken a page at a time, with no lock in between.

use crate::boundary::Handle;
use crate::database::{Database, call};
use crate::error::Error;
use crate::key::Key;
use crate::pointer::{borrow, free, give, present, set};
use crate::status::*;
use crate::vector::Vector;
use jvdb_core as core;
use std::ptr::null_mut;

/// Keys taken from the engine at once.
const KEYS: usize = 512;
/// Vectors taken from the engine at once, and bytes of them at which it is enough: where files are not mapped, they are
/// copies.
const VECTORS: usize = 64;
const BYTES: usize = 1 << 20;

/// Goes over the keys or vectors of a database, from a position on. It pins the database. One thread at a time may use it.
pub struct Cursor(Handle<State>);

struct State {
    database: core::Database,
    page: Page,
    /// The key given last, which the caller may still read.
    given: Option<core::KeyBuf>,
    /// Behind the key given last.
    position: core::Position,
}

/// What was taken from the engine and not given yet.
enum Page {
    Keys(std::vec::IntoIter<(core::KeyBuf, core::Position)>),
    Vectors(std::vec::IntoIter<(core::Vector, core::Position)>),
}

impl State {
    fn next_key(&mut self) -> core::Result<Option<Key>> {
        let next = match &mut self.page {
            Page::Keys(page) => page.next(),
            Page::Vectors(_) => None,
        };
        let next = match next {
            Some(next) => Some(next),
            None => {
                let mut keys = self.database.keys(self.position);
                let mut page = Vec::new();
                while page.len() < KEYS {
                    match keys.next() {
                        Some(Ok(key)) => page.push((key, keys.position())),
                        // It is met again behind the keys of this page.
                        Some(Err(error)) if page.is_empty() => return Err(error),
                        _ => break,
                    }
                }
                let mut page = page.into_iter();
                let next = page.next();
                self.page = Page::Keys(page);
                next
            }
        };
        self.given = next.map(|(key, position)| {
            self.position = position;
            key
        });
        Ok(self.given.as_ref().map(Key::to))
    }

    fn next_vector(&mut self) -> core::Result<Option<(Key, core::Vector)>> {
        let next = match &mut self.page {
            Page::Vectors(page) => page.next(),
            Page::Keys(_) => None,
        };
        let next = match next {
            Some(next) => Some(next),
            None => {
                let mut scan = self.database.scan(self.position);
                let (mut page, mut bytes) = (Vec::new(), 0);
                while page.len() < VECTORS && bytes < BYTES {
                    match scan.next() {
                        Some(Ok(vector)) => {
                            bytes += size_of_val(vector.vector()) + vector.metadata().len();
                            page.push((vector, scan.position()));
                        }
                        Some(Err(error)) if page.is_empty() => return Err(error),
                        _ => break,
                    }
                }
                let mut page = page.into_iter();
                let next = page.next();
                self.page = Page::Vectors(page);
                next
            }
        };
        let Some((vector, position)) = next else {
            self.given = None;
            return Ok(None);
        };
        self.position = position;
        let key = self.given.insert(vector.key().to_owned());
        Ok(Some((Key::to(key), vector)))
    }
}

/// Opens a cursor behind `position`: 0 to begin, or what jvdb_cursor_position() gave, which stays good for as long as
/// the database is neither dropped nor compacted. Close it with jvdb_cursor_close().
///
/// Keys come in the order in which they were last stored. A key that is there throughout comes at least once; one that
/// is replaced meanwhile may come again, because it has moved to the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_cursor_open(
    database: *const Database,
    position: u64,
    cursor: *mut *mut Cursor,
    error: *mut *mut Error,
) -> Status {
    let body = |database: &core::Database| {
        present(cursor, "cursor")?;
        let position = core::Position::from_u64(position);
        let page = Page::Keys(Vec::new().into_iter());
        let state = State { database: database.clone(), page, given: None, position };
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
        unsafe { set(position, state.position.to_u64()) };
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
