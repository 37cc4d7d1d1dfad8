//! One file of the disk, sector by sector: what is in the cache, what a sync has made durable, and what a power cut may
//! leave of the rest. Knows no names, and no fates of calls.

use std::collections::BTreeMap;

/// Bytes that a disk writes as one.
pub const SECTOR: usize = 512;

type Sector = [u8; SECTOR];

/// Bytes that a file system reads as one. Where a power cut leaves a shorter length, what was written behind that stays on
/// the disk, and is seen again if the file's length grows and the write that makes it grow does not reach the disk. So it is
/// with ext4, which makes zeros of it with the next write to that block that reaches the disk; here only a truncation does.
const BLOCK: usize = 4096;

/// A file, and what lies behind its end in the same block.
pub(super) type Left = (Vec<u8>, Vec<u8>);

/// One file: what is in the cache, what is on the disk, and what lies between.
#[derive(Default, Clone)]
pub(super) struct Inode {
    pub cached: Vec<u8>,
    pub durable: Vec<u8>,
    /// What the disk holds behind the durable end, up to the end of its block.
    pub beyond: Vec<u8>,
    /// Versions of each sector since the last sync, oldest first.
    pub pending: BTreeMap<usize, Vec<Sector>>,
    /// Lengths since the last sync, oldest first.
    pub lengths: Vec<usize>,
}

impl Inode {
    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if end > self.cached.len() {
            self.cached.resize(end, 0);
            self.lengths.push(end);
        }
        self.cached[offset..end].copy_from_slice(bytes);
        for sector in offset / SECTOR..end.div_ceil(SECTOR) {
            let version = sector_of(&self.cached, sector);
            self.pending.entry(sector).or_default().push(version);
        }
    }

    /// Sectors beyond the new end may still be there if the old length is; those of the last block are made zeros.
    pub fn truncate(&mut self, len: usize) {
        self.cached.resize(len, 0);
        self.lengths.push(len);
        let behind = len..len.next_multiple_of(BLOCK);
        for sector in behind.start / SECTOR..behind.end.div_ceil(SECTOR) {
            let start = sector * SECTOR;
            let on_disk = self.durable.len() + self.beyond.len();
            if start < on_disk || self.pending.contains_key(&sector) {
                let version = sector_of(&self.cached, sector);
                self.pending.entry(sector).or_default().push(version);
            }
        }
    }

    pub fn sync(&mut self) {
        let raw = self.raw(|sector, _| Some(sector_of(&self.cached, sector)));
        (self.durable, self.beyond) = split(raw, self.cached.len());
        self.pending.clear();
        self.lengths.clear();
    }

    /// What is on the disk, whatever the file's length, with those versions of what is not durable.
    fn raw(&self, mut version: impl FnMut(usize, &[Sector]) -> Option<Sector>) -> Vec<u8> {
        let mut raw = [self.durable.as_slice(), &self.beyond].concat();
        for (sector, versions) in &self.pending {
            let start = sector * SECTOR;
            if let Some(version) = version(*sector, versions) {
                raw.resize(raw.len().max(start + SECTOR), 0);
                raw[start..start + SECTOR].copy_from_slice(&version);
            }
        }
        raw
    }

    /// A failed sync: some of it reached the disk, the rest is in the cache and counts as clean.
    pub fn drop_pages(&mut self, mut choose: impl FnMut(usize) -> usize) {
        (self.durable, self.beyond) = self.cut(&mut choose);
        self.pending.clear();
        self.lengths.clear();
    }

    /// The cache shows what the disk holds. The file keeps its length; what the disk never had reads as zeros.
    pub fn revert(&mut self) {
        let len = self.cached.len();
        self.cached.clone_from(&self.durable);
        self.cached.resize(len, 0);
    }

    /// How much of a write is done that ends in so many 256ths of it.
    pub fn part(&self, offset: usize, len: usize, share: u8) -> usize {
        let end = offset + len * usize::from(share) / 256;
        let end = if end < self.cached.len() { end / SECTOR * SECTOR } else { end };
        end.saturating_sub(offset)
    }

    /// What a power cut may leave: the file, and what lies behind its end.
    pub fn cut(&self, choose: &mut impl FnMut(usize) -> usize) -> Left {
        let len = match choose(self.lengths.len() + 1) {
            0 => self.durable.len(),
            nth => self.lengths[nth - 1],
        };
        let raw = self.raw(|_, versions| choose(versions.len() + 1).checked_sub(1).map(|nth| versions[nth]));
        split(raw, len)
    }
}

/// Makes a file of that length of what is on the disk.
fn split(mut raw: Vec<u8>, len: usize) -> Left {
    raw.resize(raw.len().max(len), 0);
    raw.truncate(len.next_multiple_of(BLOCK));
    let mut beyond = raw.split_off(len);
    let used = beyond.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    beyond.truncate(used);
    (raw, beyond)
}

fn sector_of(bytes: &[u8], sector: usize) -> Sector {
    let mut version = [0; SECTOR];
    let there = bytes.get(sector * SECTOR..).unwrap_or_default();
    let len = there.len().min(SECTOR);
    version[..len].copy_from_slice(&there[..len]);
    version
}
