//! The two superblocks at the head of every file: what is durable, and where the index is.
//!
//! They are written in turn, each within one 512-byte sector and under its own checksum; the valid one of the higher
//! generation counts. Nothing here reads the log.

use crate::format::chain::Link;
use crate::format::checksum::{field, sum64};
use crate::format::counts::Counts;
use crate::format::layout::{LOG_START, PAGE, SECTOR};
use crate::format::table::Geometry;
use crate::types::schema::{Metric, Schema};

/// First four bytes of a file, as a little-endian number: "JVDB" read from the highest byte down.
const MAGIC: u32 = 0x4A56_4442;
const VERSION: u32 = 2;
const SUM_AT: usize = SECTOR - 8;
/// Where the two numbers are that differ between any two superblocks, within each: the generation and the checksum.
pub(crate) const TELLING: [u64; 2] = [40, SUM_AT as u64];

/// A state of the database that is wholly on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Superblock {
    pub uuid: [u8; 16],
    pub schema: Schema,
    pub generation: u64,
    /// Everything in the log before this is durable.
    pub durable_end: u64,
    /// The index table speaks at least of everything before this.
    pub applied_end: u64,
    /// Sequence of the first record at `durable_end`.
    pub sequence: u64,
    /// What that record's link must be.
    pub link: u64,
    pub table: Geometry,
    pub counts: Counts,
    /// How often the file was compacted.
    pub compactions: u32,
}

/// Why a superblock does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    Foreign,
    Version(u32),
    Damaged,
}

impl Superblock {
    /// The first of a new file.
    pub(crate) fn first(uuid: [u8; 16], schema: Schema) -> Self {
        Self {
            uuid,
            schema,
            generation: 1,
            durable_end: LOG_START,
            applied_end: LOG_START,
            sequence: 1,
            link: field::u64(&uuid, 8),
            table: Geometry::default(),
            counts: Counts::default(),
            compactions: 0,
        }
    }

    /// Seeds the hash of the index.
    pub(crate) fn seed(&self) -> u64 {
        field::u64(&self.uuid, 0)
    }

    /// Sixteen bits that tell the file from what it was before its last compactions.
    pub(crate) fn epoch(&self) -> u64 {
        u64::from(self.compactions & 0xFFFF)
    }

    /// Where a superblock of this generation goes.
    pub(crate) fn offset(&self) -> u64 {
        (self.generation % 2) * PAGE
    }

    pub(crate) fn encode(&self) -> [u8; SECTOR] {
        let mut block = [0; SECTOR];
        let mut at = 0;
        let mut push = |bytes: &[u8]| {
            block[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        push(&MAGIC.to_le_bytes());
        push(&VERSION.to_le_bytes());
        push(&self.uuid);
        push(&(self.schema.dimension() as u32).to_le_bytes());
        push(&[self.schema.metric().number(), 0, 0, 0]);
        push(&self.table.window.to_le_bytes());
        push(&self.compactions.to_le_bytes());
        for number in [
            self.generation,
            self.durable_end,
            self.applied_end,
            self.sequence,
            self.link,
            self.table.offset,
            self.table.buckets,
            self.counts.vectors,
            self.counts.attributes,
            self.counts.dead_records,
            self.counts.dead_bytes,
        ] {
            push(&number.to_le_bytes());
        }
        let sum = sum64(&block[..SUM_AT]);
        block[SUM_AT..].copy_from_slice(&sum.to_le_bytes());
        block
    }

    /// The schema that a block says, whether the block is sound or not.
    pub(crate) fn schema_in(block: &[u8; SECTOR]) -> Option<Schema> {
        let metric = Metric::from_number(block[28])?;
        Schema::new(field::u32(block, 24) as usize, metric).ok()
    }

    /// Reads a superblock, and checks all that can be told without the rest of the file.
    pub(crate) fn decode(block: &[u8; SECTOR]) -> Result<Self, Flaw> {
        if field::u32(block, 0) != MAGIC {
            return Err(Flaw::Foreign);
        }
        // Version 1 has no checksum, so the version is looked at first.
        if field::u32(block, 4) != VERSION {
            return Err(Flaw::Version(field::u32(block, 4)));
        }
        if field::u64(block, SUM_AT) != sum64(&block[..SUM_AT]) {
            return Err(Flaw::Damaged);
        }
        let number = |index: usize| field::u64(block, 40 + 8 * index);
        let schema = Self::schema_in(block).ok_or(Flaw::Damaged)?;
        let superblock = Self {
            uuid: field::array(block, 8),
            schema,
            generation: number(0),
            durable_end: number(1),
            applied_end: number(2),
            sequence: number(3),
            link: number(4),
            table: Geometry { offset: number(5), buckets: number(6), window: field::u32(block, 32) },
            counts: Counts {
                vectors: number(7),
                attributes: number(8),
                dead_records: number(9),
                dead_bytes: number(10),
            },
            compactions: field::u32(block, 36),
        };
        let ordered = LOG_START <= superblock.applied_end
            && superblock.applied_end <= superblock.durable_end
            && superblock.durable_end.is_multiple_of(64)
            && superblock.applied_end.is_multiple_of(64);
        // What is counted must fit into the log, and nothing may be near running over.
        let counts = &superblock.counts;
        let room = superblock.durable_end / 64;
        let names = counts.vectors.checked_add(counts.attributes);
        let counted = names.is_some_and(|names| names <= room)
            && counts.dead_records <= room
            && counts.dead_bytes <= superblock.durable_end
            && superblock.generation < 1 << 62
            && superblock.sequence < 1 << 62;
        if ordered && counted && superblock.table.lies_before(superblock.durable_end) {
            Ok(superblock)
        } else {
            Err(Flaw::Damaged)
        }
    }
}

impl From<&Superblock> for Link {
    fn from(superblock: &Superblock) -> Self {
        Self { offset: superblock.durable_end, sequence: superblock.sequence, link: superblock.link }
    }
}
