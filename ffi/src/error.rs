//! `jvdb_error_t`: why a call failed. Made only for callers who ask for it, so that a status alone costs nothing.

use crate::failure::Failure;
use crate::pointer::{borrow, c_string, free};
use crate::status::*;
use jvdb_core::Error as Core;
use std::ffi::{CStr, CString, c_char};
use std::ptr::null;

/// Why a call failed: a code, a message, and where it happened. Immutable; readable from any thread until it is freed.
pub struct Error {
    code: Status,
    message: CString,
    os_errno: i32,
    database: Option<CString>,
    path: Option<CString>,
    offset: Option<u64>,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let code = failure.status();
        let message = match &failure {
            Failure::Core(error) => error.to_string(),
            Failure::Argument(message) | Failure::Internal(message) => message.clone(),
            Failure::BufferTooSmall { what, needed, given } => {
                format!("the buffer for {what} has {given} bytes, {needed} are needed; nothing was copied")
            }
            Failure::Panic(message) => format!(
                "defect in libjvdb: {message}; this handle is no longer usable, release or close it and report this"
            ),
        };
        let (mut os_errno, mut database, mut path, mut offset) = (0, None, None, None);
        if let Failure::Core(error) = failure {
            match error {
                Core::NotFound { database: name }
                | Core::AlreadyExists { database: name }
                | Core::InvalidName { name, .. }
                | Core::DimensionMismatch { database: name, .. }
                | Core::KeyExists { database: name, .. }
                | Core::KeyNotFound { database: name, .. }
                | Core::Poisoned { database: name, .. }
                | Core::Dropped { database: name } => database = Some(name),
                Core::Io { path: file, offset: at, source, .. } => {
                    (path, offset, os_errno) = (Some(file), at, source.raw_os_error().unwrap_or(0));
                }
                Core::Corrupt { path: file, offset: at, .. } => (path, offset) = (Some(file), Some(at)),
                Core::UnsupportedVersion { path: file, .. }
                | Core::Locked { path: file, .. }
                | Core::Forked { path: file }
                | Core::Fenced { path: file }
                | Core::Removed { path: file }
                | Core::ReadOnly { path: file } => path = Some(file),
                _ => {}
            }
        }
        Self {
            code,
            message: c_string(&message),
            os_errno,
            database: database.map(|name| c_string(&name)),
            path: path.map(|file| c_string(&file)),
            offset,
        }
    }
}

/// Status code of the failed call, as it returned it. JVDB_OK for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_error_code(error: *const Error) -> Status {
    // SAFETY: NULL or an error object not freed yet, as the header demands; so in every call of this file.
    unsafe { borrow(error) }.map_or(JVDB_OK, |error| error.code)
}

/// What happened, where, and what to do: one line of UTF-8. Lives as long as the error; an empty string for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_error_message(error: *const Error) -> *const c_char {
    // SAFETY: as in jvdb_error_code.
    unsafe { borrow(error) }.map_or(c"", |error| &error.message).as_ptr()
}

/// errno of the operating system for JVDB_ERROR_IO and JVDB_ERROR_NO_SPACE; 0 where there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_error_os_errno(error: *const Error) -> i32 {
    // SAFETY: as in jvdb_error_code.
    unsafe { borrow(error) }.map_or(0, |error| error.os_errno)
}

/// Name of the database it happened to, or NULL. Lives as long as the error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_error_database(error: *const Error) -> *const c_char {
    // SAFETY: as in jvdb_error_code.
    unsafe { borrow(error) }.and_then(|error| error.database.as_deref()).map_or(null(), CStr::as_ptr)
}

/// File or directory it happened to, or NULL. Lives as long as the error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_error_path(error: *const Error) -> *const c_char {
    // SAFETY: as in jvdb_error_code.
    unsafe { borrow(error) }.and_then(|error| error.path.as_deref()).map_or(null(), CStr::as_ptr)
}

/// Byte offset in that file, or -1 where none is known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_error_offset(error: *const Error) -> i64 {
    // SAFETY: as in jvdb_error_code.
    unsafe { borrow(error) }.and_then(|error| error.offset).and_then(|offset| offset.try_into().ok()).unwrap_or(-1)
}

/// Frees an error and every string taken from it. NULL is ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_error_free(error: *mut Error) {
    // SAFETY: NULL or an error object not freed yet, which this call consumes.
    unsafe { free(error) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    fn error(core: Core) -> Error {
        Failure::from(core).into()
    }

    #[test]
    fn an_input_or_output_error_tells_file_offset_and_errno() {
        let failed = |errno, offset| {
            let source = io::Error::from_raw_os_error(errno);
            error(Core::Io { action: "write", path: "dir/a.jvdb".into(), offset, source })
        };
        let full = failed(libc::ENOSPC, Some(4096));
        assert_eq!((full.code, full.os_errno, full.offset), (JVDB_ERROR_NO_SPACE, libc::ENOSPC, Some(4096)));
        assert_eq!(full.path.as_deref(), Some(c"dir/a.jvdb"));
        assert!(full.message.to_str().unwrap().contains("No space left on device"), "{:?}", full.message);
        assert_eq!(failed(libc::EDQUOT, None).code, JVDB_ERROR_NO_SPACE);
        let denied = failed(libc::EACCES, None);
        assert_eq!((denied.code, denied.os_errno, denied.offset), (JVDB_ERROR_IO, libc::EACCES, None));
    }

    #[test]
    fn what_a_file_or_a_database_is_to_blame_for_names_it() {
        let path = || "dir/a.jvdb".to_string();
        let database = || "a".to_string();
        let corrupt = error(Core::Corrupt { path: path(), offset: 8192, what: "a bad checksum".into() });
        assert_eq!((corrupt.code, corrupt.offset), (JVDB_ERROR_CORRUPT, Some(8192)));
        assert_eq!((corrupt.path.as_deref(), corrupt.database), (Some(c"dir/a.jvdb"), None));
        let version = error(Core::UnsupportedVersion { path: path(), version: 3 });
        assert_eq!((version.code, version.path.as_deref()), (JVDB_ERROR_UNSUPPORTED_VERSION, Some(c"dir/a.jvdb")));
        let poisoned = error(Core::Poisoned { database: database(), cause: "a failed sync".into() });
        assert_eq!((poisoned.code, poisoned.database.as_deref()), (JVDB_ERROR_POISONED, Some(c"a")));
        assert!(poisoned.message.to_str().unwrap().contains("a failed sync"));
    }

    #[test]
    fn a_nul_in_a_name_is_printed_and_cuts_nothing_off() {
        let error = error(Core::NotFound { database: "a\0b".into() });
        assert_eq!(error.database.as_deref(), Some(c"a\\0b"));
    }
}
