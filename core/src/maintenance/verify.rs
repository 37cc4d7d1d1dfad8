//! Checking a whole file: every record, every bucket, and the one against the other. Changes nothing.

use crate::format::chain::Link;
use crate::format::counts::Counts;
use crate::format::head::damaged_superblocks;
use crate::format::layout::UNIT;
use crate::format::record::Kind;
use crate::format::superblock::Superblock;
use crate::format::table::slots_of;
use crate::log::reader::{Located, Log};
use crate::maintenance::findings::{Damage, Report};
use crate::store::lookup::{AsOf, read_bucket};
use crate::store::postponed::Postponed;
use crate::store::scan::look_behind;
use crate::store::store::Store;
use crate::store::view::{Followed, ReadView};
use crate::sync::lock::lock;
use crate::types::error::Result;
use crate::types::fault::Fault;
use crate::types::key::Name;

impl Store {
    /// Checks everything. Writers wait meanwhile; readers do not.
    pub(crate) fn verify(&self) -> Result<Report> {
        self.check_there()?;
        if self.settings.read_only {
            let view = self.view().kept();
            let Some(Followed { next, counts, .. }) = view.followed else { return Ok(Report::default()) };
            return self.verify_view(&view, next, &counts);
        }
        let _no_flush = lock(&self.progress);
        let writer = lock(&self.writer);
        self.verify_view(&self.view(), writer.next, &writer.counts)
    }

    fn verify_view(&self, view: &ReadView, end: Link, counts: &Counts) -> Result<Report> {
        let mut check =
            Check { view, seed: self.identity.seed, report: Report::default(), postponed: Postponed::default() };
        let first = Superblock::first(self.identity.uuid, self.identity.schema);
        check.all(Link::from(&first), end).map_err(|fault| self.fault(fault))?;
        let Check { mut report, .. } = check;
        let counted =
            [("vectors", counts.vectors, report.vectors), ("attributes", counts.attributes, report.attributes)];
        for (kind, counted, found) in counted {
            if report.damage.is_empty() && counted != found {
                report.damage.push(Damage { offset: 0, what: format!("{counted} {kind} counted, {found} found") });
            }
        }
        report.bytes = view.end();
        Ok(report)
    }
}

/// A check under way of what a view shows.
struct Check<'a> {
    view: &'a ReadView,
    seed: u64,
    report: Report,
    /// Records whose names were written again behind the end of the view, by another process.
    postponed: Postponed,
}

impl Check<'_> {
    fn all(&mut self, first: Link, end: Link) -> Result<(), Fault> {
        let log = self.view.log()?;
        for offset in damaged_superblocks(log.medium)? {
            self.report.note(Fault::Corrupt { offset, what: "superblock is damaged" })?;
        }
        let mut link = first;
        while link.offset < self.view.end() {
            match link.follow(&log).and_then(|found| log.check_body(&found).map(|()| found)) {
                Ok(found) => {
                    self.report.records += 1;
                    self.record(&log, &found)?;
                    link = Link::after(&found);
                }
                Err(fault) => {
                    self.report.note(fault)?;
                    let Some(found) = resume(&log, link.offset)? else { return self.table() };
                    link = found;
                }
            }
        }
        if link != end {
            let offset = self.view.end();
            self.report.note(Fault::Corrupt { offset, what: "the log does not end where its chain does" })?;
        }
        while let Some((_, name)) = self.postponed.next() {
            self.count(&name.as_name());
        }
        self.table()
    }

    fn count(&mut self, name: &Name<'_>) {
        match name {
            Name::Vector(_) => self.report.vectors += 1,
            Name::Attribute(_) => self.report.attributes += 1,
        }
    }

    /// Whether the index knows the record, or a later one of its name.
    fn record(&mut self, log: &Log<'_>, found: &Located) -> Result<(), Fault> {
        let named = match found.header.kind {
            Kind::Table => return Ok(()),
            _ => log.named(found)?,
        };
        let name = named.name();
        if found.header.kind.removes() {
            if !self.postponed.is_empty() {
                self.postponed.remove(&name.to_owned());
            }
            return Ok(());
        }
        let end = self.view.end();
        match self.view.find_as_of(name.hash(self.seed), name, end) {
            Ok(AsOf::At(latest)) if latest == found.offset => self.count(&name),
            Ok(AsOf::At(latest)) if latest < found.offset => {
                self.report.note(Fault::Corrupt { offset: found.offset, what: "index points at an older record" })?;
            }
            Ok(AsOf::At(_)) => {}
            Ok(AsOf::Behind) => self.postponed.add(name.to_owned(), found.offset)?,
            Ok(AsOf::Nothing) => {
                while !look_behind(&mut self.postponed, self.view, end)? {}
                let name = name.to_owned();
                if self.postponed.was_deleted(&name) {
                    self.postponed.add(name, found.offset)?;
                }
            }
            Err(fault) => self.report.note(fault)?,
        }
        Ok(())
    }

    /// Whether each slot points at a record of its hash.
    fn table(&mut self) -> Result<(), Fault> {
        let view = self.view;
        let log = view.log()?;
        for number in 0..view.table.all_buckets() {
            let place = view.table.bucket_offset(number);
            let bucket = match read_bucket(&log, number) {
                Ok(bucket) => bucket,
                Err(fault) => {
                    self.report.note(fault)?;
                    continue;
                }
            };
            for slot in slots_of(&bucket) {
                if slot.offset >= log.end && view.is_outdated()? {
                    // Of what another process has written since.
                    continue;
                }
                let hash =
                    log.locate(slot.offset).and_then(|found| Ok((log.named(&found)?.name().hash(self.seed), found)));
                match hash {
                    Ok((hash, found)) => {
                        if !found.header.kind.stores() || hash != slot.hash {
                            let what = "index slot points at another name";
                            self.report.note(Fault::Corrupt { offset: place, what })?;
                        }
                    }
                    Err(fault) => self.report.note(fault)?,
                }
            }
        }
        self.report.damage.sort_by_key(|damage| damage.offset);
        self.report.damage.dedup();
        Ok(())
    }
}

/// The next place behind a damaged record where one stands that is sound in itself.
fn resume(log: &Log<'_>, damaged: u64) -> Result<Option<Link>, Fault> {
    let mut offset = damaged;
    // A damaged body leaves the header, and with it the way to the next record.
    if let Ok(found) = log.locate(offset) {
        let next = Link::after(&found);
        if log.locate(next.offset).is_ok() || next.offset == log.end {
            return Ok(Some(next));
        }
    }
    while offset + UNIT < log.end {
        offset += UNIT;
        match log.locate(offset) {
            Ok(found) => {
                return Ok(Some(Link { offset, sequence: found.header.sequence, link: found.header.link }));
            }
            Err(Fault::Corrupt { .. }) => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(None)
}
