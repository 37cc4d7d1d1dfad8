//! What a reader sees: the table in the file, under what was written since.
//!
//! Held under leases: a single write adds to it while others read; a batch and the flush change it in short steps.

use crate::append::Change;
use crate::compact::Moves;
use crate::delta::{Delta, Entry};
use crate::key::Name;
use crate::log::{Fault, Found, Log};
use crate::medium::{Medium, Window};
use crate::record::HEADER;
use crate::store::lock;
use crate::sync::atomic::AtomicU64;
use crate::sync::{Mutex, thread};
use crate::table::{Geometry, Line, Rotten, SLOTS, is_whole_line as is_whole, may_know, offset_of, slots_of};
use crate::teeth::{Mutant, broken};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Release};

pub(crate) struct State {
    /// `None` while the store is parked, when nobody reads it.
    pub medium: Option<Arc<dyn Medium>>,
    pub vector_bytes: usize,
    /// End of what scans may see: everything before it is in the changes or in the table.
    end: AtomicU64,
    /// End of what lookups may see. It moves before the changes do, `end` after them.
    written: AtomicU64,
    pub table: Geometry,
    /// What the flush under way, or one that failed, is bringing into the table.
    pub frozen: Arc<Delta>,
    /// What was written since.
    pub active: Delta,
    /// The file's number of compactions, in 16 bits.
    pub era: u64,
    /// Where the last of them put things, if it was since the file was opened.
    pub moves: Option<Arc<Moves>>,
    /// Held while buckets are written in place.
    pub in_place: Arc<Mutex<()>>,
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

impl State {
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
            era: 0,
            moves: None,
            in_place: Arc::default(),
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

    /// Shows one operation to readers, who need not stop for it. False if there is no room: then it takes a change.
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
            window: medium.window(),
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

    /// The ordinary case of [`find`](Self::find), in as few steps as it takes: all is in memory, the first record of that
    /// hash is the one, and its header has room for the name. `None` leaves it to `find` to say what else is the case.
    #[inline(always)]
    pub(crate) fn glance<'a>(&self, window: Window<'a>, hash: u64, name: Name<'_>) -> Option<(Found, &'a [u8])> {
        let offset = match self.active.first(hash).or_else(|| self.frozen.first(hash)) {
            Some(entry) if entry.deleted => return None,
            Some(entry) => entry.offset,
            None => self.first_in_table(window, hash)?,
        };
        let found = Found::of(window.slice(offset, HEADER)?, name, self.vector_bytes, offset)?;
        if found.len > self.end().checked_sub(offset)? || self.table.meets(offset, offset + found.len) {
            return None;
        }
        Some((found, window.slice(offset, (found.meta_at + found.meta_len) as usize)?))
    }

    #[inline(always)]
    fn first_in_table(&self, window: Window<'_>, hash: u64) -> Option<u64> {
        if self.table.buckets == 0 {
            return None;
        }
        let number = self.table.home(hash);
        let bucket = window.line(self.table.place(number))?;
        let offset = offset_of(&bucket, hash);
        if offset == 0 {
            return None;
        }
        // On its way while the bucket is checked.
        window.touch(offset, HEADER + self.vector_bytes);
        is_whole(&bucket, number, self.table).then_some(offset)
    }

    /// Has the bucket fetched that [`glance`](Self::glance) will look at.
    #[inline(always)]
    pub(crate) fn touch_bucket(&self, window: Window<'_>, hash: u64) {
        if self.table.buckets > 0 {
            window.touch(self.table.place(self.table.home(hash)), 0);
        }
    }

    /// Has the record fetched that [`glance`](Self::glance) will look at.
    #[inline(always)]
    pub(crate) fn touch_record(&self, window: Window<'_>, hash: u64) {
        let changed = self.active.first(hash).or_else(|| self.frozen.first(hash)).map(|entry| entry.offset);
        if let Some(offset) = changed.or_else(|| self.first_in_table(window, hash)) {
            window.touch(offset, HEADER + self.vector_bytes);
        }
    }

    /// What of the file can be read without a call.
    #[inline(always)]
    pub(crate) fn window(&self) -> Window<'_> {
        self.medium.as_deref().map_or(Window::NONE, Medium::window)
    }

    /// The entry of a name, and its record unless that takes the name away.
    fn find_in(&self, delta: &Delta, hash: u64, name: Name<'_>) -> Result<Option<(Entry, Option<Found>)>, Fault> {
        let mut last = None;
        let entry = delta.find(hash, |offset| {
            // Asked for now: the record may have been written a moment ago.
            let log = self.log()?;
            log.touch(offset);
            last = log.find(offset, name)?;
            Ok::<_, Fault>(last.is_some())
        })?;
        Ok(entry.map(|entry| (entry, last.filter(|_| !entry.deleted))))
    }
}

/// Times a bucket is read before it counts as rotten: beside a writing process it may be caught in the middle of a change.
const TRIES: u32 = 100;

/// Reads a bucket, the one thing that is changed in place, and checks it.
#[inline(always)]
pub(crate) fn read_bucket(log: &Log<'_>, number: u64) -> Result<Line, Fault> {
    let bucket = log.line(log.table.place(number))?;
    if is_whole(&bucket, number, log.table) { Ok(bucket) } else { read_again(log, number) }
}

/// Buckets that were read by one call, where each read is a call.
#[derive(Default)]
struct ReadAhead {
    first: u64,
    len: usize,
    lines: [Line; AT_ONCE],
}

/// As many as an ordinary window has.
const AT_ONCE: usize = 8;

impl ReadAhead {
    /// As [`read_bucket`], of a bucket of a window that ends at `end`.
    fn bucket(&mut self, log: &Log<'_>, number: u64, end: u64) -> Result<Line, Fault> {
        if number >= self.first + self.len as u64 {
            self.first = number;
            self.len = (end - number).min(AT_ONCE as u64) as usize;
            let place = log.table.place(number);
            let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut self.lines[..self.len]);
            log.medium.read_into(place, bytes).map_err(Fault::read(place))?;
        }
        let bucket = self.lines[(number - self.first) as usize];
        if is_whole(&bucket, number, log.table) { Ok(bucket) } else { read_again(log, number) }
    }
}

#[cold]
fn read_again(log: &Log<'_>, number: u64) -> Result<Line, Fault> {
    let place = log.table.place(number);
    for _ in 0..TRIES {
        let bucket = {
            // This process's own change of it is over by now.
            let _no_change = lock(log.in_place);
            log.line(place)?
        };
        if is_whole(&bucket, number, log.table) {
            return Ok(bucket);
        }
        thread::yield_now();
    }
    Err(Rotten(place).into())
}

/// The record that the table knows under a name.
#[inline]
pub(crate) fn find_in_table(log: &Log<'_>, hash: u64, name: Name<'_>) -> Result<Option<Found>, Fault> {
    if log.table.buckets == 0 {
        return Ok(None);
    }
    let window = log.table.window_of(hash);
    let mut ahead = None;
    for number in window.clone() {
        let bucket = match log.window.is_empty() {
            true => ahead.get_or_insert_with(ReadAhead::default).bucket(log, number, window.end)?,
            false => read_bucket(log, number)?,
        };
        if broken(Mutant::StopAtGap)
            && slots_of(&bucket).all(|slot| slot.hash != hash)
            && slots_of(&bucket).count() < SLOTS
        {
            return Ok(None);
        }
        if !may_know(&bucket, hash) {
            continue;
        }
        for slot in slots_of(&bucket) {
            if slot.hash != hash {
                continue;
            }
            log.touch(slot.offset);
            if let Some(found) = log.find(slot.offset, name)? {
                if !found.kind.stores() {
                    let offset = log.table.place(number);
                    return Err(Fault::Corrupt { offset, what: "index points at a record of a deletion" });
                }
                return Ok(Some(found));
            }
        }
    }
    Ok(None)
}
