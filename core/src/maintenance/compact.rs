//! Compaction: the live records of a file in a new one, which then takes its name.
//!
//! Readers keep the old file for as long as they hold anything of it. Writes and flushes go on until the short tail that was
//! written meanwhile is copied. Everything is copied as it is, in order, with a new chain. The new file has all that the old
//! one has, and is durable as far as that was, before it is the database's; until then nothing has changed.

use crate::format::file_name;
use crate::format::head::newest_superblock;
use crate::format::layout::LOG_START;
use crate::format::record::Kind;
use crate::format::superblock::Superblock;
use crate::format::table::Geometry;
use crate::log::reader::Located;
use crate::maintenance::rewrite::Rewrite;
use crate::medium::Medium;
use crate::store::moves::Moves;
use crate::store::progress::{Inherited, Progress};
use crate::store::store::{Store, occupation};
use crate::sync::lock::lock;
use crate::testing::mutants::{Mutant, broken};
use crate::types::error::{Error, Result};
use crate::types::fault::Fault;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Records of the tail copied at once.
const CHUNK: usize = 256;
/// Bytes of the tail that writers may be made to wait for.
const SHORT: u64 = 1 << 20;
/// Bytes of the old log that are announced ahead.
const HINT: u64 = 4 << 20;
/// Bytes copied between two syncs of the new file. What the disk has already need not be waited for at the end, and what it
/// is given at once holds up nobody else's write for long.
const SYNC_EVERY: u64 = 32 << 20;
/// Distance in the old log between two records whose new offsets are remembered.
const STRIDE: u64 = 64 << 10;

/// The new file, and where things went.
struct Compaction {
    new: Rewrite,
    seed: u64,
    moves: Moves,
    /// Up to where the disk was made to take the new file.
    synced_to: u64,
}

impl Store {
    /// Replaces the file by one that holds nothing dead. Returns the bytes gained. If only the last step fails, the
    /// directory's sync, the new file is in use already and the store poisoned.
    pub(crate) fn compact(&self, salt: u32) -> Result<u64> {
        let _alone = lock(&self.copying);
        self.check_writable()?;
        self.hold_fence(&lock(&self.writer))?;
        // Should the new file not get its name, the old one has what was acknowledged before the call.
        self.flush()?;
        let temporary = file_name::temporary(&self.identity.file);
        let path = self.volume.path_of(&temporary);
        let mode = self.medium()?.mode();
        let medium = self.volume.create_copy(&temporary, mode).map_err(|source| Error::io("create", &path, source))?;
        let copied = self.copy_into(Arc::from(medium), &temporary, salt);
        let gained = copied.inspect_err(|_| {
            // The error that counts is the one above.
            let _ = self.volume.remove(&temporary);
        })?;
        tracing::info!(database = self.identity.name, gained, "compacted");
        Ok(gained)
    }

    fn copy_into(&self, medium: Arc<dyn Medium>, temporary: &str, salt: u32) -> Result<u64> {
        let fault = |fault: Fault| self.fault(fault);
        let old = lock(&self.progress).superblock;
        let begun = self.view().end();
        let mut compaction = Compaction::new(self, &old, medium, salt).map_err(fault)?;
        compaction.take_live(self, begun)?;
        let early =
            broken(Mutant::CompactFinishesEarly).then(|| compaction.new.finish(&old)).transpose().map_err(fault)?;
        let mut copied_to = compaction.follow_on_disk(self, begun)?;
        // From here on nothing more becomes durable in the old file.
        let mut progress = lock(&self.progress);
        let end = self.view().end();
        compaction.take_tail(self, copied_to, end)?;
        copied_to = end;
        let superblock = match early {
            Some(early) => early,
            None => compaction.new.finish(&progress.superblock).map_err(fault)?,
        };
        // What is written during these syncs need not be durable.
        copied_to = compaction.follow(self, copied_to)?;
        // From here on writers wait.
        let mut writer = lock(&self.writer);
        self.check_writable()?;
        let before = writer.next.offset;
        compaction.take_tail(self, copied_to, before)?;
        self.claim_successor(&*compaction.new.medium).map_err(fault)?;
        if !broken(Mutant::CompactUnlooked) {
            let medium = self.medium()?;
            self.look(&*medium)?;
            self.check_named(&*medium)?;
        }
        if let Err(source) = self.volume.rename(temporary, &self.identity.file) {
            self.check_renamed(&superblock, Error::io("rename", &self.identity.path, source))?;
        }
        let Compaction { new: Rewrite { writer: mut new_writer, view: mut new_view, .. }, moves, .. } = compaction;
        new_writer.operations = writer.operations;
        // A file that was just made has one name.
        *lock(&self.occupied) =
            occupation(&*self.volume, &self.identity.file, new_view.log().map_err(fault)?.medium).unwrap_or_default();
        (new_view.epoch, new_view.moves) = (superblock.epoch(), Some(Arc::new(moves)));
        let old_writer = std::mem::replace(&mut *writer, new_writer);
        let mut view = self.view_mut();
        let old_view = std::mem::replace(&mut *view, new_view);
        self.figures.take(&writer.counts, writer.next.offset, writer.operations);
        self.figures.durable_end.store(superblock.durable_end, Relaxed);
        let gained = before.saturating_sub(writer.next.offset);
        drop((view, writer));
        *progress = Progress::at(superblock, Inherited::Nothing);
        self.sync_directory()?;
        drop(progress);
        // Unmaps and frees the old file, which takes its time.
        drop((old_view, old_writer));
        Ok(gained)
    }

    /// Finds out which file has the name after a renaming that failed: it may have been done all the same, and then what is
    /// written to the old file is lost. Without an answer nothing more is written.
    fn check_renamed(&self, new: &Superblock, error: Error) -> Result<()> {
        let opened = self.volume.open(&self.identity.file).ok();
        match opened.and_then(|medium| newest_superblock(&*medium, &self.identity.path).ok()) {
            Some(head) if head.newest == *new => Ok(()),
            Some(_) => Err(error),
            None => Err(self.poisoned(error)),
        }
    }
}

impl Compaction {
    /// A file with room for a table that takes in everything there is.
    fn new(store: &Store, old: &Superblock, medium: Arc<dyn Medium>, salt: u32) -> Result<Self, Fault> {
        let names = old.counts.names();
        let shape = Geometry::for_names(names).as_roomy_as(old.table);
        let new = Rewrite::new(medium, old, shape, names, salt)?;
        Ok(Self { new, seed: store.identity.seed, moves: Moves::new(), synced_to: LOG_START })
    }

    /// Copies what is alive before `end`, and applies it to the new table. What replaces or deletes any of it meanwhile lies
    /// behind `end`, and comes with the tail.
    fn take_live(&mut self, store: &Store, end: u64) -> Result<()> {
        let fault = |fault| store.fault(fault);
        let mut offset = LOG_START;
        let mut hinted = LOG_START;
        while offset < end {
            if offset >= hinted {
                store.check_kept()?;
                let view = store.view();
                view.log().map_err(fault)?.medium.will_read(hinted, 2 * HINT as usize);
                hinted = offset + HINT;
            }
            offset = self.take_one(store, offset).map_err(fault)?;
            self.new.write().map_err(fault)?;
            self.sync_now_and_then().map_err(fault)?;
        }
        self.new.apply_to_table().map_err(fault)
    }

    /// Copies the record at `offset` if it is alive. Returns where the next one begins.
    fn take_one(&mut self, store: &Store, offset: u64) -> Result<u64, Fault> {
        let view = store.view();
        let log = view.log()?;
        let found = log.locate(offset)?;
        let next = offset + found.len;
        if !found.header.kind.stores() {
            return Ok(next);
        }
        let record = log.medium.read(found.offset, found.len as usize).map_err(Fault::read(found.offset))?;
        let name = found.header.name(&record, log.vector_bytes);
        let hash = name.hash(self.seed);
        let latest = view.find(hash, name)?.live;
        if latest.is_none_or(|latest| latest.offset != found.offset) {
            // A damaged key would make a live record look dead.
            log.check_key(&found)?;
            return Ok(next);
        }
        log.check_body(&found)?;
        let new = self.new.add(&found, &record, hash)?;
        self.note(&found, new)?;
        Ok(next)
    }

    /// Copies what was written since `start`, until little is left. Returns how far it came.
    fn follow(&mut self, store: &Store, start: u64) -> Result<u64> {
        let mut copied_to = start;
        loop {
            let end = store.view().end();
            if end - copied_to < SHORT {
                return Ok(copied_to);
            }
            self.take_tail(store, copied_to, end)?;
            copied_to = end;
        }
    }

    /// As [`follow`](Self::follow), until little is left for the disk to take, too.
    fn follow_on_disk(&mut self, store: &Store, start: u64) -> Result<u64> {
        let mut copied_to = start;
        loop {
            copied_to = self.follow(store, copied_to)?;
            self.sync().map_err(|fault| store.fault(fault))?;
            if store.view().end() - copied_to < SHORT {
                return Ok(copied_to);
            }
        }
    }

    fn sync_now_and_then(&mut self) -> Result<(), Fault> {
        if self.new.writer.next.offset - self.synced_to < SYNC_EVERY { Ok(()) } else { self.sync() }
    }

    fn sync(&mut self) -> Result<(), Fault> {
        self.synced_to = self.new.writer.next.offset;
        self.new.sync()
    }

    /// Remembers where a record went, unless the one before it is near enough.
    fn note(&mut self, found: &Located, new: u64) -> Result<(), Fault> {
        if self.moves.last().is_none_or(|(old, _)| found.offset >= old + STRIDE) {
            self.moves.try_reserve(1)?;
            self.moves.push((found.offset, new));
        }
        Ok(())
    }

    /// Copies what was written from `start` to `end`, dead or alive, as it was written.
    fn take_tail(&mut self, store: &Store, start: u64, end: u64) -> Result<()> {
        let mut offset = start;
        while offset < end {
            store.check_kept()?;
            offset = self.take_chunk(store, offset, end).map_err(|fault| store.fault(fault))?;
            self.sync_now_and_then().map_err(|fault| store.fault(fault))?;
        }
        Ok(())
    }

    fn take_chunk(&mut self, store: &Store, start: u64, end: u64) -> Result<u64, Fault> {
        let mut offset = start;
        let mut pending: Vec<(Located, u64)> = Vec::new();
        pending.try_reserve_exact(CHUNK)?;
        let view = store.view();
        let log = view.log()?;
        while offset < end && pending.len() < CHUNK {
            let found = log.locate(offset)?;
            offset += found.len;
            if found.header.kind == Kind::Table {
                continue;
            }
            log.check_key(&found)?;
            let record = log.medium.read(found.offset, found.len as usize).map_err(Fault::read(found.offset))?;
            let new = self.new.writer.copy_record(&found, &record, found.header.batch())?;
            self.note(&found, new)?;
            pending.push((found, new));
        }
        self.new.writer.write_copies()?;
        self.new.view.set_end(self.new.writer.next.offset);
        for (found, new) in pending {
            let named = log.named(&found)?;
            let name = named.name();
            self.new.change(name.hash(self.seed), name, &found, new)?;
        }
        drop(view);
        self.new.apply_changes()?;
        Ok(offset)
    }
}
