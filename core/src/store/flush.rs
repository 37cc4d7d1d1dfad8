//! Making what was written durable, and the index speak of it.
//!
//! A flush takes two syncs: one for the log and the slots written after the flush before, one for the superblock that
//! vouches for it. Only then are the slots of this flush written. A sync that fails is never tried again: the store is
//! poisoned, because nothing is known of what the disk holds.

use crate::format::superblock::Superblock;
use crate::format::table::Geometry;
use crate::index::apply::{self, Failure};
use crate::index::delta::{Delta, Entry};
use crate::log::reader::Log;
use crate::log::writer::Writer;
use crate::medium::{Medium, Permit};
use crate::store::lookup::find_in_table;
use crate::store::progress::Checkpoint;
use crate::store::progress::Cut;
use crate::store::store::Store;
use crate::sync::lock::lock;
use crate::testing::deferred_index::is_late;
use crate::testing::mutants::{Mutant, broken};
use crate::types::error::{Error, Result};
use crate::types::fault::Fault;
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, TryLockError};
use std::time::Duration;

/// How much of the log is written again at once after a recovery.
const PIECE: u64 = 256 << 10;
/// Entries that a flush brings into the table before it returns, although another thread could.
const FEW: usize = if cfg!(jvdb_shuttle) { 0 } else { 64 };

/// What a flush does about the index once the log is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Index {
    /// Brings in what it made durable. Much of it is left to whoever calls [`Store::catch_up`], which
    /// [`Store::is_behind`] asks for.
    Later,
    /// Brings in what it made durable.
    Now,
    /// As before, and also what was durable already but only replayed.
    Whole,
}

impl Store {
    /// Returns when everything acknowledged before the call survives a loss of power, with the time that took.
    pub(crate) fn flush(&self) -> Result<Duration> {
        self.flush_and(Index::Now)
    }

    /// As [`flush`](Self::flush), and says when the index follows.
    pub(crate) fn flush_and(&self, index: Index) -> Result<Duration> {
        self.check_free()?;
        self.flush_with(&mut lock(&self.checkpoint), index)
    }

    /// Whether a flush has left something to [`catch_up`](Self::catch_up).
    pub(crate) fn is_behind(&self) -> bool {
        self.figures.behind.load(Relaxed) && self.poison.get().is_none()
    }

    /// Brings into the table what a flush has left.
    pub(crate) fn catch_up(&self) -> Result<()> {
        self.check_writable()?;
        let mut checkpoint = lock(&self.checkpoint);
        self.catch_up_with(&mut checkpoint)?;
        match checkpoint.wanted {
            Some(_) => self.flush_with(&mut checkpoint, Index::Now).map(drop),
            None => Ok(()),
        }
    }

    fn catch_up_with(&self, checkpoint: &mut Checkpoint) -> Result<()> {
        self.figures.behind.store(false, Relaxed);
        let Some(cut) = checkpoint.pending.take() else { return Ok(()) };
        if broken(Mutant::LeftForgotten) {
            self.change().frozen = Arc::default();
        }
        if broken(Mutant::LeftForgotten) || broken(Mutant::LeftCalledApplied) {
            checkpoint.applied_to = cut.next.offset;
            return Ok(());
        }
        let medium = self.medium()?;
        self.bring_in(&*medium, checkpoint, &cut, false)
    }

    /// As [`flush_and`](Self::flush_and), for whoever holds the lock.
    pub(crate) fn flush_with(&self, checkpoint: &mut Checkpoint, index: Index) -> Result<Duration> {
        let few = if is_late() { 0 } else { FEW };
        let started = self.volume.now();
        let mut took = None;
        loop {
            self.check_writable()?;
            self.catch_up_with(checkpoint)?;
            let Some(cut) = self.cut(checkpoint, index == Index::Whole && took.is_none())? else { break };
            let medium = self.medium()?;
            if broken(Mutant::ApplyEarly) {
                let write = |offset, bytes: &[u8]| medium.write(offset, bytes, Permit::ENGINE);
                let _ = apply::apply_in_place(&*medium, checkpoint.superblock.table, &self.sorted(&cut)?, write);
            }
            let built = self.make_durable(&*medium, checkpoint, &cut)?;
            took.get_or_insert_with(|| self.volume.now().saturating_sub(started));
            if index == Index::Later && !built && checkpoint.wanted.is_none() && cut.changes.len() > few {
                checkpoint.pending = Some(cut);
                self.figures.behind.store(true, Relaxed);
                break;
            }
            self.bring_in(&*medium, checkpoint, &cut, built)?;
            if checkpoint.wanted.is_none() {
                break;
            }
        }
        let elapsed = took.unwrap_or_else(|| self.volume.now().saturating_sub(started));
        if took.is_some() {
            self.note_flush(elapsed);
        }
        Ok(elapsed)
    }

    fn note_flush(&self, took: Duration) {
        self.figures.flushes.note(took);
        self.flushes.note(took);
        let flush_duration_ms = took.as_secs_f64() * 1000.0;
        tracing::info!(database = self.identity.name, flush_duration_ms, "flush completed");
    }

    /// The medium, for as long as it is in use.
    pub(crate) fn medium(&self) -> Result<Arc<dyn Medium>> {
        let closed = || self.fault(Fault::read(0)(io::Error::other("the file is closed")));
        self.read().medium.clone().ok_or_else(closed)
    }

    /// Draws the line: what is before it belongs to this flush. `None` if nothing is.
    fn cut(&self, checkpoint: &mut Checkpoint, all: bool) -> Result<Option<Cut>> {
        let mut writer = lock(&self.writer);
        let (unfinished, all) = {
            let state = self.read();
            (!state.frozen.is_empty(), all && !state.active.is_empty())
        };
        let nothing_new = writer.next.offset == checkpoint.superblock.durable_end;
        if nothing_new && checkpoint.wanted.is_none() && !unfinished && !all {
            return Ok(None);
        }
        if unfinished {
            self.thaw()?;
        }
        self.clear_stray(&mut writer)?;
        let old = checkpoint.superblock.table;
        let names = writer.counts.names();
        let shape = match checkpoint.wanted {
            Some(wanted) => Some(wanted),
            None if old.holds(names) => None,
            None => Some(Geometry::for_names(names)),
        };
        let table = match shape {
            None => None,
            Some(shape) => Some(self.room_for(shape, checkpoint, &mut writer)?),
        };
        writer.operations = 0;
        let mut state = self.change();
        state.set_end(writer.next.offset);
        let frozen = Arc::new(std::mem::take(&mut state.active));
        state.frozen = Arc::clone(&frozen);
        drop(state);
        self.figures.take(&writer.counts, writer.next.offset, 0);
        let (next, counts) = (writer.next, writer.counts);
        drop(writer);
        Ok(Some(Cut { next, counts, table, changes: frozen }))
    }

    /// The changes of a cut in the order of the table.
    fn sorted(&self, cut: &Cut) -> Result<Vec<Entry>> {
        cut.changes.sorted().map_err(|full| self.fault(full.into()))
    }

    /// Room in the log for a table: what a failed flush left, or new.
    fn room_for(&self, shape: Geometry, checkpoint: &mut Checkpoint, writer: &mut Writer) -> Result<Geometry> {
        let left = checkpoint.reserved.take();
        let room = match left.filter(|left| left.buckets >= shape.buckets && left.window >= shape.window) {
            Some(room) => room,
            None => {
                writer.counts.abandon(left.unwrap_or_default());
                writer.reserve_table(shape).map_err(|fault| self.fault(fault))?
            }
        };
        checkpoint.reserved = Some(room);
        Ok(room)
    }

    /// Gives what an unfinished flush had frozen back to the active changes. The table may have taken in any part of it.
    fn thaw(&self) -> Result<()> {
        let mut state = self.change();
        let mut merged = Delta::default();
        let log = state.log().map_err(|fault| self.fault(fault))?;
        let mut add = |entry: Entry, newer: Option<&Delta>| {
            let found = log.locate(entry.offset)?;
            let head = log.head(&found)?;
            let name = found.header.name(&head, log.vector_bytes);
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
            state.frozen.sorted()?.into_iter().try_for_each(|entry| add(entry, Some(&state.active)))?;
            state.active.sorted()?.into_iter().try_for_each(|entry| add(entry, None))
        };
        add_all().map_err(|fault: Fault| self.fault(fault))?;
        state.frozen = Arc::default();
        state.active = merged;
        Ok(())
    }

    /// Ends the frozen changes, which the table has taken in but for these: a later one will. They are few, and so is what is
    /// done while nobody writes or reads.
    fn give_back(&self, left: &[Entry]) -> Result<()> {
        let _writer = lock(&self.writer);
        let mut state = self.change();
        for entry in left {
            let log = state.log().map_err(|fault| self.fault(fault))?;
            let newer = newer_of(&log, &state.active, *entry).map_err(|fault| self.fault(fault))?;
            let (entry, replaces) = newer.map_or((*entry, 0), |newer| (newer, newer.offset));
            // The table has no slot of that name.
            let set = state.active.set(Entry { prior: 0, ..entry }, replaces);
            set.map_err(|full| self.fault(full.into()))?;
        }
        state.frozen = Arc::default();
        Ok(())
    }

    /// The two syncs. Returns whether the new table of this cut, if it has one, is in force.
    fn make_durable(&self, medium: &dyn Medium, checkpoint: &mut Checkpoint, cut: &Cut) -> Result<bool> {
        self.write_tail_again(medium, checkpoint)?;
        if checkpoint.unsure_name {
            self.sync_directory()?;
            checkpoint.unsure_name = false;
        }
        let old = checkpoint.superblock;
        checkpoint.wanted = None;
        if broken(Mutant::GrowthUnsynced) {
            self.sync(medium)?;
        }
        let built = match cut.table {
            None => false,
            Some(new) => match apply::build(medium, old.table, new, &self.sorted(cut)?) {
                Ok(()) => true,
                Err(Failure::Crowded) => {
                    checkpoint.wanted = Some(new.wider(cut.counts.names()));
                    checkpoint.reserved = None;
                    lock(&self.writer).counts.abandon(new);
                    false
                }
                Err(failure) => return Err(self.failed(failure, new)),
            },
        };
        let late = broken(Mutant::SuperblockFirst);
        if !late && !broken(Mutant::NoLogSync) && !broken(Mutant::GrowthUnsynced) {
            self.sync(medium)?;
        }
        let mut counts = cut.counts;
        if built {
            counts.abandon(old.table);
        }
        let superblock = Superblock {
            generation: old.generation + 1,
            durable_end: cut.next.offset,
            applied_end: if built || broken(Mutant::AppliedAtOnce) { cut.next.offset } else { checkpoint.applied_to },
            sequence: cut.next.sequence,
            link: cut.next.link,
            table: cut.table.filter(|_| built).unwrap_or(old.table),
            counts,
            ..old
        };
        self.vouch(medium, checkpoint, superblock)?;
        if late {
            self.sync(medium)?;
        }
        checkpoint.unsure_to = 0;
        if built {
            checkpoint.reserved = None;
            lock(&self.writer).counts.abandon(old.table);
        }
        Ok(built)
    }

    /// Takes what lies beyond the end of the log off the disk, before something is written there.
    pub(crate) fn clear_stray(&self, writer: &mut Writer) -> Result<()> {
        if !writer.stray {
            return Ok(());
        }
        let medium = self.medium()?;
        let offset = writer.next.offset;
        let cut = medium.truncate(offset, Permit::ENGINE);
        cut.map_err(|source| self.fault(Fault::Io { action: "truncate", offset, source }))?;
        if !broken(Mutant::TruncationUnsynced) {
            self.sync(&*medium)?;
        }
        (writer.stray, writer.abandoned) = (false, false);
        Ok(())
    }

    fn sync(&self, medium: &dyn Medium) -> Result<()> {
        let synced = medium.sync();
        let synced = if broken(Mutant::SyncRetried) { synced.or_else(|_| medium.sync()) } else { synced };
        synced.map_err(|source| self.poisoned(Error::io("sync", &self.identity.path, source)))
    }

    /// Makes sure that the file is found under its name after a loss of power.
    pub(crate) fn sync_directory(&self) -> Result<()> {
        if broken(Mutant::NoDirectorySync) {
            return Ok(());
        }
        self.volume.sync().map_err(|source| self.poisoned(Error::io("sync directory", self.volume.path(), source)))
    }

    /// Lets nothing be written any more because of an error.
    pub(crate) fn poisoned(&self, error: Error) -> Error {
        tracing::error!(database = self.identity.name, %error, "poisoned: no more writes until it is reopened");
        // Only the first cause counts.
        let _ = self.poison.set(error.to_string());
        error
    }

    /// Puts a superblock on disk.
    fn vouch(&self, medium: &dyn Medium, checkpoint: &mut Checkpoint, superblock: Superblock) -> Result<()> {
        let place = superblock.place();
        if medium.len() < superblock.durable_end {
            let what = "file is shorter than its log: somebody truncated it";
            return Err(self.fault(Fault::Corrupt { offset: medium.len(), what }));
        }
        if let Err(source) = medium.write(place, &superblock.encode(), Permit::ENGINE) {
            // It may reach the disk all the same: a table that it names must not be built over.
            if let Some(named) = checkpoint.reserved.take() {
                lock(&self.writer).counts.abandon(named);
            }
            return Err(self.fault(Fault::Io { action: "write", offset: place, source }));
        }
        if !broken(Mutant::NoSuperblockSync) {
            self.sync(medium)?;
        }
        checkpoint.superblock = superblock;
        self.figures.durable_end.store(superblock.durable_end, Relaxed);
        Ok(())
    }

    /// A clean page in the cache is no proof of what the disk holds: after a failed sync it may be the only copy.
    fn write_tail_again(&self, medium: &dyn Medium, checkpoint: &Checkpoint) -> Result<()> {
        let mut offset = checkpoint.superblock.durable_end;
        if broken(Mutant::TailTrusted) {
            return Ok(());
        }
        while offset < checkpoint.unsure_to {
            let len = (checkpoint.unsure_to - offset).min(PIECE);
            let written = medium.rewrite(offset, len as usize, Permit::ENGINE);
            written.map_err(|source| self.fault(Fault::Io { action: "write", offset, source }))?;
            offset += len;
        }
        Ok(())
    }

    /// Makes the index speak of the cut.
    fn bring_in(&self, medium: &dyn Medium, checkpoint: &mut Checkpoint, cut: &Cut, built: bool) -> Result<()> {
        let table = checkpoint.superblock.table;
        if !built && table.buckets > 0 {
            let in_place = Arc::clone(&self.read().in_place);
            let write = |offset, bytes: &[u8]| {
                let _changing = lock(&in_place);
                medium.write(offset, bytes, Permit::ENGINE)
            };
            let applied = apply::apply_in_place(medium, table, &self.sorted(cut)?, write);
            let left = applied.map_err(|failure| self.failed(failure, table))?;
            if !left.is_empty() {
                checkpoint.wanted.get_or_insert(table.wider(cut.counts.names()));
                // What the table on the disk speaks of ends where it did.
                return self.give_back(&left);
            }
        }
        if checkpoint.wanted.is_some() {
            // The frozen changes stay in force until a table takes them.
            return Ok(());
        }
        let mut state = self.change();
        state.table = table;
        let done = std::mem::take(&mut state.frozen);
        drop(state);
        drop(done);
        checkpoint.applied_to = cut.next.offset;
        Ok(())
    }

    fn failed(&self, failure: Failure, table: Geometry) -> Error {
        self.fault(match failure {
            Failure::Io(source) => Fault::Io { action: "update the index of", offset: table.offset, source },
            Failure::Rotten(rotten) => rotten.into(),
            Failure::Crowded => Fault::Corrupt { offset: table.offset, what: "index table has no room" },
        })
    }

    /// Whether it is being flushed or compacted.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self.checkpoint.try_lock(), Err(TryLockError::WouldBlock))
    }

    /// Whether nothing would be replayed, and nothing forgotten, if the file were closed now.
    pub(crate) fn is_settled(&self) -> bool {
        let checkpoint = lock(&self.checkpoint);
        let superblock = &checkpoint.superblock;
        let writer = lock(&self.writer);
        let end = superblock.durable_end;
        let clean = !writer.abandoned && self.poison.get().is_none();
        clean && superblock.applied_end == end && end == writer.next.offset
    }

    /// Flushes, and makes the index durable as well, so that the next opening has nothing to replay. A write that failed
    /// is taken off the disk, lest it come back as one that did not.
    pub(crate) fn settle(&self) -> Result<Duration> {
        self.check_free()?;
        let mut checkpoint = lock(&self.checkpoint);
        let took = self.flush_with(&mut checkpoint, Index::Whole)?;
        let mut writer = lock(&self.writer);
        if writer.abandoned {
            self.clear_stray(&mut writer)?;
        }
        drop(writer);
        let superblock = checkpoint.superblock;
        if superblock.applied_end < superblock.durable_end && checkpoint.applied_to == superblock.durable_end {
            let medium = self.medium()?;
            self.sync(&*medium)?;
            let settled =
                Superblock { generation: superblock.generation + 1, applied_end: superblock.durable_end, ..superblock };
            self.vouch(&*medium, &mut checkpoint, settled)?;
        }
        Ok(took)
    }
}

/// What the active changes say of the name that an older entry speaks of.
fn newer_of(log: &Log<'_>, active: &Delta, older: Entry) -> Result<Option<Entry>, Fault> {
    let found = log.locate(older.offset)?;
    let head = log.head(&found)?;
    let name = found.header.name(&head, log.vector_bytes);
    active.find(older.hash, |offset| log.find(offset, name).map(|found| found.is_some()))
}
