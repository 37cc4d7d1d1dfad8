//! A failed call, before anybody asks for an error object. Knows its status; no text is made here that nobody will read.

use crate::status::{self, *};
use jvdb_core::Error as Core;

/// Why a call failed.
pub(crate) enum Failure {
    /// The engine said so.
    Core(Core),
    /// An argument broke a rule of the C face.
    Argument(String),
    /// A buffer cannot hold what was asked for.
    BufferTooSmall { what: &'static str, needed: usize, given: usize },
    /// An error without a code of its own.
    Internal(String),
    /// The engine panicked in this call, or in an earlier one of the same handle.
    Panic(String),
}

impl From<Core> for Failure {
    fn from(error: Core) -> Self {
        Self::Core(error)
    }
}

impl Failure {
    #[cold]
    pub(crate) fn null(what: &str) -> Self {
        Self::Argument(format!("invalid {what}: it is NULL"))
    }

    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Core(error) => status::of(error),
            Self::Argument(_) => JVDB_ERROR_INVALID_ARGUMENT,
            Self::BufferTooSmall { .. } => JVDB_ERROR_BUFFER_TOO_SMALL,
            Self::Internal(_) => JVDB_ERROR_INTERNAL,
            Self::Panic(_) => JVDB_ERROR_PANIC,
        }
    }
}
