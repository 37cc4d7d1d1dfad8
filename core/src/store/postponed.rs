//! Records that a scan gives last, because their names were written again while it went on.
//!
//! A scan gives what was alive where the log ended when it began. Of a name that was written since, the index knows only what is
//! newer: of its older records the last one counts, and which one that is shows at the end of the scan. Reads no index.

use crate::format::head::Stamp;
use crate::log::reader::Log;
use crate::types::fault::Fault;
use crate::types::key::NameBuf;
use std::collections::{HashMap, HashSet};
use std::vec;

/// Records looked at in one go.
const STRIDE: u32 = 1024;

#[derive(Default)]
pub(crate) struct Postponed {
    /// The record met last of each name that was written since.
    records: HashMap<NameBuf, u64>,
    /// Names deleted behind the end of the scan, as far as was looked.
    deleted: HashSet<NameBuf>,
    /// Up to where was looked; 0 before the first look.
    looked_to: u64,
    /// The head of a followed file that said that nothing more was to be looked at.
    pub stamp: Option<Stamp>,
    /// What is left to be given, in the order of the log.
    queue: Option<vec::IntoIter<(u64, NameBuf)>>,
}

impl Postponed {
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(crate) fn add(&mut self, name: NameBuf, offset: u64) -> Result<(), Fault> {
        self.records.try_reserve(1)?;
        self.records.insert(name, offset);
        Ok(())
    }

    /// To be called for a deletion that the scan meets.
    pub(crate) fn remove(&mut self, name: &NameBuf) {
        self.records.remove(name);
    }

    /// Whether a name was deleted behind the end of the scan, as far as was looked.
    pub(crate) fn was_deleted(&self, name: &NameBuf) -> bool {
        self.deleted.contains(name)
    }

    /// Looks for deletions from the end of the scan to that of the log, a part of the way at a time. Returns whether it is there.
    pub(crate) fn look(&mut self, log: &Log<'_>, scan_end: u64, log_end: u64) -> Result<bool, Fault> {
        self.looked_to = self.looked_to.max(scan_end);
        for _ in 0..STRIDE {
            if self.looked_to >= log_end {
                return Ok(true);
            }
            let found = log.locate(self.looked_to)?;
            if found.header.kind.removes() {
                self.deleted.try_reserve(1)?;
                self.deleted.insert(log.named(&found)?.name().to_owned());
            }
            self.looked_to += found.len;
        }
        Ok(false)
    }

    /// The next record to be given, with its name. To be called when the scan has met all records.
    pub(crate) fn next(&mut self) -> Option<(u64, NameBuf)> {
        let records = &mut self.records;
        let queue = self.queue.get_or_insert_with(|| {
            let mut queue = Vec::from_iter(std::mem::take(records).into_iter().map(|(name, offset)| (offset, name)));
            queue.sort_unstable();
            queue.into_iter()
        });
        queue.next()
    }
}
