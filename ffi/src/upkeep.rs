//! What an operator asks of a database: to be checked, repaired, made smaller, and copied.

use crate::database::{Database, call};
use crate::error::Error;
use crate::failure::Failure;
use crate::findings::Findings;
use crate::pointer::{c_text, give, set};
use crate::sized::{self, Versioned};
use crate::status::*;
use crate::storage::{Storage, metric_of, named};
use jvdb_core::{self as core, Schema};
use std::ffi::{OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::ptr::null_mut;

/// Figures of a verification. Set struct_size, the rest is filled in.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Verified {
    /// sizeof(jvdb_verified_t), as the program was compiled.
    pub struct_size: usize,
    /// Damaged places. 0: the database is sound.
    pub damaged: u64,
    /// Records read.
    pub records: u64,
    /// Live vectors found.
    pub vectors: u64,
    /// Attributes found.
    pub attributes: u64,
    /// Bytes checked.
    pub bytes: u64,
}

// SAFETY: six 8-byte integers, the first a usize.
unsafe impl Versioned for Verified {
    const FIRST: usize = size_of::<Self>();
}

/// Checks every checksum, the chain of the log, and the index against the log. Damage is no failure of this call: it
/// returns JVDB_OK and tells of it. Reads, writes and flushes go on meanwhile.
///
/// `verified` receives the figures; set its struct_size before the call, or pass NULL. `findings` receives the damaged
/// places, to be freed with jvdb_findings_free(); it may be NULL.
///
/// Fails with JVDB_ERROR_IO if the file cannot be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_verify(
    database: *const Database,
    verified: *mut Verified,
    findings: *mut *mut Findings,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: `findings` is NULL or valid for writing; what it was is not read.
    unsafe { set(findings, null_mut()) };
    let body = |database: &core::Database| {
        // SAFETY: `verified` is NULL or as large as its first field says, `findings` NULL or valid for writing.
        unsafe {
            sized::check(verified)?;
            let core::Report { records, vectors, attributes, bytes, damage, .. } = database.verify()?;
            let (struct_size, damaged) = (size_of::<Verified>(), damage.len() as u64);
            let figures = Verified { struct_size, damaged, records, vectors, attributes, bytes };
            sized::write_if(verified, &figures)?;
            if !findings.is_null() {
                set(findings, give(Findings::of_verification(damage)));
            }
        }
        Ok(JVDB_OK)
    };
    // SAFETY: pointers are NULL or valid, as the header demands.
    unsafe { call(database, error, body) }
}

/// Figures of a repair. Set struct_size, the rest is filled in.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Repaired {
    /// sizeof(jvdb_repaired_t), as the program was compiled.
    pub struct_size: usize,
    /// Damaged places. 0: there was nothing to repair, and nothing was changed.
    pub damaged: u64,
    /// Vectors that are there now.
    pub vectors: u64,
    /// Attributes that are there now.
    pub attributes: u64,
    /// Vectors and attributes that are gone and whose names are known.
    pub lost: u64,
    /// Ranges of the file in which records were lost whose names could not be read.
    pub gaps: u64,
    /// Vectors and attributes that may be older than the last ones stored.
    pub doubtful: u64,
}

// SAFETY: seven 8-byte integers, the first a usize.
unsafe impl Versioned for Repaired {
    const FIRST: usize = size_of::<Self>();
}

/// Repairs a damaged database: writes all that is sound in its file to a new one, which takes its place. The file as it
/// was stays beside it; jvdb_findings_backup() tells under which name, and whoever needs its space removes it. A sound
/// database is not touched. What is damaged is left out, never guessed, and named in the findings.
///
/// `dimension` and `metric` are needed only if the file is so damaged that it does not tell them: 0 and 0 otherwise.
/// No handle may hold the database; this waits pin_timeout_ms for the last to be released. `repaired` receives the
/// figures; set its struct_size before the call, or pass NULL. `findings` receives what was damaged and lost, to be freed
/// with jvdb_findings_free(); it may be NULL.
///
/// Fails with JVDB_ERROR_NOT_FOUND, JVDB_ERROR_READ_ONLY, JVDB_ERROR_INVALID_ARGUMENT if a handle holds the database or
/// the dimension is not that of the file, JVDB_ERROR_CORRUPT if nothing can be saved. Nothing is changed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_repair(
    storage: *mut Storage,
    name: *const c_char,
    dimension: u32,
    metric: i32,
    repaired: *mut Repaired,
    findings: *mut *mut Findings,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: `findings` is NULL or valid for writing; what it was is not read.
    unsafe { set(findings, null_mut()) };
    let body = |storage: &core::Storage, name: &str| {
        let schema = match dimension {
            0 => None,
            _ => Some(Schema::new(dimension as usize, metric_of(metric)?)?),
        };
        // SAFETY: `repaired` is NULL or as large as its first field says, `findings` NULL or valid for writing.
        unsafe {
            sized::check(repaired)?;
            let repair = storage.repair(name, schema)?;
            let figures = Repaired {
                struct_size: size_of::<Repaired>(),
                damaged: repair.damage.len() as u64,
                vectors: repair.vectors,
                attributes: repair.attributes,
                lost: repair.lost.len() as u64,
                gaps: repair.gaps.len() as u64,
                doubtful: repair.doubtful.len() as u64,
            };
            sized::write_if(repaired, &figures)?;
            if !findings.is_null() {
                set(findings, give(Findings::of_repair(repair)));
            }
        }
        Ok::<_, Failure>(JVDB_OK)
    };
    // SAFETY: pointers are NULL or valid, as the header demands.
    unsafe { named(storage, name, error, body) }
}

/// Gives back the space of replaced and deleted vectors: writes the live ones to a new file that takes the place of the
/// old one. Reads and writes go on meanwhile, pinned vectors stay valid. `gained_bytes` receives the bytes gained; it may
/// be NULL. The disk must have room for all live vectors.
///
/// Fails as jvdb_flush() does, and with JVDB_ERROR_CORRUPT if a live vector is damaged; then nothing has changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_compact(
    database: *mut Database,
    gained_bytes: *mut u64,
    error: *mut *mut Error,
) -> Status {
    let body = |database: &core::Database| {
        let gained = database.compact()?;
        // SAFETY: `gained_bytes` is NULL or valid for writing.
        unsafe { set(gained_bytes, gained) };
        Ok(JVDB_OK)
    };
    // SAFETY: pointers are NULL or valid, as the header demands.
    unsafe { call(database, error, body) }
}

/// Flushes, and writes a copy of the database as it is then to a new file, which is durable when this returns. Put into
/// a storage directory under NAME.jvdb, it is the database of that name. Reads, writes and flushes go on meanwhile.
/// A crash leaves no file or, under another name that ends in .tmp, a part of it. `bytes` receives the length of the
/// copy; it may be NULL. Databases in memory can be copied to files too.
///
/// Fails with JVDB_ERROR_IO if there is a file at `path` already or it cannot be written, JVDB_ERROR_NO_SPACE, and as
/// jvdb_flush() does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_backup(
    database: *mut Database,
    path: *const c_char,
    bytes: *mut u64,
    error: *mut *mut Error,
) -> Status {
    let body = |database: &core::Database| {
        // SAFETY: `path` is NULL or ends with NUL, `bytes` is NULL or valid for writing.
        unsafe {
            let path = OsStr::from_bytes(c_text(path, "path")?.to_bytes());
            set(bytes, database.backup(path)?);
        }
        Ok(JVDB_OK)
    };
    // SAFETY: pointers are NULL or valid, as the header demands.
    unsafe { call(database, error, body) }
}
