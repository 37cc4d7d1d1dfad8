//! Walks over what a database holds, from positions that nobody gave.

use super::answer;
use jvdb::cursor::{Cursor, jvdb_cursor_close, jvdb_cursor_next_key, jvdb_cursor_open, jvdb_cursor_position};
use jvdb::database::Database;
use jvdb::key::Key;
use jvdb::status::JVDB_OK;
use std::ptr::{null, null_mut};

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
                let _read = std::slice::from_raw_parts(key.bytes.cast::<u8>(), key.number as usize).iter().max();
            }
        }
        answer(|error| jvdb_cursor_position(cursor, &mut at, error));
        jvdb_cursor_close(cursor);
    }
}
