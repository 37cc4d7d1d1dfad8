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
use crate::store::progress::Checkpoint;
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
struct Copy {
    new: Rewrite,
    seed: u64,
    moves: Moves,
}

impl Store {
    /// Replaces the file by one that holds nothing dead. Returns the bytes gained. If only the last step fails, the
    /// directory's sync, the new file is in use already and the store poisoned.
    pub(crate) fn compact(&self, salt: u32) -> Result<u64> {
        let mut checkpoint = lock(&self.checkpoint);
        // Everything is in the table afterwards, and nothing is frozen.
        self.flush_with(&mut checkpoint, Index::Whole)?;
        let temporary = file_name::temporary(&self.identity.file);
        let path = self.volume.path_of(&temporary);
        let before = checkpoint.superblock.durable_end;
        let medium = self.volume.create(&temporary).map_err(|source| Error::io("create", &path, source))?;
        let copied = self.copy_into(Arc::from(medium), &mut checkpoint, &temporary, salt);
        if let Err(error) = copied {
            // The error that counts is the one above.
            let _ = self.volume.remove(&temporary);
            return Err(error);
        }
        self.sync_directory()?;
        let gained = before.saturating_sub(checkpoint.superblock.durable_end);
        tracing::info!(database = self.identity.name, gained, "compacted");
        Ok(gained)
    }

    fn copy_into(
        &self,
        medium: Arc<dyn Medium>,
        checkpoint: &mut Checkpoint,
        temporary: &str,
        salt: u32,
    ) -> Result<()> {
        let fault = |fault: Fault| self.fault(fault);
        let old = checkpoint.superblock;
        let mut copy = Copy::new(self, &old, medium, salt).map_err(fault)?;
        copy.take_live(self, old.durable_end).map_err(fault)?;
        let superblock = copy.new.vouch().map_err(fault)?;
        let mut copied_to = old.durable_end;
        loop {
            let end = self.read().end();
            if end - copied_to < SHORT {
                break;
            }
            copy.take_tail(self, copied_to, end).map_err(fault)?;
            copied_to = end;
        }
        // From here on writers wait.
        let mut writer = lock(&self.writer);
        self.check_writable()?;
        copy.take_tail(self, copied_to, writer.next.offset).map_err(fault)?;
        if let Err(source) = self.volume.rename(temporary, &self.identity.file) {
            self.check_renamed(&superblock, Error::io("rename", &self.identity.path, source))?;
        }
        let Copy { new: Rewrite { writer: mut new_writer, state: mut new_state, .. }, moves, .. } = copy;
        new_writer.operations = writer.operations;
        (new_state.era, new_state.moves) = (superblock.era(), Some(Arc::new(moves)));
        let old_writer = std::mem::replace(&mut *writer, new_writer);
        let mut state = self.change();
        let old_state = std::mem::replace(&mut *state, new_state);
        self.figures.take(&writer.counts, writer.next.offset, writer.operations);
        drop((state, writer));
        // Unmaps and frees the old file, which takes its time.
        drop((old_state, old_writer));
        self.figures.durable_end.store(superblock.durable_end, Relaxed);
        *checkpoint = Checkpoint::at(superblock);
        Ok(())
    }

    /// Looks which file has the name after a renaming that failed: it may have been done all the same, and then what is
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

impl Copy {
    /// A file with room for a table that takes in everything there is.
    fn new(store: &Store, old: &Superblock, medium: Arc<dyn Medium>, salt: u32) -> Result<Self, Fault> {
        let names = old.counts.names();
        let shape = Geometry::for_names(names).as_roomy_as(old.table);
        let new = Rewrite::new(medium, old, shape, names, salt)?;
        Ok(Self { new, seed: store.identity.seed, moves: Moves::new() })
    }

    /// Copies what is alive before `end`, as the table has it, and brings it into the new one. What was written since
    /// does not count here: it is not durable, and comes with the tail.
    fn take_live(&mut self, store: &Store, end: u64) -> Result<(), Fault> {
        let mut offset = LOG_START;
        let mut hinted = LOG_START;
        while offset < end {
            let state = store.read();
            let log = state.log()?;
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
                true => state.find(hash, name)?.live,
                false => find_in_table(&log, hash, name)?,
            };
            if latest.is_none_or(|latest| latest.offset != found.offset) {
                // A rotten key would make a live record look dead.
                log.check_key(&found)?;
                continue;
            }
            log.check_body(&found)?;
            let new = self.new.add(&found, &record, hash)?;
            drop(record);
            drop(state);
            self.note(&found, new)?;
            self.new.write()?;
        }
        self.new.bring_in()
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
            let state = store.read();
            let log = state.log()?;
            while offset < end && pending.len() < CHUNK {
                let found = log.locate(offset)?;
                offset += found.len;
                if found.header.kind == Kind::Table {
                    continue;
                }
                log.check_key(&found)?;
                let record = log.medium.read(found.offset, found.len as usize).map_err(Fault::read(found.offset))?;
                let new = self.new.writer.copy(&found, &record, found.header.continues())?;
                self.note(&found, new)?;
                pending.push((found, new));
            }
            self.new.writer.write_copies(true)?;
            self.new.state.set_end(self.new.writer.next.offset);
            for (found, new) in pending.drain(..) {
                let head = log.head(&found)?;
                let name: Name<'_> = found.header.name(&head, log.vector_bytes);
                let hash = name.hash(self.seed);
                let before = self.new.state.find(hash, name)?;
                self.new.writer.counts.record(found.header.kind, before.live.map(|live| live.len), found.len);
                self.new.state.active.set(Entry::of(hash, new, before.prior, found.header.kind), before.entry)?;
            }
        }
        Ok(())
    }
}
