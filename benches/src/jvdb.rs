//! This engine, on each of its media. Automatic flushes are off: writes and flushes are measured one at a time.

use crate::contestant::Many;
use crate::dataset::{Dataset, Record};
use crate::outcome::Result;
use crate::passes::touch;
use crate::store::missing;
use crate::store::{Share, Store};
use jvdb_core::{Access, Database, Metric, Operation, Options, Position, Schema, Storage};
use std::ops::ControlFlow::Continue;
use std::path::Path;
use std::time::Duration;

const NAME: &str = "bench";

pub(crate) struct Jvdb {
    // Keeps the directory open.
    database: Database,
}

fn options(access: Access) -> Options {
    Options::default()
        .access(access)
        .flush_interval(Duration::ZERO)
        .max_unflushed_bytes(1 << 40)
        .max_unflushed_operations(1 << 40)
}

impl Jvdb {
    pub(crate) fn mmap(dir: &Path, dimension: usize) -> Result<Self> {
        Self::create(Storage::open(dir, options(Access::Mmap))?, dimension)
    }

    pub(crate) fn file(dir: &Path, dimension: usize) -> Result<Self> {
        Self::create(Storage::open(dir, options(Access::File))?, dimension)
    }

    pub(crate) fn memory(dimension: usize) -> Result<Self> {
        Self::create(Storage::in_memory(options(Access::Mmap))?, dimension)
    }

    pub(crate) fn open_mmap(dir: &Path) -> Result<Self> {
        Self::open(Storage::open(dir, options(Access::Mmap))?)
    }

    pub(crate) fn open_file(dir: &Path) -> Result<Self> {
        Self::open(Storage::open(dir, options(Access::File))?)
    }

    fn create(storage: Storage, dimension: usize) -> Result<Self> {
        let database = storage.create(NAME, Schema::new(dimension, Metric::Cosine)?)?;
        Ok(Self { database })
    }

    fn open(storage: Storage) -> Result<Self> {
        let database = storage.database(NAME)?;
        Ok(Self { database })
    }
}

impl Store for Jvdb {
    fn put(&mut self, record: Record<'_>) -> Result<()> {
        self.database.put(record.key, record.vector, record.metadata)?;
        Ok(())
    }

    fn put_batch<'a>(&mut self, records: impl Iterator<Item = Record<'a>>) -> Result<()> {
        self.database.write(records.map(|record| Operation::Put {
            key: record.key.into(),
            vector: record.vector,
            metadata: record.metadata,
        }))?;
        Ok(())
    }

    fn delete(&mut self, key: u64) -> Result<bool> {
        Ok(self.database.delete(key)?)
    }

    fn copy(&self, key: u64, vector: &mut [f32], metadata: &mut Vec<u8>) -> Result<bool> {
        Ok(self.database.get_into(key, vector, metadata)?)
    }

    fn view(&self, key: u64, look: impl FnOnce(&[u8], &[u8]) -> u64) -> Result<Option<u64>> {
        Ok(self.database.read(key, |vector, metadata| look(bytemuck::cast_slice(vector), metadata))?)
    }

    fn view_many(&self, keys: &[u64], mut look: impl FnMut(&[u8], &[u8])) -> Result<()> {
        let seen = |_, found: Option<(&[f32], &[u8])>| {
            if let Some((vector, metadata)) = found {
                look(bytemuck::cast_slice(vector), metadata);
            }
        };
        Ok(self.database.read_many(keys.iter().copied(), seen)?)
    }

    fn scan(&self, mut look: impl FnMut(&[u8], &[u8])) -> Result<()> {
        self.database.visit(Position::START, |_, vector, metadata| {
            look(bytemuck::cast_slice(vector), metadata);
            Continue(())
        })?;
        Ok(())
    }

    fn hold(&self, key: u64, look: impl FnOnce(&[u8], &[u8]) -> u64) -> Result<Option<u64>> {
        let found = self.database.get(key)?;
        Ok(found.map(|found| look(bytemuck::cast_slice(found.vector()), found.metadata())))
    }

    fn flush(&mut self) -> Result<()> {
        self.database.flush()?;
        Ok(())
    }

    fn compact(&mut self) -> Result<bool> {
        self.database.compact()?;
        Ok(true)
    }

    fn share(&self) -> Option<Share<Self>> {
        let database = self.database.clone();
        Some(Box::new(|| Ok(Self { database })))
    }
}

/// Many databases in one directory.
struct Directory {
    storage: Storage,
}

/// Opens a directory, of whose databases so many are open at once.
pub(crate) fn many(dir: &Path, open: usize, access: Access) -> Result<Box<dyn Many>> {
    let storage = Storage::open(dir, options(access).max_open_files(open))?;
    Ok(Box::new(Directory { storage }))
}

impl Many for Directory {
    fn fill(&mut self, database: usize, data: &Dataset) -> Result<()> {
        let schema = Schema::new(data.dimension, Metric::Cosine)?;
        let mut store = Jvdb { database: self.storage.create(&database.to_string(), schema)? };
        store.put_batch(data.records(0..data.len()))?;
        store.flush()
    }

    fn touch(&mut self, database: usize, key: u64) -> Result<u64> {
        let database = self.storage.database(&database.to_string())?;
        let seen = database.read(key, |vector, metadata| touch(bytemuck::cast_slice(vector), metadata))?;
        seen.ok_or_else(|| missing(key))
    }
}
