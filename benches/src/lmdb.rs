//! LMDB, set up to promise what the engine promises: a commit survives the death of the process, a flush syncs.
//!
//! Its best settings for this work: integer keys, values written in place, no sync and no clearing of memory at commit.
//! Which of its two ways to write is the faster one depends on the order of the keys, so both take part.

use crate::dataset::Record;
use crate::outcome::Result;
use crate::store::missing;
use crate::store::{Share, Store};
use heed::byteorder::NativeEndian;
use heed::types::{Bytes, U64};
use heed::{
    CommitOrAbort, CompactionOption, Database, Env, EnvFlags, EnvOpenOptions, IntegerComparator, RoTxn, RwTxn, WithTls,
};
use std::path::Path;

type Table = Database<'static, U64<NativeEndian>, Bytes, IntegerComparator>;

pub(crate) struct Lmdb {
    // Dropped before the environment it reads.
    snapshot: Option<RoTxn<'static, WithTls>>,
    table: Table,
    env: Env<WithTls>,
    vector_len: usize,
    keep_snapshot: bool,
}

impl Lmdb {
    /// Opens the environment in that directory, or makes one; it is written by system calls.
    pub(crate) fn open(dir: &Path, dimension: usize) -> Result<Self> {
        Self::with(EnvFlags::empty(), dir, dimension)
    }

    /// The same, written through its mapping. Its file is as long as the mapping, most of it a hole.
    pub(crate) fn open_writable_map(dir: &Path, dimension: usize) -> Result<Self> {
        Self::with(EnvFlags::WRITE_MAP | EnvFlags::MAP_ASYNC, dir, dimension)
    }

    #[expect(unsafe_code, reason = "LMDB maps a file")]
    fn with(flags: EnvFlags, dir: &Path, dimension: usize) -> Result<Self> {
        let mut options = EnvOpenOptions::new();
        options.map_size(16 << 30);
        // SAFETY: without syncs only a loss of power can damage the file, and nothing measured here outlives one. A
        // writable map can be damaged by stray writes: all code of this process that could make one is in the crates
        // it measures.
        unsafe { options.flags(flags | EnvFlags::NO_SYNC | EnvFlags::NO_META_SYNC | EnvFlags::NO_MEM_INIT) };
        // SAFETY: the directory was made by this process under a random name, so nobody else opens or changes its
        // files; this process keeps them on a local disk and ends no transaction by aborting.
        let env = unsafe { options.open(dir) }?;
        let table = env.create_databases_and_commit(env.write_txn()?, |opener, txn| {
            let options = opener.database_options().types::<U64<NativeEndian>, Bytes>();
            options.key_comparator::<IntegerComparator>().create(txn).map(CommitOrAbort::<_, ()>::Commit)
        })?;
        let table = table.commit().ok_or("not committed")?;
        Ok(Self { snapshot: None, table, env, vector_len: dimension * size_of::<f32>(), keep_snapshot: false })
    }

    /// One transaction for all reads, instead of one for each: faster, and blind to every later write.
    pub(crate) fn one_snapshot(self) -> Self {
        Self { keep_snapshot: true, ..self }
    }

    fn put_in(&self, txn: &mut RwTxn<'_>, record: Record<'_>) -> Result<()> {
        let vector: &[u8] = bytemuck::cast_slice(record.vector);
        self.table.put_reserved(txn, &record.key, vector.len() + record.metadata.len(), |space| {
            use std::io::Write;
            space.write_all(vector)?;
            space.write_all(record.metadata)
        })?;
        Ok(())
    }

    fn split<'a>(&self, value: &'a [u8]) -> Result<(&'a [u8], &'a [u8])> {
        Ok(value.split_at_checked(self.vector_len).ok_or("a value is too short for a vector")?)
    }

    fn find<R>(&self, key: u64, found: impl FnOnce(&[u8], &[u8]) -> R) -> Result<Option<R>> {
        self.reading(|txn| {
            let Some(value) = self.table.get(txn, &key)? else { return Ok(None) };
            let (vector, metadata) = self.split(value)?;
            Ok(Some(found(vector, metadata)))
        })
    }

    fn reading<R>(&self, read: impl FnOnce(&RoTxn<'_, WithTls>) -> Result<R>) -> Result<R> {
        match &self.snapshot {
            Some(txn) => read(txn),
            None => read(&self.env.read_txn()?),
        }
    }
}

impl Store for Lmdb {
    fn put(&mut self, record: Record<'_>) -> Result<()> {
        let mut txn = self.env.write_txn()?;
        self.put_in(&mut txn, record)?;
        Ok(txn.commit()?)
    }

    fn put_batch<'a>(&mut self, mut records: impl Iterator<Item = Record<'a>>) -> Result<()> {
        let mut txn = self.env.write_txn()?;
        records.try_for_each(|record| self.put_in(&mut txn, record))?;
        Ok(txn.commit()?)
    }

    fn delete(&mut self, key: u64) -> Result<bool> {
        let mut txn = self.env.write_txn()?;
        let found = self.table.delete(&mut txn, &key)?;
        txn.commit()?;
        Ok(found)
    }

    fn begin_reading(&mut self) -> Result<()> {
        // The old one first: a thread has one at a time.
        self.snapshot = None;
        if self.keep_snapshot {
            self.snapshot = Some(self.env.clone().static_read_txn()?);
        }
        Ok(())
    }

    fn copy(&self, key: u64, vector: &mut [f32], metadata: &mut Vec<u8>) -> Result<bool> {
        let found = self.find(key, |from, beside| {
            bytemuck::cast_slice_mut(vector).copy_from_slice(from);
            metadata.clear();
            metadata.extend_from_slice(beside);
        })?;
        Ok(found.is_some())
    }

    fn view(&self, key: u64, look: impl FnOnce(&[u8], &[u8]) -> u64) -> Result<Option<u64>> {
        self.find(key, look)
    }

    /// In one transaction.
    fn view_many(&self, keys: &[u64], mut look: impl FnMut(&[u8], &[u8])) -> Result<()> {
        self.reading(|txn| {
            for key in keys {
                let value = self.table.get(txn, key)?.ok_or_else(|| missing(*key))?;
                let (vector, metadata) = self.split(value)?;
                look(vector, metadata);
            }
            Ok(())
        })
    }

    fn scan(&self, mut look: impl FnMut(&[u8], &[u8])) -> Result<()> {
        self.reading(|txn| {
            for item in self.table.iter(txn)? {
                let (vector, metadata) = self.split(item?.1)?;
                look(vector, metadata);
            }
            Ok(())
        })
    }

    fn flush(&mut self) -> Result<()> {
        Ok(self.env.force_sync()?)
    }

    /// To a copy without free pages, which takes the place of the file: whoever has it open would open it again.
    fn compact(&mut self) -> Result<bool> {
        let file = self.env.path().join("data.mdb");
        let copy = file.with_extension("copy");
        self.env.copy_to_path(&copy, CompactionOption::Enabled)?.sync_all()?;
        std::fs::rename(copy, file)?;
        Ok(true)
    }

    fn share(&self) -> Option<Share<Self>> {
        let (env, table, vector_len, keep_snapshot) =
            (self.env.clone(), self.table, self.vector_len, self.keep_snapshot);
        Some(Box::new(move || {
            let mut handle = Self { snapshot: None, table, env, vector_len, keep_snapshot };
            handle.begin_reading()?;
            Ok(handle)
        }))
    }
}
