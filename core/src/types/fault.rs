//! What went wrong below, before the database and the path are known. Whoever knows them makes it an [`Error`].

use crate::types::error::Error;
use std::collections::TryReserveError;
use std::io;

/// What went wrong below, before the database and path are known.
#[derive(Debug)]
pub(crate) enum Fault {
    Io {
        action: &'static str,
        offset: u64,
        source: io::Error,
    },
    Corrupt {
        offset: u64,
        what: &'static str,
    },
    /// A sync failed: nothing is known of what the disk holds.
    Sync(io::Error),
    /// The allocator has no more.
    Memory,
}

impl Fault {
    pub(crate) fn read(offset: u64) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action: "read", offset, source }
    }

    /// The error for the caller.
    pub(crate) fn at(self, path: &str) -> Error {
        match self {
            Self::Io { action, offset, source } => {
                Error::Io { action, path: path.into(), offset: Some(offset), source }
            }
            Self::Corrupt { offset, what } => Error::Corrupt { path: path.into(), offset, what: what.into() },
            Self::Sync(source) => Error::io("sync", path, source),
            Self::Memory => Error::io("find memory to work on", path, io::ErrorKind::OutOfMemory.into()),
        }
    }
}

impl From<TryReserveError> for Fault {
    fn from(_: TryReserveError) -> Self {
        Self::Memory
    }
}

impl From<hashbrown::TryReserveError> for Fault {
    fn from(_: hashbrown::TryReserveError) -> Self {
        Self::Memory
    }
}
