//! Status codes: what every call returns. A code is never given a second meaning and never reused.

use jvdb_core::Error;
use std::ffi::{CStr, c_char};

/// What a call came to: zero done, positive an answer that is no error, negative an error.
pub type Status = i32;

/// Done.
pub const JVDB_OK: i32 = 0;
/// Nothing is there: no vector of this key, no attribute or database of this name, no further key. An answer and not an
/// error: no error object is made for it.
pub const JVDB_ABSENT: i32 = 1;

/// An argument is NULL where it must not be, or outside its documented range.
pub const JVDB_ERROR_INVALID_ARGUMENT: i32 = -1;
/// No database of this name exists.
pub const JVDB_ERROR_NOT_FOUND: i32 = -2;
/// A database of this name exists already.
pub const JVDB_ERROR_ALREADY_EXISTS: i32 = -3;
/// jvdb_replace() found no vector of this key.
pub const JVDB_ERROR_KEY_NOT_FOUND: i32 = -4;
/// jvdb_insert() found a vector of this key.
pub const JVDB_ERROR_KEY_EXISTS: i32 = -5;
/// The number of elements is not the dimension of the database.
pub const JVDB_ERROR_DIMENSION_MISMATCH: i32 = -6;
/// The caller's buffer is too small. The length needed was reported and nothing was copied.
pub const JVDB_ERROR_BUFFER_TOO_SMALL: i32 = -7;
/// The operating system refused: see jvdb_error_os_errno(). The call may be repeated once the cause is gone.
pub const JVDB_ERROR_IO: i32 = -8;
/// The disk or the quota is full. Nothing was acknowledged; free space and repeat the call.
pub const JVDB_ERROR_NO_SPACE: i32 = -9;
/// A file is foreign, truncated or damaged. It was not changed.
pub const JVDB_ERROR_CORRUPT: i32 = -10;
/// A file carries a format version that this build does not read.
pub const JVDB_ERROR_UNSUPPORTED_VERSION: i32 = -11;
/// Another opening of the directory has it for writing; the message names who.
pub const JVDB_ERROR_LOCKED: i32 = -12;
/// A write was asked of a directory opened with JVDB_READ_ONLY.
pub const JVDB_ERROR_READ_ONLY: i32 = -13;
/// An earlier sync failed: reads go on, writes do not. Close and open the directory to recover.
pub const JVDB_ERROR_POISONED: i32 = -14;
/// All max_open_files databases are held by handles. Release one.
pub const JVDB_ERROR_ALL_PINNED: i32 = -15;
/// The database was dropped while this handle was held.
pub const JVDB_ERROR_DROPPED: i32 = -16;
/// A defect of this library, caught at its edge. The handle answers nothing else from now on; release or close it.
pub const JVDB_ERROR_PANIC: i32 = -17;
/// An error this table has no code for yet; the message tells.
pub const JVDB_ERROR_INTERNAL: i32 = -18;
/// The directory was opened before this process was forked: only the process that opened it can use its handles. To
/// release or close them here changes nothing there.
pub const JVDB_ERROR_FORKED: i32 = -20;
/// Another process writes to the file, although it should have been kept out. Nothing of what it wrote was overwritten. Reads
/// of what it has not changed go on; find it, keep it out, and open the directory again.
pub const JVDB_ERROR_FENCED: i32 = -21;
/// The file was removed or replaced while it was open: what was written since the last flush is in no file that has its name.
pub const JVDB_ERROR_REMOVED: i32 = -22;

/// What a status says, where there is no error object to ask: one line of English, static. Never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn jvdb_status_text(status: Status) -> *const c_char {
    text_of(status).as_ptr()
}

fn text_of(status: Status) -> &'static CStr {
    match status {
        JVDB_OK => c"done",
        JVDB_ABSENT => c"nothing is there",
        JVDB_ERROR_INVALID_ARGUMENT => c"an argument is NULL where it must not be, or outside its range",
        JVDB_ERROR_NOT_FOUND => c"no database of this name exists",
        JVDB_ERROR_ALREADY_EXISTS => c"a database of this name exists already",
        JVDB_ERROR_KEY_NOT_FOUND => c"there is no vector of this key",
        JVDB_ERROR_KEY_EXISTS => c"there is a vector of this key already",
        JVDB_ERROR_DIMENSION_MISMATCH => c"the number of elements is not the dimension of the database",
        JVDB_ERROR_BUFFER_TOO_SMALL => c"the buffer is too small",
        JVDB_ERROR_IO => c"the operating system refused",
        JVDB_ERROR_NO_SPACE => c"the disk or the quota is full",
        JVDB_ERROR_CORRUPT => c"a file is foreign, truncated or damaged",
        JVDB_ERROR_UNSUPPORTED_VERSION => c"a file has a format version that this library does not read",
        JVDB_ERROR_LOCKED => c"the directory is open for writing elsewhere",
        JVDB_ERROR_READ_ONLY => c"the directory was opened read-only",
        JVDB_ERROR_POISONED => c"an earlier sync failed: close the directory and open it again",
        JVDB_ERROR_ALL_PINNED => c"all databases that may be open are held by handles: release one",
        JVDB_ERROR_DROPPED => c"the database was dropped",
        JVDB_ERROR_PANIC => c"a defect of the library: release the handle",
        JVDB_ERROR_FORKED => c"the directory was opened by the parent of this process",
        JVDB_ERROR_FENCED => c"another process writes to the file",
        JVDB_ERROR_REMOVED => c"the file was removed or replaced while it was open",
        JVDB_ERROR_INTERNAL => c"an error that has no code",
        _ => c"a status that this library does not know",
    }
}

/// The code of an error of the engine.
pub(crate) fn of(error: &Error) -> Status {
    match error {
        Error::NotFound { .. } => JVDB_ERROR_NOT_FOUND,
        Error::AlreadyExists { .. } => JVDB_ERROR_ALREADY_EXISTS,
        Error::InvalidName { .. } | Error::InvalidArgument { .. } => JVDB_ERROR_INVALID_ARGUMENT,
        Error::DimensionMismatch { .. } => JVDB_ERROR_DIMENSION_MISMATCH,
        Error::KeyExists { .. } => JVDB_ERROR_KEY_EXISTS,
        Error::KeyNotFound { .. } => JVDB_ERROR_KEY_NOT_FOUND,
        Error::Io { source, .. } => match source.raw_os_error() {
            Some(libc::ENOSPC | libc::EDQUOT) => JVDB_ERROR_NO_SPACE,
            _ => JVDB_ERROR_IO,
        },
        Error::Corrupt { .. } => JVDB_ERROR_CORRUPT,
        Error::UnsupportedVersion { .. } => JVDB_ERROR_UNSUPPORTED_VERSION,
        Error::Locked { .. } => JVDB_ERROR_LOCKED,
        Error::ReadOnly { .. } => JVDB_ERROR_READ_ONLY,
        Error::Poisoned { .. } => JVDB_ERROR_POISONED,
        Error::AllPinned { .. } => JVDB_ERROR_ALL_PINNED,
        Error::Dropped { .. } => JVDB_ERROR_DROPPED,
        Error::Forked { .. } => JVDB_ERROR_FORKED,
        Error::Fenced { .. } => JVDB_ERROR_FENCED,
        Error::Removed { .. } => JVDB_ERROR_REMOVED,
        _ => JVDB_ERROR_INTERNAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_text_of_its_own() {
        // -19 means nothing.
        let known: Vec<_> = (JVDB_ERROR_REMOVED..=JVDB_ABSENT).filter(|status| *status != -19).map(text_of).collect();
        let different: std::collections::BTreeSet<_> = known.iter().collect();
        assert_eq!(different.len(), known.len());
        assert!(
            [2, -19, -1000].into_iter().all(|status| text_of(status) == text_of(3)) && !known.contains(&text_of(3))
        );
    }
}
