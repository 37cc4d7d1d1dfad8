//! What was written since the index table was last brought up to date: a map in memory, from name to record.
//!
//! It holds no keys, only hashes and offsets; equal hashes are told apart by the caller, who can look at the records.

use hashbrown::HashTable;

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

/// A set of entries, at most one for a name.
#[derive(Default)]
pub(crate) struct Delta {
    entries: HashTable<Packed>,
}

/// An entry in 24 bytes: the flag takes the lowest bit of the offset, which is a multiple of 64.
#[derive(Clone, Copy)]
struct Packed {
    hash: u64,
    offset: u64,
    prior: u64,
}

impl From<Entry> for Packed {
    fn from(entry: Entry) -> Self {
        Self { hash: entry.hash, offset: entry.offset | u64::from(entry.deleted), prior: entry.prior }
    }
}

impl From<Packed> for Entry {
    fn from(packed: Packed) -> Self {
        Self { hash: packed.hash, offset: packed.offset & !1, prior: packed.prior, deleted: packed.offset & 1 == 1 }
    }
}

/// Hash maps want their entropy in all 64 bits; the stored hash has it in 47, with a flag below them.
pub(crate) fn spread(hash: u64) -> u64 {
    (hash >> 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Delta {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entry of a name, found by asking `is_it` about each record of its hash.
    pub(crate) fn find<E>(&self, hash: u64, mut is_it: impl FnMut(u64) -> Result<bool, E>) -> Result<Option<Entry>, E> {
        let mut failed = None;
        let found = self.entries.find(spread(hash), |packed| {
            packed.hash == hash
                && failed.is_none()
                && is_it(packed.offset & !1).unwrap_or_else(|error| {
                    failed = Some(error);
                    false
                })
        });
        match failed {
            Some(error) => Err(error),
            None => Ok(found.copied().map(Entry::from)),
        }
    }

    /// Stores an entry, in place of the one whose record is at `replaces` (0: of none).
    pub(crate) fn set(&mut self, entry: Entry, replaces: u64) {
        let hash = spread(entry.hash);
        if replaces != 0
            && let Some(old) = self.entries.find_mut(hash, |packed| packed.offset & !1 == replaces)
        {
            *old = entry.into();
            return;
        }
        self.entries.insert_unique(hash, entry.into(), |packed| spread(packed.hash));
    }

    /// Makes room ahead of many entries.
    pub(crate) fn reserve(&mut self, entries: usize) {
        self.entries.reserve(entries, |packed| spread(packed.hash));
    }

    /// All entries in the order of the table: by hash, equal ones by record. The same for the same operations.
    pub(crate) fn sorted(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = self.entries.iter().copied().map(Entry::from).collect();
        entries.sort_unstable_by_key(|entry| (entry.hash, entry.offset));
        entries
    }
}
