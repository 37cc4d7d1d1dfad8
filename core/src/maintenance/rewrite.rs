//! A database's file written anew: records copied as they are, with a new chain, behind a table that knows them.
//!
//! What goes in, and what becomes of the old file, is decided by whoever writes anew: the compaction or the repair. Until
//! [`finish`](Rewrite::finish) has returned the new file is no database, and it never has a database's name here.

use crate::format::chain::Link;
use crate::format::layout::{LOG_START, SECTOR};
use crate::format::superblock::Superblock;
use crate::format::table::{BUCKET, Buckets, Geometry};
use crate::index::apply::{self, Failure};
use crate::index::delta::Entry;
use crate::log::reader::Located;
use crate::log::writer::Writer;
use crate::medium::{AlignedBuffer, Medium, Permit};
use crate::store::view::ReadView;
use crate::testing::mutants::{Mutant, broken};
use crate::types::fault::Fault;
use std::sync::Arc;

/// Names applied to the new table at once, at least: 32 bytes each.
const SHARE: usize = 1 << 18;

/// The new file while it is being filled.
pub(crate) struct Rewrite {
    pub medium: Arc<dyn Medium>,
    pub writer: Writer,
    pub view: ReadView,
    /// What the old file said, as far as it goes on: uuid, schema, generation, number of compactions.
    old: Superblock,
    entries: Vec<Entry>,
    share: usize,
    /// Whether the window of a name had no room: a wider table has.
    pub window_full: bool,
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
        Ok(Self { medium, writer, view, old: *old, entries: Vec::new(), share, window_full: false })
    }

    /// Takes in a live record whose name has that hash. Returns its offset here. Writes nothing yet, so that it may be
    /// called while readers wait; [`write`](Self::write) comes after each.
    pub(crate) fn add(&mut self, found: &Located, record: &[u8], hash: u64) -> Result<u64, Fault> {
        self.entries.try_reserve(1)?;
        let new = self.writer.copy_record(found, record, false)?;
        self.writer.counts.record(found.header.kind, None, found.len);
        self.entries.push(Entry::of(hash, new, 0, found.header.kind));
        Ok(new)
    }

    /// Writes what was added, once it is enough to be worth it.
    pub(crate) fn write(&mut self) -> Result<(), Fault> {
        self.writer.write_copies(false)?;
        if self.entries.len() >= self.share { self.apply_to_table() } else { Ok(()) }
    }

    /// Writes all that was added, and applies it to the table.
    pub(crate) fn apply_to_table(&mut self) -> Result<(), Fault> {
        self.writer.write_copies(true)?;
        self.entries.sort_unstable_by_key(|entry| (entry.hash, entry.offset));
        let medium = &*self.medium;
        let write = |offset, bytes: &[u8]| medium.write(offset, bytes, Permit::ENGINE);
        let table = self.view.table;
        match apply::apply_in_place(medium, table, &self.entries, write) {
            Ok(left) if left.is_empty() => {}
            Ok(_) | Err(Failure::WindowFull) => {
                self.window_full = true;
                return Err(Fault::Corrupt { offset: table.offset, what: "rewritten index table has no room" });
            }
            Err(Failure::Io(source)) => return Err(Fault::Io { action: "write", offset: table.offset, source }),
            Err(Failure::BadBucket(bad)) => return Err(bad.into()),
        }
        self.entries.clear();
        self.view.set_end(self.writer.next.offset);
        Ok(())
    }

    /// Makes the file durable and puts superblocks on it.
    pub(crate) fn finish(&self) -> Result<Superblock, Fault> {
        let next = self.writer.next;
        let superblock = Superblock {
            generation: self.old.generation + 2,
            durable_end: next.offset,
            applied_end: next.offset,
            sequence: next.sequence,
            link: next.link,
            table: self.view.table,
            counts: self.writer.counts,
            compactions: self.old.compactions.wrapping_add(1),
            ..self.old
        };
        let io = |action, offset| move |source| Fault::Io { action, offset, source };
        if !broken(Mutant::CompactUnsynced) {
            self.medium.sync().map_err(io("sync", 0))?;
        }
        for superblock in [Superblock { generation: self.old.generation + 1, ..superblock }, superblock] {
            let block: [u8; SECTOR] = superblock.encode();
            self.medium.write(superblock.offset(), &block, Permit::ENGINE).map_err(io("write", superblock.offset()))?;
        }
        if !broken(Mutant::CompactUnsynced) {
            self.medium.sync().map_err(io("sync", 0))?;
        }
        Ok(superblock)
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
