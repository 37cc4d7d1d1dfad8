//! The one error type of the host.

use crate::bindings::exports::jvdb::storage::engine;
use std::io;
use std::path::PathBuf;

/// Result of every fallible call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine refused the call, which had no effect. Its [`kind`](engine::Error::kind) is for programs, its message
    /// says what to do.
    #[error("{}", .0.message)]
    Engine(engine::Error),
    /// The file is no component that can be used here: unreadable, damaged, of another interface, or one that asks for
    /// more than files and clocks.
    #[error("cannot load component {path}: {source:#}")]
    Component {
        /// The file.
        path: PathBuf,
        /// What wasmtime said.
        source: wasmtime::Error,
    },
    /// The storage directory cannot be created or opened.
    #[error("cannot open storage directory {path}: {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The component stopped within the call, for example out of memory: whether the call had an effect is unknown.
    /// Nothing acknowledged is lost. Every further call on this storage fails; drop it and open the directory again.
    #[error("the component stopped: {0:#}; open the directory again to go on")]
    Stopped(wasmtime::Error),
}

impl Error {
    /// What the engine refused, if it was the engine.
    pub fn kind(&self) -> Option<&engine::ErrorKind> {
        match self {
            Self::Engine(error) => Some(&error.kind),
            _ => None,
        }
    }
}

impl From<jvdb_core::Error> for Error {
    /// A failure to lock the directory, as the interface says it.
    fn from(error: jvdb_core::Error) -> Self {
        let message = error.to_string();
        let kind = match error {
            jvdb_core::Error::Locked { path, holder } => engine::ErrorKind::Locked(engine::LockError { path, holder }),
            jvdb_core::Error::Io { action, path, offset, source } => engine::ErrorKind::Io(engine::IoError {
                action: action.into(),
                path,
                offset,
                cause: source.to_string(),
            }),
            _ => engine::ErrorKind::Other,
        };
        Self::Engine(engine::Error { kind, message })
    }
}
