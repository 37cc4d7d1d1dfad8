//! `jvdb_cursor_t`: walks over the keys of a database, a page at a time, holding no lock in between.

use crate::boundary::Handle;
use crate::database::{Database, call};
use crate::error::Error;
use crate::key::Key;
use crate::pointer::{borrow, free, give, present, set};
use crate::status::*;
use jvdb_core as core;
use std::ptr::null_mut;

/// Keys taken from the engine at once.
const PAGE: usize = 512;

/// A place in a database, to walk over its keys from. It pins the database. One thread at a time may use it.
pub struct Cursor(Handle<Keys>);

struct Keys {
    database: core::Database,
    page: std::vec::IntoIter<(core::KeyBuf, core::Cursor)>,
    /// The key given last, which the caller may still read.
    given: Option<core::KeyBuf>,
    /// Behind the key given last.
    position: core::Cursor,
}

impl Keys {
    fn next(&mut self) -> core::Result<Option<Key>> {
        if self.page.as_slice().is_empty() {
            let mut ids = self.database.ids(self.position);
            let mut page = Vec::with_capacity(PAGE);
            while page.len() < PAGE
                && let Some(key) = ids.next()
            {
                page.push((key?, ids.cursor()));
            }
            self.page = page.into_iter();
        }
        self.given = self.page.next().map(|(key, position)| {
            self.position = position;
            key
        });
        Ok(self.given.as_ref().map(Key::to))
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
        let position = core::Cursor::from_u64(position);
        let keys = Keys { database: database.clone(), page: Vec::new().into_iter(), given: None, position };
        // SAFETY: `cursor` is valid for writing.
        unsafe { set(cursor, give(Cursor(Handle::new(keys)))) };
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
    let body = |keys: &mut Keys| {
        present(key, "key")?;
        let next = keys.next()?;
        // SAFETY: `key` is valid for writing.
        unsafe { set(key, next.unwrap_or(Key::NONE)) };
        Ok(if next.is_some() { JVDB_OK } else { JVDB_ABSENT })
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
    let body = |keys: &Keys| {
        present(position, "position")?;
        // SAFETY: `position` is valid for writing.
        unsafe { set(position, keys.position.to_u64()) };
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
