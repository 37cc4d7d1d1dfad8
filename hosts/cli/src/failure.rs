//! Everything a command can fail with. Each message says what happened, where, and what can be done.

use crate::kind::Kind;
use std::io;
use std::path::{Path, PathBuf};

/// Why a command did not end with exit code 0.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The engine refused; its message says all.
    #[error(transparent)]
    Core(#[from] jvdb_core::Error),
    /// Another engine refused; its message says all.
    #[error(transparent)]
    Engine(Box<dyn std::error::Error + Send + Sync>),
    /// A file of the command line, not of the store.
    #[error("cannot {action} {}: {source}{}", path.display(), elsewhere(source))]
    File { action: &'static str, path: PathBuf, source: io::Error },
    /// What an export would be written over is a database, or would be taken for one.
    #[error("cannot write to {}: {why}; name another file or directory", path.display())]
    Output { path: PathBuf, why: &'static str },
    /// What would be written is there.
    #[error("{} is there already, and is not written over; {cure}", path.display())]
    Exists { path: PathBuf, cure: &'static str },
    /// A backup cannot be put in its place.
    #[error("cannot restore {}: {what}; nothing was changed", from.display())]
    Restore { kind: Kind, from: PathBuf, what: String },
    /// Standard output does not take the result.
    #[error("cannot write to standard output: {0}")]
    Stdout(io::Error),
    /// There is a directory, and no database in it.
    #[error(
        "{} holds no database: there is neither NAME.jvdb nor NAME/vectors.jvdb in it; name the directory in which they lie",
        path.display()
    )]
    NoDatabases { path: PathBuf },
    /// A database of this name is not there.
    #[error(
        "database {name:?} does not exist in {0}; `jvdb list --storage {0}` prints the names of those that do",
        path.display()
    )]
    NoDatabase { name: String, path: PathBuf },
    /// One name stands for two files.
    #[error("there are two databases {name:?} in {}, one in each layout; move one of their files elsewhere", path.display())]
    TwoDatabases { name: String, path: PathBuf },
    /// A directory in which it is not clear where a new database belongs.
    #[error(
        "{} holds databases in two layouts, NAME.jvdb and NAME/vectors.jvdb; move those of one layout into a directory of \
         their own",
        path.display()
    )]
    TwoLayouts { path: PathBuf },
    /// A vector of this key is not there.
    #[error("key {key} does not exist in database {database:?}{hint}")]
    NoKey { key: String, database: String, hint: String },
    /// What was given for an option is wrong.
    #[error("the {name} is wrong: {what}")]
    Argument { name: &'static str, what: String },
    /// The input of an import cannot be read on, or what was read cannot be stored.
    #[error("cannot import {input}: {at}: {what}; {kept}")]
    Import { kind: Kind, input: String, at: String, what: String, kept: String },
    /// The process was told to end; the message says what it had done.
    #[error("{0}")]
    Interrupted(String),
    /// A database of this name is not in the file to import.
    #[error("{input} holds no database {database:?}; it holds {found}")]
    NotInFile { input: String, database: String, found: String },
    /// A database of the file does not fit the one in the directory.
    #[error("{0}")]
    Schema(String),
    /// Some databases are not what they should be, or could not be looked at; each was reported where it was met.
    #[error("{told}")]
    Exceptions { kind: Kind, told: String },
}

/// What helps where a file of the command line finds no room.
fn elsewhere(source: &io::Error) -> &'static str {
    if Kind::of_io(source) == Kind::NoRoom { "; make room on that disk, or name a file on another one" } else { "" }
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

    /// Whether the file to import is to blame for it, and must be corrected.
    pub fn blames_input(&self) -> bool {
        use jvdb_core::Error::{DimensionMismatch, InvalidArgument, InvalidName};
        let by_engine =
            matches!(self, Self::Core(InvalidArgument { .. } | InvalidName { .. } | DimensionMismatch { .. }));
        by_engine || matches!(self, Self::Schema(_))
    }

    /// What kind of failure it is, which decides the exit code.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Core(error) => Kind::of(error),
            Self::File { source, .. } | Self::Stdout(source) => Kind::of_io(source),
            Self::Output { .. } | Self::Exists { .. } | Self::TwoDatabases { .. } | Self::TwoLayouts { .. } => {
                Kind::Refused
            }
            Self::NoDatabases { .. } | Self::NoDatabase { .. } | Self::NoKey { .. } | Self::NotInFile { .. } => {
                Kind::Absent
            }
            Self::Exceptions { kind, .. } | Self::Restore { kind, .. } | Self::Import { kind, .. } => *kind,
            Self::Interrupted(_) => Kind::Interrupted,
            Self::Engine(_) | Self::Schema(_) | Self::Argument { .. } => Kind::Failed,
        }
    }
}
