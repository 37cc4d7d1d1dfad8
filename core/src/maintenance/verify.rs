//! Checking a whole file: every record, every bucket, and the one against the other. Changes nothing.

use crate::format::chain::Link;
use crate::format::counts::Counts;
use crate::format::head::Pair;
use crate::format::layout::{LOG_START, UNIT};
use crate::format::record::Kind;
use crate::format::superblock::Superblock;
use crate::format::table::slots_of;
use crate::log::reader::{Located, Log};
use crate::maintenance::findings::{Damage, Report};
use crate::store::lookup::read_bucket;
use crate::store::store::Store;
use crate::store::view::ReadView;
use crate::sync::lock::lock;
use crate::types::error::Result;
use crate::types::fault::Fault;

impl Store {
    /// Checks everything. Writers wait meanwhile; readers do not.
    pub(crate) fn verify(&self) -> Result<Report> {
        self.check_there()?;
        let _no_flush = lock(&self.progress);
        let writer = lock(&self.writer);
        let view = self.view();
        let mut report = Report::default();
        self.check_all(&view, writer.next, &mut report).map_err(|fault| self.fault(fault))?;
        self.check_unchanged()?;
        let Counts { vectors, attributes, .. } = writer.counts;
        for (kind, counted, found) in
            [("vectors", vectors, report.vectors), ("attributes", attributes, report.attributes)]
        {
            if report.damage.is_empty() && counted != found {
                report.damage.push(Damage { offset: 0, what: format!("{counted} {kind} counted, {found} found") });
            }
        }
        report.bytes = view.end();
        Ok(report)
    }

    fn check_all(&self, view: &ReadView, end: Link, report: &mut Report) -> Result<(), Fault> {
        let log = view.log()?;
        self.check_superblocks(&log, report)?;
        let first = Superblock::first(self.identity.uuid, self.identity.schema);
        let mut link = Link { offset: LOG_START, sequence: first.sequence, link: first.link };
        while link.offset < view.end() {
            match link.follow(&log).and_then(|found| log.check_body(&found).map(|()| found)) {
                Ok(found) => {
                    report.records += 1;
                    self.check_indexed(view, &found, report)?;
                    link = Link::after(&found);
                }
                Err(fault) => {
                    report.note(fault)?;
                    let Some(found) = resume(&log, link.offset)? else { return self.check_table(view, report) };
                    link = found;
                }
            }
        }
        if link != end {
            report.note(Fault::Corrupt { offset: view.end(), what: "the log does not end where its chain does" })?;
        }
        self.check_table(view, report)
    }

    fn check_superblocks(&self, log: &Log<'_>, report: &mut Report) -> Result<(), Fault> {
        for (offset, superblock) in Pair::read(log.medium).decode()? {
            if superblock.is_err() {
                report.note(Fault::Corrupt { offset, what: "superblock is damaged" })?;
            }
        }
        Ok(())
    }

    /// Whether the index knows the record, or a later one of its name.
    fn check_indexed(&self, view: &ReadView, found: &Located, report: &mut Report) -> Result<(), Fault> {
        if !found.header.kind.stores() {
            return Ok(());
        }
        let log = view.log()?;
        let named = log.named(found)?;
        let name = named.name();
        match view.find(name.hash(self.identity.seed), name) {
            Ok(lookup) => match lookup.live {
                Some(live) if live.offset == found.offset => {
                    let count =
                        if found.header.kind == Kind::Put { &mut report.vectors } else { &mut report.attributes };
                    *count += 1;
                    Ok(())
                }
                Some(live) if live.offset < found.offset => {
                    report.note(Fault::Corrupt { offset: found.offset, what: "index points at an older record" })
                }
                _ => Ok(()),
            },
            Err(fault) => report.note(fault),
        }
    }

    /// Whether each slot points at a record of its hash.
    fn check_table(&self, view: &ReadView, report: &mut Report) -> Result<(), Fault> {
        let log = view.log()?;
        for number in 0..view.table.all_buckets() {
            let place = view.table.bucket_offset(number);
            let bucket = match read_bucket(&log, number) {
                Ok(bucket) => bucket,
                Err(fault) => {
                    report.note(fault)?;
                    continue;
                }
            };
            for slot in slots_of(&bucket) {
                match log
                    .locate(slot.offset)
                    .and_then(|found| Ok((log.named(&found)?.name().hash(self.identity.seed), found)))
                {
                    Ok((hash, found)) => {
                        if !found.header.kind.stores() || hash != slot.hash {
                            report.note(Fault::Corrupt { offset: place, what: "index slot points at another name" })?;
                        }
                    }
                    Err(fault) => report.note(fault)?,
                }
            }
        }
        report.damage.sort_by_key(|damage| damage.offset);
        report.damage.dedup();
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
