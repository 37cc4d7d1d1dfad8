//! The kinds of failure: what each is called, how the program ends with it, and what to do about it. What failed, and where,
//! is told elsewhere.

use crate::interrupt;
use jvdb_core::Error;
use rustix::io::Errno;
use std::io::{self, ErrorKind};

/// What kind of failure it was; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The process was told to end.
    Interrupted,
    /// A database is damaged.
    Damaged,
    /// An input is not what it must be, or the disk does not work: whatever is no other kind.
    Failed,
    /// A database is of the format that came before this one.
    OldFormat,
    /// A database is of a format that this build does not know.
    UnknownFormat,
    /// Somebody does not let this process: another writer, or the system's permissions.
    Refused,
    /// What has the name of a database is no file, or its name is none that a database's file has.
    Skipped,
    /// The disk is full, or as much of it is used as may be.
    NoRoom,
    /// No more files can be opened.
    NoFiles,
    /// There is no memory left.
    NoMemory,
    /// Another process removed or replaced the file meanwhile.
    Changed,
    /// What was asked for is not there.
    Absent,
}

impl Kind {
    /// Of an error of the engine.
    pub fn of(error: &Error) -> Self {
        match error {
            Error::Corrupt { .. } => Self::Damaged,
            Error::UnsupportedVersion { version: 1, .. } => Self::OldFormat,
            Error::UnsupportedVersion { .. } => Self::UnknownFormat,
            Error::Locked { .. } | Error::Fenced { .. } | Error::ReadOnly { .. } | Error::Forked { .. } => {
                Self::Refused
            }
            // What is there stays.
            Error::AlreadyExists { .. } => Self::Refused,
            Error::InvalidArgument { what: "directory", .. } => Self::Refused,
            Error::Removed { .. } => Self::Changed,
            // The directory itself.
            Error::Io { source, .. } if source.kind() == ErrorKind::StaleNetworkFileHandle => Self::Changed,
            Error::AllPinned { .. } => Self::NoFiles,
            Error::NotFound { .. } | Error::KeyNotFound { .. } | Error::Dropped { .. } => Self::Absent,
            // There can be no such database.
            Error::InvalidName { .. } => Self::Absent,
            // The engine has looked at what it is, and has not opened it.
            Error::Io { source, .. } if source.kind() == ErrorKind::InvalidInput && source.raw_os_error().is_none() => {
                Self::Skipped
            }
            Error::Io { source, .. } => Self::of_io(source),
            _ => Self::Failed,
        }
    }

    /// Of an error of the operating system.
    pub fn of_io(error: &io::Error) -> Self {
        match (Errno::from_io_error(error), error.kind()) {
            (Some(Errno::MFILE | Errno::NFILE), _) => Self::NoFiles,
            (_, ErrorKind::OutOfMemory) => Self::NoMemory,
            (_, ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge) => Self::NoRoom,
            (_, ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::ResourceBusy) => Self::Refused,
            (_, ErrorKind::NotFound | ErrorKind::NotADirectory) => Self::Absent,
            _ => Self::Failed,
        }
    }

    /// The exit code of a command that failed so.
    pub fn code(self) -> u8 {
        self.facts().code
    }

    /// What it is called in a list of databases.
    pub fn verdict(self) -> &'static str {
        self.facts().verdict
    }

    /// What a document calls it.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// What so many databases are, before "2 of 3 databases".
    pub fn outcome(self) -> &'static str {
        self.facts().outcome
    }

    /// What to do about it.
    pub fn advice(self) -> &'static str {
        self.facts().advice
    }

    /// `hosts/cli/README.md` has the same table.
    fn facts(self) -> Facts {
        match self {
            Self::Interrupted => Facts {
                code: interrupt::CODE,
                verdict: "INTERRUPTED",
                name: "interrupted",
                outcome: "interrupted",
                advice: "run this again",
            },
            Self::Damaged => Facts {
                code: 1,
                verdict: "DAMAGED",
                name: "damaged",
                outcome: "damaged",
                advice: "restore their files from a copy, or run `jvdb repair`",
            },
            Self::Failed => Facts {
                code: 1,
                verdict: "NOT READABLE",
                name: "failed",
                outcome: "not readable",
                advice: "see what the system's log says of the disk",
            },
            Self::OldFormat => Facts {
                code: 6,
                verdict: "OLD FORMAT",
                name: "old_format",
                outcome: "of format version 1",
                advice: CONVERT,
            },
            Self::UnknownFormat => Facts {
                code: 6,
                verdict: "UNKNOWN FORMAT",
                name: "unknown_format",
                outcome: "of a format that this build does not know",
                advice: "use the build that wrote them",
            },
            Self::Refused => Facts {
                code: 3,
                verdict: "REFUSED",
                name: "refused",
                outcome: "refused to this process",
                advice: "run this as their owner, or give it the right to read and write there; their files are as they were",
            },
            Self::Skipped => Facts {
                code: 3,
                verdict: "SKIPPED",
                name: "skipped",
                outcome: "skipped, as no file or not named as one",
                advice: "move them out of the directory, or rename them",
            },
            Self::NoRoom => Facts {
                code: 4,
                verdict: "NOT OPENED",
                name: "no_room",
                outcome: "not opened, as the disk is full",
                advice: MAKE_ROOM,
            },
            Self::NoFiles => Facts {
                code: 4,
                verdict: "NOT OPENED",
                name: "no_files",
                outcome: "not opened, as the system gives no more open files",
                advice: "raise the limit with `ulimit -n`, or close other programs; their files are as they were",
            },
            Self::NoMemory => Facts {
                code: 4,
                verdict: "NOT OPENED",
                name: "no_memory",
                outcome: "not opened, as there is no memory",
                advice: "give this process more memory; their files are as they were",
            },
            Self::Changed => Facts {
                code: 7,
                verdict: "CHANGED",
                name: "changed",
                outcome: "removed or replaced by another process meanwhile",
                advice: "run this again",
            },
            Self::Absent => {
                Facts { code: 5, verdict: "NOT THERE", name: "absent", outcome: "not there", advice: "run `jvdb list`" }
            }
        }
    }
}

/// What there is to say of a kind. Exit code 2 is clap's, for a wrong command line.
struct Facts {
    code: u8,
    verdict: &'static str,
    name: &'static str,
    outcome: &'static str,
    advice: &'static str,
}

/// What to do with format version 1.
const CONVERT: &str =
    "convert them, by opening the directory once with DatabasePersistenceAdapter or another C++ class of include/";
/// What helps against a full disk.
const MAKE_ROOM: &str =
    "make room on that disk: remove other files, `*.damaged-N` that are of no use any more, or whole databases";

#[cfg(test)]
mod tests {
    use super::*;

    fn of_io(number: i32) -> Kind {
        let source = io::Error::from_raw_os_error(number);
        Kind::of(&Error::Io { action: "open", path: "d.jvdb".into(), offset: None, source })
    }

    #[test]
    fn damage_refusal_lack_absence_and_change_are_told_apart() {
        let path = || "d.jvdb".to_owned();
        for (error, code, word) in [
            (Error::Corrupt { path: path(), offset: 0, what: String::new() }, 1, "damaged"),
            (Error::UnsupportedVersion { path: path(), version: 1 }, 6, "old_format"),
            (Error::UnsupportedVersion { path: path(), version: 3 }, 6, "unknown_format"),
            (Error::Locked { path: path(), holder: String::new() }, 3, "refused"),
            (Error::Fenced { path: path() }, 3, "refused"),
            (Error::Removed { path: path() }, 7, "changed"),
            (Error::NotFound { database: path() }, 5, "absent"),
        ] {
            let kind = Kind::of(&error);
            assert_eq!((kind.code(), kind.name()), (code, word), "{error}");
            assert_eq!(kind.advice().contains("restore"), code == 1, "{error}");
        }
    }

    #[test]
    fn what_the_system_says_is_no_damage() {
        for (errno, code, word) in [
            (Errno::MFILE, 4, "no_files"),
            (Errno::NFILE, 4, "no_files"),
            (Errno::NOSPC, 4, "no_room"),
            (Errno::DQUOT, 4, "no_room"),
            (Errno::NOMEM, 4, "no_memory"),
            (Errno::ACCESS, 3, "refused"),
            (Errno::PERM, 3, "refused"),
            (Errno::ROFS, 3, "refused"),
            (Errno::NOENT, 5, "absent"),
            (Errno::IO, 1, "failed"),
        ] {
            let kind = of_io(errno.raw_os_error());
            assert_eq!((kind.code(), kind.name()), (code, word), "{errno}");
            assert!(!kind.advice().contains("restore"), "{errno}");
        }
    }
}
