//! What a contestant can do: one operation at a time ([`Store`]), and whole passes over a data set ([`Passes`]).
//!
//! The loops are written once, here, and compiled into each store: no contestant pays for a virtual call per operation.

use crate::dataset::{Dataset, Record};
use crate::machine::subdirectory;
use crate::{Error, Result};
use std::ops::Range;
use std::path::Path;
use tempfile::TempDir;

/// One store of vectors and metadata under 64-bit keys.
pub trait Store {
    /// Stores one vector so that it survives the death of the process (where the store outlives it at all).
    ///
    /// # Errors
    /// The store's own; so do all calls below.
    fn put(&mut self, record: Record<'_>) -> Result<()>;

    /// Stores many vectors in one go, atomically where the store can.
    fn put_batch<'a>(&mut self, records: impl Iterator<Item = Record<'a>>) -> Result<()>;

    /// Called once after the last write and before the first read.
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

    /// As [`view`](Self::view), by a guard that its holder may keep, where the store has such.
    fn hold(&self, key: u64, look: impl FnOnce(&[u8], &[u8]) -> u64) -> Result<Option<u64>> {
        self.view(key, look)
    }

    /// Makes all writes survive a loss of power.
    fn flush(&mut self) -> Result<()>;
}

/// Whole passes, for use behind a pointer.
pub trait Passes {
    /// Puts the records of that range one by one.
    ///
    /// # Errors
    /// The store's own, or "not found"; so do all calls below.
    fn put_each(&mut self, data: &Dataset, range: Range<usize>) -> Result<()>;
    /// Puts the records of that range in batches of `batch`.
    fn put_batches(&mut self, data: &Dataset, range: Range<usize>, batch: usize) -> Result<()>;
    /// See [`Store::begin_reading`].
    fn begin_reading(&mut self) -> Result<()>;
    /// Copies every one of these keys' vectors; the sum tells whether the right bytes came.
    fn copy_each(&self, keys: &[u64], dimension: usize) -> Result<u64>;
    /// Views every one of these keys' vectors; the same sum.
    fn view_each(&self, keys: &[u64]) -> Result<u64>;
    /// The same, all asked for at once.
    fn view_many(&self, keys: &[u64]) -> Result<u64>;
    /// The same, by guards that could be kept.
    fn hold_each(&self, keys: &[u64]) -> Result<u64>;
    /// The same, each key known only when the vector before it was seen: no two reads overlap in the processor.
    fn follow_each(&self, keys: &[u64]) -> Result<u64>;
    /// See [`Store::flush`].
    fn flush(&mut self) -> Result<()>;
}

/// A store whose type no longer matters.
pub type AnyStore = Box<dyn Passes>;

/// Opens the store in a directory again: dimension, bytes of metadata per vector.
pub type Opener = fn(&Path, usize, usize) -> Result<AnyStore>;

/// Hides the type of a store.
pub(crate) fn boxed<S: Store + 'static>(store: Result<S>) -> Result<AnyStore> {
    Ok(Box::new(store?))
}

/// What a contestant's figures are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// This engine.
    Ours,
    /// Another store.
    Peer,
    /// No store at all: the bare calls that any store must make.
    Limit,
}

/// One who takes part.
#[derive(Clone, Copy)]
pub struct Contestant {
    /// Column title.
    pub name: &'static str,
    /// Ours, peer or limit.
    pub kind: Kind,
    /// Whether it keeps files, and so can be flushed and opened again.
    pub on_disk: bool,
    /// Whether only its reads differ from those of another contestant.
    pub read_only: bool,
    /// Makes an empty store in an empty directory, for vectors of that dimension.
    pub create: fn(&Path, usize) -> Result<AnyStore>,
    /// Opens what it left, where that is measured.
    pub open: Option<Opener>,
}

/// A store and the directory of its own that it lies in, which is removed when the store is closed.
pub struct Housed {
    /// The store; dropped first.
    pub store: AnyStore,
    /// Its directory.
    pub dir: TempDir,
}

impl Contestant {
    /// An empty store in a new directory under `parent`, for vectors of that dimension.
    ///
    /// # Errors
    /// The store's own, or the directory cannot be made.
    pub fn fresh(&self, parent: &Path, dimension: usize) -> Result<Housed> {
        let dir = subdirectory(parent, self.name)?;
        Ok(Housed { store: (self.create)(dir.path(), dimension)?, dir })
    }
}

/// What a reader touches of every vector: its first element and the last byte of its metadata.
fn touch(vector: &[u8], metadata: &[u8]) -> u64 {
    let first = vector.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    u64::from(first) + u64::from(metadata.last().copied().unwrap_or(0))
}

fn missing(key: u64) -> Error {
    format!("key {key} was stored and is not there").into()
}

impl<S: Store> Passes for S {
    fn put_each(&mut self, data: &Dataset, range: Range<usize>) -> Result<()> {
        data.records(range).try_for_each(|record| self.put(record))
    }

    fn put_batches(&mut self, data: &Dataset, range: Range<usize>, batch: usize) -> Result<()> {
        for start in range.clone().step_by(batch) {
            self.put_batch(data.records(start..range.end.min(start + batch)))?;
        }
        Ok(())
    }

    fn begin_reading(&mut self) -> Result<()> {
        Store::begin_reading(self)
    }

    fn copy_each(&self, keys: &[u64], dimension: usize) -> Result<u64> {
        let (mut vector, mut metadata) = (vec![0.0; dimension], Vec::new());
        let mut sum = 0_u64;
        for &key in keys {
            if !self.copy(key, &mut vector, &mut metadata)? {
                return Err(missing(key));
            }
            let vector = std::hint::black_box(&vector);
            sum = sum.wrapping_add(touch(bytemuck::cast_slice(vector), &metadata));
        }
        Ok(sum)
    }

    fn view_each(&self, keys: &[u64]) -> Result<u64> {
        let mut sum = 0_u64;
        for &key in keys {
            sum = sum.wrapping_add(self.view(key, touch)?.ok_or_else(|| missing(key))?);
        }
        Ok(sum)
    }

    fn view_many(&self, keys: &[u64]) -> Result<u64> {
        let mut sum = 0_u64;
        Store::view_many(self, keys, |vector, metadata| sum = sum.wrapping_add(touch(vector, metadata)))?;
        Ok(sum)
    }

    fn hold_each(&self, keys: &[u64]) -> Result<u64> {
        let mut sum = 0_u64;
        for &key in keys {
            sum = sum.wrapping_add(self.hold(key, touch)?.ok_or_else(|| missing(key))?);
        }
        Ok(sum)
    }

    fn follow_each(&self, keys: &[u64]) -> Result<u64> {
        let nothing = std::hint::black_box(0);
        let mut sum = 0_u64;
        for &key in keys {
            let key = key ^ (sum & nothing);
            sum = sum.wrapping_add(self.view(key, touch)?.ok_or_else(|| missing(key))?);
        }
        Ok(sum)
    }

    fn flush(&mut self) -> Result<()> {
        Store::flush(self)
    }
}
