//! Compaction: the live records of a file in a new one, which then takes its name.
//!
//! Readers keep the old file for as long as they hold anything of it. Writers go on until the short tail that they wrote
//! meanwhile is copied. Everything is copied as it is, in order, with a new chain; the new file is durable before it is
//! the database's, and until then nothing has changed.

use crate::format::file_name;
use crate::format::head::newest_superblock;
use crate::format::layout::LOG_START;
use crate::format::record::Kind;
use crate::format::superblock::Superblock;
use crate::format::table::Geometry;
use crate::index::delta::Entry;
use crate::log::reader::Located;
use crate::maintenance::rewrite::Rewrite;
use crate::medium::Medium;
use crate::store::flush::Index;
use crate::store::lookup::find_in_table;
use crate::store::moves::Moves;
use crate::store::progress::Progress;
use crate::store::store::Store;
use crate::sync::lock::lock;
use crate::testing::mutants::{Mutant, broken};
use crate::types::error::{Error, Result};
use crate::types::fault::Fault;
use crate::types::key::Name;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Records of the tail copied at once.
const CHUNK: usize = 256;
/// Bytes of the tail that writers may be made to wait for.
const SHORT: u64 = 1 << 20;
/// Bytes of the old log that are announced ahead.
const HINT: u64 = 4 << 20;
/// Distance in the old log between two places of which it is remembered where they went.
const STRIDE: u64 = 64 << 10;

/// The new file, and where things went.
struct Compaction {
    new: Rewrite,
    seed: u64,
    moves: Moves,
}

impl Store {
    /// Replaces the file by one that holds nothing dead. Returns the bytes gained. If only the last step fails, the
    /// directory's sync, the new file is in use already and the store poisoned.
    pub(crate) fn compact(&self, salt: u32) -> Result<u64> {
        let mut progress = lock(&self.progress);
        // Everything is in the table afterwards, and nothing is frozen.
        self.flush_with(&mut progress, Index::Whole)?;
        let temporary = file_name::temporary(&self.identity.file);
        let path = self.volume.path_of(&temporary);
        let before = progress.superblock.durable_end;
        let medium = self.volume.create(&temporary).map_err(|source| Error::io("create", &path, source))?;
        let copied = self.copy_into(Arc::from(medium), &mut progress, &temporary, salt);
        if let Err(error) = copied {
            // The error that counts is the one above.
            let _ = self.volume.remove(&temporary);
            return Err(error);
        }
        self.sync_directory()?;
        let gained = before.saturating_sub(progress.superblock.durable_end);
        tracing::info!(database = self.identity.name, gained, "compacted");
        Ok(gained)
    }

    fn copy_into(&self, medium: Arc<dyn Medium>, progress: &mut Progress, temporary: &str, salt: u32) -> Result<()> {
        let fault = |fault: Fault| self.fault(fault);
        let old = progress.superblock;
        let mut compaction = Compaction::new(self, &old, medium, salt).map_err(fault)?;
        compaction.take_live(self, old.durable_end).map_err(fault)?;
        let superblock = compaction.new.finish().map_err(fault)?;
        let mut copied_to = old.durable_end;
        loop {
            let end = self.view().end();
            if end - copied_to < SHORT {
                break;
            }
            compaction.take_tail(self, copied_to, end).map_err(fault)?;
            copied_to = end;
        }
        // From here on writers wait.
        let mut writer = lock(&self.writer);
        self.check_writable()?;
        compaction.take_tail(self, copied_to, writer.next.offset).map_err(fault)?;
        if let Err(source) = self.volume.rename(temporary, &self.identity.file) {
            self.check_renamed(&superblock, Error::io("rename", &self.identity.path, source))?;
        }
        let Compaction { new: Rewrite { writer: mut new_writer, view: mut new_view, .. }, moves, .. } = compaction;
        new_writer.operations = writer.operations;
        (new_view.epoch, new_view.moves) = (superblock.epoch(), Some(Arc::new(moves)));
        let old_writer = std::mem::replace(&mut *writer, new_writer);
        let mut view = self.view_mut();
        let old_view = std::mem::replace(&mut *view, new_view);
        self.figures.take(&writer.counts, writer.next.offset, writer.operations);
        drop((view, writer));
        // Unmaps and frees the old file, which takes its time.
        drop((old_view, old_writer));
        self.figures.durable_end.store(superblock.durable_end, Relaxed);
        *progress = Progress::at(superblock);
        Ok(())
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
        Ok(Self { new, seed: store.identity.seed, moves: Moves::new() })
    }

    /// Copies what is alive before `end`, as the table has it, and applies it to the new one. What was written since
    /// does not count here: it is not durable, and comes with the tail.
    fn take_live(&mut self, store: &Store, end: u64) -> Result<(), Fault> {
        let mut offset = LOG_START;
        let mut hinted = LOG_START;
        while offset < end {
            let view = store.view();
            let log = view.log()?;
            if offset >= hinted {
                log.medium.will_read(hinted, 2 * HINT as usize);
                hinted = offset + HINT;
            }
            let found = log.locate(offset)?;
            offset += found.len;
            if !found.header.kind.stores() {
                continue;
            }
            let record = log.medium.read(found.offset, found.len as usize).map_err(Fault::read(found.offset))?;
            let name = found.header.name(&record, log.vector_bytes);
            let hash = name.hash(self.seed);
            let latest = match broken(Mutant::CompactSeesTail) {
                true => view.find(hash, name)?.live,
                false => find_in_table(&log, hash, name)?,
            };
            if latest.is_none_or(|latest| latest.offset != found.offset) {
                // A damaged key would make a live record look dead.
                log.check_key(&found)?;
                continue;
            }
            log.check_body(&found)?;
            let new = self.new.add(&found, &record, hash)?;
            drop(record);
            drop(view);
            self.note(&found, new)?;
            self.new.write()?;
        }
        self.new.apply_to_table()
    }

    /// Remembers where a record went, unless the one before it is near enough.
    fn note(&mut self, found: &Located, new: u64) -> Result<(), Fault> {
        if self.moves.last().is_none_or(|(old, _)| found.offset >= old + STRIDE) {
            self.moves.try_reserve(1)?;
            self.moves.push((found.offset, new));
        }
        Ok(())
    }

    /// Copies what was written since, dead or alive, as it was written.
    fn take_tail(&mut self, store: &Store, start: u64, end: u64) -> Result<(), Fault> {
        let mut offset = start;
        let mut pending: Vec<(Located, u64)> = Vec::new();
        pending.try_reserve_exact(CHUNK)?;
        while offset < end {
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
                let new = self.new.writer.copy_record(&found, &record, found.header.continues())?;
                self.note(&found, new)?;
                pending.push((found, new));
            }
            self.new.writer.write_copies(true)?;
            self.new.view.set_end(self.new.writer.next.offset);
            for (found, new) in pending.drain(..) {
                let head = log.head(&found)?;
                let name: Name<'_> = found.header.name(&head, log.vector_bytes);
                let hash = name.hash(self.seed);
                let before = self.new.view.find(hash, name)?;
                self.new.writer.counts.record(found.header.kind, before.live.map(|live| live.len), found.len);
                self.new.view.active.set(Entry::of(hash, new, before.prior, found.header.kind), before.entry)?;
            }
        }
        Ok(())
    }
}
