//! The physical limit: the system calls that any log of records must make, and nothing else.
//!
//! Records are a 64-byte header that holds the key, then the vector, then the metadata, rounded up to 64 bytes, without
//! checksum. Writes keep no index; before the first read the index is built, outside the measured time, from the file.

use crate::Result;
use crate::contestant::Store;
use crate::dataset::Record;
use hashbrown::HashMap;
use memmap2::Mmap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

const HEADER: usize = 64;
/// Bytes of a batch written by one call.
const PIECE: usize = 256 << 10;

pub(crate) struct Bare {
    file: File,
    end: u64,
    vector_len: usize,
    metadata_len: usize,
    buffer: Vec<u8>,
    map: Option<Mmap>,
    index: HashMap<u64, usize>,
}

impl Bare {
    pub(crate) fn create(dir: &Path, dimension: usize) -> Result<Self> {
        let file = File::options().read(true).write(true).create_new(true).open(dir.join("bare.log"))?;
        Ok(Self {
            file,
            end: 0,
            vector_len: dimension * size_of::<f32>(),
            metadata_len: 0,
            buffer: Vec::with_capacity(2 * PIECE),
            map: None,
            index: HashMap::new(),
        })
    }

    /// Maps the file and learns where the first record is, as an index kept in the file would tell it.
    pub(crate) fn open(dir: &Path, dimension: usize, metadata_len: usize) -> Result<Self> {
        let file = File::options().read(true).write(true).open(dir.join("bare.log"))?;
        let end = file.metadata()?.len();
        let vector_len = dimension * size_of::<f32>();
        let map = map(&file)?;
        let index = map.first_chunk().map(|key| (u64::from_le_bytes(*key), 0)).into_iter().collect();
        Ok(Self { file, end, vector_len, metadata_len, buffer: Vec::new(), map: Some(map), index })
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
        self.file.write_all_at(&self.buffer, self.end)?;
        self.end += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn find(&self, key: u64) -> Option<(&[u8], &[u8])> {
        let start = self.index.get(&key)? + HEADER;
        let record = self.map.as_deref()?.get(start..start + self.vector_len + self.metadata_len)?;
        Some(record.split_at(self.vector_len))
    }
}

#[expect(unsafe_code, reason = "mapping a file is")]
fn map(file: &File) -> Result<Mmap> {
    // SAFETY: the file lies in a directory that this process made under a random name, and nothing in this process
    // writes or truncates it while the mapping lives: a contestant is never written again once it is read.
    Ok(unsafe { Mmap::map(file) }?)
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

    fn begin_reading(&mut self) -> Result<()> {
        let map = map(&self.file)?;
        let stride = (HEADER + self.vector_len + self.metadata_len).next_multiple_of(64);
        let key = |record: &[u8]| record.first_chunk().map_or(0, |key| u64::from_le_bytes(*key));
        self.index = map.chunks_exact(stride).enumerate().map(|(i, record)| (key(record), i * stride)).collect();
        self.map = Some(map);
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

    fn flush(&mut self) -> Result<()> {
        Ok(self.file.sync_data()?)
    }
}
