//! Applying to the table what a flush has made durable, and giving back what it could not apply.
//!
//! When this happens is the flush's business: it calls this with the lock that keeps other flushes away.

use crate::format::table::Geometry;
use crate::index::apply::{self, Failure};
use crate::index::delta::{Delta, Entry};
use crate::log::reader::Log;
use crate::medium::{Medium, Permit};
use crate::store::lookup::find_in_table;
use crate::store::progress::{Cut, Progress, Table};
use crate::store::store::Store;
use crate::sync::lock::lock;
use crate::testing::mutants::{Mutant, broken};
use crate::types::error::{Error, Result};
use crate::types::fault::Fault;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

impl Store {
    /// Applies to the table what a flush has left.
    pub(super) fn catch_up_with(&self, progress: &mut Progress) -> Result<()> {
        self.figures.behind.store(false, Relaxed);
        let Some(cut) = progress.deferred.take() else { return Ok(()) };
        if broken(Mutant::DeferredForgotten) {
            self.view_mut().frozen = Arc::default();
        }
        if broken(Mutant::DeferredForgotten) || broken(Mutant::DeferredCalledApplied) {
            progress.applied_to = cut.next.offset;
            return Ok(());
        }
        let medium = self.medium()?;
        self.apply_to_table(&*medium, progress, &cut, Table::Kept)
    }

    /// The changes of a cut in the order of the table.
    pub(super) fn sorted(&self, cut: &Cut) -> Result<Vec<Entry>> {
        cut.changes.sorted().map_err(|full| self.fault(full.into()))
    }

    /// Gives the frozen changes of a flush that failed back to the active ones. The table may have taken in any part of them.
    pub(super) fn unfreeze(&self) -> Result<()> {
        let mut view = self.view_mut();
        let mut merged = Delta::default();
        let log = view.log().map_err(|fault| self.fault(fault))?;
        let mut add = |entry: Entry, newer: Option<&Delta>| {
            let found = log.locate(entry.offset)?;
            let named = log.named(&found)?;
            let name = named.name();
            if let Some(newer) = newer
                && newer.find(entry.hash, |offset| log.find(offset, name).map(|found| found.is_some()))?.is_some()
            {
                return Ok(());
            }
            let prior = find_in_table(&log, entry.hash, name)?.map_or(0, |found| found.offset);
            merged.set(Entry { prior, ..entry }, 0)?;
            Ok(())
        };
        let mut add_all = || {
            view.frozen.sorted()?.into_iter().try_for_each(|entry| add(entry, Some(&view.active)))?;
            view.active.sorted()?.into_iter().try_for_each(|entry| add(entry, None))
        };
        add_all().map_err(|fault: Fault| self.fault(fault))?;
        view.frozen = Arc::default();
        view.active = merged;
        Ok(())
    }

    /// Forgets the frozen changes, which are in the table now, but for those in `left`: a later table will take them. They are
    /// few, so that writers and readers wait for a moment only.
    fn return_to_active(&self, left: &[Entry]) -> Result<()> {
        let _writer = lock(&self.writer);
        let mut view = self.view_mut();
        for entry in left {
            let log = view.log().map_err(|fault| self.fault(fault))?;
            let newer = newer_of(&log, &view.active, *entry).map_err(|fault| self.fault(fault))?;
            let (entry, replaces) = newer.map_or((*entry, 0), |newer| (newer, newer.offset));
            // The table has no slot of that name.
            let set = view.active.set(Entry { prior: 0, ..entry }, replaces);
            set.map_err(|full| self.fault(full.into()))?;
        }
        view.frozen = Arc::default();
        Ok(())
    }

    /// Applies the changes of a cut to the table.
    pub(super) fn apply_to_table(
        &self,
        medium: &dyn Medium,
        progress: &mut Progress,
        cut: &Cut,
        outcome: Table,
    ) -> Result<()> {
        let table = progress.superblock.table;
        if outcome == Table::Kept && table.buckets > 0 {
            self.look(medium)?;
            let in_place = Arc::clone(&self.view().in_place);
            let write = |offset, bytes: &[u8]| {
                let _changing = lock(&in_place);
                let written = medium.write(offset, bytes, Permit::ENGINE);
                self.changed_pages.note(offset, bytes.len());
                written
            };
            let applied = apply::apply_in_place(medium, table, &self.sorted(cut)?, write);
            let left = applied.map_err(|failure| self.failed(failure, table))?;
            if !left.is_empty() {
                progress.growth.wanted.get_or_insert(table.wider(cut.counts.names()));
                // What the table on the disk speaks of ends where it did.
                return self.return_to_active(&left);
            }
        }
        if progress.growth.wanted.is_some() {
            // The frozen changes stay in force until a table takes them.
            return Ok(());
        }
        let mut view = self.view_mut();
        view.table = table;
        let done = std::mem::take(&mut view.frozen);
        drop(view);
        drop(done);
        progress.applied_to = cut.next.offset;
        Ok(())
    }

    pub(super) fn failed(&self, failure: Failure, table: Geometry) -> Error {
        self.fault(match failure {
            Failure::Io(source) => Fault::Io { action: "update the index of", offset: table.offset, source },
            Failure::BadBucket(bad) => bad.into(),
            Failure::WindowFull => Fault::Corrupt { offset: table.offset, what: "index table has no room" },
        })
    }
}

/// What the active changes say of the name that an older entry speaks of.
fn newer_of(log: &Log<'_>, active: &Delta, older: Entry) -> Result<Option<Entry>, Fault> {
    let found = log.locate(older.offset)?;
    let named = log.named(&found)?;
    let name = named.name();
    active.find(older.hash, |offset| log.find(offset, name).map(|found| found.is_some()))
}
