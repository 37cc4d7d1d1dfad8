//! `jvdb_storage_t`: a directory of databases, or memory that plays one.

use crate::attribute::{self, Attribute};
use crate::boundary::{Handle, Outcome, run};
use crate::database::Database;
use crate::error::Error;
use crate::failure::Failure;
use crate::names::Names;
use crate::options::{self, Options};
use crate::pointer::{self, borrow, c_text, give, present, set, text};
use crate::sized;
use crate::stats::{StorageStats, microseconds};
use crate::status::*;
use jvdb_core::{self as core, Metric, Schema};
use std::ffi::{OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::ptr::null_mut;

/// A directory of databases, open. Every call but jvdb_close() may run on any thread, any number at once.
pub struct Storage(Handle<core::Storage>);

/// Metric of a database: cosine distance.
pub const JVDB_METRIC_COSINE: i32 = 0;
/// Metric of a database: Euclidean (L2) distance.
pub const JVDB_METRIC_EUCLIDEAN: i32 = 1;
/// Metric of a database: inner product.
pub const JVDB_METRIC_DOT_PRODUCT: i32 = 2;

const _: () = assert!(
    JVDB_METRIC_COSINE == Metric::Cosine as i32
        && JVDB_METRIC_EUCLIDEAN == Metric::Euclidean as i32
        && JVDB_METRIC_DOT_PRODUCT == Metric::DotProduct as i32
);

/// The metric of a number.
pub(crate) fn metric_of(number: i32) -> Result<Metric, Failure> {
    let metric = u8::try_from(number).ok().and_then(Metric::from_number);
    metric.ok_or_else(|| Failure::Argument(format!("invalid metric: {number} is no JVDB_METRIC_*")))
}

/// Opens a directory of databases, creating it if it is missing, and takes its lock: one process writes at a time.
/// No database file is opened yet, so this takes the same time for one database and for a thousand.
/// `options` may be NULL for the defaults. Close the storage with jvdb_close().
///
/// Fails with JVDB_ERROR_LOCKED if the directory is open for writing elsewhere, JVDB_ERROR_IO if it cannot be made,
/// read or written, JVDB_ERROR_INVALID_ARGUMENT for options out of range.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_open(
    path: *const c_char,
    options: *const Options,
    storage: *mut *mut Storage,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: pointers are NULL or valid, as the header demands.
    unsafe {
        open(options, storage, error, |options| {
            let path = OsStr::from_bytes(c_text(path, "path")?.to_bytes());
            Ok(core::Storage::open(path, options)?)
        })
    }
}

/// Opens an empty storage in memory: the same calls, no files; all is gone when it is closed. Flags that speak of files
/// mean nothing here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_open_memory(
    options: *const Options,
    storage: *mut *mut Storage,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: pointers are NULL or valid, as the header demands.
    unsafe { open(options, storage, error, |options| Ok(core::Storage::in_memory(options)?)) }
}

/// # Safety
/// All pointers are NULL or valid.
unsafe fn open(
    options: *const Options,
    storage: *mut *mut Storage,
    error: *mut *mut Error,
    how: impl FnOnce(jvdb_core::Options) -> Result<core::Storage, Failure>,
) -> Status {
    let body = || {
        present(storage, "storage")?;
        // SAFETY: as promised by the caller.
        unsafe {
            set(storage, null_mut());
            let opened = how(options::read(options)?)?;
            set(storage, give(Storage(Handle::new(opened))));
        }
        Ok(JVDB_OK)
    };
    // SAFETY: as promised by the caller.
    unsafe { run(error, body) }
}

/// Flushes everything, closes every file, releases the lock, and frees the storage, also when it returns an error.
/// Release database handles and cursors before: one that is still held goes on working, and keeps the directory and
/// its lock until it is released. No other call on this storage may run or follow. NULL is ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_close(storage: *mut Storage, error: *mut *mut Error) -> Status {
    let body = || {
        // SAFETY: NULL or a storage not closed yet, which this call consumes.
        if let Some(storage) = unsafe { pointer::take(storage) } {
            storage.0.into_inner().close()?;
        }
        Ok(JVDB_OK)
    };
    // SAFETY: `error` is NULL or valid for writing.
    unsafe { run(error, body) }
}

/// Runs a call on a storage.
///
/// # Safety
/// Both pointers are NULL or valid.
unsafe fn call(
    storage: *const Storage,
    error: *mut *mut Error,
    body: impl FnOnce(&core::Storage) -> Outcome,
) -> Status {
    // SAFETY: as promised by the caller.
    unsafe { Handle::call(borrow(storage).map(|storage| &storage.0), "storage", error, body) }
}

/// Runs a call that speaks of a database by name.
///
/// # Safety
/// All pointers are NULL or valid.
pub(crate) unsafe fn named(
    storage: *const Storage,
    name: *const c_char,
    error: *mut *mut Error,
    body: impl FnOnce(&core::Storage, &str) -> Outcome,
) -> Status {
    // SAFETY: as promised by the caller.
    unsafe { call(storage, error, |storage| body(storage, text(name, "name")?)) }
}

/// Creates a database; it is durable when this returns. Names are UTF-8 without '/' and NUL, of up to
/// 246 bytes, of which all but letters, digits, '-', '_' and '.' count three times.
/// `dimension` is the number of elements of each vector, 1 to 65,536; `metric` one of JVDB_METRIC_*.
/// `database` receives a handle on it, to be released with jvdb_database_release(); it may be NULL.
///
/// Fails with JVDB_ERROR_ALREADY_EXISTS if there is one of this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_create(
    storage: *mut Storage,
    name: *const c_char,
    dimension: u32,
    metric: i32,
    database: *mut *mut Database,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: pointers are NULL or valid, as the header demands; so in the next two calls.
    unsafe { made(storage, name, dimension, metric, database, error, core::Storage::create) }
}

/// Creates a database that has `count` attributes from the moment that it exists: neither a crash nor a failure leaves one
/// without them. As jvdb_create() otherwise.
///
/// Fails with JVDB_ERROR_INVALID_ARGUMENT, too, for an attribute that jvdb_attribute_set() would refuse.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_create_with(
    storage: *mut Storage,
    name: *const c_char,
    dimension: u32,
    metric: i32,
    attributes: *const Attribute,
    count: usize,
    database: *mut *mut Database,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: as above.
    let how = |storage: &core::Storage, name: &str, schema| unsafe {
        let attributes = attribute::pairs(attributes, count)?;
        Ok::<_, Failure>(storage.create_with(name, schema, &attributes)?)
    };
    // SAFETY: as above.
    unsafe { made(storage, name, dimension, metric, database, error, how) }
}

/// Makes or opens a database, and gives a handle on it to who wants one.
///
/// # Safety
/// All pointers are NULL or valid.
unsafe fn made<E: Into<Failure>>(
    storage: *mut Storage,
    name: *const c_char,
    dimension: u32,
    metric: i32,
    database: *mut *mut Database,
    error: *mut *mut Error,
    how: impl FnOnce(&core::Storage, &str, Schema) -> Result<core::Database, E>,
) -> Status {
    // SAFETY: `database` is NULL or valid for writing; what it was is not read.
    unsafe { set(database, null_mut()) };
    let body = |storage: &core::Storage, name: &str| {
        let schema = Schema::new(dimension as usize, metric_of(metric)?)?;
        let handle = how(storage, name, schema).map_err(Into::into)?;
        if !database.is_null() {
            // SAFETY: as above.
            unsafe { set(database, give(Database::new(handle))) };
        }
        Ok(JVDB_OK)
    };
    // SAFETY: as promised by the caller.
    unsafe { named(storage, name, error, body) }
}

/// Opens a database and pins it, and creates it first if there is none. As jvdb_create() and jvdb_database_open(), but for
/// who comes first: so a program that runs again, or two threads at once, get the same database.
///
/// Fails with JVDB_ERROR_INVALID_ARGUMENT if there is one of this name with another dimension or metric.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_open_or_create(
    storage: *mut Storage,
    name: *const c_char,
    dimension: u32,
    metric: i32,
    database: *mut *mut Database,
    error: *mut *mut Error,
) -> Status {
    let how = |storage: &core::Storage, name: &str, schema| {
        present(database, "database")?;
        Ok::<_, Failure>(storage.open_or_create(name, schema)?)
    };
    // SAFETY: as above.
    unsafe { made(storage, name, dimension, metric, database, error, how) }
}

/// Opens a database and pins it: its file stays open until the handle is released with jvdb_database_release().
///
/// Fails with JVDB_ERROR_NOT_FOUND, with JVDB_ERROR_ALL_PINNED if max_open_files databases are held already, and with
/// JVDB_ERROR_CORRUPT or JVDB_ERROR_UNSUPPORTED_VERSION if the file is not what it should be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_database_open(
    storage: *mut Storage,
    name: *const c_char,
    database: *mut *mut Database,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: `database` is NULL or valid for writing; what it was is not read.
    unsafe { set(database, null_mut()) };
    let body = |storage: &core::Storage, name: &str| {
        present(database, "database")?;
        // SAFETY: as above.
        unsafe { set(database, give(Database::new(storage.database(name)?))) };
        Ok(JVDB_OK)
    };
    // SAFETY: pointers are NULL or valid, as the header demands.
    unsafe { named(storage, name, error, body) }
}

/// Whether a database of this name exists: JVDB_OK or JVDB_ABSENT. Opens nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_exists(storage: *const Storage, name: *const c_char, error: *mut *mut Error) -> Status {
    let body = |storage: &core::Storage, name: &str| Ok(if storage.exists(name)? { JVDB_OK } else { JVDB_ABSENT });
    // SAFETY: pointers are NULL or valid, as the header demands.
    unsafe { named(storage, name, error, body) }
}

/// Removes a database and its file. Handles on it fail with JVDB_ERROR_DROPPED from then on; pinned vectors stay valid.
///
/// Fails with JVDB_ERROR_NOT_FOUND if there is none of this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_drop(storage: *mut Storage, name: *const c_char, error: *mut *mut Error) -> Status {
    let body = |storage: &core::Storage, name: &str| {
        storage.drop_database(name)?;
        Ok(JVDB_OK)
    };
    // SAFETY: pointers are NULL or valid, as the header demands.
    unsafe { named(storage, name, error, body) }
}

/// Lists the names of all databases, sorted by their bytes. Free the list with jvdb_names_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_list(storage: *const Storage, names: *mut *mut Names, error: *mut *mut Error) -> Status {
    // SAFETY: `names` is NULL or valid for writing; what it was is not read.
    unsafe { set(names, null_mut()) };
    let body = |storage: &core::Storage| {
        present(names, "names")?;
        // SAFETY: as above.
        unsafe { set(names, give(Names::new(storage.list()?.into_iter().map(String::into_bytes).collect()))) };
        Ok(JVDB_OK)
    };
    // SAFETY: pointers are NULL or valid, as the header demands.
    unsafe { call(storage, error, body) }
}

/// Makes everything acknowledged before this call, in every database, survive a loss of power. All databases are tried;
/// the first error is returned. `duration_us` receives the microseconds it took; it may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_storage_flush(
    storage: *mut Storage,
    duration_us: *mut u64,
    error: *mut *mut Error,
) -> Status {
    let body = |storage: &core::Storage| {
        let duration = storage.flush()?;
        // SAFETY: `duration_us` is NULL or valid for writing.
        unsafe { set(duration_us, microseconds(duration)) };
        Ok(JVDB_OK)
    };
    // SAFETY: pointers are NULL or valid, as the header demands.
    unsafe { call(storage, error, body) }
}

/// Figures of the directory. Set `stats->struct_size` before the call. Reads the first page of each database that is
/// not open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_storage_stats(
    storage: *const Storage,
    stats: *mut StorageStats,
    error: *mut *mut Error,
) -> Status {
    let body = |storage: &core::Storage| {
        // SAFETY: `stats` is NULL or as large as its first field says.
        unsafe { sized::write(stats, &storage.stats()?.into(), "stats") }?;
        Ok(JVDB_OK)
    };
    // SAFETY: pointers are NULL or valid, as the header demands.
    unsafe { call(storage, error, body) }
}
