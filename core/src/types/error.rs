//! The one error type of the engine.
//!
//! Every variant says what happened, to which database or file, at which offset where one is known, and what the
//! caller can do. Nothing here performs input or output.

use std::io;
use std::time::Duration;

/// Result of every fallible call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong. An error never leaves a database half changed: the call it comes from had no effect,
/// and the store stays usable unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No database of this name exists in the directory.
    #[error("database {database:?} does not exist; create it first, or list the directory for its names")]
    NotFound {
        /// Name as the caller gave it.
        database: String,
    },
    /// A database of this name exists already.
    #[error("database {database:?} exists already; open it instead, or drop it first")]
    AlreadyExists {
        /// Name as the caller gave it.
        database: String,
    },
    /// The name cannot be a database name.
    #[error("invalid database name {name:?}: {reason}")]
    InvalidName {
        /// Name as the caller gave it.
        name: String,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// An argument is outside its documented range.
    #[error("invalid {what}: {reason}")]
    InvalidArgument {
        /// Which argument.
        what: &'static str,
        /// Why it cannot be used, with the limit it breaks.
        reason: String,
    },
    /// The vector has another number of elements than the database's schema demands.
    #[error("database {database:?} holds vectors of dimension {expected}, this one has {actual} elements")]
    DimensionMismatch {
        /// Database the vector was meant for.
        database: String,
        /// Dimension of the schema.
        expected: usize,
        /// Number of elements given, or room in the caller's buffer.
        actual: usize,
    },
    /// `insert` found the key already there.
    #[error("key {key} exists already in database {database:?}; use put or replace to change it")]
    KeyExists {
        /// Database that was asked.
        database: String,
        /// The key, printed.
        key: String,
    },
    /// `replace` did not find the key.
    #[error("key {key} does not exist in database {database:?}; use put or insert to add it")]
    KeyNotFound {
        /// Database that was asked.
        database: String,
        /// The key, printed.
        key: String,
    },
    /// The operating system refused an operation. Nothing was acknowledged; once the cause is gone (space freed,
    /// permission given) the call may be repeated.
    #[error("cannot {action} {path}{}: {source}{}", At(*.offset), Cure(.source))]
    Io {
        /// What was tried: "open", "write", "sync", ...
        action: &'static str,
        /// File or directory.
        path: String,
        /// Byte offset in the file, where one is meant.
        offset: Option<u64>,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is not what it should be: foreign, truncated, or damaged. It was not changed.
    #[error("{path}: {what} at offset {offset}; run `jvdb verify`; restore the file from a copy, or run `jvdb repair`")]
    Corrupt {
        /// File.
        path: String,
        /// Byte offset of the damage.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// The file carries a format version this build does not read.
    #[error("{path}: format version {version} is not supported, this build reads version 2; {}", OtherBuild(*.version))]
    UnsupportedVersion {
        /// File.
        path: String,
        /// Version found in it.
        version: u32,
    },
    /// Another process has the directory open for writing, or this one has the file open by another name.
    #[error("{path} is in use by {holder}; close it there first, or open it read-only here")]
    Locked {
        /// Directory or file.
        path: String,
        /// Who holds it, as far as its lock file tells: "process 1234".
        holder: String,
    },
    /// A write was asked of a directory that was opened read-only.
    #[error("storage directory {path} is open read-only; open it for writing to change it")]
    ReadOnly {
        /// Directory.
        path: String,
    },
    /// An earlier sync of this database failed, so nothing more can be promised about what the disk holds. Reads go on;
    /// close the directory and open it again to recover everything that reached the file.
    #[error("database {database:?} takes no writes since a sync failed ({cause}); reopen the directory to recover it")]
    Poisoned {
        /// Database.
        database: String,
        /// The failure that poisoned it.
        cause: String,
    },
    /// The directory was opened by the process that this one was forked from. Its handles are good in that process only.
    #[error(
        "storage directory {path} was opened before this process was forked; only the process that opened it can use this handle"
    )]
    Forked {
        /// Directory.
        path: String,
    },
    /// Another process has written to the file since this one opened it, although it should have been kept out. Nothing of what
    /// it wrote was overwritten. Reads of what it has not changed go on; writes and flushes fail until the directory is opened
    /// again. What this process wrote and did not flush may not be there then.
    #[error(
        "{path} is written to by another process as well; find out which, keep it out, and open the directory again to go on"
    )]
    Fenced {
        /// File.
        path: String,
    },
    /// The file was removed, or another one has its name, while it was open. What was written to it since its last flush is in no
    /// file that anybody finds; reads go on until it is closed.
    #[error(
        "{path} was removed or replaced while it was open: nothing written since the last flush is kept; restore the file, or \
         drop the handles and open the directory again"
    )]
    Removed {
        /// File.
        path: String,
    },
    /// All `max_open_files` databases are held by handles, so none could be closed to make room.
    #[error("all {limit} open databases are in use, waited {waited:?}; drop a handle or raise max_open_files")]
    AllPinned {
        /// The configured `max_open_files`.
        limit: usize,
        /// How long the call waited for one to become free.
        waited: Duration,
    },
    /// The database was dropped while this handle was held.
    #[error("database {database:?} was dropped; this handle has nothing behind it any more")]
    Dropped {
        /// Name it had.
        database: String,
    },
}

/// Prints " at offset N" where there is one.
struct At(Option<u64>);

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |offset| write!(f, " at offset {offset}"))
    }
}

/// Prints what helps against a refusal of the operating system, where that is known.
struct Cure<'a>(&'a io::Error);

impl std::fmt::Display for Cure<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0.kind() {
            _ if is_lack_of_descriptors(self.0) => {
                "; raise the limit of open files (`ulimit -n`), close some, or lower max_open_files"
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "; nothing that was stored is lost; make room by removing other files from that disk, or by dropping a \
                 database, and repeat it"
            }
            io::ErrorKind::OutOfMemory => "; give the process more memory, or do less at once",
            io::ErrorKind::PermissionDenied => "; give this user the permission, or run as one who has it",
            _ => "",
        })
    }
}

/// Prints what to do with a file of another format version.
struct OtherBuild(u32);

impl std::fmt::Display for OtherBuild {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            1 => "convert it, by opening its directory once with DatabasePersistenceAdapter or another C++ class of include/",
            _ => "use the build that wrote it",
        })
    }
}

fn is_lack_of_descriptors(error: &io::Error) -> bool {
    #[cfg(unix)]
    return matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE));
    #[cfg(not(unix))]
    {
        let _ = error;
        false
    }
}

impl Error {
    pub(crate) fn io(action: &'static str, path: impl Into<String>, source: io::Error) -> Self {
        Self::Io { action, path: path.into(), offset: None, source }
    }

    /// Whether it only says that the database is not there any more.
    pub(crate) fn is_absence(&self) -> bool {
        match self {
            Self::NotFound { .. } | Self::Dropped { .. } => true,
            Self::Io { source, .. } => source.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }

    /// Whether the disk has no room.
    pub(crate) fn is_lack_of_room(&self) -> bool {
        let kinds = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        matches!(self, Self::Io { source, .. } if kinds.contains(&source.kind()))
    }

    /// Whether the process, or the system, has no descriptor left to open a file with.
    pub(crate) fn is_lack_of_descriptors(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_lack_of_descriptors(source))
    }

    pub(crate) fn invalid(what: &'static str, reason: impl Into<String>) -> Self {
        Self::InvalidArgument { what, reason: reason.into() }
    }
}
