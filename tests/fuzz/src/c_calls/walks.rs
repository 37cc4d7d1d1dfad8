//! Walks over what a database holds, from positions that nobody gave.

use super::{DIMENSION, answer};
use jvdb::cursor::{Cursor, jvdb_cursor_close, jvdb_cursor_next_key, jvdb_cursor_open, jvdb_cursor_position};
use jvdb::database::{Database, jvdb_contains, jvdb_count};
use jvdb::key::Key;
use jvdb::status::{JVDB_OK, Status};
use jvdb::visit::jvdb_visit;
use std::ffi::c_void;
use std::ptr::{from_mut, null, null_mut};
use std::slice::from_raw_parts;

pub(super) unsafe fn walk(database: *mut Database, position: u64, steps: u8) {
    let (mut cursor, mut at): (*mut Cursor, u64) = (null_mut(), 0);
    let mut key = Key { bytes: null(), number: 0 };
    // SAFETY: the cursor is NULL or was opened, and is closed once.
    unsafe {
        answer(|error| jvdb_cursor_open(database, position, &mut cursor, error));
        for _ in 0..steps {
            if answer(|error| jvdb_cursor_next_key(cursor, &mut key, error)) != JVDB_OK {
                break;
            }
            if !key.bytes.is_null() {
                let _read = from_raw_parts(key.bytes.cast::<u8>(), key.number as usize).iter().max();
            }
        }
        answer(|error| jvdb_cursor_position(cursor, &mut at, error));
        jvdb_cursor_close(cursor);
    }
}

/// What a visit is handed.
struct Visitor {
    database: *const Database,
    shown: u64,
    stop_at: u64,
}

/// Reads all that it is shown, to the last byte.
unsafe extern "C" fn see(
    user: *mut c_void,
    key: Key,
    elements: *const f32,
    dimension: usize,
    metadata: *const c_void,
    metadata_length: usize,
) -> i32 {
    // SAFETY: `user` is a visitor, which nobody else uses; the rest is as the header says.
    let visitor = unsafe {
        assert!(elements.addr().is_multiple_of(64) && dimension == DIMENSION);
        let _read: f32 = from_raw_parts(elements, dimension).iter().sum();
        let _read = from_raw_parts(metadata.cast::<u8>(), metadata_length).iter().max();
        let visitor = &mut *user.cast::<Visitor>();
        assert_eq!(answer(|error| jvdb_contains(visitor.database, key, error)), JVDB_OK);
        visitor
    };
    visitor.shown += 1;
    i32::from(visitor.shown == visitor.stop_at)
}

/// A visit from any position.
pub(super) unsafe fn visit(database: *mut Database, position: u64, with_callback: bool, with_reached: bool) {
    let (mut visitor, mut reached) = (Visitor { database, shown: 0, stop_at: 0 }, u64::MAX);
    let at = if with_reached { &raw mut reached } else { null_mut() };
    let callback = with_callback.then_some(see as _);
    // SAFETY: pointers are NULL or valid.
    let status =
        answer(|error| unsafe { jvdb_visit(database, position, callback, from_mut(&mut visitor).cast(), at, error) });
    assert!(with_callback || (status < 0 && visitor.shown == 0));
    assert!(reached == u64::MAX || status == JVDB_OK);
}

/// A visit from the beginning, so many vectors at once: each is shown once.
pub(super) unsafe fn visit_in_pieces(database: *mut Database, at_once: u8) {
    let (mut visitor, mut position, mut count) = (Visitor { database, shown: 0, stop_at: 0 }, 0, 0);
    loop {
        visitor.stop_at = visitor.shown + u64::from(at_once);
        let user = from_mut(&mut visitor).cast();
        // SAFETY: pointers are valid.
        let status: Status =
            answer(|error| unsafe { jvdb_visit(database, position, Some(see), user, &mut position, error) });
        if status != JVDB_OK {
            // It was dropped.
            return;
        }
        assert!(visitor.shown <= visitor.stop_at || at_once == 0, "a visit went on behind where it was stopped");
        if visitor.shown != visitor.stop_at || at_once == 0 {
            break;
        }
    }
    // SAFETY: as above.
    assert_eq!(answer(|error| unsafe { jvdb_count(database, &mut count, error) }), JVDB_OK);
    assert_eq!(visitor.shown, count);
}
