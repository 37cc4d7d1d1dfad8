//! Writing to the log: the records of a batch are put together in a buffer, written in pieces, and count once all are written.
//!
//! A batch that fails leaves the log as it was; what it wrote lies beyond the end and is never taken for data, because
//! the next batch takes another salt. The writer knows where the log ends; it changes nothing that readers see.

use crate::format::chain::Link;
use crate::format::counts::Counts;
use crate::format::layout::UNIT;
use crate::format::record::{Batch, HEADER, Header, Kind};
use crate::format::table::Geometry;
use crate::index::delta::{Change, Entry, spread};
use crate::log::reader::{Located, Log};
use crate::medium::{Medium, Permit};
use crate::testing::mutants::{Mutant, broken};
use crate::types::fault::Fault;
use crate::types::key::Name;
use hashbrown::HashTable;
use std::io;
use std::sync::Arc;

/// A batch is written in pieces of about this many bytes: large enough to make the system call cheap, small enough to
/// stay in the cache between checksum and write.
const PIECE: usize = 256 << 10;
/// Capacity of the buffer that a writer keeps between batches.
const KEPT: usize = 16 << 10;

/// The end of the log and what it adds up to. Held by one thread at a time.
pub(crate) struct Writer {
    pub medium: Option<Arc<dyn Medium>>,
    pub vector_bytes: usize,
    pub next: Link,
    pub salt: u32,
    pub counts: Counts,
    /// Operations since the last flush began.
    pub operations: u64,
    pub stale_tail: StaleTail,
    buffer: Vec<u8>,
    pub changes: Vec<Change>,
    by_name: HashTable<usize>,
}

/// What may lie behind the end of the log: in the file, or, after a loss of power, on the disk in the rest of the file's
/// last block. It must be gone from the disk before anything is written in its place. Otherwise sectors of an old record
/// and of a new one with the same body could make up a record that nobody wrote. And an old record would come back if a
/// second loss of power left the file's new length and not what was written here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StaleTail {
    /// Nothing: this process has made the file, or cleared what there was.
    Absent,
    /// Perhaps what an earlier life has left.
    Inherited,
    /// A write of this life that failed. A later opening could take it for acknowledged.
    Abandoned,
}

/// What is known of a name before an operation of the batch.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Before {
    /// Offset and length of the live record.
    pub live: Option<(u64, u64)>,
    pub prior: u64,
    pub entry: u64,
}

impl Writer {
    pub(crate) fn new(vector_bytes: usize, next: Link, salt: u32, counts: Counts) -> Self {
        Self {
            medium: None,
            vector_bytes,
            next,
            salt,
            counts,
            operations: 0,
            stale_tail: StaleTail::Absent,
            buffer: Vec::new(),
            changes: Vec::new(),
            by_name: HashTable::new(),
        }
    }

    fn medium(&self) -> io::Result<&Arc<dyn Medium>> {
        self.medium.as_ref().ok_or_else(|| io::Error::other("the file is closed"))
    }

    /// Takes a stale tail off the disk, before something is written there.
    pub(crate) fn clear_stale_tail(&mut self) -> Result<(), Fault> {
        if self.stale_tail == StaleTail::Absent {
            return Ok(());
        }
        let offset = self.next.offset;
        let io = |action| move |source| Fault::Io { action, offset, source };
        let medium = self.medium().map_err(io("truncate"))?;
        medium.truncate(offset, Permit::ENGINE).map_err(io("truncate"))?;
        if !broken(Mutant::TruncationUnsynced) {
            medium.sync().map_err(Fault::Sync)?;
        }
        self.stale_tail = StaleTail::Absent;
        Ok(())
    }

    /// Begins a batch.
    pub(crate) fn begin_batch(&mut self) -> PendingBatch<'_> {
        self.rest();
        let (next, counts) = (self.next, self.counts);
        PendingBatch { writer: self, written_to: next.offset, next, counts, open: None, tried: false, finished: false }
    }

    /// Appends the header of a table; its buckets are written to the room behind it by whoever builds it.
    pub(crate) fn reserve_table(&mut self, geometry: Geometry) -> Result<Geometry, Fault> {
        let mut batch = self.begin_batch();
        let geometry = Geometry { offset: batch.next.offset + UNIT, ..geometry };
        batch.push(Header::table(geometry), Name::Attribute(&[]), &[], &[])?;
        batch.extend_file()?;
        batch.finish()?;
        Ok(geometry)
    }

    /// Adds a record of another file as it is, but for its place in the chain. Returns its offset here.
    pub(crate) fn copy_record(&mut self, found: &Located, record: &[u8], batch: Batch) -> Result<u64, Fault> {
        self.buffer.try_reserve(record.len())?;
        let mut header = found.header;
        header.follow(&self.next, self.salt, batch);
        let offset = self.next.offset;
        self.buffer.extend_from_slice(&header.encode());
        self.buffer.extend_from_slice(&record[HEADER..]);
        self.next = Link::after(&Located { offset, len: found.len, header });
        Ok(offset)
    }

    /// Writes the copies that were added, once they make up a piece.
    pub(crate) fn write_full_piece(&mut self) -> Result<(), Fault> {
        if self.buffer.len() < PIECE { Ok(()) } else { self.write_copies() }
    }

    /// Writes all copies that were added.
    pub(crate) fn write_copies(&mut self) -> Result<(), Fault> {
        let offset = self.next.offset - self.buffer.len() as u64;
        let written = self.medium().and_then(|medium| medium.write(offset, &self.buffer, Permit::ENGINE));
        written.map_err(|source| Fault::Io { action: "write", offset, source })?;
        self.buffer.clear();
        Ok(())
    }

    /// Forgets the last batch, and gives back memory that only a large batch needed.
    pub(crate) fn rest(&mut self) {
        self.buffer.clear();
        self.changes.clear();
        self.by_name.clear();
        // Made anew and not smaller, which takes memory that there may not be.
        if self.buffer.capacity() > KEPT {
            self.buffer = Vec::new();
        }
        if self.changes.capacity() > KEPT / size_of::<Change>() {
            self.changes = Vec::new();
        }
        if self.by_name.capacity() > KEPT / size_of::<usize>() {
            self.by_name = HashTable::new();
        }
    }
}

/// Records on their way into the log.
pub(crate) struct PendingBatch<'a> {
    writer: &'a mut Writer,
    /// What lies before this is in the file already; the buffer begins here.
    written_to: u64,
    /// Behind the last complete record.
    next: Link,
    counts: Counts,
    /// The last record, whose header waits to know whether the batch goes on.
    open: Option<Open>,
    /// Whether anything may have reached the file.
    tried: bool,
    finished: bool,
}

struct Open {
    header: Header,
    at: usize,
    len: u64,
}

impl PendingBatch<'_> {
    fn open_end(&self) -> u64 {
        self.next.offset + self.open.as_ref().map_or(0, |open| open.len)
    }

    /// Operations in it.
    pub(crate) fn len(&self) -> usize {
        self.writer.changes.len()
    }

    /// What an earlier operation of this very batch did to a name; `None` if none did.
    pub(crate) fn earlier(&self, hash: u64, name: Name<'_>) -> Result<Option<Before>, Fault> {
        let changes = &self.writer.changes;
        let mut failed = None;
        let mut len = 0;
        let mut is_it = |index: &usize| {
            let entry = &changes[*index].entry;
            entry.hash == hash
                && match self.named(entry.offset, name) {
                    Ok(found) => {
                        len = found.unwrap_or(0);
                        found.is_some()
                    }
                    Err(fault) => {
                        failed = Some(fault);
                        false
                    }
                }
        };
        let found = match changes.len() {
            0 => None,
            1 => is_it(&0).then_some(0),
            _ => self.writer.by_name.find(spread(hash), is_it).copied(),
        };
        if let Some(fault) = failed {
            return Err(fault);
        }
        Ok(found.map(|index| {
            let Entry { offset, prior, deleted, .. } = changes[index].entry;
            Before { live: (!deleted).then_some((offset, len)), prior, entry: offset }
        }))
    }

    /// Length of the batch's record at `offset`, if it is one of that name. It may be in the file, in the buffer, or
    /// still without its checksum.
    fn named(&self, offset: u64, name: Name<'_>) -> Result<Option<u64>, Fault> {
        let vector_bytes = self.writer.vector_bytes;
        if let Some(open) = self.open.as_ref().filter(|_| offset == self.next.offset) {
            let same = open.header.name(&self.writer.buffer[open.at..], vector_bytes) == name;
            return Ok(same.then_some(open.len));
        }
        if offset >= self.written_to {
            let record = &self.writer.buffer[(offset - self.written_to) as usize..];
            let header =
                Header::decode(record).ok_or(Fault::Corrupt { offset, what: "record of the batch is damaged" })?;
            let same = header.name(record, vector_bytes) == name;
            return Ok(header.record_len(vector_bytes).filter(|_| same));
        }
        let medium = self.writer.medium().map_err(Fault::read(offset))?;
        let log = Log::without_table(&**medium, vector_bytes, self.written_to);
        Ok(log.find(offset, name)?.map(|found| found.len))
    }

    /// Adds an operation on a name that was looked up before.
    pub(crate) fn add(
        &mut self,
        kind: Kind,
        hash: u64,
        name: Name<'_>,
        before: Before,
        vector: &[u8],
        metadata: &[u8],
    ) -> Result<(), Fault> {
        self.writer.changes.try_reserve(1)?;
        let offset = self.open_end();
        let header = Header::naming(kind, name, metadata.len());
        let len = self.push(header, name, vector, metadata)?;
        self.counts.record(kind, before.live.map(|(_, len)| len), len);
        let entry = Entry { hash, offset, prior: before.prior, deleted: !kind.stores() };
        let index = self.writer.changes.len();
        self.writer.changes.push(Change { entry, replaces: before.entry });
        // A batch of one needs no search.
        if index > 0 {
            let changes = &self.writer.changes;
            let hash_of = |index: &usize| spread(changes[*index].entry.hash);
            self.writer.by_name.try_reserve(2, hash_of)?;
            if index == 1 {
                self.writer.by_name.insert_unique(hash_of(&0), 0, hash_of);
            }
            // The latest operation on a name is the one that counts.
            let same_name = |earlier: &usize| changes[*earlier].entry.offset == before.entry;
            match self.writer.by_name.find_mut(spread(hash), same_name) {
                Some(earlier) => *earlier = index,
                None => drop(self.writer.by_name.insert_unique(spread(hash), index, hash_of)),
            }
        }
        Ok(())
    }

    fn push(&mut self, mut header: Header, name: Name<'_>, vector: &[u8], metadata: &[u8]) -> Result<u64, Fault> {
        self.complete(Batch::GoesOn);
        if self.writer.buffer.len() >= PIECE {
            self.write_out()?;
        }
        let at = self.writer.buffer.len();
        let len = header.record_len(vector.len()).ok_or(Fault::Corrupt { offset: 0, what: "record too long" })?;
        // What outgrows the buffer that is kept is a large batch: room for a whole piece spares copies.
        let more = header.summed_len(vector.len());
        if at > 0 && at + more > KEPT && self.writer.buffer.capacity() < PIECE {
            // Where there is no memory for that, less will do.
            let _ = self.writer.buffer.try_reserve_exact(PIECE + more - at);
        }
        header.append(&mut self.writer.buffer, name, vector, metadata)?;
        self.open = Some(Open { header, at, len });
        Ok(len)
    }

    /// Makes the file reach to the end of the open record: no end of a log may lie beyond its file's.
    fn extend_file(&mut self) -> Result<(), Fault> {
        let offset = self.open_end() - UNIT;
        self.tried = true;
        let written = self.writer.medium().and_then(|medium| medium.write(offset, &[0; UNIT as usize], Permit::ENGINE));
        written.map_err(|source| Fault::Io { action: "write", offset, source })
    }

    /// Completes the header of the open record.
    fn complete(&mut self, batch: Batch) {
        let Some(Open { mut header, at, len }) = self.open.take() else { return };
        header.follow(&self.next, self.writer.salt, batch);
        let block = header.encode();
        self.writer.buffer[at..at + block.len()].copy_from_slice(&block);
        self.next = Link::after(&Located { offset: self.next.offset, len, header });
    }

    fn write_out(&mut self) -> Result<(), Fault> {
        let offset = self.written_to;
        self.tried = true;
        let medium = self.writer.medium.as_ref();
        let result = medium
            .ok_or_else(|| io::Error::other("the file is closed"))
            .and_then(|medium| medium.write(offset, &self.writer.buffer, Permit::ENGINE));
        result.map_err(|source| Fault::Io { action: "write", offset, source })?;
        self.written_to += self.writer.buffer.len() as u64;
        self.writer.buffer.clear();
        Ok(())
    }

    /// Writes what is left and moves the end of the log behind it. From here on the operations survive the process.
    pub(crate) fn finish(mut self) -> Result<(), Fault> {
        self.complete(Batch::Ends);
        if !self.writer.buffer.is_empty() {
            self.write_out()?;
        }
        self.finished = true;
        self.writer.next = self.next;
        self.writer.counts = self.counts;
        self.writer.operations += self.writer.changes.len() as u64;
        Ok(())
    }
}

impl Drop for PendingBatch<'_> {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        // Whatever reached the file must never continue a record that is written here next.
        if !broken(Mutant::SaltKept) {
            self.writer.salt = self.writer.salt.wrapping_mul(0x9E37_79B1).wrapping_add(1);
        }
        self.writer.rest();
        if self.tried {
            self.writer.stale_tail = StaleTail::Abandoned;
        }
    }
}
