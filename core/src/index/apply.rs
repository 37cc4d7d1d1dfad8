//! Applying changes to the index table: in place, bucket by bucket, or by building a new and larger table.
//!
//! Both read the old table and sorted entries in one pass of bounded memory. Nothing here decides when; the flush does,
//! and it alone changes tables, so that reading them here needs no lock. The bytes of a slot are laid out in `format/table.rs`.

use crate::format::checksum::field;
use crate::format::table::{BUCKET, BadBucket, Buckets, Geometry, SLOT, SLOTS, Slot, is_whole, slots};
use crate::index::delta::Entry;
use crate::medium::{Medium, Permit};
use crate::testing::mutants::{Mutant, broken};
use std::collections::TryReserveError;
use std::io;
use std::iter::Peekable;
use std::slice::Iter;

/// Buckets handled at once: 64 KiB of them.
const RUN: u64 = 1024;
/// Buckets to a page of the page cache, the least worth writing at once.
const PAGE: u64 = 64;

/// Why changes could not be applied to a table.
pub(crate) enum Failure {
    Io(io::Error),
    BadBucket(BadBucket),
    /// A probe window has no room for its names; a wider table has.
    WindowFull,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<TryReserveError> for Failure {
    fn from(error: TryReserveError) -> Self {
        Self::Io(error.into())
    }
}

impl From<BadBucket> for Failure {
    fn from(bad: BadBucket) -> Self {
        Self::BadBucket(bad)
    }
}

/// Changes the table in place, and returns the entries for which it has no room in their windows: it says nothing of their
/// names. `write` is called for each run of changed buckets. Every bucket in which an entry may lie is written, changed or not:
/// what the page cache shows may never have reached the disk.
pub(crate) fn apply_in_place(
    medium: &dyn Medium,
    geometry: Geometry,
    entries: &[Entry],
    mut write: impl FnMut(u64, &[u8]) -> io::Result<()>,
) -> Result<Vec<Entry>, Failure> {
    let mut left = Vec::new();
    let mut bytes = Vec::new();
    let mut changed = Vec::new();
    let mut rest = entries;
    while let Some(first) = rest.first() {
        let start = geometry.home(first.hash) / PAGE * PAGE;
        let (run, end) = run_of(geometry, rest, start);
        resize(&mut bytes, (end - start) as usize * BUCKET)?;
        medium.read_into(geometry.bucket_offset(start), &mut bytes)?;
        let before = broken(Mutant::CacheTrusted).then(|| bytes.clone());
        let mut buckets = Buckets { first: start, bytes: &mut bytes };
        buckets.check(geometry)?;
        changed.clear();
        changed.try_reserve(run)?;
        for entry in &rest[..run] {
            if !buckets.apply(*entry, geometry, |number| changed.push(number)) {
                left.try_reserve(1)?;
                left.push(*entry);
            }
        }
        changed.iter().for_each(|number| buckets.write_checksum(*number, geometry));
        if before.is_none_or(|before| before != bytes) {
            write(geometry.bucket_offset(start), &bytes)?;
        }
        rest = &rest[run..];
    }
    Ok(left)
}

/// Makes a buffer that long, with zeros behind what it holds.
fn resize(bytes: &mut Vec<u8>, len: usize) -> Result<(), TryReserveError> {
    bytes.try_reserve(len.saturating_sub(bytes.len()))?;
    bytes.resize(len, 0);
    Ok(())
}

/// How many entries to handle at once, and the end of the buckets they need, which begin at `start`.
fn run_of(geometry: Geometry, entries: &[Entry], start: u64) -> (usize, u64) {
    let page_end = |bucket: u64| bucket.next_multiple_of(PAGE).min(geometry.all_buckets());
    let mut end = page_end(geometry.window_of(entries[0].hash).end);
    let mut run = 1;
    for entry in &entries[1..] {
        let window = geometry.window_of(entry.hash);
        if window.start > end || window.end > start + RUN {
            break;
        }
        end = end.max(page_end(window.end));
        run += 1;
    }
    (run, end)
}

/// Writes a new table from the old one and the entries, to its place in the file.
pub(crate) fn build(medium: &dyn Medium, old: Geometry, new: Geometry, entries: &[Entry]) -> Result<(), Failure> {
    let mut old_slots = OldSlots { medium, geometry: old, next: 0, bytes: Vec::new() };
    let mut changes = entries.iter().peekable();
    let spill = (new.window - 1) as usize * BUCKET;
    let mut bytes = Vec::new();
    resize(&mut bytes, spill)?;
    let mut start = 0;
    let mut kept: Vec<Slot> = Vec::new();
    while start < new.buckets {
        let end = (start + RUN).min(new.buckets);
        resize(&mut bytes, (end - start) as usize * BUCKET + spill)?;
        let mut buckets = Buckets { first: start, bytes: &mut bytes };
        // All old slots of homes before `end` are among those read up to the end of the last such window.
        old_slots.read_before(hash_before(new, end), &mut kept)?;
        let mut here = changes_before(new, end, &mut changes)?;
        here.try_reserve(kept.len())?;
        let ours = |slot: &Slot| new.home(slot.hash) < end;
        here.extend(kept.iter().filter(|slot| ours(slot)).filter_map(|slot| survivor(*slot, entries)));
        kept.retain(|slot| !ours(slot));
        here.sort_unstable_by_key(|entry| (entry.hash, entry.offset));
        if !here.iter().all(|entry| buckets.apply(*entry, new, |_| {})) {
            return Err(Failure::WindowFull);
        }
        buckets.write_checksums(new);
        let done = if end == new.buckets { bytes.len() } else { (end - start) as usize * BUCKET };
        medium.write(new.bucket_offset(start), &bytes[..done], Permit::ENGINE)?;
        bytes.drain(..done);
        start = end;
    }
    Ok(())
}

/// Entries that put something at homes before `end`.
fn changes_before(new: Geometry, end: u64, changes: &mut Peekable<Iter<'_, Entry>>) -> Result<Vec<Entry>, Failure> {
    let mut here = Vec::new();
    while let Some(entry) = changes.next_if(|entry| new.home(entry.hash) < end) {
        if !entry.deleted {
            here.try_reserve(1)?;
            here.push(Entry { prior: 0, ..*entry });
        }
    }
    Ok(here)
}

/// An old slot as an entry, unless one of the entries speaks of the same name.
fn survivor(slot: Slot, entries: &[Entry]) -> Option<Entry> {
    let from = entries.partition_point(|entry| entry.hash < slot.hash);
    let spoken_of = entries[from..]
        .iter()
        .take_while(|entry| entry.hash == slot.hash)
        .any(|entry| entry.prior == slot.offset || entry.offset == slot.offset);
    (!spoken_of).then_some(Entry { hash: slot.hash, offset: slot.offset, prior: 0, deleted: false })
}

/// First hash whose home is not before `end`; beyond all hashes for the end of the table.
fn hash_before(new: Geometry, end: u64) -> u64 {
    ((u128::from(end) << 48).div_ceil(u128::from(new.buckets))) as u64
}

/// The old table, read from its start to its end.
struct OldSlots<'a> {
    medium: &'a dyn Medium,
    geometry: Geometry,
    next: u64,
    bytes: Vec<u8>,
}

impl OldSlots<'_> {
    /// Adds every slot that may hold a hash below `hash` and was not read yet, and perhaps some more.
    fn read_before(&mut self, hash: u64, into: &mut Vec<Slot>) -> Result<(), Failure> {
        let all = self.geometry.all_buckets();
        if all == 0 {
            return Ok(());
        }
        let end = if hash >> 48 > 0 { all } else { self.geometry.window_of(hash).end.min(all) };
        while self.next < end {
            let until = (self.next + RUN).min(end);
            resize(&mut self.bytes, (until - self.next) as usize * BUCKET)?;
            into.try_reserve((until - self.next) as usize * SLOTS)?;
            self.medium.read_into(self.geometry.bucket_offset(self.next), &mut self.bytes)?;
            for (number, bucket) in (self.next..).zip(self.bytes.chunks_exact(BUCKET)) {
                if !is_whole(bucket, number, self.geometry) {
                    return Err(BadBucket(self.geometry.bucket_offset(number)).into());
                }
                into.extend(slots(bucket));
            }
            self.next = until;
        }
        Ok(())
    }
}

impl Buckets<'_> {
    /// Makes the slots say what the entry says; false if its window has no room. The buckets of the window must all be
    /// here. The checksum of what is changed is left for [`write_checksum`](Self::write_checksum), which is told of it.
    pub(crate) fn apply(&mut self, entry: Entry, geometry: Geometry, mut changed: impl FnMut(u64)) -> bool {
        let window = geometry.window_of(entry.hash);
        let (prior, offset) = (entry.prior >> 6, entry.offset >> 6);
        let mut free = None;
        let mut own = None;
        for number in window {
            let start = (number - self.first) as usize * BUCKET;
            let bucket = &self.bytes[start..start + BUCKET];
            for slot in 0..SLOTS {
                // What `Slot::decode` reads: an offset in units of 64 bytes, 0 for a free slot.
                match field::u64(bucket, slot * SLOT + SLOT - 8) >> 16 {
                    0 => free = free.or(Some((number, start + slot * SLOT))),
                    there if there == prior || there == offset => own = own.or(Some((number, start + slot * SLOT))),
                    _ => {}
                }
            }
            if own.is_some() {
                break;
            }
        }
        let new = if entry.deleted { [0; SLOT] } else { Slot { hash: entry.hash, offset: entry.offset }.encode() };
        let place = match (own, free, entry.deleted) {
            (Some(place), _, _) | (None, Some(place), false) => place,
            (None, _, true) => return true,
            (None, None, false) => return false,
        };
        self.bytes[place.1..place.1 + SLOT].copy_from_slice(&new);
        changed(place.0);
        true
    }
}
