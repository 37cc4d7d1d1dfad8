//! What is stored: vectors, metadata, keys and the order in which they are read, all made before any clock starts.

use crate::outcome::Result;
use std::ops::Range;
use std::path::Path;

/// One vector to store.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Its key.
    pub key: u64,
    /// Its elements.
    pub vector: &'a [f32],
    /// Bytes beside it.
    pub metadata: &'a [u8],
}

/// Vectors to store, and the order to read them in.
pub struct Dataset {
    /// Elements of each vector.
    pub dimension: usize,
    /// Bytes of metadata beside each vector.
    pub metadata_len: usize,
    /// One key per vector, no two alike.
    pub keys: Vec<u64>,
    /// The keys, shuffled.
    pub reads: Vec<u64>,
    /// Vectors in memory; those behind them are the same ones again.
    distinct: usize,
    vectors: Vec<f32>,
    metadata: Vec<u8>,
}

/// Which keys the vectors get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Keys {
    /// In no order, as hashes are.
    Random,
    /// 0, 1, 2 ..., as counters give: the best case of a tree.
    Ascending,
}

impl Dataset {
    /// `count` vectors made from a fixed seed: the same in every run.
    pub fn generated(count: usize, dimension: usize, metadata_len: usize, keys: Keys) -> Self {
        Self::repeated(count, count, dimension, metadata_len, keys)
    }

    /// As [`generated`](Self::generated), of only so many different vectors: takes 16 bytes of memory for each key, and
    /// no more.
    pub fn repeated(count: usize, distinct: usize, dimension: usize, metadata_len: usize, keys: Keys) -> Self {
        let unit = |bits: u64| (bits >> 40) as f32 / (1_u64 << 24) as f32;
        let vectors = (0..distinct * dimension).map(|i| unit(mix(i as u64)) * 2.0 - 1.0).collect();
        Self::new(count, vectors, dimension, metadata_len, keys)
    }

    /// `count` vectors of a NumPy file of little-endian `f32`, from the first again after the last.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub fn from_npy(path: &Path, count: usize, metadata_len: usize, keys: Keys) -> Result<Self> {
        let bytes = std::fs::read(path)?;
        let (dimension, body) = parse_npy(&bytes).map_err(|what| format!("{}: {what}", path.display()))?;
        let rows: Vec<f32> = body.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        let vectors = rows.chunks_exact(dimension).cycle().take(count).flatten().copied().collect();
        Ok(Self::new(count, vectors, dimension, metadata_len, keys))
    }

    fn new(count: usize, vectors: Vec<f32>, dimension: usize, metadata_len: usize, keys: Keys) -> Self {
        let distinct = vectors.len() / dimension;
        let keys: Vec<u64> = match keys {
            Keys::Random => (0..count as u64).map(mix).collect(),
            Keys::Ascending => (0..count as u64).collect(),
        };
        let metadata = (0..distinct).flat_map(|i| metadata(i, metadata_len)).collect();
        let mut reads = keys.clone();
        for i in (1..reads.len()).rev() {
            reads.swap(i, (mix(!(i as u64)) % (i as u64 + 1)) as usize);
        }
        Self { dimension, metadata_len, keys, reads, distinct, vectors, metadata }
    }

    /// Vectors in it.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Bytes of one vector and its metadata.
    pub fn payload(&self) -> usize {
        self.dimension * size_of::<f32>() + self.metadata_len
    }

    /// The records of a range.
    pub fn records(&self, range: Range<usize>) -> impl Iterator<Item = Record<'_>> {
        range.map(|i| self.record(self.keys[i], i))
    }

    /// The keys of a range of [`reads`](Self::reads), each with another vector than it was stored with.
    pub fn updates(&self, range: Range<usize>) -> impl Iterator<Item = Record<'_>> {
        range.map(|i| self.record(self.reads[i], i))
    }

    fn record(&self, key: u64, i: usize) -> Record<'_> {
        let i = i % self.distinct;
        Record {
            key,
            vector: &self.vectors[i * self.dimension..(i + 1) * self.dimension],
            metadata: &self.metadata[i * self.metadata_len..(i + 1) * self.metadata_len],
        }
    }

    /// All vectors behind each other.
    pub fn array(&self) -> &[f32] {
        &self.vectors
    }
}

/// JSON text as callers keep it beside a vector, padded to its length.
fn metadata(i: usize, len: usize) -> Vec<u8> {
    let mut text = format!("{{\"id\":{i},\"tag\":\"").into_bytes();
    text.resize(len.max(2), b'x');
    text[len.max(2) - 2..].copy_from_slice(b"\"}");
    text.truncate(len);
    text
}

/// A bijection of the 64-bit numbers that looks random (the finalizer of SplitMix64).
fn mix(i: u64) -> u64 {
    let x = i.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// Dimension and body of a version 1 NumPy file of C-ordered `<f4` rows.
fn parse_npy(bytes: &[u8]) -> Result<(usize, &[u8]), &'static str> {
    let head = bytes.get(..10).filter(|head| head.starts_with(b"\x93NUMPY\x01")).ok_or("not a version 1 .npy file")?;
    let body = 10 + usize::from(u16::from_le_bytes([head[8], head[9]]));
    let text = bytes.get(10..body).and_then(|text| std::str::from_utf8(text).ok()).ok_or("its header is cut off")?;
    if !text.contains("'<f4'") || !text.contains("'fortran_order': False") {
        return Err("not little-endian f32 in C order");
    }
    let shape = text.split_once("'shape': (").and_then(|(_, rest)| rest.split_once(')')).ok_or("no shape")?.0;
    let (_, columns) = shape.split_once(',').ok_or("not two-dimensional")?;
    let dimension: usize = columns.trim().trim_end_matches(',').parse().map_err(|_| "not two-dimensional")?;
    let rows = &bytes[body..];
    if dimension == 0 || rows.is_empty() || !rows.len().is_multiple_of(dimension * 4) {
        return Err("its rows are cut off");
    }
    Ok((dimension, rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_key_is_stored_once_and_read_once() {
        let data = Dataset::generated(5_000, 4, 100, Keys::Random);
        let keys: HashSet<u64> = data.keys.iter().copied().collect();
        assert_eq!((keys.len(), data.reads.len()), (5_000, 5_000));
        assert_eq!(data.reads.iter().copied().collect::<HashSet<_>>(), keys);
        assert_ne!(data.reads, data.keys);
    }

    #[test]
    fn metadata_has_its_length_and_is_json() {
        let data = Dataset::generated(1_000, 4, 100, Keys::Ascending);
        for record in data.records(0..1_000) {
            assert_eq!(record.metadata.len(), 100);
            assert!(serde_json::from_slice::<serde_json::Value>(record.metadata).is_ok());
        }
    }

    #[test]
    fn rows_of_a_numpy_file_are_found_and_a_cut_one_is_refused() {
        let mut file = b"\x93NUMPY\x01\x00\x46\x00".to_vec();
        let head = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
        file.extend(format!("{head:<69}\n").bytes());
        file.extend((0..6).flat_map(|i| (i as f32).to_le_bytes()));
        let (dimension, rows) = parse_npy(&file).unwrap();
        assert_eq!((dimension, rows.len()), (3, 24));
        assert_eq!(rows[20..], 5.0_f32.to_le_bytes());
        assert!(parse_npy(&file[..file.len() - 4]).is_err());
        assert!(parse_npy(&file[..40]).is_err());
    }
}
