//! The changes that the index table lacks: a map in memory, from name to record.
//!
//! It holds no keys, only hashes and offsets; equal hashes are told apart by the caller, who can look at the records.

use crate::format::record::Kind;
use crate::sync::primitives::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};
use std::collections::TryReserveError;

/// One name's latest record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// 48-bit hash of the name.
    pub hash: u64,
    /// Its latest record.
    pub offset: u64,
    /// What the table says of the name: the offset in its slot, or 0.
    pub prior: u64,
    /// Whether the latest record takes the name away.
    pub deleted: bool,
}

impl Entry {
    /// What a record of this kind makes of its name.
    pub(crate) fn of(hash: u64, offset: u64, prior: u64, kind: Kind) -> Self {
        Self { hash, offset, prior, deleted: !kind.stores() }
    }
}

/// What a batch does to the index.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    pub entry: Entry,
    /// The active entry that it takes the place of, or 0.
    pub replaces: u64,
}

/// Slots of the smallest table that holds anything.
const FIRST: usize = 16;

/// A set of entries, at most one for a name. One thread adds while others search: a slot is filled before its offset is
/// set, and from then on only its offset changes.
#[derive(Default)]
pub(crate) struct Delta {
    slots: Box<[Slot]>,
    used: AtomicUsize,
}

/// An entry in 24 bytes: the flag takes the lowest bit of the offset, which is a multiple of 64. Free while that is 0.
#[derive(Default)]
struct Slot {
    offset: AtomicU64,
    hash: AtomicU64,
    prior: AtomicU64,
}

impl Slot {
    fn entry(&self) -> Option<Entry> {
        let offset = self.offset.load(Acquire);
        (offset != 0).then(|| Entry {
            hash: self.hash.load(Relaxed),
            offset: offset & !1,
            prior: self.prior.load(Relaxed),
            deleted: offset & 1 == 1,
        })
    }

    fn fill(&self, entry: Entry) {
        self.hash.store(entry.hash, Relaxed);
        self.prior.store(entry.prior, Relaxed);
        self.offset.store(entry.offset | u64::from(entry.deleted), Release);
    }
}

/// Hash maps want their entropy in all 64 bits; the stored hash has it in 47, with a flag below them.
pub(crate) fn spread(hash: u64) -> u64 {
    (hash >> 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Delta {
    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.used.load(Acquire)
    }

    /// The slots that an entry of this hash may be in, from its first choice on, up to a free one.
    fn chain(&self, hash: u64) -> impl Iterator<Item = &Slot> {
        let first = (u128::from(spread(hash)) * self.slots.len() as u128) >> 64;
        let (before, from) = self.slots.split_at(first as usize);
        from.iter().chain(before)
    }

    /// The first entry of a hash.
    #[inline(always)]
    pub(crate) fn first(&self, hash: u64) -> Option<Entry> {
        if self.is_empty() {
            return None;
        }
        self.chain(hash).map_while(Slot::entry).find(|entry| entry.hash == hash)
    }

    /// The entry of a name, found by asking `is_it` about each record of its hash.
    pub(crate) fn find<E>(&self, hash: u64, mut is_it: impl FnMut(u64) -> Result<bool, E>) -> Result<Option<Entry>, E> {
        for slot in self.chain(hash) {
            let Some(entry) = slot.entry() else { break };
            if entry.hash == hash && is_it(entry.offset)? {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// Stores an entry, in place of the one whose record is at `replaces` (0: of none), which has the same prior. False
    /// if there is no room. One thread at a time may call this; any number may search meanwhile.
    pub(crate) fn add(&self, entry: Entry, replaces: u64) -> bool {
        let place = self.chain(entry.hash).find(|slot| match slot.entry() {
            None => true,
            Some(there) => replaces != 0 && there.offset == replaces,
        });
        match place {
            Some(slot) if slot.offset.load(Relaxed) != 0 => slot.fill(entry),
            Some(slot) if self.has_room(1) => {
                slot.fill(entry);
                self.used.store(self.len() + 1, Release);
            }
            _ => return false,
        }
        true
    }

    /// As [`add`](Self::add), making room where there is none.
    pub(crate) fn set(&mut self, entry: Entry, replaces: u64) -> Result<(), TryReserveError> {
        if !self.add(entry, replaces) {
            self.reserve(1)?;
            self.add(entry, replaces);
        }
        Ok(())
    }

    /// A search that fails must come upon a free slot soon.
    pub(crate) fn has_room(&self, entries: usize) -> bool {
        (self.len() + entries) * 4 <= self.slots.len() * 3
    }

    /// Makes room ahead of entries.
    pub(crate) fn reserve(&mut self, entries: usize) -> Result<(), TryReserveError> {
        if self.has_room(entries) {
            return Ok(());
        }
        // Half as many again: a slot takes 24 bytes, so an entry between 32 and 48.
        let slots = ((self.len() + entries) * 4).div_ceil(3).max(self.slots.len() * 3 / 2).max(FIRST);
        let mut free = Vec::new();
        free.try_reserve_exact(slots)?;
        free.resize_with(slots, Slot::default);
        let larger = Self { slots: free.into_boxed_slice(), used: AtomicUsize::new(0) };
        for entry in self.slots.iter().filter_map(Slot::entry) {
            larger.add(entry, 0);
        }
        *self = larger;
        Ok(())
    }

    /// All entries in the order of the table: by hash, equal ones by record. The same for the same operations.
    pub(crate) fn sorted(&self) -> Result<Vec<Entry>, TryReserveError> {
        let mut entries = Vec::new();
        entries.try_reserve_exact(self.len())?;
        entries.extend(self.slots.iter().filter_map(Slot::entry));
        entries.sort_unstable_by_key(|entry: &Entry| (entry.hash, entry.offset));
        Ok(entries)
    }
}
