//! `jvdb_get_batch_t`: many vectors read in one call, into one matrix of the caller's.

use crate::database::{Database, call};
use crate::error::Error;
use crate::failure::Failure;
use crate::key::{Key, Keys};
use crate::pointer::{check_extent, check_rows, set};
use crate::sized::{self, Versioned};
use crate::status::*;
use jvdb_core as core;
use std::ffi::c_void;

/// Keys to read, and where to. Set either `ids` or `keys`. All arrays are the caller's; those that are not wanted are
/// NULL.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct GetBatch {
    /// sizeof(jvdb_get_batch_t), as the program was compiled.
    pub struct_size: usize,
    /// Number of keys.
    pub count: usize,
    /// Elements of each row: the database's dimension.
    pub dimension: usize,
    /// `count` integer keys, or NULL.
    pub ids: *const u64,
    /// `count` keys of any kind, or NULL.
    pub keys: *const Key,
    /// Room for `count` rows, or NULL. The row of a key that is not there is left as it was.
    pub matrix: *mut f32,
    /// Elements from the beginning of one row of `matrix` to that of the next: 0 for `dimension`, otherwise at least that.
    pub row_stride: usize,
    /// `count` bytes, each of which becomes 1 if the key is there and 0 if not; or NULL.
    pub found: *mut u8,
    /// Room for `metadata_capacity` bytes: the metadata of all keys, one behind the other; or NULL.
    pub metadata: *mut c_void,
    /// Bytes of room at `metadata`.
    pub metadata_capacity: usize,
    /// `count` lengths, of the metadata of each key, 0 for one that is not there; or NULL.
    pub metadata_lengths: *mut usize,
}

// SAFETY: integers and raw pointers of eight bytes each, the first a usize.
unsafe impl Versioned for GetBatch {
    const FIRST: usize = size_of::<Self>();
}

/// Where answers go, each pointer checked.
struct Target {
    to: GetBatch,
    stride: usize,
    /// Keys that were there.
    found: usize,
    /// Bytes of metadata, also of what had no room.
    metadata_length: usize,
}

impl Target {
    fn of(to: GetBatch, expected: usize, database: &str) -> Result<Self, Failure> {
        let mut stride = 0;
        if !to.matrix.is_null() {
            if to.dimension != expected {
                let database = database.to_string();
                return Err(core::Error::DimensionMismatch { database, expected, actual: to.dimension }.into());
            }
            stride = check_rows(to.matrix, to.count, to.dimension, to.row_stride)?;
        }
        check_extent(to.found, to.count, "found")?;
        check_extent(to.metadata_lengths, to.count, "metadata_lengths")?;
        check_extent(to.metadata.cast::<u8>(), to.metadata_capacity, "metadata")?;
        Ok(Self { to, stride, found: 0, metadata_length: 0 })
    }

    /// # Safety
    /// `number` is below `count`, `vector` as long as a row, and every pointer NULL or writable as the struct says.
    unsafe fn take(&mut self, number: usize, answer: Option<(&[f32], &[u8])>) {
        let metadata = answer.map_or(&[][..], |(_, metadata)| metadata);
        // SAFETY: as promised by the caller; the offsets were found to fit into memory.
        unsafe {
            if !self.to.found.is_null() {
                self.to.found.add(number).write(answer.is_some().into());
            }
            if !self.to.metadata_lengths.is_null() {
                self.to.metadata_lengths.add(number).write(metadata.len());
            }
            let Some((vector, _)) = answer else { return };
            if !self.to.matrix.is_null() {
                let row = self.to.matrix.add(number * self.stride);
                vector.as_ptr().copy_to_nonoverlapping(row, vector.len());
            }
            let end = self.metadata_length.saturating_add(metadata.len());
            if !self.to.metadata.is_null() && end <= self.to.metadata_capacity {
                let place = self.to.metadata.cast::<u8>().add(self.metadata_length);
                metadata.as_ptr().copy_to_nonoverlapping(place, metadata.len());
            }
            self.metadata_length = end;
            self.found += 1;
        }
    }
}

/// Reads the vectors of many keys into a matrix. Faster than one call for each, because the memory of some dozen vectors
/// is asked for at once. Each key is read as it is at some moment during the call.
///
/// `found_count` receives the number of keys that are there, `metadata_length` the bytes of all their metadata; both may
/// be NULL, and both are also written with JVDB_ERROR_BUFFER_TOO_SMALL, the answer if `metadata` is too small: then
/// everything but `metadata`, which holds no promise, is as with JVDB_OK. With any other error nothing that the struct
/// points to holds a promise.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_get_batch(
    database: *const Database,
    batch: *const GetBatch,
    found_count: *mut usize,
    metadata_length: *mut usize,
    error: *mut *mut Error,
) -> Status {
    let body = |database: &core::Database| {
        // SAFETY: `batch` is NULL or as large as its first field says, as the header demands.
        let batch = unsafe { sized::read(batch, "batch") }?;
        let mut target = Target::of(batch, database.schema().dimension(), database.name())?;
        if batch.count > 0 {
            // SAFETY: NULL or readable for `count` elements, as the header demands.
            let keys = unsafe { Keys::of(batch.ids, batch.keys, batch.count) }?;
            keys.check_all()?;
            database.read_many((0..batch.count).map(|index| keys.get(index)), |number, answer| {
                // SAFETY: there are `count` keys, vectors have the database's dimension, which is the row's; pointers are
                // NULL or writable, as the header demands.
                unsafe { target.take(number, answer) };
            })?;
        }
        // SAFETY: both are NULL or valid for writing.
        unsafe {
            set(found_count, target.found);
            set(metadata_length, target.metadata_length);
        }
        let (needed, given) = (target.metadata_length, batch.metadata_capacity);
        if !batch.metadata.is_null() && needed > given {
            return Err(Failure::BufferTooSmall { what: "metadata", needed, given });
        }
        Ok(JVDB_OK)
    };
    // SAFETY: pointers are NULL or valid, as the header demands.
    unsafe { call(database, error, body) }
}
