//! redb, with integer keys and values written in place.
//!
//! Its commits are either lost when the process dies (`Durability::None`) or synced to the disk (`Immediate`). What the
//! others promise lies between, and redb's way there is its storage backend: one that hands writes to the kernel and
//! leaves the syncing to [`flush`](Store::flush). Caches and page size are its defaults.

use crate::value;
use jvdb_benches::Result;
use jvdb_benches::dataset::Record;
use jvdb_benches::store::missing;
use jvdb_benches::store::{Share, Store};
use redb::backends::FileBackend;
use redb::{
    Database, ReadOnlyTable, ReadableDatabase, ReadableTable, StorageBackend, Table, TableDefinition, WriteTransaction,
};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

const TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("vectors");

/// redb's own file, but for syncs.
#[derive(Debug)]
struct Unsynced(FileBackend);

impl StorageBackend for Unsynced {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }
}

pub(crate) struct Redb {
    database: Arc<Database>,
    file: Arc<File>,
    vector_len: usize,
}

impl Redb {
    /// Opens the database in that directory, or makes one.
    pub(crate) fn open(dir: &Path, dimension: usize) -> Result<Self> {
        let path = dir.join("vectors.redb");
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        let backend = Unsynced(FileBackend::new(file.try_clone()?)?);
        let fresh = file.metadata()?.len() == 0;
        let database = Arc::new(Database::builder().create_with_backend(backend)?);
        let redb = Self { database, file: Arc::new(file), vector_len: dimension * size_of::<f32>() };
        if fresh {
            redb.writing(|_| Ok(()))?;
        }
        Ok(redb)
    }

    fn writing<R>(&self, write: impl FnOnce(&mut Table<'_, u64, &'static [u8]>) -> Result<R>) -> Result<R> {
        let transaction: WriteTransaction = self.database.begin_write()?;
        let written = write(&mut transaction.open_table(TABLE)?)?;
        transaction.commit()?;
        Ok(written)
    }

    fn reading(&self) -> Result<ReadOnlyTable<u64, &'static [u8]>> {
        Ok(self.database.begin_read()?.open_table(TABLE)?)
    }
}

fn put_in(table: &mut Table<'_, u64, &'static [u8]>, record: Record<'_>) -> Result<()> {
    let vector: &[u8] = bytemuck::cast_slice(record.vector);
    let mut space = table.insert_reserve(record.key, vector.len() + record.metadata.len())?;
    let (first, rest) = space.as_mut().split_at_mut(vector.len());
    first.copy_from_slice(vector);
    rest.copy_from_slice(record.metadata);
    Ok(())
}

impl Store for Redb {
    fn put(&mut self, record: Record<'_>) -> Result<()> {
        self.writing(|table| put_in(table, record))
    }

    fn put_batch<'a>(&mut self, mut records: impl Iterator<Item = Record<'a>>) -> Result<()> {
        self.writing(|table| records.try_for_each(|record| put_in(table, record)))
    }

    fn delete(&mut self, key: u64) -> Result<bool> {
        self.writing(|table| Ok(table.remove(key)?.is_some()))
    }

    fn copy(&self, key: u64, vector: &mut [f32], metadata: &mut Vec<u8>) -> Result<bool> {
        let Some(found) = self.reading()?.get(key)? else { return Ok(false) };
        value::copy(value::split(found.value(), self.vector_len)?, vector, metadata);
        Ok(true)
    }

    fn view(&self, key: u64, look: impl FnOnce(&[u8], &[u8]) -> u64) -> Result<Option<u64>> {
        let Some(found) = self.reading()?.get(key)? else { return Ok(None) };
        let (vector, metadata) = value::split(found.value(), self.vector_len)?;
        Ok(Some(look(vector, metadata)))
    }

    /// In one transaction.
    fn view_many(&self, keys: &[u64], mut look: impl FnMut(&[u8], &[u8])) -> Result<()> {
        let table = self.reading()?;
        for &key in keys {
            let found = table.get(key)?.ok_or_else(|| missing(key))?;
            let (vector, metadata) = value::split(found.value(), self.vector_len)?;
            look(vector, metadata);
        }
        Ok(())
    }

    fn scan(&self, mut look: impl FnMut(&[u8], &[u8])) -> Result<()> {
        for item in self.reading()?.iter()? {
            let found = item?.1;
            let (vector, metadata) = value::split(found.value(), self.vector_len)?;
            look(vector, metadata);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(self.file.sync_data()?)
    }

    fn compact(&mut self) -> Result<bool> {
        Arc::get_mut(&mut self.database).ok_or("another handle is open")?.compact()?;
        self.flush()?;
        Ok(true)
    }

    fn share(&self) -> Option<Share<Self>> {
        let (database, file, vector_len) = (self.database.clone(), self.file.clone(), self.vector_len);
        Some(Box::new(move || Ok(Self { database, file, vector_len })))
    }
}
