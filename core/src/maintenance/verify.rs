//! Checking a whole file: every record, every bucket, and the one against the other. Changes nothing.

use crate::format::chain::Link;
use crate::format::head::damaged_superblocks;
use crate::format::layout::UNIT;
use crate::format::record::Kind;
use crate::format::superblock::Superblock;
use crate::format::table::{Geometry, slots_of};
use crate::log::reader::{Located, Log};
use crate::maintenance::findings::{Damage, Report};
use crate::store::follow::Held;
use crate::store::lookup::{AsOf, read_bucket};
use crate::store::postponed::Postponed;
use crate::store::scan::look_behind;
use crate::store::store::Store;
use crate::store::view::{Followed, ReadView};
use crate::sync::lock::lock;
use crate::types::error::Result;
use crate::types::fault::Fault;
use crate::types::key::Name;
use std::sync::Arc;

impl Store {
    /// Checks everything that was there at the call. Reads, writes and flushes go on; a compaction waits.
    pub(crate) fn verify(&self) -> Result<Report> {
        self.check_free()?;
        let _no_compaction = lock(&self.copying);
        let kept = self.settings.read_only.then(|| Arc::new(self.view().kept()));
        let (end, counts) = match kept.as_ref().and_then(|view| view.followed) {
            Some(Followed { next, counts, .. }) => (next, counts),
            None => {
                let writer = lock(&self.writer);
                (writer.next, writer.counts)
            }
        };
        let table = kept.as_ref().map_or_else(|| self.view().table, |view| view.table);
        let seed = self.identity.seed;
        let (report, postponed) = (Report::default(), Postponed::default());
        let mut check = Check { store: self, kept, table, seed, end: end.offset, report, postponed };
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
        report.bytes = end.offset;
        Ok(report)
    }
}

/// A check under way of what was there when it began.
struct Check<'a> {
    store: &'a Store,
    /// What a file that another process writes was like then.
    kept: Option<Arc<ReadView>>,
    /// The index then. It goes on being changed, or another takes its place.
    table: Geometry,
    seed: u64,
    /// Where the log ended then.
    end: u64,
    report: Report,
    /// Records whose names were written again behind that end.
    postponed: Postponed,
}

impl<'a> Check<'a> {
    /// To be held for a moment: in the writing process a flush waits for it.
    fn view(&self) -> Held<'a> {
        match &self.kept {
            Some(view) => Held::Kept(Arc::clone(view)),
            None => Held::Shared(self.store.view()),
        }
    }

    fn all(&mut self, first: Link, end: Link) -> Result<(), Fault> {
        for offset in damaged_superblocks(self.view().log()?.medium)? {
            self.report.note(Fault::Corrupt { offset, what: "superblock is damaged" })?;
        }
        let mut link = first;
        while link.offset < self.end {
            let view = self.view();
            let log = Log { end: self.end, table: self.table, ..view.log()? };
            match link.follow(&log).and_then(|found| log.check_body(&found).map(|()| found)) {
                Ok(found) => {
                    self.report.records += 1;
                    self.record(&view, &log, &found)?;
                    link = Link::after(&found);
                }
                Err(fault) => {
                    self.report.note(fault)?;
                    let Some(found) = resume(&log, link.offset)? else { return self.slots() };
                    link = found;
                }
            }
        }
        if link != end {
            let what = "the log does not end where its chain does";
            self.report.note(Fault::Corrupt { offset: self.end, what })?;
        }
        while let Some((_, name)) = self.postponed.next() {
            self.count(&name.as_name());
        }
        self.slots()
    }

    fn count(&mut self, name: &Name<'_>) {
        match name {
            Name::Vector(_) => self.report.vectors += 1,
            Name::Attribute(_) => self.report.attributes += 1,
        }
    }

    /// Whether the index knows the record, or a later one of its name.
    fn record(&mut self, view: &ReadView, log: &Log<'_>, found: &Located) -> Result<(), Fault> {
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
        match view.find_as_of(name.hash(self.seed), name, self.end) {
            Ok(AsOf::At(latest)) if latest == found.offset => self.count(&name),
            Ok(AsOf::At(latest)) if latest < found.offset => {
                self.report.note(Fault::Corrupt { offset: found.offset, what: "index points at an older record" })?;
            }
            Ok(AsOf::At(_)) => {}
            Ok(AsOf::Behind) => self.postponed.add(name.to_owned(), found.offset)?,
            Ok(AsOf::Nothing) => {
                while !look_behind(&mut self.postponed, view, self.end)? {}
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
    fn slots(&mut self) -> Result<(), Fault> {
        for number in 0..self.table.all_buckets() {
            let view = self.view();
            let log = Log { end: self.end, table: self.table, ..view.log()? };
            let place = self.table.bucket_offset(number);
            let bucket = match read_bucket(&log, number) {
                Ok(bucket) => bucket,
                Err(fault) => {
                    self.report.note(fault)?;
                    continue;
                }
            };
            for slot in slots_of(&bucket) {
                if slot.offset >= self.end && (view.end() > self.end || view.is_outdated()?) {
                    // Of what was written since.
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
