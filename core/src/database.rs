//! A handle on one open database: what a caller stores in it and reads from it. What an operator asks of it is in `upkeep`.
//!
//! A handle pins its database: while it lives the file stays open. It puts the caller's arguments into the engine's
//! terms and hands on to the store; it decides nothing.

use crate::cursor::{Cursor, Keys, Position};
use crate::directory::handle::Handle;
use crate::format::record::Kind;
use crate::store::store::Store;
use crate::store::write::{Rule, WriteOp, Written};
use crate::types::error::Result;
use crate::types::key::{Key, Name};
use crate::types::schema::Schema;
use crate::vector::Vector;
use std::collections::TryReserveError;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering::Relaxed;

/// One database, open and pinned: it counts against `max_open_files` until this handle and all its clones are dropped.
/// Cheap to clone. Every call takes `&self` and may come from any thread.
///
/// A write that returned `Ok` survives the death of the process at any instruction. It survives a loss of power once a
/// [`flush`](Self::flush) that began after it has returned. The first write to a database since its directory was opened waits
/// for one sync, unless the database was made since: so nothing that an earlier loss of power took ever comes back. Vectors are
/// stored bit for bit as given, NaNs included.
///
/// ```
/// use jvdb_core::{Metric, Options, Schema, Storage};
/// let storage = Storage::in_memory(Options::default())?;
/// let db = storage.create("colours", Schema::new(3, Metric::Cosine)?)?;
/// db.put(7, &[1.0, 0.5, 0.0], b"{\"name\":\"orange\"}")?;
/// let orange = db.get(7)?.expect("just stored");
/// assert_eq!(orange.vector(), [1.0, 0.5, 0.0]);
/// assert_eq!(orange.metadata(), b"{\"name\":\"orange\"}");
/// # Ok::<(), jvdb_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Database {
    pub(crate) handle: Handle,
}

/// One element of an atomic batch, for [`Database::write`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Operation<'a> {
    /// Stores a vector, or replaces the one of that key.
    Put {
        /// Its key.
        key: Key<'a>,
        /// Its elements, as many as the schema's dimension.
        vector: &'a [f32],
        /// Bytes kept beside it, JSON text by convention; may be empty.
        metadata: &'a [u8],
    },
    /// Deletes a vector; nothing happens if it is not there.
    Delete {
        /// Its key.
        key: Key<'a>,
    },
}

impl Database {
    pub(crate) fn new(handle: Handle) -> Self {
        Self { handle }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.store().identity.name
    }

    /// Its schema.
    pub fn schema(&self) -> Schema {
        self.store().identity.schema
    }

    /// Stores a vector, or replaces the one of that key. Returns whether the key is new. `vector` has as many elements
    /// as the schema's dimension; `metadata` is at most 16 MiB.
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`], [`Error::InvalidArgument`] for a key or metadata out of range, [`Error::Io`] if
    /// the disk is full or broken, [`Error::Poisoned`], [`Error::ReadOnly`], [`Error::Dropped`]. Nothing is stored then.
    ///
    /// [`Error::DimensionMismatch`]: crate::Error::DimensionMismatch
    /// [`Error::InvalidArgument`]: crate::Error::InvalidArgument
    /// [`Error::Io`]: crate::Error::Io
    /// [`Error::Poisoned`]: crate::Error::Poisoned
    /// [`Error::ReadOnly`]: crate::Error::ReadOnly
    /// [`Error::Dropped`]: crate::Error::Dropped
    pub fn put<'k>(&self, key: impl Into<Key<'k>>, vector: &[f32], metadata: &[u8]) -> Result<bool> {
        self.store_one(key.into(), vector, metadata, Rule::Any)
    }

    /// As [`put`](Self::put), for a key that must be new.
    ///
    /// # Errors
    /// Those of `put`, and [`Error::KeyExists`](crate::Error::KeyExists).
    pub fn insert<'k>(&self, key: impl Into<Key<'k>>, vector: &[f32], metadata: &[u8]) -> Result<()> {
        self.store_one(key.into(), vector, metadata, Rule::Absent).map(drop)
    }

    /// As [`put`](Self::put), for a key that must be there.
    ///
    /// # Errors
    /// Those of `put`, and [`Error::KeyNotFound`](crate::Error::KeyNotFound).
    pub fn replace<'k>(&self, key: impl Into<Key<'k>>, vector: &[f32], metadata: &[u8]) -> Result<()> {
        self.store_one(key.into(), vector, metadata, Rule::Present).map(drop)
    }

    fn store_one(&self, key: Key<'_>, vector: &[f32], metadata: &[u8], rule: Rule) -> Result<bool> {
        let op =
            WriteOp { kind: Kind::Put, name: Name::Vector(key), vector: bytemuck::cast_slice(vector), metadata, rule };
        let written = self.store().write([op])?;
        self.handle.throttle();
        Ok(written.inserted == 1)
    }

    /// Reads a vector and its metadata without a copy (with [`Access::File`](crate::Access::File): with one).
    ///
    /// # Errors
    /// [`Error::Corrupt`](crate::Error::Corrupt) where the index or the record's header is damaged, and with
    /// `verify_checksums` any byte of the record; [`Error::Io`](crate::Error::Io);
    /// [`Error::Dropped`](crate::Error::Dropped).
    pub fn get<'k>(&self, key: impl Into<Key<'k>>) -> Result<Option<Vector>> {
        let held = self.store().get(Name::Vector(key.into()))?;
        Ok(held.map(|held| Vector::new(held, self.store().vector_bytes())))
    }

    /// Copies a vector into `vector`, which has room for just as many elements as the schema's dimension, and its
    /// metadata into `metadata`, whose content it replaces. Returns false, and touches neither, if the key is not there.
    ///
    /// # Errors
    /// Those of [`get`](Self::get), and [`Error::DimensionMismatch`](crate::Error::DimensionMismatch) for a buffer of
    /// another size.
    pub fn get_into<'k>(&self, key: impl Into<Key<'k>>, vector: &mut [f32], metadata: &mut Vec<u8>) -> Result<bool> {
        if vector.len() != self.schema().dimension() {
            return Err(self.store().wrong_dimension(vector.len()));
        }
        let copied = self.read(key, |from, found| {
            let more = found.len().saturating_sub(metadata.len());
            metadata.try_reserve(more)?;
            vector.copy_from_slice(from);
            metadata.clear();
            metadata.extend_from_slice(found);
            Ok::<_, TryReserveError>(())
        })?;
        copied.transpose().map(|copied| copied.is_some()).map_err(|full| self.store().fault(full.into()))
    }

    /// Calls `f` with a vector and its metadata where they lie, and returns what `f` returns; `None` if the key is not there.
    /// The fastest read: nothing is copied and nothing is pinned.
    ///
    /// `f` should be short: a batch or a flush of this database waits until it has returned, and other readers wait for that.
    /// `f` may read this database. Inside of it, writing to, flushing, compacting, backing up or dropping this database is an
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument). Any other call, on another database or on
    /// [`Storage`](crate::Storage), may wait for one that waits for this read, and so for ever; `f` must not wait for a thread
    /// that writes, either.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    ///
    /// ```
    /// use jvdb_core::{Metric, Options, Schema, Storage};
    /// let storage = Storage::in_memory(Options::default())?;
    /// let db = storage.create("points", Schema::new(2, Metric::DotProduct)?)?;
    /// db.put(1, &[3.0, 4.0], b"")?;
    /// let product = db.read(1, |vector, _| vector.iter().map(|x| x * x).sum::<f32>())?;
    /// assert_eq!(product, Some(25.0));
    /// # Ok::<(), jvdb_core::Error>(())
    /// ```
    pub fn read<'k, R>(&self, key: impl Into<Key<'k>>, f: impl FnOnce(&[f32], &[u8]) -> R) -> Result<Option<R>> {
        self.store().read_with(key.into(), f)
    }

    /// As [`read`](Self::read), for many keys. `f` gets the index of each key, from 0, and what is stored under it. Faster than
    /// as many single reads, because the memory of 32 vectors is fetched at once; a batch or a flush may wait for as many.
    ///
    /// # Errors
    /// Those of [`get`](Self::get); `f` has been called for the keys before the one that failed.
    ///
    /// ```
    /// use jvdb_core::{Metric, Options, Schema, Storage};
    /// let storage = Storage::in_memory(Options::default())?;
    /// let db = storage.create("points", Schema::new(2, Metric::DotProduct)?)?;
    /// db.put(1, &[3.0, 4.0], b"")?;
    /// let mut products = [None; 2];
    /// db.read_many([1, 2], |i, found| products[i] = found.map(|(vector, _)| vector[0] * vector[1]))?;
    /// assert_eq!(products, [Some(12.0), None]);
    /// # Ok::<(), jvdb_core::Error>(())
    /// ```
    pub fn read_many<'k, K: Into<Key<'k>>>(
        &self,
        keys: impl IntoIterator<Item = K>,
        f: impl FnMut(usize, Option<(&[f32], &[u8])>),
    ) -> Result<()> {
        self.store().read_many_with(keys.into_iter().map(Into::into), f)
    }

    /// Whether the key is there.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    pub fn contains<'k>(&self, key: impl Into<Key<'k>>) -> Result<bool> {
        self.store().contains(key.into())
    }

    /// Deletes a vector. Returns whether it was there.
    ///
    /// # Errors
    /// Those of [`put`](Self::put).
    pub fn delete<'k>(&self, key: impl Into<Key<'k>>) -> Result<bool> {
        self.delete_many([key.into()]).map(|deleted| deleted == 1)
    }

    /// Deletes vectors as one batch. Returns how many were there. A full disk has a little room in reserve for deletions
    /// (Linux: 128 KiB a directory); it is taken again when a compaction or a dropped database has made room.
    ///
    /// ```
    /// # use jvdb_core::{Key, Metric, Options, Schema, Storage};
    /// # let db = Storage::in_memory(Options::default())?.create("points", Schema::new(1, Metric::DotProduct)?)?;
    /// db.put(1, &[1.0], b"")?;
    /// assert_eq!(db.delete_many([1, 2].map(Key::Int))?, 1);
    /// # Ok::<(), jvdb_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`put`](Self::put); nothing is deleted then.
    pub fn delete_many<'k, I>(&self, keys: I) -> Result<u64>
    where
        I: IntoIterator<Item = Key<'k>>,
        I::IntoIter: Clone,
    {
        let keys = keys.into_iter();
        let delete =
            |key| WriteOp { kind: Kind::Delete, name: Name::Vector(key), vector: &[], metadata: &[], rule: Rule::Any };
        Ok(self.handle.remove(|| keys.clone().map(delete))?.deleted)
    }

    /// Performs a batch as one: all of it or, if any element fails, none; also across a crash or a loss of power.
    /// Elements take effect in order. Readers see either none of it or all. Other writers of this database wait while the
    /// iterator runs, so it must not write to, flush or ask figures of this database itself.
    ///
    /// ```
    /// use jvdb_core::{Key, Metric, Operation, Options, Schema, Storage, Written};
    /// let storage = Storage::in_memory(Options::default())?;
    /// let db = storage.create("points", Schema::new(2, Metric::Euclidean)?)?;
    /// let points = [[0.0, 1.0], [2.0, 3.0]];
    /// let puts = points.iter().zip(1..).map(|(point, id)| Operation::Put { key: Key::Int(id), vector: point, metadata: b"" });
    /// assert_eq!(db.write(puts)?, Written { inserted: 2, ..Written::default() });
    /// # Ok::<(), jvdb_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`put`](Self::put), for any element.
    pub fn write<'a>(&self, operations: impl IntoIterator<Item = Operation<'a>>) -> Result<Written> {
        let ops = operations.into_iter().map(|operation| match operation {
            Operation::Put { key, vector, metadata } => WriteOp {
                kind: Kind::Put,
                name: Name::Vector(key),
                vector: bytemuck::cast_slice(vector),
                metadata,
                rule: Rule::Any,
            },
            Operation::Delete { key } => {
                WriteOp { kind: Kind::Delete, name: Name::Vector(key), vector: &[], metadata: &[], rule: Rule::Any }
            }
        });
        let written = self.store().write(ops)?;
        self.handle.throttle();
        Ok(written)
    }

    /// Keys of all live vectors, in the order in which they were last stored. See [`scan`](Self::scan) for what writes
    /// in between do.
    pub fn keys(&self, from: Position) -> Keys {
        Keys::new(self.handle.clone(), from)
    }

    /// All live vectors without a copy, in the order in which they were last stored, from a position on.
    ///
    /// It gives the database as it was at the first step: each vector once, with the value that it had then. One that is
    /// replaced or deleted meanwhile comes last. A scan from the [`position`](Cursor::position) of another one, and one during
    /// which the database is compacted, may give such a vector with its new value, or once more.
    ///
    /// No lock is held between elements.
    pub fn scan(&self, from: Position) -> Cursor {
        Cursor::new(self.handle.clone(), from)
    }

    /// Calls `f` with each live vector where it lies, in the order of [`scan`](Self::scan), until `f` breaks or there are no
    /// more. Returns the position behind the last one. The fastest way to look at everything: nothing is pinned, and the file
    /// is read ahead. `f` is bound by the same rules as in [`read`](Self::read).
    ///
    /// What is stored meanwhile is not given; a visit from the position returned goes on with that.
    ///
    /// # Errors
    /// Those of [`get`](Self::get), and [`Error::InvalidArgument`](crate::Error::InvalidArgument) for a position that no scan
    /// of this database gave, or if the database was compacted twice between two steps. `f` has been called
    /// for what comes before the record at fault.
    ///
    /// ```
    /// use jvdb_core::{Metric, Options, Position, Schema, Storage};
    /// use std::ops::ControlFlow::Continue;
    /// let storage = Storage::in_memory(Options::default())?;
    /// let db = storage.create("points", Schema::new(2, Metric::DotProduct)?)?;
    /// db.put(1, &[3.0, 4.0], b"")?;
    /// db.put(2, &[1.0, 0.0], b"")?;
    /// let query = [0.5, 1.0];
    /// let mut best = f32::MIN;
    /// db.visit(Position::START, |_key, vector, _metadata| {
    ///     best = best.max(vector.iter().zip(query).map(|(a, b)| a * b).sum());
    ///     Continue(())
    /// })?;
    /// assert_eq!(best, 5.5);
    /// # Ok::<(), jvdb_core::Error>(())
    /// ```
    pub fn visit(&self, from: Position, f: impl FnMut(Key<'_>, &[f32], &[u8]) -> ControlFlow<()>) -> Result<Position> {
        let mut position = from.state();
        self.store().visit_from(&mut position, f)?;
        Ok(Position::at(&position))
    }

    /// Number of live vectors. Takes no lock.
    pub fn count(&self) -> u64 {
        self.store().figures.vectors.load(Relaxed)
    }

    /// Value of an attribute: bytes that a caller keeps beside the vectors, under a name of its own.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    pub fn attribute(&self, name: &[u8]) -> Result<Option<Vec<u8>>> {
        let held = self.store().get(Name::Attribute(name))?;
        let Some(held) = held else { return Ok(None) };
        let held = Vector::new(held, 0);
        let mut value = Vec::new();
        value.try_reserve_exact(held.metadata().len()).map_err(|full| self.store().fault(full.into()))?;
        value.extend_from_slice(held.metadata());
        Ok(Some(value))
    }

    /// Sets an attribute. The name has 1..=512 bytes, the value at most 16 MiB. As durable as a [`put`](Self::put).
    ///
    /// # Errors
    /// Those of `put`.
    pub fn set_attribute(&self, name: &[u8], value: &[u8]) -> Result<()> {
        self.store().write([WriteOp::set_attribute(name, value)])?;
        self.handle.throttle();
        Ok(())
    }

    /// Removes an attribute. Returns whether it was there.
    ///
    /// # Errors
    /// Those of [`put`](Self::put).
    pub fn remove_attribute(&self, name: &[u8]) -> Result<bool> {
        let (kind, name) = (Kind::RemoveAttribute, Name::Attribute(name));
        let op = || [WriteOp { kind, name, vector: &[], metadata: &[], rule: Rule::Any }];
        Ok(self.handle.remove(op)?.deleted == 1)
    }

    /// Names of all attributes, sorted. Reads the whole index.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    pub fn attributes(&self) -> Result<Vec<Vec<u8>>> {
        self.store().attribute_names()
    }

    pub(crate) fn store(&self) -> &Store {
        self.handle.store()
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("name", &self.name()).field("schema", &self.schema()).finish_non_exhaustive()
    }
}
