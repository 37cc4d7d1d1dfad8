//! The physical limit: the system calls that any log of records must make, and nothing else.
//!
//! Records are a 64-byte header that holds the key, then the vector, then the metadata, rounded up to 64 bytes, without
//! checksum; a deletion is a header alone. Writes keep no index; before the first read the index is built, outside the
//! measured time, from the file.

use crate::dataset::{Dataset, Record};
use crate::outcome::Result;
use crate::store::{Share, Store};
use hashbrown::HashMap;
use memmap2::Mmap;
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

const NAME: &str = "bare.log";
const HEADER: usize = 64;
/// In a header behind the key: whether it deletes.
const DELETES: usize = 8;
/// Bytes of a batch written by one call.
const PIECE: usize = 256 << 10;

pub(crate) struct Bare {
    path: PathBuf,
    file: Arc<File>,
    end: Arc<AtomicU64>,
    buffer: Vec<u8>,
    vector_len: usize,
    metadata_len: usize,
    found: Arc<Found>,
}

/// What there is to read: where in the mapping each record begins.
#[derive(Default)]
struct Found {
    map: Option<Mmap>,
    index: HashMap<u64, usize>,
}

impl Bare {
    pub(crate) fn create(dir: &Path, dimension: usize) -> Result<Self> {
        let path = dir.join(NAME);
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        let buffer = Vec::with_capacity(2 * PIECE);
        let (file, end, vector_len) = (Arc::new(file), Arc::default(), dimension * size_of::<f32>());
        Ok(Self { path, file, end, buffer, vector_len, metadata_len: 0, found: Arc::default() })
    }

    /// Maps the file and learns where the first record is, as an index kept in the file would tell it.
    pub(crate) fn open(dir: &Path, dimension: usize, metadata_len: usize) -> Result<Self> {
        let path = dir.join(NAME);
        let file = Arc::new(File::options().read(true).write(true).open(&path)?);
        let end = Arc::new(AtomicU64::new(file.metadata()?.len()));
        let map = map(&file)?;
        let index = map.first_chunk().map(|key| (u64::from_le_bytes(*key), 0)).into_iter().collect();
        let found = Arc::new(Found { map: Some(map), index });
        Ok(Self { path, file, end, buffer: Vec::new(), vector_len: dimension * size_of::<f32>(), metadata_len, found })
    }

    fn encode(&mut self, record: Record<'_>) {
        self.metadata_len = record.metadata.len();
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(&record.key.to_le_bytes());
        self.buffer.extend_from_slice(&header);
        self.buffer.extend_from_slice(bytemuck::cast_slice(record.vector));
        self.buffer.extend_from_slice(record.metadata);
        self.buffer.resize(self.buffer.len().next_multiple_of(64), 0);
    }

    fn append(&mut self) -> Result<()> {
        let at = self.end.fetch_add(self.buffer.len() as u64, Relaxed);
        self.file.write_all_at(&self.buffer, at)?;
        self.buffer.clear();
        Ok(())
    }

    /// Bytes of a record that is no deletion.
    fn stride(&self) -> usize {
        (HEADER + self.vector_len + self.metadata_len).next_multiple_of(64)
    }

    fn find(&self, key: u64) -> Option<(&[u8], &[u8])> {
        self.at(*self.found.index.get(&key)?)
    }

    fn at(&self, start: usize) -> Option<(&[u8], &[u8])> {
        let start = start + HEADER;
        let record = self.found.map.as_deref()?.get(start..start + self.vector_len + self.metadata_len)?;
        Some(record.split_at(self.vector_len))
    }

    /// Where the live records begin, in their order.
    fn live(&self) -> Vec<usize> {
        let mut live: Vec<usize> = self.found.index.values().copied().collect();
        live.sort_unstable();
        live
    }
}

#[expect(unsafe_code, reason = "mapping a file is")]
fn map(file: &File) -> Result<Mmap> {
    // SAFETY: the file lies in a directory that this process made under a random name, and nothing in this process
    // truncates it or writes to what the mapping covers while it lives: what is written goes behind that.
    Ok(unsafe { Mmap::map(file) }?)
}

/// Reads the records under these keys, wherever they were stored, by one call each; the file has no other reader. The time
/// from opening to the first, and of all others.
pub(crate) fn cold(dir: &Path, data: &Dataset, keys: &[u64]) -> Result<(Duration, Duration)> {
    let stride = (HEADER + data.payload()).next_multiple_of(64);
    let places: HashMap<u64, usize> = data.keys.iter().enumerate().map(|(i, &key)| (key, i * stride)).collect();
    let mut record = vec![0; stride];
    let (first, rest) = keys.split_at(1);
    let start = Instant::now();
    let file = File::open(dir.join(NAME))?;
    fadvise(&file, 0, None, Advice::Random)?;
    let mut read = |keys: &[u64]| -> Result<()> {
        for key in keys {
            file.read_exact_at(&mut record, places[key] as u64)?;
            std::hint::black_box(&record);
        }
        Ok(())
    };
    read(first)?;
    let opened = start.elapsed();
    read(rest)?;
    Ok((opened, start.elapsed() - opened))
}

impl Store for Bare {
    fn put(&mut self, record: Record<'_>) -> Result<()> {
        self.encode(record);
        self.append()
    }

    fn put_batch<'a>(&mut self, records: impl Iterator<Item = Record<'a>>) -> Result<()> {
        for record in records {
            self.encode(record);
            if self.buffer.len() >= PIECE {
                self.append()?;
            }
        }
        self.append()
    }

    fn delete(&mut self, key: u64) -> Result<bool> {
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(&key.to_le_bytes());
        header[DELETES] = 1;
        self.buffer.extend_from_slice(&header);
        self.append()?;
        Ok(true)
    }

    fn begin_reading(&mut self) -> Result<()> {
        let map = map(&self.file)?;
        let stride = self.stride();
        let (mut index, mut at) = (HashMap::new(), 0);
        while let Some(header) = map.get(at..at + HEADER) {
            let key = header.first_chunk().map_or(0, |key| u64::from_le_bytes(*key));
            if header[DELETES] == 0 {
                index.insert(key, at);
                at += stride;
            } else {
                index.remove(&key);
                at += HEADER;
            }
        }
        self.found = Arc::new(Found { map: Some(map), index });
        Ok(())
    }

    fn copy(&self, key: u64, vector: &mut [f32], metadata: &mut Vec<u8>) -> Result<bool> {
        let Some((from, beside)) = self.find(key) else { return Ok(false) };
        bytemuck::cast_slice_mut(vector).copy_from_slice(from);
        metadata.clear();
        metadata.extend_from_slice(beside);
        Ok(true)
    }

    fn view(&self, key: u64, look: impl FnOnce(&[u8], &[u8]) -> u64) -> Result<Option<u64>> {
        Ok(self.find(key).map(|(vector, metadata)| look(vector, metadata)))
    }

    fn scan(&self, mut look: impl FnMut(&[u8], &[u8])) -> Result<()> {
        self.live().into_iter().filter_map(|at| self.at(at)).for_each(|(vector, metadata)| look(vector, metadata));
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(self.file.sync_data()?)
    }

    /// A copy of the bytes of what is live as of the last [`begin_reading`](Store::begin_reading), synced.
    fn compact(&mut self) -> Result<bool> {
        let (stride, path) = (self.stride(), self.path.with_extension("copy"));
        let map = self.found.map.as_deref().ok_or("no reading has begun")?;
        let (copy, mut end) = (File::create(&path)?, 0);
        let mut append = |piece: &mut Vec<u8>| -> Result<()> {
            copy.write_all_at(piece, end)?;
            end += piece.len() as u64;
            piece.clear();
            Ok(())
        };
        for at in self.live() {
            self.buffer.extend_from_slice(&map[at..at + stride]);
            if self.buffer.len() >= PIECE {
                append(&mut self.buffer)?;
            }
        }
        append(&mut self.buffer)?;
        copy.sync_data()?;
        std::fs::rename(&path, &self.path)?;
        Ok(true)
    }

    fn share(&self) -> Option<Share<Self>> {
        let (path, file, end, found) = (self.path.clone(), self.file.clone(), self.end.clone(), self.found.clone());
        let (vector_len, metadata_len) = (self.vector_len, self.metadata_len);
        Some(Box::new(move || Ok(Self { path, file, end, buffer: Vec::new(), vector_len, metadata_len, found })))
    }
}
