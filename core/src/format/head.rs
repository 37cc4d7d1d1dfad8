//! The head of a file: its pair of superblocks, written and read in one place.

use crate::format::layout::{LOG_START, SECTOR};
use crate::format::superblock::{Flaw, Superblock};
use crate::medium::Medium;
use crate::types::error::{Error, Result};
use crate::types::fault::Fault;

/// What the head of a file says.
pub(crate) struct Head {
    pub newest: Superblock,
    /// The other superblock is damaged; it may have been the newer one.
    pub doubtful: bool,
}

/// The superblock that counts.
pub(crate) fn newest_superblock(medium: &dyn Medium, path: &str) -> Result<Head> {
    let corrupt = |offset, what: &str| Error::Corrupt { path: path.into(), offset, what: what.into() };
    if medium.len() < LOG_START {
        return Err(corrupt(medium.len(), "header validation failed: file ends before its superblocks do"));
    }
    let mut newest: Option<Superblock> = None;
    let mut flaws = Vec::new();
    for offset in [0, LOG_START / 2] {
        let mut block = [0; SECTOR];
        medium.read_into(offset, &mut block).map_err(|source| Fault::read(offset)(source).at(path))?;
        match Superblock::decode(&block) {
            Ok(found) if newest.is_none_or(|newest| newest.generation < found.generation) => newest = Some(found),
            Ok(_) => {}
            Err(flaw) => flaws.push(flaw),
        }
    }
    if let Some(superblock) = newest {
        if !flaws.is_empty() {
            tracing::warn!(path, "one of two superblocks is damaged, the other one serves");
        }
        if superblock.durable_end > medium.len() {
            return Err(corrupt(medium.len(), "file is truncated: it ends before its flushed data does"));
        }
        return Ok(Head { newest: superblock, doubtful: !flaws.is_empty() });
    }
    Err(match flaws.as_slice() {
        [Flaw::Version(version), ..] => Error::UnsupportedVersion { path: path.into(), version: *version },
        [Flaw::Foreign, Flaw::Foreign] => corrupt(0, "invalid magic number: this is no .jvdb file"),
        _ => corrupt(0, "header validation failed: both superblocks are damaged"),
    })
}
