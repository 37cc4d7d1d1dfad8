//! What a sound file consists of, read from its bytes by the format alone: the oracle shares no code with the engine.

use jvdb_core::{Item, KeyBuf};
use std::ops::Range;

/// Where the log begins.
pub const LOG: usize = 8192;
/// Bytes of a superblock.
pub const SECTOR: usize = 512;

/// A record of the log.
pub struct Record {
    pub bytes: Range<usize>,
    /// What it is of; an index table is of nothing.
    pub name: Option<Item>,
    /// Bits of the vector, and metadata or value; `None` for what takes a name away.
    pub value: Option<Value>,
    /// Numbers of the first and the last record of its batch.
    pub batch: Range<usize>,
}

/// Bytes of a vector, none for an attribute, and its metadata or value.
pub type Value = (Vec<u8>, Vec<u8>);

/// A sound file, taken apart.
pub struct Anatomy {
    pub image: Vec<u8>,
    pub records: Vec<Record>,
    /// Where the superblocks are, the one in force first, and what each says is durable.
    pub superblocks: [(Range<usize>, usize); 2],
    /// Buckets of the index in force.
    pub table: Range<usize>,
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> u64 {
    let mut wide = [0; 8];
    wide[..N].copy_from_slice(&bytes[at..at + N]);
    u64::from_le_bytes(wide)
}

impl Anatomy {
    pub fn of(image: Vec<u8>) -> Self {
        let dimension = number::<4>(&image, 24) as usize;
        let superblock = |at: usize| (at..at + SECTOR, number::<8>(&image, at + 48) as usize);
        let superblocks = match number::<8>(&image, 40) > number::<8>(&image, LOG / 2 + 40) {
            true => [superblock(0), superblock(LOG / 2)],
            false => [superblock(LOG / 2), superblock(0)],
        };
        let head = superblocks[0].0.start;
        let (start, homes) = (number::<8>(&image, head + 80) as usize, number::<8>(&image, head + 88));
        let window = number::<4>(&image, head + 32);
        let table = if homes == 0 { 0..0 } else { start..start + (homes + window - 1) as usize * 64 };
        let mut records: Vec<Record> = Vec::new();
        let (mut at, mut first) = (LOG, 0);
        while at < image.len() {
            let (record, goes_on) = record(&image, at, dimension);
            at = record.bytes.end;
            records.push(record);
            if !goes_on {
                let batch = first..records.len();
                records[batch.clone()].iter_mut().for_each(|record| record.batch = batch.clone());
                first = records.len();
            }
        }
        assert_eq!((at, first), (image.len(), records.len()), "the log of a sound file ends with it");
        Self { image, records, superblocks, table }
    }

    pub fn durable_end(&self) -> usize {
        self.superblocks[0].1
    }

    /// Every name there ever was, with the numbers of its records.
    pub fn names(&self) -> Vec<(&Item, Vec<usize>)> {
        let mut names: std::collections::BTreeMap<&Item, Vec<usize>> = Default::default();
        for (number, record) in self.records.iter().enumerate() {
            if let Some(name) = &record.name {
                names.entry(name).or_default().push(number);
            }
        }
        names.into_iter().collect()
    }
}

/// The record at a place, and whether its batch goes on.
fn record(image: &[u8], at: usize, dimension: usize) -> (Record, bool) {
    let (kind, flags) = (image[at + 40], image[at + 41]);
    let key_len = number::<2>(image, at + 42) as usize;
    let meta_len = number::<4>(image, at + 36) as usize;
    let vector_len = if kind == 1 { dimension * 4 } else { 0 };
    let long = if key_len > 20 { key_len } else { 0 };
    let key_at = if long > 0 { at + 64 + vector_len } else { at + 44 };
    let meta_at = at + 64 + vector_len + long;
    let key = &image[key_at..key_at + key_len];
    let name = match kind {
        5 => None,
        3 | 4 => Some(Item::Attribute(key.into())),
        _ if flags & 2 != 0 => Some(Item::Vector(KeyBuf::Int(number::<8>(key, 0)))),
        _ => Some(Item::Vector(KeyBuf::Bytes(key.into()))),
    };
    let value = matches!(kind, 1 | 3)
        .then(|| (image[at + 64..at + 64 + vector_len].to_vec(), image[meta_at..meta_at + meta_len].to_vec()));
    let body = match kind {
        5 => (number::<8>(image, at + 44) + number::<4>(image, at + 52) - 1) as usize * 64,
        _ => meta_at + meta_len - at - 64,
    };
    let bytes = at..at + 64 + body.next_multiple_of(64);
    (Record { bytes, name, value, batch: 0..0 }, flags & 1 != 0)
}
