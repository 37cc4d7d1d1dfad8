//! Whole passes over a data set ([`Passes`]), made of single operations of a [`Store`].
//!
//! The loops are written once, here, and compiled into each store: no contestant pays for a virtual call per operation.

use crate::dataset::Dataset;
use crate::outcome::Result;
use crate::store::{Share, Store, missing};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

/// Whole passes, for use behind a pointer.
pub trait Passes {
    /// Puts the records of that range one by one.
    ///
    /// # Errors
    /// The store's own, or "not found"; so do all calls below.
    fn put_each(&mut self, data: &Dataset, range: Range<usize>) -> Result<()>;
    /// Puts the records of that range in batches of `batch`.
    fn put_batches(&mut self, data: &Dataset, range: Range<usize>, batch: usize) -> Result<()>;
    /// Stores other vectors under the keys of that range of [`Dataset::reads`], one by one.
    fn update_each(&mut self, data: &Dataset, range: Range<usize>) -> Result<()>;
    /// Deletes these keys one by one; all of them are there.
    fn delete_each(&mut self, keys: &[u64]) -> Result<()>;
    /// Copies 19 vectors and updates one, again and again, through that range of [`Dataset::reads`].
    fn mix(&mut self, data: &Dataset, range: Range<usize>) -> Result<()>;
    /// Puts the records of that range until `stop` is set, and adds the nanoseconds of each. How many were put.
    fn put_until(
        &mut self,
        data: &Dataset,
        range: Range<usize>,
        stop: &AtomicBool,
        took: &mut Vec<u64>,
    ) -> Result<usize>;
    /// Copies these keys' vectors, from the first again after the last, until `stop` is set, and adds the nanoseconds of
    /// each.
    fn copy_until(&self, keys: &[u64], dimension: usize, stop: &AtomicBool, took: &mut Vec<u64>) -> Result<()>;
    /// See [`Store::begin_reading`].
    fn begin_reading(&mut self) -> Result<()>;
    /// Copies every one of these keys' vectors; the sum tells whether the right bytes came.
    fn copy_each(&self, keys: &[u64], dimension: usize) -> Result<u64>;
    /// Copies these keys' vectors into a matrix, `batch` at a time; the sum of the first elements.
    fn copy_batches(&self, keys: &[u64], dimension: usize, batch: usize) -> Result<u64>;
    /// Views every one of these keys' vectors; the same sum.
    fn view_each(&self, keys: &[u64]) -> Result<u64>;
    /// The same, all asked for at once.
    fn view_many(&self, keys: &[u64]) -> Result<u64>;
    /// The same, by guards that could be kept.
    fn hold_each(&self, keys: &[u64]) -> Result<u64>;
    /// The same, each key known only when the vector before it was seen: no two reads overlap in the processor.
    fn follow_each(&self, keys: &[u64]) -> Result<u64>;
    /// Shows every vector once; how many there were, and the sum of the inner products with `query`.
    fn scan_dot(&self, query: &[f32]) -> Result<(usize, f32)>;
    /// See [`Store::flush`].
    fn flush(&mut self) -> Result<()>;
    /// See [`Store::compact`].
    fn compact(&mut self) -> Result<bool>;
    /// See [`Store::share`].
    fn share(&self) -> Option<Share<AnyStore>>;
}

/// What a reader touches of every vector: its first element and the last byte of its metadata.
pub(crate) fn touch(vector: &[u8], metadata: &[u8]) -> u64 {
    let first = vector.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    u64::from(first) + u64::from(metadata.last().copied().unwrap_or(0))
}

/// A store whose type no longer matters.
pub type AnyStore = Box<dyn Passes>;

/// Hides the type of a store.
///
/// # Errors
/// It could not be opened.
pub fn boxed<S: Store + 'static>(store: Result<S>) -> Result<AnyStore> {
    Ok(Box::new(store?))
}

impl<S: Store + 'static> Passes for S {
    fn put_each(&mut self, data: &Dataset, range: Range<usize>) -> Result<()> {
        data.records(range).try_for_each(|record| self.put(record))
    }

    fn put_batches(&mut self, data: &Dataset, range: Range<usize>, batch: usize) -> Result<()> {
        for start in range.clone().step_by(batch) {
            self.put_batch(data.records(start..range.end.min(start + batch)))?;
        }
        Ok(())
    }

    fn update_each(&mut self, data: &Dataset, range: Range<usize>) -> Result<()> {
        data.updates(range).try_for_each(|record| self.update(record))
    }

    fn delete_each(&mut self, keys: &[u64]) -> Result<()> {
        keys.iter().try_for_each(|&key| if self.delete(key)? { Ok(()) } else { Err(missing(key)) })
    }

    fn mix(&mut self, data: &Dataset, range: Range<usize>) -> Result<()> {
        const UPDATES: usize = 20;
        let (mut vector, mut metadata) = (vec![0.0; data.dimension], Vec::new());
        for (i, update) in range.clone().zip(data.updates(range)) {
            if i % UPDATES == 0 {
                self.update(update)?;
            } else if self.copy(update.key, &mut vector, &mut metadata)? {
                std::hint::black_box((&vector, &metadata));
            } else {
                return Err(missing(update.key));
            }
        }
        Ok(())
    }

    fn put_until(
        &mut self,
        data: &Dataset,
        range: Range<usize>,
        stop: &AtomicBool,
        took: &mut Vec<u64>,
    ) -> Result<usize> {
        let before = took.len();
        for record in data.records(range).take_while(|_| !stop.load(Relaxed)) {
            let start = Instant::now();
            self.put(record)?;
            took.push(start.elapsed().as_nanos() as u64);
        }
        Ok(took.len() - before)
    }

    fn copy_until(&self, keys: &[u64], dimension: usize, stop: &AtomicBool, took: &mut Vec<u64>) -> Result<()> {
        let (mut vector, mut metadata) = (vec![0.0; dimension], Vec::new());
        for &key in keys.iter().cycle().take_while(|_| !stop.load(Relaxed)) {
            let start = Instant::now();
            if !self.copy(key, &mut vector, &mut metadata)? {
                return Err(missing(key));
            }
            took.push(start.elapsed().as_nanos() as u64);
            std::hint::black_box((&vector, &metadata));
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

    fn copy_batches(&self, keys: &[u64], dimension: usize, batch: usize) -> Result<u64> {
        let mut matrix = vec![0.0_f32; batch * dimension];
        let mut sum = 0_u64;
        for keys in keys.chunks(batch) {
            let matrix = &mut matrix[..keys.len() * dimension];
            self.copy_many(keys, matrix)?;
            let matrix = std::hint::black_box(matrix);
            let firsts = matrix.iter().step_by(dimension).map(|first| u64::from(first.to_bits()));
            sum = sum.wrapping_add(firsts.fold(0, u64::wrapping_add));
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

    fn scan_dot(&self, query: &[f32]) -> Result<(usize, f32)> {
        let (mut count, mut sum) = (0, 0.0);
        self.scan(|vector, _| {
            count += 1;
            sum += dot(query, vector);
        })?;
        Ok((count, sum))
    }

    fn compact(&mut self) -> Result<bool> {
        Store::compact(self)
    }

    fn share(&self) -> Option<Share<AnyStore>> {
        Store::share(self).map(|make| Box::new(|| boxed(make())) as Share<AnyStore>)
    }
}

/// The inner product, in as many sums as keep a processor busy. Bytes, since not all stores align what they show.
pub fn dot(query: &[f32], vector: &[u8]) -> f32 {
    const LANES: usize = 32;
    let mut sums = [0.0_f32; LANES];
    let (mut queries, mut vectors) = (query.chunks_exact(LANES), vector.chunks_exact(LANES * size_of::<f32>()));
    for (query, vector) in queries.by_ref().zip(vectors.by_ref()) {
        for (lane, sum) in sums.iter_mut().enumerate() {
            *sum += query[lane] * element(vector, lane);
        }
    }
    let rest = queries.remainder().iter().enumerate();
    let rest: f32 = rest.map(|(i, query)| query * element(vectors.remainder(), i)).sum();
    rest + sums.iter().sum::<f32>()
}

fn element(vector: &[u8], i: usize) -> f32 {
    let at = i * size_of::<f32>();
    vector[at..].first_chunk().map_or(0.0, |bytes| f32::from_le_bytes(*bytes))
}
