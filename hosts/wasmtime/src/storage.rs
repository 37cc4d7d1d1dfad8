//! A directory and its databases, as handles into one instance of the component. Each call locks the instance, makes
//! the call of the same name, and gives back what that gave.

use crate::bindings::Jvdb;
use crate::bindings::exports::jvdb::storage::engine::{
    DatabaseStats, Entry, EntryPage, Error as EngineError, GuestDatabase, GuestStorage, Key, KeyPage, Operation,
    Options, Schema, StorageStats, Stored, Written,
};
use crate::component::{Component, Sandbox};
use crate::error::{Error, Result};
use jvdb_core::medium::DirectoryLock;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use wasmtime::Store;
use wasmtime::component::ResourceAny;
use wasmtime_wasi::FsPerms;
use wasmtime_wasi::runtime::with_ambient_tokio_runtime;

/// One running component. Dropped when the last handle into it is; the lock goes last.
struct Instance {
    store: Mutex<Store<Sandbox>>,
    exports: Jvdb,
    _lock: Option<DirectoryLock>,
}

impl Instance {
    /// Makes a call into the component.
    fn call<T>(&self, call: impl FnOnce(&Jvdb, &mut Store<Sandbox>) -> wasmtime::Result<T>) -> Result<T> {
        // A panic within a call leaves the component as a trap does: wasmtime lets nobody in any more.
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        // Without a runtime around the call, each read and write would wake one and look for events of its own.
        with_ambient_tokio_runtime(|| call(&self.exports, &mut store)).map_err(Error::Stopped)
    }

    /// Gives a handle back. Nobody is left to hear of a failure.
    fn give_back(&self, handle: ResourceAny) {
        let _ = self.call(|_, store| handle.resource_drop(store));
    }
}

/// What the engine said, as this crate's result.
fn said<T>(result: std::result::Result<T, EngineError>) -> Result<T> {
    result.map_err(Error::Engine)
}

/// A storage directory, open in an instance of the component.
///
/// Dropping it flushes and closes every database, without a word about failures; [`close`](Self::close) reports them.
pub struct Storage {
    instance: Arc<Instance>,
    /// Gone once closed.
    handle: Option<ResourceAny>,
}

impl Storage {
    /// Opens a directory in a new instance. A missing one is created. Unless `options.read_only`, the directory's lock
    /// is taken; with it, the component is given no right to write. `options.directory` is set by this call.
    ///
    /// # Errors
    /// [`Error::Directory`]; [`Error::Engine`] with `Locked` if another process, or another storage in this one, has
    /// the directory, or with what the interface's `open` says.
    pub fn open(component: &Component, directory: impl AsRef<Path>, options: Options) -> Result<Self> {
        let directory = directory.as_ref();
        let failed = |source| Error::Directory { path: directory.into(), source };
        let (rights, lock) = if options.read_only {
            fs::read_dir(directory).map_err(failed)?;
            (FsPerms::ReadOnly, None)
        } else {
            fs::create_dir_all(directory).map_err(failed)?;
            (FsPerms::ReadWrite, Some(DirectoryLock::acquire(directory)?))
        };
        let (store, exports) = component.instantiate(directory, rights).map_err(Error::Stopped)?;
        let instance = Instance { store: Mutex::new(store), exports, _lock: lock };
        let options = Options { directory: None, ..options };
        let handle = instance.call(|jvdb, store| jvdb.jvdb_storage_engine().storage().call_open(store, &options))?;
        Ok(Self { handle: Some(said(handle)?), instance: Arc::new(instance) })
    }

    fn call<T>(
        &self,
        call: impl FnOnce(GuestStorage<'_>, &mut Store<Sandbox>, ResourceAny) -> wasmtime::Result<T>,
    ) -> Result<T> {
        let handle = self.handle.expect("only close and drop take the handle, and both end the storage");
        self.instance.call(|jvdb, store| call(jvdb.jvdb_storage_engine().storage(), store, handle))
    }

    fn handle_on(&self, handle: std::result::Result<ResourceAny, EngineError>) -> Result<Database> {
        Ok(Database { instance: self.instance.clone(), handle: said(handle)? })
    }

    /// Flushes every database so that the next opening has nothing to replay, and closes. Handles still held go on
    /// working, and keep the directory and its lock until they are dropped.
    ///
    /// # Errors
    /// All databases are tried; the first error is returned. Nothing acknowledged is lost by it.
    pub fn close(mut self) -> Result<()> {
        let handle = self.handle.take().expect("only close and drop take the handle, and both end the storage");
        said(self.instance.call(|jvdb, store| jvdb.jvdb_storage_engine().storage().call_close(store, handle))?)
    }

    /// Creates a database, durably.
    ///
    /// # Errors
    /// `AlreadyExists`, `InvalidName`, `InvalidArgument` for the dimension, `ReadOnly`, `Io`.
    pub fn create(&self, name: &str, schema: Schema) -> Result<Database> {
        self.handle_on(self.call(|storage, store, this| storage.call_create(store, this, name, schema))?)
    }

    /// Opens a database, and creates it first if there is none.
    ///
    /// # Errors
    /// Those of [`create`](Self::create) and [`database`](Self::database), and `InvalidArgument` if there is one of another
    /// dimension or metric.
    pub fn open_or_create(&self, name: &str, schema: Schema) -> Result<Database> {
        self.handle_on(self.call(|storage, store, this| storage.call_open_or_create(store, this, name, schema))?)
    }

    /// Opens a database, whose file stays open as long as the handle lives.
    ///
    /// # Errors
    /// `NotFound`, `Corrupt`, `UnsupportedVersion`, `AllPinned`, `Io`.
    pub fn database(&self, name: &str) -> Result<Database> {
        self.handle_on(self.call(|storage, store, this| storage.call_database(store, this, name))?)
    }

    /// Whether a database of this name exists.
    ///
    /// # Errors
    /// `InvalidName`.
    pub fn exists(&self, name: &str) -> Result<bool> {
        said(self.call(|storage, store, this| storage.call_exists(store, this, name))?)
    }

    /// Removes a database and its file, durably. Handles on it fail from then on.
    ///
    /// # Errors
    /// `NotFound`, `ReadOnly`, `Io`.
    pub fn drop_database(&self, name: &str) -> Result<()> {
        said(self.call(|storage, store, this| storage.call_drop_database(store, this, name))?)
    }

    /// Names of all databases, sorted.
    ///
    /// # Errors
    /// `Io`.
    pub fn list(&self) -> Result<Vec<String>> {
        said(self.call(|storage, store, this| storage.call_list(store, this))?)
    }

    /// Makes everything written to any database before this call survive a loss of power; how long that took.
    ///
    /// # Errors
    /// `Poisoned`, `Io`: the first one, after all databases were tried.
    pub fn flush(&self) -> Result<Duration> {
        said(self.call(|storage, store, this| storage.call_flush(store, this))?).map(Duration::from_nanos)
    }

    /// Figures.
    ///
    /// # Errors
    /// `Io` if a file's length cannot be read.
    pub fn stats(&self) -> Result<StorageStats> {
        said(self.call(|storage, store, this| storage.call_stats(store, this))?)
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            self.instance.give_back(handle);
        }
    }
}

/// A database, open. Its file stays open as long as this lives.
pub struct Database {
    instance: Arc<Instance>,
    handle: ResourceAny,
}

impl Database {
    fn call<T>(
        &self,
        call: impl FnOnce(GuestDatabase<'_>, &mut Store<Sandbox>, ResourceAny) -> wasmtime::Result<T>,
    ) -> Result<T> {
        self.instance.call(|jvdb, store| call(jvdb.jvdb_storage_engine().database(), store, self.handle))
    }

    /// Its name.
    ///
    /// # Errors
    /// [`Error::Stopped`] only.
    pub fn name(&self) -> Result<String> {
        self.call(|database, store, this| database.call_name(store, this))
    }

    /// Its schema.
    ///
    /// # Errors
    /// [`Error::Stopped`] only.
    pub fn schema(&self) -> Result<Schema> {
        self.call(|database, store, this| database.call_schema(store, this))
    }

    /// Stores a vector, in place of the one of that key if there is one; true if there was none.
    ///
    /// # Errors
    /// `DimensionMismatch`, `InvalidArgument` for key or metadata, `ReadOnly`, `Poisoned`, `Dropped`, `Io`; so do all
    /// writes below.
    pub fn put(&self, key: impl Into<Key>, vector: &[f32], metadata: &[u8]) -> Result<bool> {
        let key = key.into();
        said(self.call(|database, store, this| database.call_put(store, this, &key, vector, metadata))?)
    }

    /// Stores a vector under a new key.
    ///
    /// # Errors
    /// `KeyExists`.
    pub fn insert(&self, key: impl Into<Key>, vector: &[f32], metadata: &[u8]) -> Result<()> {
        let key = key.into();
        said(self.call(|database, store, this| database.call_insert(store, this, &key, vector, metadata))?)
    }

    /// Stores a vector in place of that of an existing key.
    ///
    /// # Errors
    /// `KeyNotFound`.
    pub fn replace(&self, key: impl Into<Key>, vector: &[f32], metadata: &[u8]) -> Result<()> {
        let key = key.into();
        said(self.call(|database, store, this| database.call_replace(store, this, &key, vector, metadata))?)
    }

    /// Stores many vectors at once, all or none, also across a loss of power. The batch is copied into the component,
    /// whose memory ends at 4 GiB: keep it below 64 MiB.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn put_batch(&self, entries: &[Entry]) -> Result<Written> {
        said(self.call(|database, store, this| database.call_put_batch(store, this, entries))?)
    }

    /// Stores and deletes many vectors at once, in this order, all or none, also across a loss of power.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn write(&self, operations: &[Operation]) -> Result<Written> {
        said(self.call(|database, store, this| database.call_write(store, this, operations))?)
    }

    /// Deletes a vector; false if it was not there.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn delete(&self, key: impl Into<Key>) -> Result<bool> {
        let key = key.into();
        said(self.call(|database, store, this| database.call_delete(store, this, &key))?)
    }

    /// A vector and its metadata.
    ///
    /// # Errors
    /// `Corrupt`, `Dropped`, `Io`; so do all reads below.
    pub fn get(&self, key: impl Into<Key>) -> Result<Option<Stored>> {
        let key = key.into();
        said(self.call(|database, store, this| database.call_get(store, this, &key))?)
    }

    /// Whether the key is there.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn contains(&self, key: impl Into<Key>) -> Result<bool> {
        let key = key.into();
        said(self.call(|database, store, this| database.call_contains(store, this, &key))?)
    }

    /// How many vectors there are.
    ///
    /// # Errors
    /// [`Error::Stopped`] only.
    pub fn count(&self) -> Result<u64> {
        self.call(|database, store, this| database.call_count(store, this))
    }

    /// The keys behind `start` (0: all), in the order they were last written, until they reach `max_bytes`, at most
    /// 32 MiB. An empty page says that there are none.
    ///
    /// # Errors
    /// As [`get`](Self::get); `InvalidArgument` for a position that no page gave.
    pub fn keys(&self, start: u64, max_bytes: u32) -> Result<KeyPage> {
        said(self.call(|database, store, this| database.call_keys(store, this, start, max_bytes))?)
    }

    /// The vectors behind `start` (0: all), in the order they were last written, until they reach `max_bytes`, at most
    /// 32 MiB. An empty page says that there are none.
    ///
    /// # Errors
    /// As [`keys`](Self::keys).
    pub fn scan(&self, start: u64, max_bytes: u32) -> Result<EntryPage> {
        said(self.call(|database, store, this| database.call_scan(store, this, start, max_bytes))?)
    }

    /// Makes everything written to this database before the call survive a loss of power; how long that took.
    ///
    /// # Errors
    /// `Poisoned`, `Io`.
    pub fn flush(&self) -> Result<Duration> {
        said(self.call(|database, store, this| database.call_flush(store, this))?).map(Duration::from_nanos)
    }

    /// Figures.
    ///
    /// # Errors
    /// [`Error::Stopped`] only.
    pub fn stats(&self) -> Result<DatabaseStats> {
        self.call(|database, store, this| database.call_stats(store, this))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.instance.give_back(self.handle);
    }
}
