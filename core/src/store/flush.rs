//! Making what was written durable.
//!
//! A flush takes two syncs: one for the log and the slots written after the flush before, one for the superblock that
//! makes it count. Only then are the slots of this flush written. A sync that fails is never tried again: the store is
//! poisoned, because nothing is known of what the disk holds.

use crate::format::superblock::Superblock;
use crate::format::table::Geometry;
use crate::index::apply::{self, Failure};
use crate::log::writer::{StaleTail, Writer};
use crate::medium::{Medium, Permit};
use crate::store::progress::{Cut, Inherited, Progress, Table};
use crate::store::store::Store;
use crate::sync::lock::lock;
use crate::testing::deferred_index::index_is_deferred;
use crate::testing::mutants::{Mutant, broken};
use crate::types::error::{Error, Result};
use crate::types::fault::Fault;
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, TryLockError};
use std::time::Duration;

/// Bytes of a recovered tail that are written again at once.
const PIECE: u64 = 256 << 10;
/// Entries that a flush applies to the table before it returns, although another thread could.
const FEW: usize = if cfg!(jvdb_shuttle) { 0 } else { 64 };

/// Which durable changes a flush takes on beside what is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// None.
    New,
    /// Those that were only replayed: the table lacks them.
    Replayed,
}

/// What a flush does about the index once the log is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Index {
    /// Applies to the table what it made durable. Much of it is left to whoever calls [`Store::catch_up`], which
    /// [`Store::is_behind`] asks for.
    Later,
    /// Applies to the table what it made durable.
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
        self.flush_with(&mut lock(&self.progress), index)
    }

    /// Whether a flush has left something to [`catch_up`](Self::catch_up).
    pub(crate) fn is_behind(&self) -> bool {
        self.figures.behind.load(Relaxed) && self.poison.get().is_none()
    }

    /// Applies to the table what a flush has left.
    pub(crate) fn catch_up(&self) -> Result<()> {
        self.check_writable()?;
        let mut progress = lock(&self.progress);
        self.catch_up_with(&mut progress)?;
        match progress.growth.wanted {
            Some(_) => self.flush_with(&mut progress, Index::Now).map(drop),
            None => Ok(()),
        }
    }

    /// As [`flush_and`](Self::flush_and), for whoever holds the lock.
    pub(crate) fn flush_with(&self, progress: &mut Progress, index: Index) -> Result<Duration> {
        let few = if index_is_deferred() { 0 } else { FEW };
        let started = self.volume.now();
        let mut took = None;
        loop {
            self.check_writable()?;
            self.catch_up_with(progress)?;
            let scope = if index == Index::Whole && took.is_none() { Scope::Replayed } else { Scope::New };
            let Some(cut) = self.cut(progress, scope)? else { break };
            let medium = self.medium()?;
            if broken(Mutant::ApplyEarly) {
                let write = |offset, bytes: &[u8]| medium.write(offset, bytes, Permit::ENGINE);
                let _ = apply::apply_in_place(&*medium, progress.superblock.table, &self.sorted(&cut)?, write);
            }
            let table = self.make_durable(&*medium, progress, &cut)?;
            took.get_or_insert_with(|| self.volume.now().saturating_sub(started));
            if index == Index::Later
                && table == Table::Kept
                && progress.growth.wanted.is_none()
                && cut.changes.len() > few
            {
                progress.deferred = Some(cut);
                self.figures.behind.store(true, Relaxed);
                break;
            }
            self.apply_to_table(&*medium, progress, &cut, table)?;
            if progress.growth.wanted.is_none() {
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
        self.view().medium.clone().ok_or_else(closed)
    }

    /// Takes what was written so far for this flush, and freezes its changes. `None` if there is nothing to do.
    fn cut(&self, progress: &mut Progress, scope: Scope) -> Result<Option<Cut>> {
        let mut writer = lock(&self.writer);
        let (unfinished, replayed) = {
            let view = self.view();
            (!view.frozen.is_empty(), scope == Scope::Replayed && !view.active.is_empty())
        };
        let nothing_new = writer.next.offset == progress.superblock.durable_end;
        if nothing_new && progress.growth.wanted.is_none() && !unfinished && !replayed {
            return Ok(None);
        }
        self.begin_writing(&mut writer)?;
        if unfinished {
            self.unfreeze()?;
        }
        let old = progress.superblock.table;
        let names = writer.counts.names();
        let shape = match progress.growth.wanted {
            Some(wanted) => Some(wanted),
            None if old.holds(names) => None,
            None => Some(Geometry::for_names(names)),
        };
        let table = match shape {
            None => None,
            Some(shape) => Some(self.room_for(shape, progress, &mut writer)?),
        };
        writer.operations = 0;
        let mut view = self.view_mut();
        view.set_end(writer.next.offset);
        let frozen = Arc::new(std::mem::take(&mut view.active));
        view.frozen = Arc::clone(&frozen);
        drop(view);
        self.figures.take(&writer.counts, writer.next.offset, 0);
        let (next, counts) = (writer.next, writer.counts);
        drop(writer);
        Ok(Some(Cut { next, counts, table, changes: frozen }))
    }

    /// Room in the log for a table: what a failed flush left, or new.
    fn room_for(&self, shape: Geometry, progress: &mut Progress, writer: &mut Writer) -> Result<Geometry> {
        let left = progress.growth.reserved.take();
        let room = match left.filter(|left| left.buckets >= shape.buckets && left.window >= shape.window) {
            Some(room) => room,
            None => {
                writer.counts.abandon(left.unwrap_or_default());
                writer.reserve_table(shape).map_err(|fault| self.fault(fault))?
            }
        };
        progress.growth.reserved = Some(room);
        Ok(room)
    }

    /// The two syncs. Returns which table is in force then.
    fn make_durable(&self, medium: &dyn Medium, progress: &mut Progress, cut: &Cut) -> Result<Table> {
        self.write_tail_again(medium, progress)?;
        if let Inherited::NameAndTail { end } = progress.inherited {
            self.sync_directory()?;
            progress.inherited = Inherited::Tail { end };
        }
        let old = progress.superblock;
        progress.growth.wanted = None;
        if broken(Mutant::GrowthUnsynced) {
            self.sync(medium)?;
        }
        let table = match cut.table {
            None => Table::Kept,
            Some(new) => match apply::build(medium, old.table, new, &self.sorted(cut)?) {
                Ok(()) => Table::Built(new),
                Err(Failure::WindowFull) => {
                    progress.growth.wanted = Some(new.wider(cut.counts.names()));
                    progress.growth.reserved = None;
                    lock(&self.writer).counts.abandon(new);
                    Table::Kept
                }
                Err(failure) => return Err(self.failed(failure, new)),
            },
        };
        let late = broken(Mutant::SuperblockFirst);
        if !late && !broken(Mutant::NoLogSync) && !broken(Mutant::GrowthUnsynced) {
            self.sync(medium)?;
        }
        let mut counts = cut.counts;
        if table != Table::Kept {
            counts.abandon(old.table);
        }
        let superblock = Superblock {
            generation: old.generation + 1,
            durable_end: cut.next.offset,
            applied_end: match table {
                Table::Built(_) => cut.next.offset,
                Table::Kept if broken(Mutant::AppliedAtOnce) => cut.next.offset,
                Table::Kept => progress.applied_to,
            },
            sequence: cut.next.sequence,
            link: cut.next.link,
            table: match table {
                Table::Built(new) => new,
                Table::Kept => old.table,
            },
            counts,
            ..old
        };
        self.write_superblock(medium, progress, superblock)?;
        if late {
            self.sync(medium)?;
        }
        progress.inherited = Inherited::Nothing;
        if table != Table::Kept {
            progress.growth.reserved = None;
            lock(&self.writer).counts.abandon(old.table);
        }
        Ok(table)
    }

    fn sync(&self, medium: &dyn Medium) -> Result<()> {
        let synced = medium.sync();
        let synced = if broken(Mutant::SyncRetried) { synced.or_else(|_| medium.sync()) } else { synced };
        synced.map_err(|source| self.fault(Fault::Sync(source)))
    }

    /// Makes sure that the file is found under its name after a loss of power.
    pub(crate) fn sync_directory(&self) -> Result<()> {
        if broken(Mutant::NoDirectorySync) {
            return Ok(());
        }
        self.volume.sync().map_err(|source| match Error::io("sync directory", self.volume.path(), source) {
            // Nothing was synced, so nothing is in doubt.
            lack if lack.is_lack_of_descriptors() => lack,
            error => self.poisoned(error),
        })
    }

    /// Poisons the store with an error: nothing is written any more.
    pub(crate) fn poisoned(&self, error: Error) -> Error {
        tracing::error!(database = self.identity.name, %error, "poisoned: no more writes until it is reopened");
        // Only the first cause counts.
        let _ = self.poison.set(error.to_string());
        error
    }

    /// Puts a superblock on disk.
    fn write_superblock(&self, medium: &dyn Medium, progress: &mut Progress, superblock: Superblock) -> Result<()> {
        let place = superblock.offset();
        // After the sync of the log and before the superblock: an opening that comes now finds all of it in the log, and one that
        // came before has left its token.
        if !broken(Mutant::FlushUnlooked) {
            self.look(medium)?;
        }
        // Before the superblock, too: from then on a flush that fails may not build its table anew where that one says it is.
        self.check_named(medium)?;
        if medium.len() < superblock.durable_end {
            let what = "file is shorter than its log: somebody truncated it";
            return Err(self.fault(Fault::Corrupt { offset: medium.len(), what }));
        }
        if let Err(source) = medium.write(place, &superblock.encode(), Permit::ENGINE) {
            // It may reach the disk all the same: a table that it names must not be built over.
            if let Some(named) = progress.growth.reserved.take() {
                lock(&self.writer).counts.abandon(named);
            }
            return Err(self.fault(Fault::Io { action: "write", offset: place, source }));
        }
        if !broken(Mutant::NoSuperblockSync) {
            self.sync(medium)?;
        }
        progress.superblock = superblock;
        self.figures.durable_end.store(superblock.durable_end, Relaxed);
        Ok(())
    }

    /// Writes the tail again that an opening found. That the cache shows it is no proof that the disk holds it: after a failed
    /// sync the cache may have the only copy.
    fn write_tail_again(&self, medium: &dyn Medium, progress: &Progress) -> Result<()> {
        let (mut offset, end) = (progress.superblock.durable_end, progress.inherited.tail_end());
        if broken(Mutant::TailTrusted) {
            return Ok(());
        }
        while offset < end {
            let len = (end - offset).min(PIECE);
            let written = medium.rewrite(offset, len as usize, Permit::ENGINE);
            written.map_err(|source| self.fault(Fault::Io { action: "write", offset, source }))?;
            offset += len;
        }
        Ok(())
    }

    /// Whether it is being flushed or compacted.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self.progress.try_lock(), Err(TryLockError::WouldBlock))
    }

    /// Whether the file could be closed now with nothing to replay and nothing lost.
    pub(crate) fn is_clean(&self) -> bool {
        let progress = lock(&self.progress);
        let superblock = &progress.superblock;
        let writer = lock(&self.writer);
        let end = superblock.durable_end;
        let clean = writer.stale_tail != StaleTail::Abandoned && self.poison.get().is_none();
        clean && superblock.applied_end == end && end == writer.next.offset
    }

    /// Flushes, and makes the index durable as well, so that the next opening has nothing to replay. What a failed write may have
    /// left in the file is taken off the disk: the next opening could take it for acknowledged.
    pub(crate) fn flush_clean(&self) -> Result<Duration> {
        self.check_free()?;
        let mut progress = lock(&self.progress);
        let took = self.flush_with(&mut progress, Index::Whole)?;
        let mut writer = lock(&self.writer);
        if writer.stale_tail == StaleTail::Abandoned {
            writer.clear_stale_tail().map_err(|fault| self.fault(fault))?;
        }
        drop(writer);
        let superblock = progress.superblock;
        if superblock.applied_end < superblock.durable_end && progress.applied_to == superblock.durable_end {
            let medium = self.medium()?;
            self.sync(&*medium)?;
            let clean =
                Superblock { generation: superblock.generation + 1, applied_end: superblock.durable_end, ..superblock };
            self.write_superblock(&*medium, &mut progress, clean)?;
        }
        Ok(took)
    }
}
