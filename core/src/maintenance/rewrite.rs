//! A database's file written anew: records copied as they are, with a new chain, behind a table that knows them.
//!
//! What goes in, and what becomes of the old file, is decided by whoever writes anew: the compaction or the repair. Until
//! [`finish`](Rewrite::finish) has returned the new file is no database, and it never has a database's name here.

use crate::format::chain::Link;
use crate::format::head;
use crate::format::layout::LOG_START;
use crate::format::record::Batch;
use crate::format::superblock::Superblock;
use crate::format::table::{BUCKET, Buckets, Geometry};
use crate::index::apply::{self, Failure};
use crate::index::delta::{Delta, Entry};
use crate::log::reader::Located;
use crate::log::writer::Writer;
use crate::medium::{AlignedBuffer, Medium, Permit};
use crate::store::view::ReadView;
use crate::testing::mutants::{Mutant, broken};
use crate::types::fault::Fault;
use crate::types::key::Name;
use std::sync::Arc;

/// Names applied to the new table at once, at least: 32 bytes each.
const SHARE: usize = 1 << 18;

/// The new file while it is being filled.
pub(crate) struct Rewrite {
    pub medium: Arc<dyn Medium>,
    pub writer: Writer,
    pub view: ReadView,
    entries: Vec<Entry>,
    share: usize,
    /// The table speaks of everything before this.
    applied_to: u64,
}

impl Rewrite {
    /// An empty file with room for a table of that shape, made for `names` names.
    pub(crate) fn new(
        medium: Arc<dyn Medium>,
        old: &Superblock,
        shape: Geometry,
        names: u64,
        salt: u32,
    ) -> Result<Self, Fault> {
        let written = medium.write(0, &[0; LOG_START as usize], Permit::ENGINE);
        written.map_err(|source| Fault::Io { action: "write", offset: 0, source })?;
        let vector_bytes = old.schema.vector_bytes();
        let first = Superblock::first(old.uuid, old.schema);
        let mut writer = Writer::new(vector_bytes, Link::from(&first), salt, first.counts);
        writer.medium = Some(Arc::clone(&medium));
        let table = match names {
            0 => Geometry::default(),
            _ => writer.reserve_table(shape)?,
        };
        clear(&*medium, table)?;
        let view = ReadView::new(Arc::clone(&medium), vector_bytes, table, writer.next.offset);
        let share = SHARE.max(usize::try_from(names / 8).unwrap_or(SHARE));
        let applied_to = writer.next.offset;
        Ok(Self { medium, writer, view, entries: Vec::new(), share, applied_to })
    }

    /// Takes in a live record whose name has that hash. Returns its offset here. Writes nothing yet, so that it may be
    /// called while readers wait; [`write`](Self::write) comes after each.
    pub(crate) fn add(&mut self, found: &Located, record: &[u8], hash: u64) -> Result<u64, Fault> {
        self.entries.try_reserve(1)?;
        let new = self.writer.copy_record(found, record, Batch::Ends)?;
        self.writer.counts.record(found.header.kind, None, found.len);
        self.entries.push(Entry::of(hash, new, 0, found.header.kind));
        Ok(new)
    }

    /// Writes what was added, once it is enough to be worth it.
    pub(crate) fn write(&mut self) -> Result<(), Fault> {
        self.writer.write_full_piece()?;
        if self.entries.len() >= self.share { self.apply_to_table() } else { Ok(()) }
    }

    /// Writes all that was added, and applies it to the table.
    pub(crate) fn apply_to_table(&mut self) -> Result<(), Fault> {
        self.writer.write_copies()?;
        let mut entries = std::mem::take(&mut self.entries);
        entries.sort_unstable_by_key(|entry| (entry.hash, entry.offset));
        self.apply(&entries)?;
        entries.clear();
        self.entries = entries;
        Ok(())
    }

    /// Takes note of a record that was copied to `new` and that may replace or delete one copied before.
    pub(crate) fn change(&mut self, hash: u64, name: Name<'_>, found: &Located, new: u64) -> Result<(), Fault> {
        let kind = found.header.kind;
        let before = self.view.find(hash, name)?;
        self.writer.counts.record(kind, before.live.map(|live| live.len), found.len);
        self.view.active.set(Entry::of(hash, new, before.prior, kind), before.entry)?;
        Ok(())
    }

    /// Applies the changes to the table once they are many, so that memory stays bounded.
    pub(crate) fn apply_changes(&mut self) -> Result<(), Fault> {
        if self.view.active.len() < self.share {
            return Ok(());
        }
        let entries = self.view.active.sorted()?;
        self.apply(&entries)?;
        self.view.active = Delta::default();
        Ok(())
    }

    /// Applies entries to the table, or to a larger one where it has no room for them.
    fn apply(&mut self, entries: &[Entry]) -> Result<(), Fault> {
        let medium = Arc::clone(&self.medium);
        let names = self.writer.counts.names();
        let old = self.view.table;
        let mut shape = Geometry::for_names(names).as_roomy_as(old);
        let mut fits = entries.is_empty();
        if !fits && old.buckets > 0 && old.holds(names) {
            let write = |offset, bytes: &[u8]| medium.write(offset, bytes, Permit::ENGINE);
            fits = apply::apply_in_place(&*medium, old, entries, write)
                .map_err(|failure| failed(failure, old))?
                .is_empty();
            shape = old.wider(names);
        }
        while !fits {
            let new = self.writer.reserve_table(shape)?;
            match apply::build(&*medium, old, new, entries) {
                Ok(()) => {
                    self.writer.counts.abandon(old);
                    self.view.table = new;
                    fits = true;
                }
                Err(Failure::WindowFull) => {
                    self.writer.counts.abandon(new);
                    shape = new.wider(names);
                }
                Err(failure) => return Err(failed(failure, new)),
            }
        }
        self.applied_to = self.writer.next.offset;
        self.view.set_end(self.applied_to);
        Ok(())
    }

    /// Has the disk take what was written so far.
    pub(crate) fn sync(&self) -> Result<(), Fault> {
        if broken(Mutant::CompactUnsynced) {
            return Ok(());
        }
        self.medium.sync().map_err(|source| Fault::Io { action: "sync", offset: 0, source })
    }

    /// Makes the file durable and puts superblocks on it. They go on from the newest one of the old file: in uuid, schema,
    /// generation and number of compactions.
    pub(crate) fn finish(&self, old: &Superblock) -> Result<Superblock, Fault> {
        let next = self.writer.next;
        let superblock = Superblock {
            generation: old.generation + 2,
            durable_end: next.offset,
            applied_end: self.applied_to,
            sequence: next.sequence,
            link: next.link,
            table: self.view.table,
            counts: self.writer.counts,
            compactions: old.compactions.wrapping_add(1),
            ..*old
        };
        self.sync()?;
        let written = head::write(&*self.medium, &superblock);
        written.map_err(|source| Fault::Io { action: "write", offset: 0, source })?;
        self.sync()?;
        Ok(superblock)
    }
}

fn failed(failure: Failure, table: Geometry) -> Fault {
    match failure {
        Failure::Io(source) => Fault::Io { action: "write", offset: table.offset, source },
        Failure::BadBucket(bad) => bad.into(),
        Failure::WindowFull => Fault::Corrupt { offset: table.offset, what: "rewritten index table has no room" },
    }
}

/// Fills a table with empty buckets.
fn clear(medium: &dyn Medium, table: Geometry) -> Result<(), Fault> {
    const PART: u64 = 1024;
    let mut first = 0;
    while first < table.all_buckets() {
        let end = (first + PART).min(table.all_buckets());
        let mut bytes = AlignedBuffer::zeroed((end - first) as usize * BUCKET).map_err(|_| Fault::Memory)?;
        Buckets { first, bytes: &mut bytes }.write_checksums(table);
        let offset = table.bucket_offset(first);
        let written = medium.write(offset, &bytes, Permit::ENGINE);
        written.map_err(|source| Fault::Io { action: "write", offset, source })?;
        first = end;
    }
    Ok(())
}
