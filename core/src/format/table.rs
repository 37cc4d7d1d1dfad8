//! The index table in the file: buckets of one cache line, each under its own checksum.
//!
//! A name may lie in any of the `window` buckets that begin at its home, and nowhere else; a search that fails has looked
//! at all of them. So each slot stands for itself: no bucket depends on another having reached the disk, and applying changes
//! again comes to the same however much of them was applied before. Homes rise with the hash, so that
//! tables are built and changed in one pass. This file knows the shape; what is written when is the flush's business.

use crate::format::checksum::{field, sum32, sum32_of_words};
use crate::format::layout::LOG_START;
use crate::types::fault::Fault;
use std::ops::Range;

/// Bytes of a bucket: one cache line.
pub(crate) const BUCKET: usize = 64;
/// Slots of a bucket: 48-bit hash, 48-bit record offset in units of 64 bytes. A 32-bit checksum takes the rest.
pub(crate) const SLOTS: usize = 5;
pub(crate) const SLOT: usize = 12;
const SUM_AT: usize = SLOTS * SLOT;
/// Buckets a name may lie in, in a table that was never short of room.
const WINDOW: u32 = 8;
/// Widest probe window there can be. Only names made to share a hash come near it.
const MAX_WINDOW: u32 = 4096;
/// A table grows when more than this part of its slots would be in use.
const MAX_LOAD: (u64, u64) = (3, 4);
/// How many times the names there are a new table has room for.
const HEADROOM: u64 = 2;

/// Where a table is and how large.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// Offset of the first bucket in the file; 0 for no table.
    pub offset: u64,
    /// Homes. There are `window - 1` buckets more behind them, for what overflows the last.
    pub buckets: u64,
    pub window: u32,
}

/// A bucket that is not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadBucket(pub u64);

impl From<BadBucket> for Fault {
    fn from(BadBucket(offset): BadBucket) -> Self {
        Self::Corrupt { offset, what: "index bucket has a wrong checksum" }
    }
}

impl Geometry {
    /// A table with room for twice `names`.
    pub(crate) fn for_names(names: u64) -> Self {
        let slots = (names.max(1) * HEADROOM * MAX_LOAD.1).div_ceil(MAX_LOAD.0);
        Self { offset: 0, buckets: slots.div_ceil(SLOTS as u64), window: WINDOW }
    }

    /// At least as wide as a table that was once short of room, and then as large.
    pub(crate) fn as_roomy_as(self, other: Self) -> Self {
        if other.window <= WINDOW {
            return self;
        }
        Self { buckets: self.buckets.max(other.buckets), window: other.window, ..self }
    }

    /// The shape to try when a probe window of this table is full although the table is not: more buckets, and in the end a
    /// wider window, which takes even names of one hash.
    pub(crate) fn wider(self, names: u64) -> Self {
        let slots = self.buckets * SLOTS as u64;
        if slots > names.saturating_mul(16) {
            Self { window: (self.window * 2).min(MAX_WINDOW), ..self }
        } else {
            Self { buckets: self.buckets * 2, ..self }
        }
    }

    /// Whether this many names fit.
    pub(crate) fn holds(self, names: u64) -> bool {
        names * MAX_LOAD.1 <= self.buckets * SLOTS as u64 * MAX_LOAD.0
    }

    pub(crate) fn all_buckets(self) -> u64 {
        if self.buckets == 0 { 0 } else { self.buckets.saturating_add(u64::from(self.window) - 1) }
    }

    /// Bytes of all buckets; `None` if that is beyond any file.
    pub(crate) fn bytes(self) -> Option<u64> {
        (self.window > 0).then_some(())?;
        self.all_buckets().checked_mul(BUCKET as u64)
    }

    /// Whether this is no table, or one that lies in the log before `end`.
    pub(crate) fn lies_before(self, end: u64) -> bool {
        if self.buckets == 0 {
            return self == Self::default();
        }
        let reach = self.bytes().and_then(|bytes| self.offset.checked_add(bytes));
        let sane = (1..=MAX_WINDOW).contains(&self.window);
        sane && self.offset > LOG_START && self.offset.is_multiple_of(64) && reach.is_some_and(|reach| reach <= end)
    }

    /// Whether the table shares bytes with a range of the file.
    pub(crate) fn overlaps(self, start: u64, end: u64) -> bool {
        self.buckets > 0 && start < self.bucket_offset(self.all_buckets()) && self.offset < end
    }

    /// Offset of a bucket in the file.
    pub(crate) fn bucket_offset(self, bucket: u64) -> u64 {
        self.offset + bucket * BUCKET as u64
    }

    /// First of the buckets in which a name of this hash may lie.
    pub(crate) fn home(self, hash: u64) -> u64 {
        ((u128::from(hash) * u128::from(self.buckets)) >> 48) as u64
    }

    pub(crate) fn window_of(self, hash: u64) -> Range<u64> {
        let home = self.home(hash);
        home..home + u64::from(self.window)
    }
}

/// A run of buckets in memory, to search and to change.
pub(crate) struct Buckets<'a> {
    /// Number of the first.
    pub first: u64,
    pub bytes: &'a mut [u8],
}

/// What a slot says: a name of this hash has its record there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot {
    pub hash: u64,
    pub offset: u64,
}

impl Slot {
    #[inline(always)]
    fn decode(bytes: &[u8]) -> Option<Self> {
        let hash = field::u64(bytes, 0) & ((1 << 48) - 1);
        let offset = field::u64(bytes, SLOT - 8) >> 16 << 6;
        (offset != 0).then_some(Self { hash, offset })
    }

    pub(crate) fn encode(self) -> [u8; SLOT] {
        let mut bytes = [0; SLOT];
        bytes[..6].copy_from_slice(&self.hash.to_le_bytes()[..6]);
        bytes[6..].copy_from_slice(&(self.offset >> 6).to_le_bytes()[..6]);
        bytes
    }
}

/// A bucket in registers.
pub(crate) type BucketWords = [u64; BUCKET / size_of::<u64>()];

/// The slots of a bucket in registers; those that are free have the offset 0.
#[inline(always)]
fn all_slots(bucket: &BucketWords) -> [Slot; SLOTS] {
    let half_slot = |bit: usize| {
        let (word, shift) = (bit / 64, bit % 64);
        let wide =
            if shift > 16 { bucket[word] >> shift | bucket[word + 1] << (64 - shift) } else { bucket[word] >> shift };
        wide & ((1 << 48) - 1)
    };
    let slot = |slot: usize| Slot { hash: half_slot(slot * 8 * SLOT), offset: half_slot(slot * 8 * SLOT + 48) << 6 };
    [slot(0), slot(1), slot(2), slot(3), slot(4)]
}

/// The slots in use of a bucket in registers.
#[inline(always)]
pub(crate) fn slots_of(bucket: &BucketWords) -> impl Iterator<Item = Slot> {
    all_slots(bucket).into_iter().filter(|slot| slot.offset != 0)
}

/// Whether a slot may be of that hash. As [`offset_of`], without a branch for each slot.
#[inline(always)]
pub(crate) fn may_know(bucket: &BucketWords, hash: u64) -> bool {
    all_slots(bucket).into_iter().fold(false, |any, slot| any | (slot.hash == hash))
}

/// The offset in the only slot of that hash; 0 if there is none, or more than one. Takes no branch: which slot it is cannot
/// be foreseen, and a processor that guesses wrong works on nothing else while it waits for the bucket.
#[inline(always)]
pub(crate) fn offset_of(bucket: &BucketWords, hash: u64) -> u64 {
    let (offset, slots) = all_slots(bucket).into_iter().fold((0, 0_u32), |(offset, slots), slot| {
        let same = slot.hash == hash;
        (offset | if same { slot.offset } else { 0 }, slots + u32::from(same))
    });
    if slots == 1 { offset } else { 0 }
}

/// As [`is_whole`], of a bucket in registers.
#[inline(always)]
pub(crate) fn are_words_whole(bucket: &BucketWords, number: u64, geometry: Geometry) -> bool {
    (bucket[7] >> 32) as u32 == sum32_of_words(bucket, geometry.bucket_offset(number))
}

/// Whether a bucket is what was written.
#[inline(always)]
pub(crate) fn is_whole(bucket: &[u8], number: u64, geometry: Geometry) -> bool {
    field::u32(bucket, SUM_AT) == sum(bucket, number, geometry)
}

/// The slots in use of one bucket.
#[inline(always)]
pub(crate) fn slots(bucket: &[u8]) -> impl Iterator<Item = Slot> + '_ {
    bucket[..SUM_AT].chunks_exact(SLOT).filter_map(Slot::decode)
}

fn sum(bucket: &[u8], number: u64, geometry: Geometry) -> u32 {
    sum32(&bucket[..SUM_AT], geometry.bucket_offset(number))
}

impl Buckets<'_> {
    /// Checks every checksum.
    pub(crate) fn check(&self, geometry: Geometry) -> Result<(), BadBucket> {
        for (number, bucket) in (self.first..).zip(self.bytes.chunks_exact(BUCKET)) {
            if !is_whole(bucket, number, geometry) {
                return Err(BadBucket(geometry.bucket_offset(number)));
            }
        }
        Ok(())
    }

    /// Fills in the checksum of one bucket.
    pub(crate) fn write_checksum(&mut self, number: u64, geometry: Geometry) {
        let start = (number - self.first) as usize * BUCKET;
        let bucket = &mut self.bytes[start..start + BUCKET];
        let sum = sum(bucket, number, geometry);
        bucket[SUM_AT..].copy_from_slice(&sum.to_le_bytes());
    }

    /// Fills in every checksum.
    pub(crate) fn write_checksums(&mut self, geometry: Geometry) {
        for (number, bucket) in (self.first..).zip(self.bytes.chunks_exact_mut(BUCKET)) {
            let sum = sum(bucket, number, geometry);
            bucket[SUM_AT..].copy_from_slice(&sum.to_le_bytes());
        }
    }
}
