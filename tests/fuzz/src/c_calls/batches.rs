//! Batches: one of which something is to be refused, and one that can be stored.

use super::told::{AnyKey, Size, pointer_of, sized};
use super::{DIMENSION, answer};
use jvdb::batch::{Batch, jvdb_put_batch};
use jvdb::database::{Database, jvdb_contains, jvdb_count};
use jvdb::key::Key;
use jvdb::status::JVDB_OK;
use std::ffi::c_void;
use std::ptr::null;

/// A batch of which something is always to be refused, unless it is empty.
pub(super) unsafe fn hostile_batch(
    database: *mut Database,
    size: Size,
    (count, dimension): (usize, usize),
    columns: [bool; 6],
    misaligned: u8,
    tail: u8,
) {
    // What no memory can hold is refused unread. What could be there must be there.
    let count = if count.checked_mul(8).is_none_or(|bytes| bytes > isize::MAX as usize) { count } else { count % 64 };
    let dimension = if count.checked_mul(dimension.saturating_mul(4)).is_none_or(|bytes| bytes > isize::MAX as usize) {
        dimension
    } else {
        dimension % 64
    };
    let there = if count < 64 { count } else { 1 };
    let mut words = vec![0_u64; 2 * there.max(1)].into_boxed_slice();
    let elements = if dimension < 64 { there * dimension } else { there };
    let mut matrix = vec![0_f32; elements.max(1)].into_boxed_slice();
    let rows = vec![matrix.as_ptr(); there.max(1)].into_boxed_slice();
    let off = |bit: u8| usize::from(misaligned & bit != 0);
    let batch = Batch {
        struct_size: 0,
        count,
        dimension,
        ids: if columns[0] { words.as_ptr().wrapping_byte_add(off(1)) } else { null() },
        keys: if columns[1] { words.as_mut_ptr().cast::<Key>().wrapping_byte_add(off(2)) } else { null() },
        matrix: if columns[2] { matrix.as_mut_ptr().wrapping_byte_add(off(4)) } else { null() },
        // Rows are as long as the matrix is: enough for a dimension that may be read.
        rows: if columns[3] { rows.as_ptr().wrapping_byte_add(off(8)) } else { null() },
        metadata: if columns[4] {
            words.as_mut_ptr().cast::<*const c_void>().wrapping_byte_add(off(16))
        } else {
            null()
        },
        metadata_lengths: if columns[5] {
            words.as_mut_ptr().cast::<usize>().wrapping_byte_add(off(32))
        } else {
            null()
        },
        row_stride: 0,
        deletes: null(),
    };
    let mut told = sized(batch, size);
    if let (Some(words), Size::More(more, _)) = (&mut told, size)
        && more >= 8
        && let Some(last) = words.last_mut()
    {
        *last = u64::from(tail);
    }
    // SAFETY: each array holds as many elements as the batch states, or is misaligned, or states what cannot be.
    unsafe { answer(|error| jvdb_put_batch(database, pointer_of(&mut told), error)) };
}

/// A batch that can be stored, but for one row that may be NULL.
pub(super) unsafe fn sound_batch(
    database: *mut Database,
    count: usize,
    with_keys: bool,
    with_rows: bool,
    with_metadata: bool,
    null_row: bool,
) {
    let ids: Vec<u64> = (0..count as u64).collect();
    let keys: Vec<Key> = ids.iter().map(|id| Key { bytes: (&raw const *id).cast(), number: 8 }).collect();
    let matrix = vec![0.5_f32; count * DIMENSION];
    let mut rows: Vec<*const f32> = matrix.chunks(DIMENSION).map(<[f32]>::as_ptr).collect();
    if let (true, Some(last)) = (null_row, rows.last_mut()) {
        *last = null();
    }
    let metadata: Vec<*const c_void> = ids.iter().map(|id| (&raw const *id).cast()).collect();
    let lengths = vec![8_usize; count];
    let batch = Batch {
        struct_size: size_of::<Batch>(),
        count,
        dimension: DIMENSION,
        ids: if with_keys { null() } else { ids.as_ptr() },
        keys: if with_keys { keys.as_ptr() } else { null() },
        matrix: if with_rows { null() } else { matrix.as_ptr() },
        rows: if with_rows { rows.as_ptr() } else { null() },
        metadata: if with_metadata { metadata.as_ptr() } else { null() },
        metadata_lengths: if with_metadata { lengths.as_ptr() } else { null() },
        row_stride: 0,
        deletes: null(),
    };
    let (mut before, mut after) = (0, 0);
    // SAFETY: each array holds `count` elements.
    unsafe {
        // It may have been dropped.
        let there = answer(|error| jvdb_contains(database, AnyKey::Int(0).tell().key, error)) >= JVDB_OK;
        answer(|error| jvdb_count(database, &mut before, error));
        let status = answer(|error| jvdb_put_batch(database, &batch, error));
        if there {
            answer(|error| jvdb_count(database, &mut after, error));
            assert!(status == JVDB_OK || before == after, "a batch that failed has stored something");
            assert_eq!(status == JVDB_OK, !(null_row && with_rows && count > 0));
        }
    }
}
