//! The head of a file: its pair of superblocks, read as one, and written as one for a new file. A flush writes one of them.

use crate::format::layout::{LOG_START, PAGE, SECTOR};
use crate::format::superblock::{Flaw, Superblock, TELLING};
use crate::medium::{AlignedBuffer, Medium, Permit};
use crate::sync::primitives::thread;
use crate::types::error::{Error, Result};
use crate::types::fault::Fault;
use crate::types::schema::Schema;
use std::io;

/// What is not sound after so many looks is not being written.
const TRIES: u32 = 100;
/// Where the two superblocks are.
const OFFSETS: [u64; 2] = [0, PAGE];

/// What the head of a file says.
pub(crate) struct Head {
    pub newest: Superblock,
    pub other: Other,
}

impl Head {
    fn warn(self, path: &str) -> Self {
        if self.other == Other::Damaged {
            tracing::warn!(path, "one of two superblocks is damaged, the other one serves");
        }
        self
    }
}

/// The superblock of a pair that does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Other {
    /// It is sound, and older.
    Sound,
    /// It is damaged, and may have been the newer one: more may have been flushed than the sound one says.
    Damaged,
}

/// The two superblocks of a file as they were read, each with its offset.
pub(crate) struct Pair([(u64, io::Result<[u8; SECTOR]>); 2]);

/// A superblock with its offset, or what is wrong with it.
type Decoded = (u64, Result<Superblock, Flaw>);

impl Pair {
    pub(crate) fn read(medium: &dyn Medium) -> Self {
        Self(OFFSETS.map(|offset| {
            let mut block = [0; SECTOR];
            (offset, medium.read_into(offset, &mut block).map(|()| block))
        }))
    }

    /// Both, decoded. The first that cannot be read is a fault.
    pub(crate) fn decode(self) -> Result<[Decoded; 2], Fault> {
        let decode = |(offset, block): (u64, io::Result<[u8; SECTOR]>)| {
            Ok::<_, Fault>((offset, Superblock::decode(&block.map_err(Fault::read(offset))?)))
        };
        let [a, b] = self.0.map(decode);
        Ok([a?, b?])
    }

    /// Those that are sound.
    pub(crate) fn sound(&self) -> impl Iterator<Item = Superblock> {
        self.0.iter().filter_map(|(_, block)| Superblock::decode(block.as_ref().ok()?).ok())
    }

    /// What both say of the schema, though neither is sound: if they agree it is most likely true.
    pub(crate) fn agreed_schema(&self) -> Option<Schema> {
        let [a, b] = self.0.each_ref().map(|(_, block)| Superblock::schema_in(block.as_ref().ok()?));
        a.filter(|_| a == b)
    }
}

/// What tells a head from any other that the file has had or will have, in a few loads: generation and checksum of both
/// superblocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp([u64; 4]);

impl Stamp {
    /// Of the head as it is at this moment.
    pub(crate) fn read(medium: &dyn Medium) -> Result<Self, Fault> {
        let mut words = [0; 4];
        let places = OFFSETS.iter().flat_map(|offset| TELLING.map(|at| offset + at));
        for (word, place) in words.iter_mut().zip(places) {
            *word = match medium.peek(place) {
                Some(word) => word,
                None => {
                    let mut bytes = [0; 8];
                    medium.read_into(place, &mut bytes).map_err(Fault::read(place))?;
                    u64::from_le_bytes(bytes)
                }
            };
        }
        Ok(Self(words))
    }
}

/// The superblock that counts, and the stamp of the head, where another process may be writing one at this moment.
pub(crate) fn newest_beside_writer(medium: &dyn Medium, path: &str) -> Result<(Head, Stamp)> {
    let mut tries = 0;
    loop {
        medium.measure().map_err(|source| Error::io("look at", path, source))?;
        let stamp = Stamp::read(medium).map_err(|fault| fault.at(path));
        let head = newest_of(medium, path);
        let now = Stamp::read(medium).map_err(|fault| fault.at(path));
        tries += 1;
        match (head, stamp, now) {
            (Ok(head), Ok(stamp), Ok(now)) if stamp == now && (head.other == Other::Sound || tries >= TRIES) => {
                return Ok((head.warn(path), stamp));
            }
            (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) if tries >= TRIES => return Err(error),
            _ => thread::yield_now(),
        }
    }
}

/// The end of what is durable in a file that another process may be writing, and the stamp of the head that says so.
pub(crate) fn durable_end(medium: &dyn Medium) -> Result<(u64, Stamp), Fault> {
    loop {
        let stamp = Stamp::read(medium)?;
        let ends = Pair::read(medium).sound().map(|superblock| superblock.durable_end).max();
        if Stamp::read(medium)? == stamp {
            return Ok((ends.unwrap_or(0), stamp));
        }
    }
}

/// Where superblocks are damaged. One that another process is writing at this moment is not.
pub(crate) fn damaged_superblocks(medium: &dyn Medium) -> Result<Vec<u64>, Fault> {
    let mut tries = 0;
    loop {
        let damaged = Pair::read(medium).decode()?.into_iter().filter(|(_, superblock)| superblock.is_err());
        let damaged = Vec::from_iter(damaged.map(|(offset, _)| offset));
        tries += 1;
        if damaged.is_empty() || tries >= TRIES {
            return Ok(damaged);
        }
        thread::yield_now();
    }
}

/// The superblock that counts.
pub(crate) fn newest_superblock(medium: &dyn Medium, path: &str) -> Result<Head> {
    newest_of(medium, path).map(|head| head.warn(path))
}

fn newest_of(medium: &dyn Medium, path: &str) -> Result<Head> {
    let corrupt = |offset, what: &str| Error::Corrupt { path: path.into(), offset, what: what.into() };
    if medium.len() < LOG_START {
        return Err(corrupt(medium.len(), "header validation failed: file ends before its superblocks do"));
    }
    let [(_, a), (_, b)] = Pair::read(medium).decode().map_err(|fault| fault.at(path))?;
    let (newest, other) = match (a, b) {
        (Ok(a), Ok(b)) if b.generation > a.generation => (b, Other::Sound),
        (Ok(a), Ok(_)) => (a, Other::Sound),
        (Ok(only), Err(_)) | (Err(_), Ok(only)) => (only, Other::Damaged),
        (Err(Flaw::Version(version)), Err(_)) => {
            return Err(Error::UnsupportedVersion { path: path.into(), version });
        }
        (Err(Flaw::Foreign), Err(Flaw::Foreign)) => {
            return Err(corrupt(0, "invalid magic number: this is no .jvdb file"));
        }
        (Err(_), Err(_)) => return Err(corrupt(0, "header validation failed: both superblocks are damaged")),
    };
    if newest.durable_end > medium.len() {
        return Err(corrupt(medium.len(), "file is truncated: it ends before its flushed data does"));
    }
    Ok(Head { newest, other })
}

/// Writes the head of a new file: its first superblock, and the one of the generation before, which says the same.
pub(crate) fn write(medium: &dyn Medium, first: &Superblock) -> io::Result<()> {
    let mut head = AlignedBuffer::zeroed(LOG_START as usize)?;
    for superblock in [Superblock { generation: first.generation - 1, ..*first }, *first] {
        head[superblock.offset() as usize..][..SECTOR].copy_from_slice(&superblock.encode());
    }
    medium.write(0, &head, Permit::ENGINE)
}
