//! One file of the disk, sector by sector: what is in the cache, what a sync has made durable, and what a power cut may
//! leave of the rest. Knows no names, and no fates of calls.

use std::collections::BTreeMap;

/// Bytes that a disk writes as one.
pub const SECTOR: usize = 512;

type Sector = [u8; SECTOR];

/// One file: what is in the cache, what is on the disk, and what lies between.
#[derive(Default, Clone)]
pub(super) struct Inode {
    pub cached: Vec<u8>,
    pub durable: Vec<u8>,
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

    pub fn truncate(&mut self, len: usize) {
        self.cached.resize(len, 0);
        self.lengths.push(len);
        let last = len / SECTOR;
        // Sectors beyond the new end may still be there if the old length is.
        if !len.is_multiple_of(SECTOR) && self.pending.contains_key(&last) {
            let version = sector_of(&self.cached, last);
            self.pending.entry(last).or_default().push(version);
        }
    }

    pub fn sync(&mut self) {
        let old = std::mem::take(&mut self.durable);
        self.durable = vec![0; self.cached.len()];
        let kept = old.len().min(self.durable.len());
        self.durable[..kept].copy_from_slice(&old[..kept]);
        for sector in std::mem::take(&mut self.pending).into_keys() {
            let start = sector * SECTOR;
            let end = (start + SECTOR).min(self.cached.len());
            if start < end {
                self.durable[start..end].copy_from_slice(&self.cached[start..end]);
            }
        }
        self.lengths.clear();
    }

    /// A failed sync: some of it reached the disk, the rest is in the cache and counts as clean.
    pub fn drop_pages(&mut self, mut choose: impl FnMut(usize) -> usize) {
        let cut = self.cut(&mut choose);
        self.durable = cut;
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

    pub fn cut(&self, choose: &mut impl FnMut(usize) -> usize) -> Vec<u8> {
        let len = match choose(self.lengths.len() + 1) {
            0 => self.durable.len(),
            nth => self.lengths[nth - 1],
        };
        let mut bytes = self.durable.clone();
        bytes.resize(len, 0);
        for (sector, versions) in &self.pending {
            let nth = choose(versions.len() + 1);
            let start = sector * SECTOR;
            if nth > 0 && start < len {
                let end = (start + SECTOR).min(len);
                bytes[start..end].copy_from_slice(&versions[nth - 1][..end - start]);
            }
        }
        bytes
    }
}

fn sector_of(bytes: &[u8], sector: usize) -> Sector {
    let mut version = [0; SECTOR];
    let start = sector * SECTOR;
    let end = (start + SECTOR).min(bytes.len());
    version[..end - start].copy_from_slice(&bytes[start..end]);
    version
}
