//! Vectors that a scan gives last, because their keys were written again while it went on.
//!
//! A scan gives what was alive where the log ended when it began. Of a key that was written since, the index knows only what is
//! newer: of its older records the last one counts, and which one that is shows at the end of the scan. Reads no index.

use crate::format::record::Kind;
use crate::log::reader::Log;
use crate::types::fault::Fault;
use crate::types::key::{KeyBuf, Name};
use std::collections::{HashMap, HashSet};
use std::vec;

/// Records looked at in one go.
const STRIDE: u32 = 1024;

#[derive(Default)]
pub(crate) struct Postponed {
    /// The record met last of each key that was written since.
    records: HashMap<KeyBuf, u64>,
    /// Keys deleted behind the end of the scan, as far as was looked.
    deleted: HashSet<KeyBuf>,
    /// Up to where was looked; 0 before the first look.
    looked_to: u64,
    /// What is left to be given, in the order of the log.
    queue: Option<vec::IntoIter<(u64, KeyBuf)>>,
}

impl Postponed {
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(crate) fn add(&mut self, key: KeyBuf, offset: u64) -> Result<(), Fault> {
        self.records.try_reserve(1)?;
        self.records.insert(key, offset);
        Ok(())
    }

    /// To be called for a deletion that the scan meets.
    pub(crate) fn remove(&mut self, key: &KeyBuf) {
        self.records.remove(key);
    }

    /// Whether a key was deleted behind the end of the scan, as far as was looked.
    pub(crate) fn was_deleted(&self, key: &KeyBuf) -> bool {
        self.deleted.contains(key)
    }

    /// Looks for deletions from the end of the scan to that of the log, a part of the way at a time. Returns whether it is there.
    pub(crate) fn look(&mut self, log: &Log<'_>, scan_end: u64, log_end: u64) -> Result<bool, Fault> {
        self.looked_to = self.looked_to.max(scan_end);
        for _ in 0..STRIDE {
            if self.looked_to >= log_end {
                return Ok(true);
            }
            let found = log.locate(self.looked_to)?;
            if found.header.kind == Kind::Delete
                && let Name::Vector(key) = log.named(&found)?.name()
            {
                self.deleted.try_reserve(1)?;
                self.deleted.insert(key.to_owned());
            }
            self.looked_to += found.len;
        }
        Ok(false)
    }

    /// The next record to be given, with its key. To be called when the scan has met all records.
    pub(crate) fn next(&mut self) -> Option<(u64, KeyBuf)> {
        let records = &mut self.records;
        let queue = self.queue.get_or_insert_with(|| {
            let mut queue = Vec::from_iter(std::mem::take(records).into_iter().map(|(key, offset)| (offset, key)));
            queue.sort_unstable();
            queue.into_iter()
        });
        queue.next()
    }
}
