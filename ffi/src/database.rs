//! `jvdb_database_t`: one open database, and every call on it that needs no type of its own.

use crate::boundary::{Handle, Outcome};
use crate::error::Error;
use crate::failure::Failure;
use crate::key::Key;
use crate::pointer::{borrow, bytes, check_extent, free, set, slice};
use crate::sized;
use crate::stats::{DatabaseStats, microseconds};
use crate::status::*;
use jvdb_core as core;
use std::ffi::c_void;

/// One database, open and pinned. Every call but jvdb_database_release() may run on any thread, any number at once.
pub struct Database(Handle<core::Database>);

impl Database {
    pub(crate) fn new(database: core::Database) -> Self {
        Self(Handle::new(database))
    }
}

/// Runs a call on a database.
///
/// # Safety
/// Both pointers are NULL or valid.
#[inline]
pub(crate) unsafe fn call(
    database: *const Database,
    error: *mut *mut Error,
    body: impl FnOnce(&core::Database) -> Outcome,
) -> Status {
    // SAFETY: as promised by the caller.
    unsafe { Handle::call(borrow(database).map(|database| &database.0), "database", error, body) }
}

/// Releases a handle, so that the database may be closed to make room for others. It does not flush. NULL is ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_database_release(database: *mut Database) {
    // SAFETY: NULL or a handle not released yet, which this call consumes.
    unsafe { free(database) }
}

/// Dimension (elements of each vector) and metric (JVDB_METRIC_*) of a database. Either out-parameter may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_database_schema(
    database: *const Database,
    dimension: *mut u32,
    metric: *mut i32,
    error: *mut *mut Error,
) -> Status {
    let body = |database: &core::Database| {
        let schema = database.schema();
        let number = i32::from(schema.metric().number());
        // SAFETY: both are NULL or valid for writing.
        unsafe {
            set(dimension, schema.dimension() as u32);
            set(metric, number);
        }
        Ok(JVDB_OK)
    };
    // SAFETY: pointers are NULL or valid, as the header demands.
    unsafe { call(database, error, body) }
}

/// The arguments every storing call takes.
struct Row {
    key: Key,
    vector: *const f32,
    dimension: usize,
    metadata: *const c_void,
    metadata_length: usize,
}

impl Row {
    /// Runs a call that stores one vector.
    ///
    /// # Safety
    /// All pointers, those of the row too, are NULL or valid.
    #[inline]
    unsafe fn store(
        self,
        database: *mut Database,
        error: *mut *mut Error,
        how: impl FnOnce(&core::Database, core::Key, &[f32], &[u8]) -> core::Result<()>,
    ) -> Status {
        let body = |database: &core::Database| {
            // SAFETY: as promised by the caller.
            let (key, vector, metadata) = unsafe {
                (
                    self.key.get()?,
                    slice(self.vector, self.dimension, "vector")?,
                    bytes(self.metadata, self.metadata_length, "metadata")?,
                )
            };
            how(database, key, vector, metadata)?;
            Ok(JVDB_OK)
        };
        // SAFETY: as promised by the caller.
        unsafe { call(database, error, body) }
    }
}

/// Stores a vector, or replaces the one of this key. When it returns, the vector survives the death of the process;
/// after the next flush also a loss of power.
///
/// `vector` has `dimension` elements, stored bit by bit as given, NaN included. `metadata` is any bytes up to 16 MiB,
/// JSON text by convention; NULL with length 0 for none.
///
/// Fails with JVDB_ERROR_DIMENSION_MISMATCH, JVDB_ERROR_NO_SPACE or JVDB_ERROR_POISONED; then nothing has changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_put(
    database: *mut Database,
    key: Key,
    vector: *const f32,
    dimension: usize,
    metadata: *const c_void,
    metadata_length: usize,
    error: *mut *mut Error,
) -> Status {
    let row = Row { key, vector, dimension, metadata, metadata_length };
    // SAFETY: pointers are NULL or valid, as the header demands; so in the two calls below.
    unsafe {
        row.store(database, error, |database, key, vector, metadata| database.put(key, vector, metadata).map(drop))
    }
}

/// As jvdb_put(), but only under a new key: fails with JVDB_ERROR_KEY_EXISTS otherwise.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_insert(
    database: *mut Database,
    key: Key,
    vector: *const f32,
    dimension: usize,
    metadata: *const c_void,
    metadata_length: usize,
    error: *mut *mut Error,
) -> Status {
    let row = Row { key, vector, dimension, metadata, metadata_length };
    // SAFETY: as in jvdb_put.
    unsafe { row.store(database, error, |database, key, vector, metadata| database.insert(key, vector, metadata)) }
}

/// As jvdb_put(), but only in place of an existing vector: fails with JVDB_ERROR_KEY_NOT_FOUND otherwise.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_replace(
    database: *mut Database,
    key: Key,
    vector: *const f32,
    dimension: usize,
    metadata: *const c_void,
    metadata_length: usize,
    error: *mut *mut Error,
) -> Status {
    let row = Row { key, vector, dimension, metadata, metadata_length };
    // SAFETY: as in jvdb_put.
    unsafe { row.store(database, error, |database, key, vector, metadata| database.replace(key, vector, metadata)) }
}

/// Copies a vector and its metadata into the caller's buffers. JVDB_ABSENT if there is none of this key.
///
/// `vector` has room for `dimension` elements, which must be the database's dimension; NULL if the vector is not
/// wanted. `metadata` has room for `metadata_capacity` bytes; NULL if it is not wanted. `metadata_length` receives the
/// metadata's length whenever the vector exists, also when it is not wanted or does not fit; it may be NULL.
///
/// Never copies a part: with JVDB_ERROR_BUFFER_TOO_SMALL, as with every other status but JVDB_OK, both buffers are
/// untouched. jvdb_get() copies nothing at all.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_get_into(
    database: *const Database,
    key: Key,
    vector: *mut f32,
    dimension: usize,
    metadata: *mut c_void,
    metadata_capacity: usize,
    metadata_length: *mut usize,
    error: *mut *mut Error,
) -> Status {
    let body = |database: &core::Database| {
        check_extent(vector, dimension, "vector")?;
        let expected = database.schema().dimension();
        if !vector.is_null() && dimension != expected {
            let database = database.name().to_string();
            return Err(core::Error::DimensionMismatch { database, expected, actual: dimension }.into());
        }
        // SAFETY: the key's bytes are valid, as the header demands.
        let key = unsafe { key.get() }?;
        let copied = database.read(key, |elements, bytes| {
            // SAFETY: NULL or valid for writing, as the header demands.
            let fits = unsafe { copy_if_fits(bytes, metadata, metadata_capacity, metadata_length) };
            if fits && !vector.is_null() {
                // SAFETY: the buffer has `dimension` elements, as many as every vector of this database.
                unsafe { elements.as_ptr().copy_to_nonoverlapping(vector, dimension) };
            }
            if fits { Ok(()) } else { Err(bytes.len()) }
        })?;
        match copied {
            Some(Ok(())) => Ok(JVDB_OK),
            None => Ok(JVDB_ABSENT),
            Some(Err(needed)) => Err(Failure::BufferTooSmall { what: "metadata", needed, given: metadata_capacity }),
        }
    };
    // SAFETY: pointers are NULL or valid, as the header demands.
    unsafe { call(database, error, body) }
}

/// Copies bytes to a caller's buffer, all or none, and reports their length either way. A NULL buffer wants none. Gives
/// whether they fit.
///
/// # Safety
/// `to` is NULL or writable for `capacity` bytes, `length` is NULL or writable.
#[inline]
pub(crate) unsafe fn copy_if_fits(from: &[u8], to: *mut c_void, capacity: usize, length: *mut usize) -> bool {
    // SAFETY: as promised by the caller.
    unsafe { set(length, from.len()) };
    if to.is_null() {
        return true;
    }
    if from.len() > capacity {
        return false;
    }
    // SAFETY: `to` has at least as many bytes; nothing of the engine's overlaps a buffer the caller may write.
    unsafe { from.as_ptr().copy_to_nonoverlapping(to.cast(), from.len()) };
    true
}

/// Whether there is a vector of this key: JVDB_OK or JVDB_ABSENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_contains(database: *const Database, key: Key, error: *mut *mut Error) -> Status {
    // SAFETY: pointers are NULL or valid, as the header demands; so in the call below.
    unsafe { call(database, error, |database| Ok(if database.contains(key.get()?)? { JVDB_OK } else { JVDB_ABSENT })) }
}

/// Deletes a vector and its metadata. JVDB_ABSENT if there was none of this key. Durable as jvdb_put().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_delete(database: *mut Database, key: Key, error: *mut *mut Error) -> Status {
    // SAFETY: as in jvdb_contains.
    unsafe { call(database, error, |database| Ok(if database.delete(key.get()?)? { JVDB_OK } else { JVDB_ABSENT })) }
}

/// Number of live vectors.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_count(database: *const Database, count: *mut u64, error: *mut *mut Error) -> Status {
    let body = |database: &core::Database| {
        crate::pointer::present(count, "count")?;
        // SAFETY: `count` is valid for writing.
        unsafe { set(count, database.count()) };
        Ok(JVDB_OK)
    };
    // SAFETY: pointers are NULL or valid, as the header demands.
    unsafe { call(database, error, body) }
}

/// Moves a database of a directory opened with JVDB_READ_ONLY on to what is durable in its file now. JVDB_ABSENT if there was
/// nothing new. Without it each call shows a state at least as new as the call before; cursors and vectors that were read stay as
/// they are. A database that this process writes is always up to date: JVDB_ABSENT.
///
/// Fails with JVDB_ERROR_REMOVED if the file is gone or another database's, JVDB_ERROR_CORRUPT or JVDB_ERROR_IO; the database shows
/// what it showed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_refresh(database: *mut Database, error: *mut *mut Error) -> Status {
    // SAFETY: as in jvdb_contains.
    unsafe { call(database, error, |database| Ok(if database.refresh()? { JVDB_OK } else { JVDB_ABSENT })) }
}

/// Makes everything acknowledged on this database before the call survive a loss of power. Other threads go on reading
/// and writing meanwhile. `duration_us` receives the microseconds it took; it may be NULL.
///
/// Fails with JVDB_ERROR_IO or JVDB_ERROR_POISONED; nothing more is durable then than before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_flush(database: *mut Database, duration_us: *mut u64, error: *mut *mut Error) -> Status {
    let body = |database: &core::Database| {
        let duration = database.flush()?;
        // SAFETY: `duration_us` is NULL or valid for writing.
        unsafe { set(duration_us, microseconds(duration)) };
        Ok(JVDB_OK)
    };
    // SAFETY: pointers are NULL or valid, as the header demands.
    unsafe { call(database, error, body) }
}

/// Figures of one database. Set `stats->struct_size` before the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_database_stats(
    database: *const Database,
    stats: *mut DatabaseStats,
    error: *mut *mut Error,
) -> Status {
    let body = |database: &core::Database| {
        // SAFETY: `stats` is NULL or as large as its first field says.
        unsafe { sized::write(stats, &database.stats().into(), "stats") }?;
        Ok(JVDB_OK)
    };
    // SAFETY: pointers are NULL or valid, as the header demands.
    unsafe { call(database, error, body) }
}
