//! One record of the log: a 64-byte header, then vector, long key and metadata, padded to 64 bytes.
//!
//! The header carries a checksum of itself and one of the body, so that a reader can trust the header alone; its link
//! is the header checksum of the record before, so that a tail of an earlier opening is never taken for data. The checksum of the
//! body is made here and checked in `log/reader.rs`.

use crate::format::chain::Link;
use crate::format::checksum::{field, sum64};
use crate::format::layout::UNIT;
use crate::format::table::Geometry;
use crate::types::key::{Key, Name};
use crate::types::schema::{MAX_KEY_LEN, MAX_METADATA_LEN};
use std::collections::TryReserveError;

pub(crate) const HEADER: usize = 64;
/// Longest key that is kept in the header.
const INLINE: usize = 20;
const INLINE_AT: usize = 44;

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Put = 1,
    Delete = 2,
    SetAttribute = 3,
    RemoveAttribute = 4,
    Table = 5,
}

impl Kind {
    /// Whether it takes a name away.
    pub(crate) fn removes(self) -> bool {
        matches!(self, Self::Delete | Self::RemoveAttribute)
    }

    fn from_code(code: u8) -> Option<Self> {
        [Self::Put, Self::Delete, Self::SetAttribute, Self::RemoveAttribute, Self::Table]
            .into_iter()
            .find(|kind| *kind as u8 == code)
    }

    /// Whether the record leaves something to be found under its name.
    pub(crate) fn stores(self) -> bool {
        matches!(self, Self::Put | Self::SetAttribute)
    }

    fn is_attribute(self) -> bool {
        matches!(self, Self::SetAttribute | Self::RemoveAttribute)
    }
}

/// Whether the batch that a record is part of goes on with the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Batch {
    GoesOn,
    Ends,
}

/// The operation is part of a batch that goes on with the next record.
const CONTINUES: u8 = 1;
/// The key is a 64-bit integer.
const INTEGER: u8 = 2;

/// A header, decoded and found sound in itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Checksum of the header's other bytes; the next record repeats it as its link.
    pub sum: u64,
    pub body_sum: u64,
    pub link: u64,
    pub sequence: u64,
    pub salt: u32,
    pub meta_len: u32,
    pub kind: Kind,
    flags: u8,
    key_len: u16,
    inline: [u8; INLINE],
}

fn name_of(attribute: bool, flags: u8, bytes: &[u8]) -> Name<'_> {
    if attribute {
        Name::Attribute(bytes)
    } else if flags & INTEGER != 0 {
        Name::Vector(Key::Int(field::u64(bytes, 0)))
    } else {
        Name::Vector(Key::Bytes(bytes))
    }
}

/// The length of the metadata and the checksum of the body, if the header is sound and that of a vector of this name. `None` also
/// if the header does not hold the name.
#[inline(always)]
pub(crate) fn stores(block: &[u8; HEADER], name: Name<'_>) -> Option<(u32, u64)> {
    let (flags, len, same) = match name {
        Name::Vector(Key::Int(id)) => (INTEGER, 8, field::u64(block, INLINE_AT) == id),
        Name::Vector(Key::Bytes(bytes)) => (0, bytes.len(), block[INLINE_AT..].get(..bytes.len()) == Some(bytes)),
        Name::Attribute(_) => return None,
    };
    let [kind, flags_there, len_there @ ..] = field::array::<4>(block, 40);
    let fits =
        kind == Kind::Put as u8 && flags_there & !CONTINUES == flags && u16::from_le_bytes(len_there) as usize == len;
    let sound = field::u64(block, 0) == sum64(&block[8..]);
    (same && fits && sound).then(|| (field::u32(block, 36), field::u64(block, 8)))
}

/// The name in a record that is known to be sound and to hold a vector or an attribute.
pub(crate) fn name_in(record: &[u8], vector_bytes: usize) -> Name<'_> {
    let attribute = record[40] == Kind::SetAttribute as u8;
    let len = usize::from(field::u16(record, 42));
    let start = match len > INLINE {
        true if attribute => HEADER,
        true => HEADER + vector_bytes,
        false => INLINE_AT,
    };
    name_of(attribute, record[41], &record[start..start + len])
}

impl Header {
    /// The header of a record that names something. `salt`, `link`, `sequence` and the sums are the log's to fill in.
    pub(crate) fn naming(kind: Kind, name: Name<'_>, meta_len: usize) -> Self {
        let mut inline = [0; INLINE];
        let (bytes, integer): (&[u8], _) = match &name {
            Name::Vector(Key::Int(id)) => (&id.to_le_bytes(), INTEGER),
            Name::Vector(Key::Bytes(bytes)) | Name::Attribute(bytes) => (bytes, 0),
        };
        if let Some(room) = inline.get_mut(..bytes.len()) {
            room.copy_from_slice(bytes);
        }
        Self {
            sum: 0,
            body_sum: 0,
            link: 0,
            sequence: 0,
            salt: 0,
            meta_len: meta_len as u32,
            kind,
            flags: integer,
            key_len: bytes.len() as u16,
            inline,
        }
    }

    /// The header in front of an index table.
    pub(crate) fn table(geometry: Geometry) -> Self {
        let mut header = Self::naming(Kind::Table, Name::Attribute(&[]), 0);
        header.inline[..8].copy_from_slice(&geometry.buckets.to_le_bytes());
        header.inline[8..12].copy_from_slice(&geometry.window.to_le_bytes());
        header
    }

    /// Takes its place in the chain.
    pub(crate) fn follow(&mut self, place: &Link, salt: u32, batch: Batch) {
        self.flags = match batch {
            Batch::GoesOn => self.flags | CONTINUES,
            Batch::Ends => self.flags & !CONTINUES,
        };
        (self.link, self.sequence, self.salt) = (place.link, place.sequence, salt);
    }

    pub(crate) fn batch(&self) -> Batch {
        if self.flags & CONTINUES != 0 { Batch::GoesOn } else { Batch::Ends }
    }

    /// Fills in the checksum and gives the bytes.
    pub(crate) fn encode(&mut self) -> [u8; HEADER] {
        let mut block = [0; HEADER];
        block[8..16].copy_from_slice(&self.body_sum.to_le_bytes());
        block[16..24].copy_from_slice(&self.link.to_le_bytes());
        block[24..32].copy_from_slice(&self.sequence.to_le_bytes());
        block[32..36].copy_from_slice(&self.salt.to_le_bytes());
        block[36..40].copy_from_slice(&self.meta_len.to_le_bytes());
        block[40] = self.kind as u8;
        block[41] = self.flags;
        block[42..44].copy_from_slice(&self.key_len.to_le_bytes());
        block[INLINE_AT..].copy_from_slice(&self.inline);
        self.sum = sum64(&block[8..]);
        block[..8].copy_from_slice(&self.sum.to_le_bytes());
        block
    }

    /// Reads a header; `None` if it is none, or damaged.
    #[inline(always)]
    pub(crate) fn decode(block: &[u8]) -> Option<Self> {
        let sum = field::u64(block, 0);
        if sum != sum64(&block[8..HEADER]) {
            return None;
        }
        let header = Self {
            sum,
            body_sum: field::u64(block, 8),
            link: field::u64(block, 16),
            sequence: field::u64(block, 24),
            salt: field::u32(block, 32),
            meta_len: field::u32(block, 36),
            kind: Kind::from_code(block[40])?,
            flags: block[41],
            key_len: field::u16(block, 42),
            inline: field::array(block, INLINE_AT),
        };
        let key_fits = match header.kind {
            Kind::Table => header.key_len == 0,
            _ if header.flags & INTEGER != 0 => header.key_len == 8 && !header.kind.is_attribute(),
            _ => (1..=MAX_KEY_LEN).contains(&usize::from(header.key_len)),
        };
        (key_fits && header.meta_len as usize <= MAX_METADATA_LEN).then_some(header)
    }

    /// Bytes of vector, for a schema whose vectors take `vector_bytes`.
    fn vector_len(&self, vector_bytes: usize) -> usize {
        if self.kind == Kind::Put { vector_bytes } else { 0 }
    }

    /// Bytes of key behind the vector.
    fn long_key_len(&self) -> usize {
        let len = usize::from(self.key_len);
        if len > INLINE { len } else { 0 }
    }

    /// Where the metadata begins in the record.
    pub(crate) fn meta_at(&self, vector_bytes: usize) -> usize {
        HEADER + self.vector_len(vector_bytes) + self.long_key_len()
    }

    /// Bytes of the whole record, padding included; `None` if it is beyond any file.
    pub(crate) fn record_len(&self, vector_bytes: usize) -> Option<u64> {
        if self.kind == Kind::Table {
            return self.geometry(0).bytes().and_then(|bytes| bytes.checked_add(UNIT));
        }
        Some((self.meta_at(vector_bytes) as u64 + u64::from(self.meta_len)).next_multiple_of(UNIT))
    }

    /// Bytes of the record that its checksums cover: all, but for a table, whose buckets have their own.
    pub(crate) fn summed_len(&self, vector_bytes: usize) -> usize {
        if self.kind == Kind::Table {
            return HEADER;
        }
        (self.meta_at(vector_bytes) + self.meta_len as usize).next_multiple_of(UNIT as usize)
    }

    /// Shape of the table behind this header, whose record starts at `offset`.
    pub(crate) fn geometry(&self, offset: u64) -> Geometry {
        Geometry { offset: offset + UNIT, buckets: field::u64(&self.inline, 0), window: field::u32(&self.inline, 8) }
    }

    /// The key, out of the header or of the whole record, which must reach to `meta_at` if the key is long.
    pub(crate) fn name<'a>(&'a self, record: &'a [u8], vector_bytes: usize) -> Name<'a> {
        let bytes = if self.long_key_len() == 0 {
            &self.inline[..usize::from(self.key_len)]
        } else {
            let end = self.meta_at(vector_bytes);
            &record[end - self.long_key_len()..end]
        };
        name_of(self.kind.is_attribute(), self.flags, bytes)
    }

    /// Whether the name is told by the header alone.
    pub(crate) fn names_inline(&self) -> bool {
        self.long_key_len() == 0
    }

    /// Appends the body to `buffer`, behind the place of the header, and fills in its checksum.
    pub(crate) fn append(
        &mut self,
        buffer: &mut Vec<u8>,
        name: Name<'_>,
        vector: &[u8],
        metadata: &[u8],
    ) -> Result<(), TryReserveError> {
        let start = buffer.len();
        let len = self.summed_len(vector.len());
        buffer.try_reserve(len)?;
        buffer.extend_from_slice(&[0; HEADER]);
        buffer.extend_from_slice(vector);
        if self.long_key_len() > 0
            && let Name::Vector(Key::Bytes(bytes)) | Name::Attribute(bytes) = name
        {
            buffer.extend_from_slice(bytes);
        }
        buffer.extend_from_slice(metadata);
        buffer.resize(start + len, 0);
        self.body_sum = sum64(&buffer[start + HEADER..]);
        Ok(())
    }
}
