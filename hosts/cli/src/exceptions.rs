//! Databases that a command could not deal with, while it went on with the others: each by name, and all of them at the end.

use crate::failure::Failure;
use crate::kind::Kind;
use jvdb_core::Error;
use serde::{Serialize, Serializer};
use std::io::{self, Write};

/// Names of one kind that are printed at the end.
const SHOWN: usize = 20;

/// One database, or what has the name of one.
#[derive(Debug, Clone, Serialize)]
pub struct Exception {
    pub name: String,
    #[serde(serialize_with = "kind_by_name")]
    pub kind: Kind,
    pub error: String,
}

fn kind_by_name<S: Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.name())
}

impl Exception {
    /// A database of this name failed so.
    pub fn new(name: impl Into<String>, failure: &Failure) -> Self {
        let error = match failure {
            // What to do about it is said at the end.
            Failure::Core(Error::Corrupt { path, offset, what }) => format!("{path}: {what} at offset {offset}"),
            Failure::Core(Error::UnsupportedVersion { path, version }) => format!("{path}: format version {version}"),
            other => other.to_string(),
        };
        Self { name: name.into(), kind: failure.kind(), error }
    }

    /// One line: the name, what kind of exception it is, and what happened.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}: {}: {}", self.name, self.kind.verdict(), self.error)
    }
}

/// All is well if there are none; else the failure that tells of them, in `all` databases.
pub fn check(exceptions: &[Exception], all: usize) -> Result<(), Failure> {
    let mut kinds: Vec<Kind> = exceptions.iter().map(|exception| exception.kind).collect();
    kinds.sort();
    kinds.dedup();
    let Some(&worst) = kinds.first() else { return Ok(()) };
    let sentences = kinds.iter().map(|&kind| {
        let names: Vec<_> = exceptions.iter().filter(|it| it.kind == kind).map(|it| it.name.as_str()).collect();
        let (outcome, count, names, advice) = (kind.outcome(), names.len(), quoted(&names), kind.advice());
        format!("{outcome}: {count} of {all} databases ({names}); {advice}")
    });
    Err(Failure::Exceptions { kind: worst, told: sentences.collect::<Vec<_>>().join("\njvdb: ") })
}

/// Names as people read them; of many the first.
pub fn quoted(names: &[impl AsRef<str>]) -> String {
    let mut shown: Vec<_> = names.iter().take(SHOWN).map(|name| format!("{:?}", name.as_ref())).collect();
    match names.len() {
        0 => return "none".to_owned(),
        all if all > SHOWN => shown.push(format!("and {} more", all - SHOWN)),
        _ => {}
    }
    shown.join(", ")
}
