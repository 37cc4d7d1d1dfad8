//! Reading the log: single records by offset, and walks along the chain.
//!
//! Trusts no length and no offset before it is checked. Knows nothing of the index, and changes nothing.

use crate::checksum::sum64;
use crate::error::Error;
use crate::key::Name;
use crate::medium::{Medium, View};
use crate::record::{HEADER, Header, Kind, UNIT};
use crate::superblock::{LOG_START, Superblock};
use crate::table::{Geometry, Rotten};
use crate::teeth::{Mutant, broken};
use std::io;

/// What went wrong below, before the database and path are known.
#[derive(Debug)]
pub(crate) enum Fault {
    Io { action: &'static str, offset: u64, source: io::Error },
    Corrupt { offset: u64, what: &'static str },
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
        }
    }
}

impl From<Rotten> for Fault {
    fn from(Rotten(offset): Rotten) -> Self {
        Self::Corrupt { offset, what: "index bucket has a wrong checksum" }
    }
}

/// The log as it is up to `end`.
#[derive(Clone, Copy)]
pub(crate) struct Log<'a> {
    pub medium: &'a dyn Medium,
    pub vector_bytes: usize,
    pub end: u64,
    /// The index table in force, whose buckets change in place: no record lies in it.
    pub table: Geometry,
}

/// A record known to be whole and in bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Located {
    pub offset: u64,
    pub len: u64,
    pub header: Header,
}

impl<'a> Log<'a> {
    /// The header of the record at `offset`, which must lie wholly before the end.
    pub(crate) fn locate(&self, offset: u64) -> Result<Located, Fault> {
        let corrupt = |what| Fault::Corrupt { offset, what };
        if offset < LOG_START || !offset.is_multiple_of(UNIT) {
            return Err(corrupt("no record can begin here"));
        }
        if offset.checked_add(HEADER as u64).is_none_or(|end| end > self.end) {
            return Err(corrupt("record lies beyond the end of the log"));
        }
        let block = self.medium.read(offset, HEADER).map_err(Fault::read(offset))?;
        let header = Header::decode(&block).ok_or(corrupt("record header has a wrong checksum"))?;
        let len = header.record_len(self.vector_bytes).filter(|len| *len <= self.end - offset);
        let len = len.ok_or(corrupt("record is longer than the log"))?;
        if header.kind != Kind::Table && self.table.meets(offset, offset + len) {
            return Err(corrupt("record lies within the index table"));
        }
        Ok(Located { offset, len, header })
    }

    /// Fetches a record that is likely to be read whole: its header, where its vector begins, and where it ends.
    pub(crate) fn touch(&self, offset: u64) {
        for line in [0, UNIT, 2 * UNIT, HEADER as u64 + self.vector_bytes as u64] {
            self.medium.touch(offset + line);
        }
    }

    /// The record at `offset` if it is one that stores or removes `name`.
    pub(crate) fn names(&self, offset: u64, name: Name<'_>) -> Result<Option<Located>, Fault> {
        let found = self.locate(offset)?;
        if found.header.kind == Kind::Table {
            return Err(Fault::Corrupt { offset, what: "index points at a record without a name" });
        }
        let same = if found.header.names_inline() {
            found.header.name(&[], self.vector_bytes) == name
        } else {
            found.header.name(&self.head(&found)?, self.vector_bytes) == name
        };
        Ok(same.then_some(found))
    }

    /// Everything of a record before its metadata.
    pub(crate) fn head(&self, found: &Located) -> Result<View<'a>, Fault> {
        let len = found.header.meta_at(self.vector_bytes);
        self.medium.read(found.offset, len).map_err(Fault::read(found.offset))
    }

    /// Checks a record's body against its checksum.
    pub(crate) fn check_body(&self, found: &Located) -> Result<(), Fault> {
        let len = found.header.summed_len(self.vector_bytes);
        let record = self.medium.read(found.offset, len).map_err(Fault::read(found.offset))?;
        if sum64(&record[HEADER..]) == found.header.body_sum || broken(Mutant::BodyUnchecked) {
            Ok(())
        } else {
            Err(Fault::Corrupt { offset: found.offset, what: "record body has a wrong checksum" })
        }
    }
}

/// A place in the chain of records: where the next one is, and what it must carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    pub offset: u64,
    pub sequence: u64,
    pub link: u64,
}

impl From<&Superblock> for Link {
    fn from(superblock: &Superblock) -> Self {
        Self { offset: superblock.durable_end, sequence: superblock.sequence, link: superblock.link }
    }
}

impl Link {
    /// Behind a record.
    pub(crate) fn after(found: &Located) -> Self {
        Self { offset: found.offset + found.len, sequence: found.header.sequence + 1, link: found.header.sum }
    }

    /// The record here, with its link and sequence checked but not its body.
    pub(crate) fn follow(self, log: &Log<'_>) -> Result<Located, Fault> {
        let found = log.locate(self.offset)?;
        let follows = found.header.link == self.link && found.header.sequence == self.sequence;
        if follows || broken(Mutant::Unchained) {
            Ok(found)
        } else {
            Err(Fault::Corrupt { offset: self.offset, what: "record does not follow the one before it" })
        }
    }
}
