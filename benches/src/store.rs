//! What each contestant can do, one operation at a time.

use crate::dataset::Record;
use crate::outcome::{Error, Result};

/// One store of vectors and metadata under 64-bit keys.
pub trait Store {
    /// Stores one vector so that it survives the death of the process (where the store outlives it at all).
    ///
    /// # Errors
    /// The store's own; so do all calls below.
    fn put(&mut self, record: Record<'_>) -> Result<()>;

    /// Stores many vectors in one go, atomically where the store can.
    fn put_batch<'a>(&mut self, records: impl Iterator<Item = Record<'a>>) -> Result<()>;

    /// Stores another vector under a key that is there, as durably as [`put`](Self::put).
    fn update(&mut self, record: Record<'_>) -> Result<()> {
        self.put(record)
    }

    /// Deletes one vector, as durably as [`put`](Self::put). Whether it was there.
    fn delete(&mut self, key: u64) -> Result<bool>;

    /// Called after the last write and before the first read.
    fn begin_reading(&mut self) -> Result<()> {
        Ok(())
    }

    /// Copies a vector and its metadata into the caller's buffers. False if there is none.
    fn copy(&self, key: u64, vector: &mut [f32], metadata: &mut Vec<u8>) -> Result<bool>;

    /// Shows a vector and its metadata where they lie. `None` if there is none.
    fn view(&self, key: u64, look: impl FnOnce(&[u8], &[u8]) -> u64) -> Result<Option<u64>>;

    /// As [`view`](Self::view), of many, at once where the store can.
    fn view_many(&self, keys: &[u64], mut look: impl FnMut(&[u8], &[u8])) -> Result<()> {
        for &key in keys {
            let shown = self.view(key, |vector, metadata| {
                look(vector, metadata);
                0
            })?;
            shown.ok_or_else(|| missing(key))?;
        }
        Ok(())
    }

    /// Copies the vectors of many keys into the rows of a matrix, at once where the store can.
    fn copy_many(&self, keys: &[u64], matrix: &mut [f32]) -> Result<()> {
        let mut rows = matrix.chunks_exact_mut(matrix.len() / keys.len().max(1));
        self.view_many(keys, |vector, _| {
            if let Some(row) = rows.next() {
                bytemuck::cast_slice_mut(row).copy_from_slice(vector);
            }
        })
    }

    /// Shows every vector and its metadata once, in the order that is the fastest for the store.
    fn scan(&self, look: impl FnMut(&[u8], &[u8])) -> Result<()>;

    /// As [`view`](Self::view), by a guard that its holder may keep, where the store has such.
    fn hold(&self, key: u64, look: impl FnOnce(&[u8], &[u8]) -> u64) -> Result<Option<u64>> {
        self.view(key, look)
    }

    /// Makes all writes survive a loss of power.
    fn flush(&mut self) -> Result<()>;

    /// Gives the space of what was replaced and deleted back to the file system, so that the result survives a loss of
    /// power. False if the store has no such call.
    fn compact(&mut self) -> Result<bool> {
        Ok(false)
    }

    /// A way to make another handle on this store, for another thread: both read and write at the same time, and each
    /// sees what the other has written. `None` if the store cannot.
    fn share(&self) -> Option<Share<Self>>
    where
        Self: Sized,
    {
        None
    }
}

/// Makes a handle in the thread that is to use it.
pub type Share<S> = Box<dyn FnOnce() -> Result<S> + Send>;

/// The error of a read that found nothing under a key that was stored.
pub fn missing(key: u64) -> Error {
    format!("key {key} was stored and is not there").into()
}
