//! Compaction: the live records of a file in a new one, which then takes its name.
//!
//! Readers keep the old file for as long as they hold anything of it. Writers go on until the short tail that they wrote
//! meanwhile is copied. Everything is copied as it is, in order, with a new chain; the new file is durable before it is
//! the database's, and until then nothing has changed.

use crate::append::Writer;
use crate::checkpoint::{self, Failure};
use crate::delta::Entry;
use crate::error::{Error, Result};
use crate::flush::Checkpoint;
use crate::key::Name;
use crate::log::{Fault, Link, Located};
use crate::medium::{Medium, Permit};
use crate::name;
use crate::record::Kind;
use crate::recovery;
use crate::state::State;
use crate::store::{Store, entry_of, lock};
use crate::superblock::{LOG_START, SECTOR, Superblock};
use crate::table::{BUCKET, Buckets, Geometry};
use crate::teeth::{Mutant, broken};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Names brought into the new table at once: 24 bytes each.
const SHARE: usize = 1 << 18;
/// Distance in the old log between two places of which it is remembered where they went.
const STRIDE: u64 = 64 << 10;

/// Where things went in the last compaction: pairs of an old and a new offset, of live records, rising.
pub(crate) type Moves = Vec<(u64, u64)>;

/// The new file while it is being filled.
struct Copy {
    medium: Arc<dyn Medium>,
    writer: Writer,
    state: State,
    seed: u64,
    moves: Moves,
}

impl Store {
    /// Replaces the file by one that holds nothing dead. Returns the bytes gained.
    pub(crate) fn compact(&self, salt: u32) -> Result<u64> {
        let mut checkpoint = lock(&self.checkpoint);
        // Everything is in the table afterwards, and nothing is frozen.
        self.flush_with(&mut checkpoint, true)?;
        let temporary = format!("{}{}", self.identity.file.trim_end_matches(name::SUFFIX), name::TEMPORARY);
        let path = recovery::path_of(&*self.volume, &temporary);
        let before = checkpoint.superblock.durable_end;
        let medium = self.volume.create(&temporary).map_err(|source| Error::io("create", &path, source))?;
        let copied = self.copy_into(Arc::from(medium), &mut checkpoint, &temporary, salt);
        if let Err(error) = copied {
            // The error that counts is the one above.
            let _ = self.volume.remove(&temporary);
            return Err(error);
        }
        if !broken(Mutant::NoDirectorySync)
            && let Err(source) = self.volume.sync()
        {
            let error = Error::io("sync directory", self.volume.path(), source);
            let _ = self.poison.set(error.to_string());
            return Err(error);
        }
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
        let superblock = copy.vouch(&old).map_err(fault)?;
        // From here on writers wait.
        let mut writer = lock(&self.writer);
        copy.take_tail(&self.read(), old.durable_end, writer.next.offset).map_err(fault)?;
        let renamed = self.volume.rename(temporary, &self.identity.file);
        renamed.map_err(|source| Error::io("rename", &self.identity.path, source))?;
        let Copy { writer: new_writer, state: new_state, moves, .. } = copy;
        let operations = writer.operations;
        *writer = new_writer;
        writer.operations = operations;
        let mut state = self.change();
        let era = state.era + 1;
        *state = State { era, moves: Arc::new(moves), ..new_state };
        self.figures.take(&writer.counts, writer.next.offset, operations);
        drop(state);
        self.figures.durable_end.store(superblock.durable_end, Relaxed);
        *checkpoint = Checkpoint::at(superblock);
        Ok(())
    }
}

impl Copy {
    /// A file with room for a table that takes in everything there is.
    fn new(store: &Store, old: &Superblock, medium: Arc<dyn Medium>, salt: u32) -> Result<Self, Fault> {
        let written = medium.write(0, &[0; LOG_START as usize], Permit::ENGINE);
        written.map_err(|source| Fault::Io { action: "write", offset: 0, source })?;
        let vector_bytes = store.vector_bytes();
        let first = Superblock::first(old.uuid, old.schema);
        let mut writer = Writer::new(vector_bytes, Link::from(&first), salt, first.counts);
        writer.medium = Some(Arc::clone(&medium));
        let names = old.counts.names();
        let table = match names {
            0 => Geometry::default(),
            names => {
                writer.reserve_table(Geometry { window: old.table.window.max(8), ..Geometry::for_names(names) })?
            }
        };
        clear(&*medium, table)?;
        let state = State::new(Arc::clone(&medium), vector_bytes, table, writer.next.offset);
        Ok(Self { medium, writer, state, seed: store.identity.seed, moves: Moves::new() })
    }

    /// Copies what is alive before `end`, and brings it into the table.
    fn take_live(&mut self, store: &Store, end: u64) -> Result<(), Fault> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut offset = LOG_START;
        let mut told = 0;
        while offset < end {
            let found = {
                let state = store.read();
                let log = state.log()?;
                let found = log.locate(offset)?;
                offset += found.len;
                if !found.header.kind.stores() {
                    continue;
                }
                let record = log.medium.read(found.offset, found.len as usize).map_err(Fault::read(found.offset))?;
                let name = found.header.name(&record, log.vector_bytes);
                let hash = name.hash(self.seed);
                if state.find(hash, name)?.live.is_none_or(|live| live.offset != found.offset) {
                    continue;
                }
                log.check_body(&found)?;
                let new = self.writer.copy(&found, &record, false)?;
                self.writer.counts.record(found.header.kind, None, found.len);
                entries.push(entry_of(hash, new, 0, found.header.kind));
                (found, new)
            };
            if found.0.offset >= told {
                self.moves.push((found.0.offset, found.1));
                told = found.0.offset + STRIDE;
            }
            if entries.len() == SHARE {
                self.bring_in(&mut entries)?;
            }
        }
        self.bring_in(&mut entries)
    }

    fn bring_in(&mut self, entries: &mut Vec<Entry>) -> Result<(), Fault> {
        self.writer.write_copies()?;
        entries.sort_unstable_by_key(|entry| (entry.hash, entry.offset));
        let medium = &*self.medium;
        let write = |offset, bytes: &[u8]| medium.write(offset, bytes, Permit::ENGINE);
        let table = self.state.table;
        checkpoint::apply_in_place(medium, table, entries, write).map_err(|failure| match failure {
            Failure::Io(source) => Fault::Io { action: "write", offset: table.offset, source },
            Failure::Rotten(rotten) => rotten.into(),
            Failure::Crowded => Fault::Corrupt { offset: table.offset, what: "compacted index table has no room" },
        })?;
        entries.clear();
        self.state.end = self.writer.next.offset;
        Ok(())
    }

    /// Makes the file durable and puts superblocks on it.
    fn vouch(&self, old: &Superblock) -> Result<Superblock, Fault> {
        let next = self.writer.next;
        let superblock = Superblock {
            generation: old.generation + 2,
            durable_end: next.offset,
            applied_end: next.offset,
            sequence: next.sequence,
            link: next.link,
            table: self.state.table,
            counts: self.writer.counts,
            ..*old
        };
        let io = |action, offset| move |source| Fault::Io { action, offset, source };
        self.medium.sync().map_err(io("sync", 0))?;
        for superblock in [Superblock { generation: old.generation + 1, ..superblock }, superblock] {
            let block: [u8; SECTOR] = superblock.encode();
            self.medium.write(superblock.place(), &block, Permit::ENGINE).map_err(io("write", superblock.place()))?;
        }
        self.medium.sync().map_err(io("sync", 0))?;
        Ok(superblock)
    }

    /// Copies what was written since, dead or alive, as it was written.
    fn take_tail(&mut self, state: &State, start: u64, end: u64) -> Result<(), Fault> {
        let log = state.log()?;
        let mut offset = start;
        let mut pending: Vec<(Located, u64)> = Vec::new();
        while offset < end {
            let found = log.locate(offset)?;
            offset += found.len;
            if found.header.kind == Kind::Table {
                continue;
            }
            let record = log.medium.read(found.offset, found.len as usize).map_err(Fault::read(found.offset))?;
            let new = self.writer.copy(&found, &record, found.header.continues())?;
            self.moves.push((found.offset, new));
            pending.push((found, new));
        }
        self.writer.write_copies()?;
        self.state.end = self.writer.next.offset;
        for (found, new) in pending {
            let head = log.head(&found)?;
            let name: Name<'_> = found.header.name(&head, log.vector_bytes);
            let hash = name.hash(self.seed);
            let before = self.state.find(hash, name)?;
            self.writer.counts.record(found.header.kind, before.live.map(|live| live.len), found.len);
            self.state.active.set(entry_of(hash, new, before.prior, found.header.kind), before.entry);
        }
        Ok(())
    }
}

/// Fills a table with empty buckets.
fn clear(medium: &dyn Medium, table: Geometry) -> Result<(), Fault> {
    const PART: u64 = 1024;
    let mut first = 0;
    while first < table.all_buckets() {
        let end = (first + PART).min(table.all_buckets());
        let mut bytes = vec![0; (end - first) as usize * BUCKET];
        Buckets { first, bytes: &mut bytes }.seal(table);
        let offset = table.place(first);
        let written = medium.write(offset, &bytes, Permit::ENGINE);
        written.map_err(|source| Fault::Io { action: "write", offset, source })?;
        first = end;
    }
    Ok(())
}

/// Where a place in the log before the last compaction is now: at or before it, never behind.
pub(crate) fn moved(moves: &Moves, offset: u64) -> u64 {
    match moves.partition_point(|(old, _)| *old <= offset) {
        0 => LOG_START,
        after => moves[after - 1].1,
    }
}
