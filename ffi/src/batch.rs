//! `jvdb_batch_t`: many vectors stored in one atomic step, read from wherever the caller keeps them.

use crate::database::{Database, call};
use crate::error::{Error, Failure};
use crate::key::Key;
use crate::pointer::{bytes, check_extent, slice};
use crate::sized::{self, Versioned};
use crate::status::*;
use jvdb_core::{self as core, Operation};
use std::ffi::c_void;

/// Vectors to store in one atomic step. Set either `ids` or `keys`, and either `matrix` or `rows`. Nothing is copied
/// before it is written, and all of it stays the caller's.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Batch {
    /// sizeof(jvdb_batch_t), as the program was compiled.
    pub struct_size: usize,
    /// Number of vectors.
    pub count: usize,
    /// Elements of each vector: the database's dimension.
    pub dimension: usize,
    /// `count` integer keys, or NULL.
    pub ids: *const u64,
    /// `count` keys of any kind, or NULL.
    pub keys: *const Key,
    /// `count` times `dimension` elements, one vector behind the other, or NULL.
    pub matrix: *const f32,
    /// `count` pointers to `dimension` elements each, or NULL.
    pub rows: *const *const f32,
    /// `count` pointers to metadata, each of them NULL for none; NULL for no metadata at all.
    pub metadata: *const *const c_void,
    /// `count` lengths of metadata in bytes; NULL if `metadata` is.
    pub metadata_lengths: *const usize,
}

// SAFETY: integers and raw pointers of eight bytes each, the first a usize.
unsafe impl Versioned for Batch {
    const FIRST: usize = size_of::<Self>();
}

/// One column of a batch that comes in two forms.
enum Either<'a, A, B> {
    This(&'a [A]),
    That(&'a [B]),
}

/// # Safety
/// Both are NULL, or readable for the number of elements given.
unsafe fn either<'a, A, B>(
    (a, a_count): (*const A, usize),
    (b, b_count): (*const B, usize),
    what: &'static str,
) -> Result<Either<'a, A, B>, Failure> {
    match (a.is_null(), b.is_null()) {
        // SAFETY: as promised by the caller.
        (false, true) => unsafe { slice(a, a_count, what) }.map(Either::This),
        // SAFETY: as promised by the caller.
        (true, false) => unsafe { slice(b, b_count, what) }.map(Either::That),
        _ => Err(Failure::Argument(format!("invalid batch: set exactly one of {what}"))),
    }
}

/// The caller's arrays, each checked to be there.
struct Columns<'a> {
    keys: Either<'a, u64, Key>,
    vectors: Either<'a, f32, *const f32>,
    metadata: &'a [*const c_void],
    lengths: &'a [usize],
    dimension: usize,
}

impl<'a> Columns<'a> {
    /// # Safety
    /// Every pointer of the batch is NULL or readable for as many elements as the batch states.
    unsafe fn of(batch: Batch) -> Result<Self, Failure> {
        let Batch { count, dimension, .. } = batch;
        let elements = count.saturating_mul(dimension);
        let with_metadata = if batch.metadata.is_null() { 0 } else { count };
        // SAFETY: as promised by the caller.
        let columns = unsafe {
            Self {
                keys: either((batch.ids, count), (batch.keys, count), "ids and keys")?,
                vectors: either((batch.matrix, elements), (batch.rows, count), "matrix and rows")?,
                metadata: slice(batch.metadata, with_metadata, "metadata")?,
                lengths: slice(batch.metadata_lengths, with_metadata, "metadata_lengths")?,
                dimension,
            }
        };
        for index in 0..count {
            columns.check(index)?;
        }
        Ok(columns)
    }

    /// Everything about a row that can be refused before the first one is written.
    fn check(&self, index: usize) -> Result<(), Failure> {
        let refuse = |failure| match failure {
            Failure::Argument(message) => Failure::Argument(format!("{message} (row {index} of the batch)")),
            other => other,
        };
        if let Either::That(keys) = self.keys {
            // SAFETY: the key's bytes are valid, as promised to `of`.
            unsafe { keys[index].get() }.map_err(refuse)?;
        }
        if let Either::That(rows) = self.vectors {
            crate::pointer::present(rows[index], "vector").map_err(refuse)?;
            check_extent(rows[index], self.dimension, "vector").map_err(refuse)?;
        }
        if let Some(&metadata) = self.metadata.get(index) {
            // SAFETY: readable for the length stated beside it, as promised to `of`.
            unsafe { bytes(metadata, self.lengths[index], "metadata") }.map_err(refuse)?;
        }
        Ok(())
    }

    fn row(&self, index: usize) -> Operation<'a> {
        // SAFETY: `check` has found each pointer of this row not NULL (but for absent metadata), aligned and of a sane
        // length; readable as promised to `of`. What it has refused cannot come here.
        unsafe {
            let key = match self.keys {
                Either::This(ids) => core::Key::Int(ids[index]),
                Either::That(keys) => keys[index].get().unwrap_or(core::Key::Bytes(&[])),
            };
            let vector = match self.vectors {
                Either::This(matrix) => &matrix[index * self.dimension..][..self.dimension],
                Either::That(rows) => std::slice::from_raw_parts(rows[index], self.dimension),
            };
            let metadata = match self.metadata.get(index) {
                Some(&metadata) => bytes(metadata, self.lengths[index], "metadata").unwrap_or(&[]),
                None => &[],
            };
            Operation::Put { key, vector, metadata }
        }
    }
}

/// Stores all vectors of a batch, or none: also across a crash or a loss of power. Durable as jvdb_put(). One lock
/// and as few writes as possible for all of it; 1,000 rows is a good size. An empty batch does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_put_batch(
    database: *mut Database,
    batch: *const Batch,
    error: *mut *mut Error,
) -> Status {
    let body = |database: &core::Database| {
        // SAFETY: `batch` is NULL or as large as its first field says, as the header demands.
        let batch = unsafe { sized::read(batch, "batch") }?;
        if batch.count > 0 {
            // SAFETY: its pointers are NULL or as long as the header demands.
            let columns = unsafe { Columns::of(batch) }?;
            database.write((0..batch.count).map(|index| columns.row(index)))?;
        }
        Ok(JVDB_OK)
    };
    // SAFETY: pointers are NULL or valid, as the header demands.
    unsafe { call(database, error, body) }
}
