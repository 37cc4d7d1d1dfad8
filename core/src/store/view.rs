//! What readers see: the table in the file, and the deltas that come before it.
//!
//! Readers hold it under a read guard. A single write adds to it meanwhile; a batch and a flush take a write guard for short
//! steps.

use crate::format::chain::Link;
use crate::format::counts::Counts;
use crate::format::head::Stamp;
use crate::format::record::HEADER;
use crate::format::table::{Geometry, are_words_whole as is_whole, offset_of};
use crate::index::delta::{Change, Delta, Entry};
use crate::log::reader::{Found, Log};
use crate::medium::{Mapped, Medium};
use crate::store::lookup::{AsOf, find_in_table, find_in_table_as_of};
use crate::store::moves::Moves;
use crate::sync::primitives::Mutex;
use crate::sync::primitives::atomic::AtomicU64;
use crate::types::fault::Fault;
use crate::types::key::Name;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Release};

pub(crate) struct ReadView {
    /// `None` while the store is suspended, when nobody reads it.
    pub medium: Option<Arc<dyn Medium>>,
    pub vector_bytes: usize,
    /// End of what scans may see: everything before it is in the changes or in the table.
    end: AtomicU64,
    /// End of what lookups may see. It moves before the changes do, `end` after them.
    written: AtomicU64,
    pub table: Geometry,
    /// What the flush under way, or one that failed, is applying to the table.
    pub frozen: Arc<Delta>,
    /// What was written since.
    pub active: Delta,
    /// The lower 16 bits of the file's number of compactions.
    pub epoch: u64,
    /// Where the last compaction has put things, if there was one since the file was opened.
    pub moves: Option<Arc<Moves>>,
    /// Held while buckets are written in place.
    pub in_place: Arc<Mutex<()>>,
    /// `None` where this process writes the file.
    pub followed: Option<Followed>,
}

/// What a reader knows of a file that another process may be writing, as it was when the log ended where the view does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Followed {
    pub stamp: Stamp,
    /// The end of the log.
    pub next: Link,
    pub counts: Counts,
}

/// What is known of a name.
#[derive(Default)]
pub(crate) struct Lookup {
    /// Its record, if it is there.
    pub live: Option<Found>,
    /// What the table says of it once the frozen changes are in: an offset, or 0.
    pub prior: u64,
    /// The active entry of this name, by the offset of its record, or 0.
    pub entry: u64,
}

impl ReadView {
    /// A file whose table speaks of everything in it.
    pub(crate) fn new(medium: Arc<dyn Medium>, vector_bytes: usize, table: Geometry, end: u64) -> Self {
        Self {
            medium: Some(medium),
            vector_bytes,
            end: AtomicU64::new(end),
            written: AtomicU64::new(end),
            table,
            frozen: Arc::default(),
            active: Delta::default(),
            epoch: 0,
            moves: None,
            in_place: Arc::default(),
            followed: None,
        }
    }

    /// The same view of a file that another process writes, to be kept while this one moves on.
    pub(crate) fn kept(&self) -> Self {
        Self {
            medium: self.medium.clone(),
            vector_bytes: self.vector_bytes,
            end: AtomicU64::new(self.end()),
            written: AtomicU64::new(self.end()),
            table: self.table,
            frozen: Arc::clone(&self.frozen),
            active: Delta::default(),
            epoch: self.epoch,
            moves: None,
            in_place: Arc::clone(&self.in_place),
            followed: self.followed,
        }
    }

    /// End of what scans may see.
    pub(crate) fn end(&self) -> u64 {
        self.end.load(Acquire)
    }

    /// Sets both ends, where nobody reads meanwhile.
    pub(crate) fn set_end(&mut self, end: u64) {
        *self.written.get_mut() = end;
        *self.end.get_mut() = end;
    }

    /// Makes one operation visible while readers go on. False if the delta has no room: then it takes a write guard.
    pub(crate) fn publish(&self, change: Change, end: u64) -> bool {
        self.written.store(end, Release);
        let added = self.active.add(change.entry, change.replaces);
        if added {
            self.end.store(end, Release);
        }
        added
    }

    pub(crate) fn log(&self) -> Result<Log<'_>, Fault> {
        let medium = self.medium.as_deref().ok_or_else(|| Fault::Io {
            action: "read",
            offset: 0,
            source: io::Error::other("the file is closed"),
        })?;
        Ok(Log {
            medium,
            mapped: medium.mapped(),
            vector_bytes: self.vector_bytes,
            end: self.written.load(Acquire),
            table: self.table,
            in_place: &self.in_place,
        })
    }

    /// Looks a name up: active changes first, then frozen ones, then the table.
    pub(crate) fn find(&self, hash: u64, name: Name<'_>) -> Result<Lookup, Fault> {
        if !self.active.is_empty()
            && let Some((entry, found)) = self.find_in(&self.active, hash, name)?
        {
            return Ok(Lookup { live: found, prior: entry.prior, entry: entry.offset });
        }
        if !self.frozen.is_empty()
            && let Some((_, found)) = self.find_in(&self.frozen, hash, name)?
        {
            return Ok(Lookup { prior: found.map_or(0, |found| found.offset), live: found, entry: 0 });
        }
        let live = find_in_table(&self.log()?, hash, name)?;
        Ok(Lookup { prior: live.map_or(0, |found| found.offset), live, entry: 0 })
    }

    /// The active entry of a name.
    pub(crate) fn find_active(&self, hash: u64, name: Name<'_>) -> Result<Option<Entry>, Fault> {
        Ok(self.find_in(&self.active, hash, name)?.map(|(entry, _)| entry))
    }

    /// What is known of a name, seen from where the log ended at `end`.
    pub(crate) fn find_as_of(&self, hash: u64, name: Name<'_>, end: u64) -> Result<AsOf, Fault> {
        for delta in [&self.active, &*self.frozen] {
            if !delta.is_empty()
                && let Some((entry, _)) = self.find_in(delta, hash, name)?
            {
                return Ok(match entry {
                    Entry { offset, .. } if offset >= end => AsOf::Behind,
                    Entry { deleted: true, .. } => AsOf::Nothing,
                    Entry { offset, .. } => AsOf::At(offset),
                });
            }
        }
        find_in_table_as_of(&self.log()?, hash, name, end)
    }

    /// The ordinary case of [`find`](Self::find), in as few steps as it takes: the bytes are in memory, the first record of
    /// that hash is of this name, and its header holds the name. `None` if any of that is not so: `find` tells what is.
    #[inline(always)]
    pub(crate) fn find_fast<'a>(&self, mapped: Mapped<'a>, hash: u64, name: Name<'_>) -> Option<(Found, &'a [u8])> {
        let offset = match self.active.first(hash).or_else(|| self.frozen.first(hash)) {
            Some(entry) if entry.deleted => return None,
            Some(entry) => entry.offset,
            None => self.first_in_table(mapped, hash)?,
        };
        let found = Found::of(mapped.slice(offset, HEADER)?, name, self.vector_bytes, offset)?;
        if found.len > self.end().checked_sub(offset)? || self.table.overlaps(offset, offset + found.len) {
            return None;
        }
        Some((found, mapped.slice(offset, (found.meta_at + found.meta_len) as usize)?))
    }

    #[inline(always)]
    fn first_in_table(&self, mapped: Mapped<'_>, hash: u64) -> Option<u64> {
        if self.table.buckets == 0 {
            return None;
        }
        let number = self.table.home(hash);
        let bucket = mapped.words(self.table.bucket_offset(number))?;
        let offset = offset_of(&bucket, hash);
        if offset == 0 {
            return None;
        }
        // On its way while the bucket is checked.
        mapped.prefetch(offset, HEADER + self.vector_bytes);
        is_whole(&bucket, number, self.table).then_some(offset)
    }

    /// Fetches into the cache the bucket that [`find_fast`](Self::find_fast) will read.
    #[inline(always)]
    pub(crate) fn prefetch_bucket(&self, mapped: Mapped<'_>, hash: u64) {
        if self.table.buckets > 0 {
            mapped.prefetch(self.table.bucket_offset(self.table.home(hash)), 0);
        }
    }

    /// Fetches into the cache the record that [`find_fast`](Self::find_fast) will read.
    #[inline(always)]
    pub(crate) fn prefetch_record(&self, mapped: Mapped<'_>, hash: u64) {
        let changed = self.active.first(hash).or_else(|| self.frozen.first(hash)).map(|entry| entry.offset);
        if let Some(offset) = changed.or_else(|| self.first_in_table(mapped, hash)) {
            mapped.prefetch(offset, HEADER + self.vector_bytes);
        }
    }

    /// The part of the file that can be read without a call.
    #[inline(always)]
    pub(crate) fn mapped(&self) -> Mapped<'_> {
        self.medium.as_deref().map_or(Mapped::NONE, Medium::mapped)
    }

    /// The entry of a name in a delta, and its record unless that is a deletion.
    fn find_in(&self, delta: &Delta, hash: u64, name: Name<'_>) -> Result<Option<(Entry, Option<Found>)>, Fault> {
        let mut last = None;
        let entry = delta.find(hash, |offset| {
            // Asked for now: the record may have been written a moment ago.
            let log = self.log()?;
            log.prefetch(offset);
            last = log.find(offset, name)?;
            Ok::<_, Fault>(last.is_some())
        })?;
        Ok(entry.map(|entry| (entry, last.filter(|_| !entry.deleted))))
    }
}
