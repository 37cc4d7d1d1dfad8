//! What a verification finds and a repair has done: plain values, for the caller.

use crate::types::error::Result;
use crate::types::fault::Fault;
use crate::types::key::{Key, KeyBuf, Name};

/// What [`Database::verify`](crate::Database::verify) found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "it says what is damaged"]
#[non_exhaustive]
pub struct Report {
    /// Records read.
    pub records: u64,
    /// Live vectors found.
    pub vectors: u64,
    /// Attributes found.
    pub attributes: u64,
    /// Bytes checked.
    pub bytes: u64,
    /// Everything that is wrong; empty if the database is sound.
    pub damage: Vec<Damage>,
}

/// One damaged place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// Byte offset in the file.
    pub offset: u64,
    /// What is wrong there.
    pub what: String,
}

impl Report {
    pub(crate) fn note(&mut self, fault: Fault) -> Result<(), Fault> {
        match fault {
            Fault::Corrupt { offset, what } => {
                self.damage.try_reserve(1)?;
                self.damage.push(Damage { offset, what: what.into() });
                Ok(())
            }
            fault => Err(fault),
        }
    }
}

/// What [`Storage::repair`](crate::Storage::repair) found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "it says what is lost"]
#[non_exhaustive]
pub struct Repair {
    /// Name of the file, in the same directory, that holds the database as it was. `None` if nothing was wrong: then
    /// nothing was changed.
    pub backup: Option<String>,
    /// Vectors that are there now.
    pub vectors: u64,
    /// Attributes that are there now.
    pub attributes: u64,
    /// What was wrong: all that a verification finds, or the one fault that kept the file from being opened.
    pub damage: Vec<Damage>,
    /// Names that are gone because their newest record is damaged. No older version took its place.
    pub lost: Vec<Item>,
    /// Ranges of the old file in which records were lost whose names could not be read. Names in `lost` may be of these.
    pub gaps: Vec<Gap>,
    /// Names that are there, but in a version from before a gap for which no sound index tells what was in it: each may
    /// have been replaced or deleted by a record that was lost. Empty where the index tells, which is most often so.
    pub doubtful: Vec<Item>,
}

/// Something that a database holds under a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Item {
    /// A vector, by its key.
    Vector(KeyBuf),
    /// An attribute, by its name.
    Attribute(Box<[u8]>),
}

/// A range of a damaged file that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// Where it begins, in bytes.
    pub offset: u64,
    /// Where it ends, in bytes. May be behind the end of a file that was cut off.
    pub end: u64,
    /// Records that were lost in it, the replaced and deleted ones among them. `None` if that is not known, because nothing
    /// tells how much there was behind `offset`.
    pub records: Option<u64>,
}

impl Item {
    pub(crate) fn name(&self) -> Name<'_> {
        match self {
            Self::Vector(key) => Name::Vector(key.as_key()),
            Self::Attribute(name) => Name::Attribute(name),
        }
    }
}

impl From<Name<'_>> for Item {
    fn from(name: Name<'_>) -> Self {
        match name {
            Name::Vector(key) => Self::Vector(key.to_owned()),
            Name::Attribute(name) => Self::Attribute(name.into()),
        }
    }
}

impl std::fmt::Display for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Vector(key) => write!(f, "key {key}"),
            Self::Attribute(name) => write!(f, "attribute {}", Key::Bytes(name)),
        }
    }
}
