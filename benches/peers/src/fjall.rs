//! fjall, whose journal is handed to the kernel with every write by default, and synced by `persist`.
//!
//! Keys are big-endian, as its documentation asks for integers. Built without compression: vectors do not compress, and
//! trying would only cost. Values of a kilobyte and more are kept apart from the keys, which is its own threshold for
//! what it calls large. Its cache holds the whole data set, as it recommends if that fits into memory.

use crate::value;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, PersistMode};
use jvdb_benches::Result;
use jvdb_benches::dataset::Record;
use jvdb_benches::store::{Share, Store};
use std::path::Path;

const CACHE: u64 = 1 << 30;

pub(crate) struct Fjall {
    keyspace: Keyspace,
    database: Database,
    buffer: Vec<u8>,
    vector_len: usize,
}

impl Fjall {
    /// Opens the database in that directory, or makes one.
    pub(crate) fn open(dir: &Path, dimension: usize) -> Result<Self> {
        let database = Database::builder(dir).cache_size(CACHE).open()?;
        let options = || KeyspaceCreateOptions::default().with_kv_separation(Some(KvSeparationOptions::default()));
        let keyspace = database.keyspace("vectors", options)?;
        Ok(Self { keyspace, database, buffer: Vec::new(), vector_len: dimension * size_of::<f32>() })
    }

    fn find<R>(&self, key: u64, found: impl FnOnce(&[u8], &[u8]) -> R) -> Result<Option<R>> {
        let Some(value) = self.keyspace.get(key.to_be_bytes())? else { return Ok(None) };
        let (vector, metadata) = value::split(&value, self.vector_len)?;
        Ok(Some(found(vector, metadata)))
    }
}

impl Store for Fjall {
    fn put(&mut self, record: Record<'_>) -> Result<()> {
        value::encode(record, &mut self.buffer);
        Ok(self.keyspace.insert(record.key.to_be_bytes(), &self.buffer)?)
    }

    fn put_batch<'a>(&mut self, records: impl Iterator<Item = Record<'a>>) -> Result<()> {
        let mut batch = self.database.batch();
        for record in records {
            value::encode(record, &mut self.buffer);
            batch.insert(&self.keyspace, record.key.to_be_bytes(), &self.buffer);
        }
        Ok(batch.commit()?)
    }

    /// Says whether it was there only by looking first, which is not done: the store leaves a mark either way.
    fn delete(&mut self, key: u64) -> Result<bool> {
        self.keyspace.remove(key.to_be_bytes())?;
        Ok(true)
    }

    fn copy(&self, key: u64, vector: &mut [f32], metadata: &mut Vec<u8>) -> Result<bool> {
        Ok(self.find(key, |from, beside| value::copy((from, beside), vector, metadata))?.is_some())
    }

    fn view(&self, key: u64, look: impl FnOnce(&[u8], &[u8]) -> u64) -> Result<Option<u64>> {
        self.find(key, look)
    }

    fn scan(&self, mut look: impl FnMut(&[u8], &[u8])) -> Result<()> {
        for item in self.keyspace.iter() {
            let value = item.value()?;
            let (vector, metadata) = value::split(&value, self.vector_len)?;
            look(vector, metadata);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(self.database.persist(PersistMode::SyncData)?)
    }

    fn compact(&mut self) -> Result<bool> {
        self.keyspace.rotate_memtable_and_wait()?;
        self.keyspace.major_compact()?;
        Ok(true)
    }

    fn share(&self) -> Option<Share<Self>> {
        let (keyspace, database, vector_len) = (self.keyspace.clone(), self.database.clone(), self.vector_len);
        Some(Box::new(move || Ok(Self { keyspace, database, buffer: Vec::new(), vector_len })))
    }
}
