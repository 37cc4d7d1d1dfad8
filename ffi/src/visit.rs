//! `jvdb_visit()`: every vector shown to a function of the caller's where it lies, with nothing to release.

use crate::database::{Database, call};
use crate::error::Error;
use crate::failure::Failure;
use crate::key::Key;
use crate::pointer::set;
use crate::status::*;
use jvdb_core as core;
use std::ffi::c_void;
use std::ops::ControlFlow::{Break, Continue};

/// Takes one vector of a visit: the pointer given to jvdb_visit(), the key, `dimension` elements on a 64-byte boundary,
/// and the metadata, which are never NULL. All of it may be read until this returns, and not after. Returns 0 to go on,
/// anything else to stop behind this vector.
///
/// It runs on the thread that visits, in the middle of that call. It must return in the ordinary way: no exception, no
/// longjmp, no end of the thread. Of this library it may call what reads the same database by key (jvdb_get_into(),
/// jvdb_get(), jvdb_get_batch(), jvdb_contains()), jvdb_count(), and all that asks or releases a vector or an error.
/// What writes to, flushes, compacts, backs up or drops this database fails there with JVDB_ERROR_INVALID_ARGUMENT. Any other call
/// may wait for ever, for one that waits for this; and so may the callback if it waits for a lock that another thread
/// holds while it writes to this database. Its handle must not be released. So note what is to be written, stop, write,
/// and visit on from there; or use a cursor, which holds nothing up.
pub type VisitCallback = Option<
    unsafe extern "C" fn(
        user: *mut c_void,
        key: Key,
        elements: *const f32,
        dimension: usize,
        metadata: *const c_void,
        metadata_length: usize,
    ) -> i32,
>;

/// Shows vectors to `callback`, one after the other, until it has had enough or there are no more. The fastest way to look
/// at everything: nothing is pinned, and nothing is to be released. A cursor gives the same vectors in the same order.
///
/// `position` is 0 to begin, or what `reached` or jvdb_cursor_position() gave, behind which it goes on; from 0 it goes
/// fastest. `user` is handed to the callback. `reached` receives the position behind the vector shown last, for another
/// visit or a cursor, and is good for as long as jvdb_cursor_open() says; it may be NULL.
///
/// Returns JVDB_OK in both cases: the callback knows whether it has stopped. A vector that is there throughout is shown at
/// least once: again if another thread replaces it meanwhile, and perhaps again if one compacts the database. What is
/// stored meanwhile is shown, too, so whoever stores faster than the callback sees keeps the visit going. A batch or a
/// flush of this database waits until the callback returns, and other readers wait for that, so it should be short.
///
/// Fails with JVDB_ERROR_INVALID_ARGUMENT for a position that nothing gave, or if the database was compacted twice between
/// two vectors; and as a cursor does. What lies before the record at fault has been shown then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_visit(
    database: *const Database,
    position: u64,
    callback: VisitCallback,
    user: *mut c_void,
    reached: *mut u64,
    error: *mut *mut Error,
) -> Status {
    let body = |database: &core::Database| {
        let callback = callback.ok_or_else(|| Failure::null("callback"))?;
        let see = |key: core::Key<'_>, vector: &[f32], metadata: &[u8]| {
            let (bytes, length) = (metadata.as_ptr().cast(), metadata.len());
            // SAFETY: the function takes these, as promised by whoever gave it; the pointers live during its call.
            let stop = unsafe { callback(user, Key::of(key), vector.as_ptr(), vector.len(), bytes, length) };
            if stop == 0 { Continue(()) } else { Break(()) }
        };
        let end = database.visit(core::Position::from_u64(position), see)?;
        // SAFETY: `reached` is NULL or valid for writing.
        unsafe { set(reached, end.to_u64()) };
        Ok(JVDB_OK)
    };
    // SAFETY: pointers are NULL or valid, as the header demands.
    unsafe { call(database, error, body) }
}
