//! `jvdb_options_t`: how a storage directory is opened.

use crate::failure::Failure;
use crate::sized::{self, Versioned};
use jvdb_core::{Access, Layout, Options as Core};
use std::time::Duration;

/// Flag of jvdb_options_t: take no lock and change nothing; writes fail with JVDB_ERROR_READ_ONLY.
pub const JVDB_READ_ONLY: u64 = 1;
/// Flag of jvdb_options_t: fail if the directory is missing, instead of creating it.
pub const JVDB_NO_CREATE: u64 = 2;
/// Flag of jvdb_options_t: read files by positional reads instead of a memory mapping. Every read is then a copy and
/// a system call, and no address space is used. The files are the same.
pub const JVDB_NO_MMAP: u64 = 4;
/// Flag of jvdb_options_t: check the checksum of the whole record at every read, not only of its header.
pub const JVDB_VERIFY_CHECKSUMS: u64 = 8;
/// Flag of jvdb_options_t: each database has a folder of its own, `<name>/vectors.jvdb` instead of `<name>.jvdb`. What
/// else lies in a folder is left alone.
pub const JVDB_FOLDERS: u64 = 16;
/// Flag of jvdb_options_t: take no lock, for file systems that have none. The caller sees to it that one process writes; a second
/// one is found by the fence (JVDB_ERROR_FENCED).
pub const JVDB_NO_LOCK: u64 = 32;

/// For the times of jvdb_options_t: never, or not at all.
pub const JVDB_OFF: i64 = -1;

/// How a directory is opened. Zero in any field means its default, so `{ .struct_size = sizeof(jvdb_options_t) }` is
/// the same as no options at all.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Options {
    /// sizeof(jvdb_options_t), as the program was compiled.
    pub struct_size: usize,
    /// JVDB_READ_ONLY, JVDB_NO_CREATE, JVDB_NO_MMAP, JVDB_VERIFY_CHECKSUMS, JVDB_FOLDERS, JVDB_NO_LOCK,
    /// or'ed together.
    pub flags: u64,
    /// Databases whose file may be open at once, 5 to 1000. Default 100.
    pub max_open_files: u64,
    /// Milliseconds between automatic flushes, up to 3,600,000. Default 300,000; JVDB_OFF for none.
    pub flush_interval_ms: i64,
    /// Milliseconds that opening a database waits while all open ones are held. Default 10,000; JVDB_OFF to fail at
    /// once.
    pub pin_timeout_ms: i64,
    /// Bytes of unflushed records per database at which a flush starts by itself. Default 64 MiB.
    pub max_unflushed_bytes: u64,
    /// Unflushed operations per database at which a flush starts by itself. Default 1,000,000.
    pub max_unflushed_operations: u64,
}

// SAFETY: seven 8-byte integers, the first a usize.
unsafe impl Versioned for Options {
    const FIRST: usize = size_of::<Self>();
}

/// The engine's options; the defaults for NULL.
///
/// # Safety
/// `options` is NULL, or readable for as many bytes as its first field says.
pub(crate) unsafe fn read(options: *const Options) -> Result<Core, Failure> {
    if options.is_null() {
        return Ok(Core::default());
    }
    // SAFETY: as promised by the caller.
    let given = unsafe { sized::read(options, "options") }?;
    let unknown = given.flags
        & !(JVDB_READ_ONLY | JVDB_NO_CREATE | JVDB_NO_MMAP | JVDB_VERIFY_CHECKSUMS | JVDB_FOLDERS | JVDB_NO_LOCK);
    if unknown != 0 {
        return Err(Failure::Argument(format!("invalid options: flags {unknown:#x} have no meaning in this libjvdb")));
    }
    let set = |flag| given.flags & flag != 0;
    let default = Core::default();
    Ok(Core::default()
        .access(if set(JVDB_NO_MMAP) { Access::File } else { Access::Mmap })
        .lock(!set(JVDB_NO_LOCK))
        .layout(if set(JVDB_FOLDERS) { Layout::Folders } else { Layout::Flat })
        .create(!set(JVDB_NO_CREATE))
        .read_only(set(JVDB_READ_ONLY))
        .verify_checksums(set(JVDB_VERIFY_CHECKSUMS))
        .max_open_files(or(given.max_open_files, default.max_open_files as u64).try_into().unwrap_or(usize::MAX))
        .flush_interval(time(given.flush_interval_ms, default.flush_interval, "flush_interval_ms", 3_600_000)?)
        .pin_timeout(time(given.pin_timeout_ms, default.pin_timeout, "pin_timeout_ms", i64::MAX)?)
        .max_unflushed_bytes(or(given.max_unflushed_bytes, default.max_unflushed_bytes))
        .max_unflushed_operations(or(given.max_unflushed_operations, default.max_unflushed_operations)))
}

fn or(given: u64, default: u64) -> u64 {
    if given == 0 { default } else { given }
}

fn time(given: i64, default: Duration, what: &str, most: i64) -> Result<Duration, Failure> {
    match given {
        0 => Ok(default),
        JVDB_OFF => Ok(Duration::ZERO),
        _ if given < 0 || given > most => Err(Failure::Argument(format!(
            "invalid {what}: {given} ms is not within 1..={most}, nor 0 for the default, nor JVDB_OFF for none"
        ))),
        _ => Ok(Duration::from_millis(given.unsigned_abs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        // SAFETY: integers, of which zero is a value.
        let mut options: Options = unsafe { std::mem::zeroed() };
        options.struct_size = size_of::<Options>();
        options
    }

    fn read_from(options: Options) -> Core {
        // SAFETY: the struct is as large as it says.
        unsafe { read(&options) }.unwrap_or_else(|_| panic!("refused"))
    }

    #[test]
    fn null_and_zeros_are_the_defaults() {
        // SAFETY: NULL is allowed.
        assert_eq!(unsafe { read(std::ptr::null()) }.ok(), Some(Core::default()));
        assert_eq!(read_from(options()), Core::default());
    }

    #[test]
    fn every_field_arrives() {
        let given = Options {
            struct_size: size_of::<Options>(),
            flags: JVDB_READ_ONLY | JVDB_NO_CREATE | JVDB_NO_MMAP | JVDB_VERIFY_CHECKSUMS | JVDB_FOLDERS,
            max_open_files: 7,
            flush_interval_ms: 1500,
            pin_timeout_ms: 20,
            max_unflushed_bytes: 1 << 20,
            max_unflushed_operations: 9,
        };
        let expected = Core::default()
            .access(Access::File)
            .layout(Layout::Folders)
            .max_open_files(7)
            .flush_interval(Duration::from_millis(1500))
            .create(false)
            .read_only(true)
            .verify_checksums(true)
            .max_unflushed_bytes(1 << 20)
            .max_unflushed_operations(9)
            .pin_timeout(Duration::from_millis(20));
        assert_eq!(read_from(given), expected);
    }

    #[test]
    fn each_flag_is_one_option() {
        let with = |flags| read_from(Options { flags, ..options() });
        assert_eq!(with(JVDB_READ_ONLY), Core::default().read_only(true));
        assert_eq!(with(JVDB_NO_CREATE), Core::default().create(false));
        assert_eq!(with(JVDB_NO_MMAP), Core::default().access(Access::File));
        assert_eq!(with(JVDB_FOLDERS), Core::default().layout(Layout::Folders));
        assert_eq!(with(JVDB_NO_LOCK), Core::default().lock(false));
        assert_eq!(with(JVDB_VERIFY_CHECKSUMS), Core::default().verify_checksums(true));
    }

    #[test]
    fn off_is_no_time_at_all() {
        let core = read_from(Options { flush_interval_ms: JVDB_OFF, pin_timeout_ms: JVDB_OFF, ..options() });
        assert_eq!((core.flush_interval, core.pin_timeout), (Duration::ZERO, Duration::ZERO));
    }
}
