//! Reading the log: single records by offset, and walks along the chain.
//!
//! Trusts no length and no offset before it is checked. Knows nothing of the index, and changes nothing.

use crate::format::chain::Link;
use crate::format::checksum::sum64;
use crate::format::layout::{LOG_START, UNIT};
use crate::format::record::{HEADER, Header, Kind, stores};
use crate::format::table::{BUCKET, BucketWords, Geometry};
use crate::medium::{Mapped, Medium, View};
use crate::sync::primitives::Mutex;
use crate::testing::mutants::{Mutant, broken};
use crate::types::fault::Fault;
use crate::types::key::Name;
use crate::types::schema::MAX_METADATA_LEN;

/// The log as it is up to `end`.
#[derive(Clone, Copy)]
pub(crate) struct Log<'a> {
    pub medium: &'a dyn Medium,
    /// What of the medium can be read without asking it.
    pub mapped: Mapped<'a>,
    pub vector_bytes: usize,
    pub end: u64,
    /// The index table in force, whose buckets change in place: no record lies in it.
    pub table: Geometry,
    /// Held while they do.
    pub in_place: &'a Mutex<()>,
}

/// A record known to be whole and in bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Located {
    pub offset: u64,
    pub len: u64,
    pub header: Header,
}

impl Located {
    #[inline]
    pub(crate) fn found(&self, vector_bytes: usize) -> Found {
        let Self { offset, len, header } = self;
        let meta_at = header.meta_at(vector_bytes) as u32;
        let Header { body_sum, meta_len, kind, .. } = *header;
        Found { offset: *offset, len: *len, body_sum, meta_at, meta_len, kind }
    }
}

/// A record, read as far as its name reaches. Whether the name is sound is not known: see [`Log::check_key`].
pub(crate) struct Named<'a, 'f> {
    head: View<'a>,
    header: &'f Header,
    vector_bytes: usize,
}

impl Named<'_, '_> {
    #[inline]
    pub(crate) fn name(&self) -> Name<'_> {
        self.header.name(&self.head, self.vector_bytes)
    }
}

/// What a lookup tells of a record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub offset: u64,
    pub len: u64,
    pub body_sum: u64,
    /// Where its metadata begins, from the start of the record, and its length.
    pub meta_at: u32,
    pub meta_len: u32,
    pub kind: Kind,
}

impl Found {
    /// Reads a header; `None` unless it is sound and that of a vector of this name, which it must hold.
    #[inline(always)]
    pub(crate) fn of(block: &[u8], name: Name<'_>, vector_bytes: usize, offset: u64) -> Option<Self> {
        let (meta_len, body_sum) = stores(block.first_chunk()?, name)?;
        let meta_at = (HEADER + vector_bytes) as u32;
        let len = (u64::from(meta_at) + u64::from(meta_len)).next_multiple_of(UNIT);
        (meta_len as usize <= MAX_METADATA_LEN).then_some(Self {
            offset,
            len,
            body_sum,
            meta_at,
            meta_len,
            kind: Kind::Put,
        })
    }

    /// Everything of the record up to the end of the metadata.
    pub(crate) fn read<'a>(&self, log: &Log<'a>) -> Result<View<'a>, Fault> {
        log.read(self.offset, self.meta_at as usize + self.meta_len as usize)
    }
}

impl<'a> Log<'a> {
    /// A log of which the index, if there is one, is not known.
    pub(crate) fn without_table(medium: &'a dyn Medium, vector_bytes: usize, end: u64) -> Self {
        static IDLE: Mutex<()> = Mutex::new(());
        Self { medium, mapped: medium.mapped(), vector_bytes, end, table: Geometry::default(), in_place: &IDLE }
    }

    /// The header of the record at `offset`, which must lie wholly before the end.
    #[inline(always)]
    pub(crate) fn locate(&self, offset: u64) -> Result<Located, Fault> {
        let corrupt = |what| Fault::Corrupt { offset, what };
        if offset < LOG_START || !offset.is_multiple_of(UNIT) {
            return Err(corrupt("no record can begin here"));
        }
        if offset.checked_add(HEADER as u64).is_none_or(|end| end > self.end) {
            return Err(corrupt("record lies beyond the end of the log"));
        }
        let block = self.read(offset, HEADER)?;
        let header = Header::decode(&block).ok_or(corrupt("record header has a wrong checksum"))?;
        let len = header.record_len(self.vector_bytes).filter(|len| *len <= self.end - offset);
        let len = len.ok_or(corrupt("record is longer than the log"))?;
        if header.kind != Kind::Table && self.table.overlaps(offset, offset + len) {
            return Err(corrupt("record lies within the index table"));
        }
        Ok(Located { offset, len, header })
    }

    /// `len` bytes at `offset`.
    #[inline(always)]
    pub(crate) fn read(&self, offset: u64, len: usize) -> Result<View<'a>, Fault> {
        match self.mapped.slice(offset, len) {
            Some(bytes) => Ok(View::Borrowed(bytes)),
            None => self.medium.read(offset, len).map_err(Fault::read(offset)),
        }
    }

    /// The 64 bytes at `offset`, which may be being changed, as words.
    #[inline(always)]
    pub(crate) fn bucket_words(&self, offset: u64) -> Result<BucketWords, Fault> {
        if let Some(line) = self.mapped.words(offset) {
            return Ok(line);
        }
        let mut bytes = [0; BUCKET];
        self.medium.read_into(offset, &mut bytes).map_err(Fault::read(offset))?;
        Ok(bytemuck::cast(bytes))
    }

    /// Fetches into the cache what a reader of the record will read first: its header, its vector, and its metadata.
    #[inline(always)]
    pub(crate) fn prefetch(&self, offset: u64) {
        let len = HEADER + self.vector_bytes;
        if self.mapped.is_empty() { self.medium.prefetch(offset, len) } else { self.mapped.prefetch(offset, len) }
    }

    /// The record at `offset` if it is one that stores or removes `name`.
    #[inline(always)]
    pub(crate) fn find(&self, offset: u64, name: Name<'_>) -> Result<Option<Found>, Fault> {
        let Located { offset, len, header } = self.locate(offset)?;
        let same = match (header.names_inline(), header.kind) {
            (_, Kind::Table) => {
                return Err(Fault::Corrupt { offset, what: "index points at a record without a name" });
            }
            (true, _) => header.name(&[], self.vector_bytes) == name,
            (false, _) => header.name(&self.head(&Located { offset, len, header })?, self.vector_bytes) == name,
        };
        if same {
            return Ok(Some(Located { offset, len, header }.found(self.vector_bytes)));
        }
        // The index knows the hash at this record: most likely this is no other name, but a damaged one.
        self.check_key(&Located { offset, len, header })?;
        Ok(None)
    }

    /// Checks what a record's name is read from. A short key is in the header; a long one is as sound as the body.
    #[cold]
    pub(crate) fn check_key(&self, found: &Located) -> Result<(), Fault> {
        if found.header.names_inline() { Ok(()) } else { self.check_body(found) }
    }

    /// A record with its name.
    #[inline]
    pub(crate) fn named<'f>(&self, found: &'f Located) -> Result<Named<'a, 'f>, Fault> {
        Ok(Named { head: self.head(found)?, header: &found.header, vector_bytes: self.vector_bytes })
    }

    /// Everything of a record before its metadata.
    fn head(&self, found: &Located) -> Result<View<'a>, Fault> {
        let len = found.header.meta_at(self.vector_bytes);
        self.read(found.offset, len)
    }

    /// Checks a record's body against its checksum.
    pub(crate) fn check_body(&self, found: &Located) -> Result<(), Fault> {
        self.check_bytes(found.offset, found.header.summed_len(self.vector_bytes), found.header.body_sum)
    }

    /// As [`check_body`](Self::check_body), for a record that a lookup found.
    pub(crate) fn check_sum(&self, found: &Found) -> Result<(), Fault> {
        self.check_bytes(found.offset, found.len as usize, found.body_sum)
    }

    fn check_bytes(&self, offset: u64, len: usize, body_sum: u64) -> Result<(), Fault> {
        let record = self.read(offset, len)?;
        if sum64(&record[HEADER..]) == body_sum || broken(Mutant::BodyUnchecked) {
            Ok(())
        } else {
            Err(Fault::Corrupt { offset, what: "record body has a wrong checksum" })
        }
    }
}

impl Link {
    /// Behind a record.
    pub(crate) fn after(found: &Located) -> Self {
        Self { offset: found.offset + found.len, sequence: found.header.sequence + 1, link: found.header.sum }
    }

    /// The record here, with its link and sequence checked but not its body.
    pub(crate) fn follow(self, log: &Log<'_>) -> Result<Located, Fault> {
        let found = log.locate(self.offset)?;
        let follows = found.header.link == self.link && found.header.sequence == self.sequence;
        if follows || broken(Mutant::Unchained) {
            Ok(found)
        } else {
            Err(Fault::Corrupt { offset: self.offset, what: "record does not follow the one before it" })
        }
    }
}
