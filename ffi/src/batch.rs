//! `jvdb_batch_t`: many vectors stored or deleted in one atomic step, read from wherever the caller keeps them.

use crate::database::{Database, call};
use crate::error::Error;
use crate::failure::Failure;
use crate::key::{Key, Keys};
use crate::pointer::{bytes, check_extent, check_rows, present, set, slice};
use crate::sized::{self, Versioned};
use crate::status::*;
use jvdb_core::{self as core, Operation};
use std::ffi::c_void;

/// Rows to store or delete in one atomic step. Set either `ids` or `keys`, and either `matrix` or `rows`. Nothing is
/// copied before it is written, and all of it stays the caller's.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Batch {
    /// sizeof(jvdb_batch_t), as the program was compiled.
    pub struct_size: usize,
    /// Number of rows.
    pub count: usize,
    /// Elements of each vector: the database's dimension.
    pub dimension: usize,
    /// `count` integer keys, or NULL.
    pub ids: *const u64,
    /// `count` keys of any kind, or NULL.
    pub keys: *const Key,
    /// `count` rows of `dimension` elements, one behind the other, or NULL.
    pub matrix: *const f32,
    /// `count` pointers to `dimension` elements each, or NULL.
    pub rows: *const *const f32,
    /// `count` pointers to metadata, each of them NULL for none; NULL for no metadata at all.
    pub metadata: *const *const c_void,
    /// `count` lengths of metadata in bytes; NULL if `metadata` is.
    pub metadata_lengths: *const usize,
    /// Elements from the beginning of one row of `matrix` to that of the next: 0 for `dimension`, otherwise at least that.
    pub row_stride: usize,
    /// `count` bytes: 1 for a row that deletes its key, 0 for one that stores its vector; NULL if all store. Of a row
    /// that deletes nothing but the key is read, and if all do, neither `matrix` nor `rows` need be set.
    pub deletes: *const u8,
}

// SAFETY: integers and raw pointers of eight bytes each, the first a usize.
unsafe impl Versioned for Batch {
    const FIRST: usize = std::mem::offset_of!(Self, row_stride);
}

/// What a batch did. Set struct_size, the rest is filled in.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Written {
    /// sizeof(jvdb_written_t), as the program was compiled.
    pub struct_size: usize,
    /// Vectors stored under keys that were not there before.
    pub inserted: u64,
    /// Vectors stored in place of others.
    pub replaced: u64,
    /// Vectors deleted.
    pub deleted: u64,
}

// SAFETY: four 8-byte integers, the first a usize.
unsafe impl Versioned for Written {
    const FIRST: usize = size_of::<Self>();
}

impl From<core::Written> for Written {
    fn from(written: core::Written) -> Self {
        let core::Written { inserted, replaced, deleted } = written;
        Self { struct_size: size_of::<Self>(), inserted, replaced, deleted }
    }
}

/// Where the vectors are.
enum Vectors<'a> {
    Matrix(*const f32, usize),
    Rows(&'a [*const f32]),
    Nowhere,
}

/// The caller's arrays, each checked to be there.
struct Columns<'a> {
    keys: Keys<'a>,
    vectors: Vectors<'a>,
    metadata: &'a [*const c_void],
    lengths: &'a [usize],
    deletes: &'a [u8],
    dimension: usize,
}

impl<'a> Columns<'a> {
    /// # Safety
    /// Every pointer of the batch is NULL or readable for as many elements as the batch states.
    unsafe fn of(batch: Batch) -> Result<Self, Failure> {
        let Batch { count, dimension, matrix, rows, .. } = batch;
        let with_metadata = if batch.metadata.is_null() { 0 } else { count };
        let with_deletes = if batch.deletes.is_null() { 0 } else { count };
        // SAFETY: as promised by the caller; so below.
        let columns = unsafe {
            Self {
                keys: Keys::of(batch.ids, batch.keys, count)?,
                vectors: match (matrix.is_null(), rows.is_null()) {
                    (false, true) => Vectors::Matrix(matrix, check_rows(matrix, count, dimension, batch.row_stride)?),
                    (true, false) => Vectors::Rows(slice(rows, count, "rows")?),
                    (true, true) if with_deletes > 0 => Vectors::Nowhere,
                    _ => return Err(Failure::Argument("invalid batch: set exactly one of matrix and rows".into())),
                },
                metadata: slice(batch.metadata, with_metadata, "metadata")?,
                lengths: slice(batch.metadata_lengths, with_metadata, "metadata_lengths")?,
                deletes: slice(batch.deletes, with_deletes, "deletes")?,
                dimension,
            }
        };
        for index in 0..count {
            columns.check(index).map_err(|failure| match failure {
                Failure::Argument(message) => Failure::Argument(format!("{message} (row {index} of the batch)")),
                other => other,
            })?;
        }
        Ok(columns)
    }

    fn deletes(&self, index: usize) -> bool {
        self.deletes.get(index).is_some_and(|&byte| byte != 0)
    }

    /// Everything about a row that can be refused before the first one is written.
    fn check(&self, index: usize) -> Result<(), Failure> {
        self.keys.check(index)?;
        match self.deletes.get(index) {
            Some(1) => return Ok(()),
            Some(2..) => return Err(Failure::Argument("invalid deletes: neither 0 nor 1".into())),
            Some(0) | None => {}
        }
        match self.vectors {
            Vectors::Matrix(..) => {}
            Vectors::Rows(rows) => {
                present(rows[index], "vector")?;
                check_extent(rows[index], self.dimension, "vector")?;
            }
            Vectors::Nowhere => return Err(Failure::null("vector")),
        }
        if let Some(&metadata) = self.metadata.get(index) {
            // SAFETY: readable for the length stated beside it, as promised to `of`.
            unsafe { bytes(metadata, self.lengths[index], "metadata") }?;
        }
        Ok(())
    }

    fn row(&self, index: usize) -> Operation<'a> {
        let key = self.keys.get(index);
        if self.deletes(index) {
            return Operation::Delete { key };
        }
        // SAFETY: `of` has found the matrix large enough for memory, and `check` each pointer of this row not NULL (but
        // for absent metadata), aligned and of a sane length; readable as promised to `of`. What was refused, or has no
        // vectors, cannot come here.
        unsafe {
            let vector = match self.vectors {
                Vectors::Matrix(matrix, stride) => {
                    std::slice::from_raw_parts(matrix.add(index * stride), self.dimension)
                }
                Vectors::Rows(rows) => std::slice::from_raw_parts(rows[index], self.dimension),
                Vectors::Nowhere => &[],
            };
            let metadata = match self.metadata.get(index) {
                Some(&metadata) => bytes(metadata, self.lengths[index], "metadata").unwrap_or(&[]),
                None => &[],
            };
            Operation::Put { key, vector, metadata }
        }
    }
}

/// Performs a batch.
///
/// # Safety
/// `batch` is NULL or as large as its first field says, its pointers are NULL or as long as it says.
unsafe fn write(database: &core::Database, batch: *const Batch) -> Result<core::Written, Failure> {
    // SAFETY: as promised by the caller.
    let batch = unsafe { sized::read(batch, "batch") }?;
    if batch.count == 0 {
        return Ok(core::Written::default());
    }
    // SAFETY: as promised by the caller.
    let columns = unsafe { Columns::of(batch) }?;
    Ok(database.write((0..batch.count).map(|index| columns.row(index)))?)
}

/// Stores all vectors of a batch, or none: also across a crash or a loss of power. Durable as jvdb_put(). One lock
/// and as few writes as possible for all of it; 1,000 rows is a good size. An empty batch does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_put_batch(
    database: *mut Database,
    batch: *const Batch,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: pointers are NULL or valid, as the header demands.
    unsafe { call(database, error, |database| write(database, batch).map(|_| JVDB_OK)) }
}

/// As jvdb_put_batch(), and tells what was done: rows take effect in their order, some may delete. Readers see all of
/// it or nothing. `written` may be NULL; otherwise set its struct_size before the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_write_batch(
    database: *mut Database,
    batch: *const Batch,
    written: *mut Written,
    error: *mut *mut Error,
) -> Status {
    let body = |database: &core::Database| {
        // SAFETY: pointers are NULL or as large as the header demands; `written` is checked before anything is done.
        unsafe {
            sized::check(written)?;
            let done = write(database, batch)?;
            sized::write_if(written, &done.into())?;
        }
        Ok(JVDB_OK)
    };
    // SAFETY: pointers are NULL or valid, as the header demands.
    unsafe { call(database, error, body) }
}

/// Deletes the vectors of `count` keys, all in one atomic step; those that are not there are passed over. Set either
/// `ids` or `keys`, the other to NULL. `deleted` receives the number of vectors that were there; it may be NULL. Durable
/// as jvdb_put().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_delete_batch(
    database: *mut Database,
    ids: *const u64,
    keys: *const Key,
    count: usize,
    deleted: *mut u64,
    error: *mut *mut Error,
) -> Status {
    let body = |database: &core::Database| {
        let mut there = 0;
        if count > 0 {
            // SAFETY: NULL or readable for `count` elements, as the header demands.
            let keys = unsafe { Keys::of(ids, keys, count) }?;
            keys.check_all()?;
            there = database.delete_many((0..count).map(|index| keys.get(index)))?;
        }
        // SAFETY: `deleted` is NULL or valid for writing.
        unsafe { set(deleted, there) };
        Ok(JVDB_OK)
    };
    // SAFETY: pointers are NULL or valid, as the header demands.
    unsafe { call(database, error, body) }
}
