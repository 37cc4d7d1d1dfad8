//! SQLite, with its write-ahead log: a commit appends to the log and hands it to the kernel, a flush is a checkpoint.
//!
//! `synchronous = NORMAL` is what it recommends with that log, and syncs at checkpoints only: log first, then the
//! database, so a flush survives a loss of power. It makes checkpoints by itself every 1,000 pages otherwise; these are
//! off, as all automatic flushes here are. The key is the rowid, statements are prepared once, pages are read from a
//! mapping, and pages are large for vectors that would not fit into small ones, all as its documentation recommends.

use jvdb_benches::Result;
use jvdb_benches::dataset::Record;
use jvdb_benches::store::{Share, Store};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row};
use std::path::{Path, PathBuf};
use std::time::Duration;

const PUT: &str = "INSERT OR REPLACE INTO vectors (key, vector, metadata) VALUES (?1, ?2, ?3)";
const GET: &str = "SELECT vector, metadata FROM vectors WHERE key = ?1";
const SCAN: &str = "SELECT vector, metadata FROM vectors";
const DELETE: &str = "DELETE FROM vectors WHERE key = ?1";
/// Bytes of a vector beyond which pages are large.
const LARGE: usize = 2 << 10;

pub(crate) struct Sqlite {
    connection: Connection,
    path: PathBuf,
}

impl Sqlite {
    /// Opens the database in that directory, or makes one.
    pub(crate) fn open(dir: &Path, dimension: usize) -> Result<Self> {
        let path = dir.join("vectors.sqlite");
        let fresh = !path.exists();
        let sqlite = Self::connect(path)?;
        if fresh {
            let page = if dimension * size_of::<f32>() > LARGE { 8 << 10 } else { 4 << 10 };
            sqlite.connection.pragma_update(None, "page_size", page)?;
        }
        sqlite.connection.pragma_update(None, "journal_mode", "WAL")?;
        if fresh {
            let table = "CREATE TABLE vectors (key INTEGER PRIMARY KEY, vector BLOB NOT NULL, metadata BLOB NOT NULL)";
            sqlite.connection.execute(table, [])?;
        }
        Ok(sqlite)
    }

    fn connect(path: PathBuf) -> Result<Self> {
        let connection = Connection::open(&path)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "mmap_size", 1_i64 << 31)?;
        // In KiB.
        connection.pragma_update(None, "cache_size", -(64 << 10))?;
        Ok(Self { connection, path })
    }

    fn find<R>(&self, key: u64, found: impl FnOnce(&[u8], &[u8]) -> R) -> Result<Option<R>> {
        let mut get = self.connection.prepare_cached(GET)?;
        Ok(get.query_row([key.cast_signed()], |row| show(row, found)).optional()?)
    }
}

fn show<R>(row: &Row<'_>, found: impl FnOnce(&[u8], &[u8]) -> R) -> rusqlite::Result<R> {
    Ok(found(row.get_ref(0)?.as_blob()?, row.get_ref(1)?.as_blob()?))
}

fn put_by(statement: &mut CachedStatement<'_>, record: Record<'_>) -> Result<()> {
    let vector: &[u8] = bytemuck::cast_slice(record.vector);
    statement.execute((record.key.cast_signed(), vector, record.metadata))?;
    Ok(())
}

impl Store for Sqlite {
    fn put(&mut self, record: Record<'_>) -> Result<()> {
        put_by(&mut self.connection.prepare_cached(PUT)?, record)
    }

    fn put_batch<'a>(&mut self, mut records: impl Iterator<Item = Record<'a>>) -> Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut put = transaction.prepare_cached(PUT)?;
            records.try_for_each(|record| put_by(&mut put, record))?;
        }
        Ok(transaction.commit()?)
    }

    fn delete(&mut self, key: u64) -> Result<bool> {
        Ok(self.connection.prepare_cached(DELETE)?.execute([key.cast_signed()])? > 0)
    }

    fn copy(&self, key: u64, vector: &mut [f32], metadata: &mut Vec<u8>) -> Result<bool> {
        Ok(self.find(key, |from, beside| crate::value::copy((from, beside), vector, metadata))?.is_some())
    }

    fn view(&self, key: u64, look: impl FnOnce(&[u8], &[u8]) -> u64) -> Result<Option<u64>> {
        self.find(key, look)
    }

    /// In one transaction.
    fn view_many(&self, keys: &[u64], mut look: impl FnMut(&[u8], &[u8])) -> Result<()> {
        let transaction = self.connection.unchecked_transaction()?;
        {
            let mut get = transaction.prepare_cached(GET)?;
            for key in keys {
                get.query_row([key.cast_signed()], |row| show(row, &mut look))?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn scan(&self, mut look: impl FnMut(&[u8], &[u8])) -> Result<()> {
        let mut scan = self.connection.prepare_cached(SCAN)?;
        let mut rows = scan.query([])?;
        while let Some(row) = rows.next()? {
            show(row, &mut look)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.connection.query_row("PRAGMA wal_checkpoint(FULL)", [], |row| match row.get(0)? {
            0 => Ok(()),
            busy => Err(rusqlite::Error::IntegralValueOutOfRange(0, busy)),
        })?;
        Ok(())
    }

    fn compact(&mut self) -> Result<bool> {
        self.connection.execute("VACUUM", [])?;
        self.flush()?;
        Ok(true)
    }

    fn share(&self) -> Option<Share<Self>> {
        let path = self.path.clone();
        Some(Box::new(move || Self::connect(path)))
    }
}
