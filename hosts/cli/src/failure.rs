//! Everything a command can fail with. Each message says what happened, where, and what can be done.

use std::io;
use std::path::{Path, PathBuf};

/// Why a command ended with exit code 1.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The engine refused; its message says all.
    #[error(transparent)]
    Core(#[from] jvdb_core::Error),
    /// Another engine refused; its message says all.
    #[error(transparent)]
    Engine(Box<dyn std::error::Error + Send + Sync>),
    /// A file of the command line, not of the store.
    #[error("cannot {action} {}: {source}", path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    /// What an export would be written over is a database, or would be taken for one.
    #[error("cannot export to {}: {why}; name another file", path.display())]
    Output { path: PathBuf, why: &'static str },
    /// Standard output does not take the result.
    #[error("cannot write to standard output: {0}")]
    Stdout(io::Error),
    /// The input of an import cannot be read on.
    #[error("cannot import {input}: {at}: {what}; {kept}")]
    Import { input: String, at: String, what: String, kept: String },
    /// A database of this name is not in the file to import.
    #[error("{input} holds no database {database:?}; it holds {found}")]
    NotInFile { input: String, database: String, found: String },
    /// A database of the file does not fit the one in the directory.
    #[error("{0}")]
    Schema(String),
    /// Some databases could not be read, or are damaged; each was reported where it was met.
    #[error(
        "{bad} of {all} databases cannot be read or are damaged; restore their files from a copy, or run `jvdb repair`"
    )]
    Damaged { bad: usize, all: usize },
}

impl From<Box<dyn std::error::Error + Send + Sync>> for Failure {
    fn from(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        error.downcast().map_or_else(Self::Engine, |error| Self::Core(*error))
    }
}

impl Failure {
    /// For `map_err` on an operation on `path`.
    pub fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { action, path: path.to_owned(), source }
    }

    /// Whether the reader of standard output went away, which needs no message.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Stdout(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
