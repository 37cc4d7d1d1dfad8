//! RocksDB, whose log is handed to the kernel with every write by default, and synced by `flush_wal`.
//!
//! Settings are those of its tuning guide: a block cache that holds the data set, Bloom filters of ten bits, blocks of
//! 16 KiB, dynamic level sizes, background work on both processors. Compression is off: vectors do not compress, and
//! trying would only cost. Reads begin when its compactions have ended.

use crate::value;
use jvdb_benches::Result;
use jvdb_benches::dataset::Record;
use jvdb_benches::store::{Share, Store};
use rocksdb::{BlockBasedOptions, Cache, DB, DBCompressionType, IteratorMode, Options, WriteBatch};
use std::path::Path;
use std::sync::Arc;

const CACHE: usize = 1 << 30;

pub(crate) struct Rocks {
    database: Arc<DB>,
    buffer: Vec<u8>,
    vector_len: usize,
}

fn options() -> Result<Options> {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(&Cache::new_lru_cache(CACHE)?);
    blocks.set_block_size(16 << 10);
    blocks.set_bloom_filter(10.0, false);
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
    blocks.set_format_version(5);
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_block_based_table_factory(&blocks);
    options.set_compression_type(DBCompressionType::None);
    options.set_level_compaction_dynamic_level_bytes(true);
    options.set_bytes_per_sync(1 << 20);
    options.increase_parallelism(2);
    Ok(options)
}

impl Rocks {
    /// Opens the database in that directory, or makes one.
    pub(crate) fn open(dir: &Path, dimension: usize) -> Result<Self> {
        let database = Arc::new(DB::open(&options()?, dir)?);
        Ok(Self { database, buffer: Vec::new(), vector_len: dimension * size_of::<f32>() })
    }

    fn find<R>(&self, key: u64, found: impl FnOnce(&[u8], &[u8]) -> R) -> Result<Option<R>> {
        let Some(value) = self.database.get_pinned(key.to_be_bytes())? else { return Ok(None) };
        let (vector, metadata) = value::split(&value, self.vector_len)?;
        Ok(Some(found(vector, metadata)))
    }
}

impl Store for Rocks {
    fn put(&mut self, record: Record<'_>) -> Result<()> {
        value::encode(record, &mut self.buffer);
        Ok(self.database.put(record.key.to_be_bytes(), &self.buffer)?)
    }

    fn put_batch<'a>(&mut self, records: impl Iterator<Item = Record<'a>>) -> Result<()> {
        let mut batch = WriteBatch::default();
        for record in records {
            value::encode(record, &mut self.buffer);
            batch.put(record.key.to_be_bytes(), &self.buffer);
        }
        Ok(self.database.write(batch)?)
    }

    /// Says whether it was there only by looking first, which is not done: the store leaves a mark either way.
    fn delete(&mut self, key: u64) -> Result<bool> {
        self.database.delete(key.to_be_bytes())?;
        Ok(true)
    }

    fn begin_reading(&mut self) -> Result<()> {
        self.database.compact_range::<&[u8], &[u8]>(None, None);
        Ok(())
    }

    fn copy(&self, key: u64, vector: &mut [f32], metadata: &mut Vec<u8>) -> Result<bool> {
        Ok(self.find(key, |from, beside| value::copy((from, beside), vector, metadata))?.is_some())
    }

    fn view(&self, key: u64, look: impl FnOnce(&[u8], &[u8]) -> u64) -> Result<Option<u64>> {
        self.find(key, look)
    }

    fn scan(&self, mut look: impl FnMut(&[u8], &[u8])) -> Result<()> {
        for item in self.database.iterator(IteratorMode::Start) {
            let value = item?.1;
            let (vector, metadata) = value::split(&value, self.vector_len)?;
            look(vector, metadata);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(self.database.flush_wal(true)?)
    }

    fn compact(&mut self) -> Result<bool> {
        self.database.compact_range::<&[u8], &[u8]>(None, None);
        Ok(true)
    }

    fn share(&self) -> Option<Share<Self>> {
        let (database, vector_len) = (self.database.clone(), self.vector_len);
        Some(Box::new(move || Ok(Self { database, buffer: Vec::new(), vector_len })))
    }
}
