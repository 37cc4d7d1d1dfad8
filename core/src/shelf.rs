//! Which databases there are and which of them are open: the LRU of open stores, and the pins that keep them there.
//!
//! One short lock guards the books; files are opened and closed outside it, under a mark that makes others wait for that
//! one database only. A store with unflushed writes is parked, not synced: its file is closed and its changes kept.

use crate::error::{Error, Result};
use crate::flusher::House;
use crate::medium::Volume;
use crate::name;
use crate::options::Options;
use crate::recovery;
use crate::schema::Schema;
use crate::stats::StorageStats;
use crate::store::{Pressure, Settings, Store, lock};
use crate::teeth::{Mutant, broken};
use lru::LruCache;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// How long to wait before looking again whether a pinned store has become free.
const PATIENCE: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);

pub(crate) struct Shelf {
    pub volume: Arc<dyn Volume>,
    pub options: Options,
    books: Mutex<Books>,
    changed: Condvar,
    identities: AtomicU64,
}

struct Books {
    /// Every database in the directory, by name.
    databases: BTreeMap<String, Place>,
    /// Open ones, by last use.
    open: LruCache<String, ()>,
    /// Files open, being opened or being closed.
    files: usize,
    evictions: u64,
    /// When the evictions of the last minute were.
    recent: VecDeque<Duration>,
}

enum Place {
    Closed,
    /// Somebody is opening, closing, making or removing it.
    Busy,
    Open(Arc<Store>),
    Parked(Arc<Store>),
}

/// An open store that stays open while this lives.
#[derive(Clone)]
pub(crate) struct Pin {
    store: Arc<Store>,
    house: Arc<House>,
}

impl Pin {
    pub(crate) fn new(store: Arc<Store>, house: Arc<House>) -> Self {
        Self { store, house }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Sees to it that what is unflushed stays bounded. The write that comes before it is acknowledged already, so a
    /// flush that fails here is told by the next one.
    pub(crate) fn relieve(&self) {
        let pressure = self.store.pressure();
        if pressure > Pressure::None || !self.house.has_thread() {
            self.house.relieve(&self.store, pressure);
        }
    }
}

impl Shelf {
    pub(crate) fn open(volume: Arc<dyn Volume>, options: Options) -> Result<Self> {
        options.check()?;
        let shelf = Self {
            volume,
            options,
            books: Mutex::new(Books {
                databases: BTreeMap::new(),
                open: LruCache::unbounded(),
                files: 0,
                evictions: 0,
                recent: VecDeque::new(),
            }),
            changed: Condvar::new(),
            identities: AtomicU64::new(0),
        };
        for file in shelf.look()? {
            if file.ends_with(name::TEMPORARY) && !shelf.options.read_only {
                // Left by a creation that a crash interrupted.
                let removed = shelf.volume.remove(&file);
                removed.map_err(|source| Error::io("remove", recovery::path_of(&*shelf.volume, &file), source))?;
            }
        }
        let path = shelf.volume.path();
        let Options { max_open_files, flush_interval, read_only, .. } = shelf.options;
        tracing::info!(path, max_open_files, ?flush_interval, read_only, "storage directory opened");
        Ok(shelf)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        lock(&self.books)
    }

    /// Lists the directory, and takes notice of databases that were copied into it. Returns all file names.
    fn look(&self) -> Result<Vec<String>> {
        let files = self.volume.list().map_err(|source| Error::io("list directory", self.volume.path(), source))?;
        let mut books = self.books();
        for name in files.iter().filter_map(|file| name::name_of(file)) {
            books.databases.entry(name).or_insert(Place::Closed);
        }
        Ok(files)
    }

    pub(crate) fn names(&self) -> Result<Vec<String>> {
        self.look()?;
        Ok(self.books().databases.keys().cloned().collect())
    }

    pub(crate) fn exists(&self, name: &str) -> Result<bool> {
        let file = name::file_of(name)?;
        let mut books = self.books();
        if !books.databases.contains_key(name) {
            match self.volume.size(&file) {
                Ok(_) => books.databases.insert(name.into(), Place::Closed),
                Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(false),
                Err(source) => return Err(Error::io("open", recovery::path_of(&*self.volume, &file), source)),
            };
        }
        Ok(true)
    }

    /// Sixteen bytes for a new file or a new opening.
    fn identity(&self) -> [u8; 16] {
        match self.options.seed {
            None => self.volume.entropy(),
            Some(seed) => {
                let number = self.identities.fetch_add(1, Relaxed);
                xxh3_128(&[seed.to_le_bytes(), number.to_le_bytes()].concat()).to_le_bytes()
            }
        }
    }

    fn settings(&self) -> Settings {
        Settings {
            read_only: self.options.read_only,
            verify_checksums: self.options.verify_checksums,
            max_unflushed_bytes: self.options.max_unflushed_bytes,
            max_unflushed_operations: self.options.max_unflushed_operations,
        }
    }

    pub(crate) fn create(&self, name: &str, schema: Schema) -> Result<()> {
        let file = name::file_of(name)?;
        if self.options.read_only {
            return Err(Error::ReadOnly { path: self.volume.path().into() });
        }
        if self.exists(name)? {
            return Err(Error::AlreadyExists { database: name.into() });
        }
        if self.books().databases.insert(name.into(), Place::Busy).is_some() {
            // Somebody was quicker; what it does with the place it will say itself.
            return Err(Error::AlreadyExists { database: name.into() });
        }
        let made = recovery::create(&*self.volume, &file, schema, self.identity());
        let mut books = self.books();
        match made {
            Ok(()) => drop(books.databases.insert(name.into(), Place::Closed)),
            Err(_) => drop(books.databases.remove(name)),
        }
        drop(books);
        self.changed.notify_all();
        made
    }

    /// The open store of a database; opens it, and closes another, as needed.
    pub(crate) fn acquire(&self, name: &str) -> Result<Arc<Store>> {
        if !self.exists(name)? {
            return Err(Error::NotFound { database: name.into() });
        }
        let mut books = self.books();
        let parked = loop {
            match books.databases.get_mut(name) {
                None => return Err(Error::NotFound { database: name.into() }),
                Some(Place::Open(store)) => {
                    let store = Arc::clone(store);
                    books.open.promote(name);
                    return Ok(store);
                }
                Some(Place::Busy) => books = self.wait(books),
                Some(place) => match std::mem::replace(place, Place::Busy) {
                    Place::Parked(store) => break Some(store),
                    _ => break None,
                },
            }
        };
        drop(books);
        let result =
            self.room().and_then(|()| self.bring(name, parked.as_ref()).inspect_err(|_| self.books().files -= 1));
        let mut books = self.books();
        let place = match (&result, parked) {
            (Ok(store), _) => {
                books.open.put(name.into(), ());
                Place::Open(Arc::clone(store))
            }
            (Err(_), Some(store)) => Place::Parked(store),
            (Err(_), None) => Place::Closed,
        };
        books.databases.insert(name.into(), place);
        drop(books);
        self.changed.notify_all();
        result
    }

    fn wait<'a>(&self, books: MutexGuard<'a, Books>) -> MutexGuard<'a, Books> {
        self.changed.wait(books).unwrap_or_else(PoisonError::into_inner)
    }

    fn bring(&self, name: &str, parked: Option<&Arc<Store>>) -> Result<Arc<Store>> {
        if let Some(store) = parked {
            store.unpark()?;
            return Ok(Arc::clone(store));
        }
        let salt = if broken(Mutant::SaltKept) { 7 } else { xxh3_64(&self.identity()) as u32 };
        let file = name::file_of(name)?;
        recovery::open(Arc::clone(&self.volume), name, &file, self.settings(), salt).map(Arc::new)
    }

    /// Takes the right to open one more file, from the store that was not used for longest if need be.
    fn room(&self) -> Result<()> {
        let limit = self.options.max_open_files;
        let started = self.volume.now();
        let mut books = self.books();
        loop {
            if books.files < limit {
                books.files += 1;
                return Ok(());
            }
            if let Some((name, store)) = books.take_victim() {
                books.note_eviction(self.volume.now());
                drop(books);
                self.evict(name, store);
                return Ok(());
            }
            let waited = self.volume.now().saturating_sub(started);
            if waited >= self.options.pin_timeout {
                return Err(Error::AllPinned { limit, waited });
            }
            let looked = self.changed.wait_timeout(books, PATIENCE);
            books = looked.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn evict(&self, name: String, store: Arc<Store>) {
        let place = if store.is_settled() {
            drop(store);
            Place::Closed
        } else {
            store.park();
            Place::Parked(store)
        };
        tracing::debug!(database = name, parked = matches!(place, Place::Parked(_)), "evict");
        self.books().databases.insert(name, place);
        self.changed.notify_all();
    }

    /// Removes a database and its file.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        if !self.exists(name)? {
            return Err(Error::NotFound { database: name.into() });
        }
        if self.options.read_only {
            return Err(Error::ReadOnly { path: self.volume.path().into() });
        }
        let file = name::file_of(name)?;
        let mut books = self.books();
        let place = loop {
            match books.databases.get_mut(name) {
                None => return Err(Error::NotFound { database: name.into() }),
                Some(Place::Busy) => books = self.wait(books),
                Some(place) => break std::mem::replace(place, Place::Busy),
            }
        };
        drop(books);
        let removed = self.volume.remove(&file);
        let mut books = self.books();
        if let Err(source) = removed {
            books.databases.insert(name.into(), place);
            drop(books);
            self.changed.notify_all();
            return Err(Error::io("remove", recovery::path_of(&*self.volume, &file), source));
        }
        drop(books);
        if let Place::Open(store) | Place::Parked(store) = &place {
            store.dropped.store(true, Relaxed);
            store.park();
        }
        let mut books = self.books();
        books.databases.remove(name);
        if books.open.pop(name).is_some() {
            books.files -= 1;
        }
        drop(books);
        self.changed.notify_all();
        let synced = self.volume.sync();
        synced.map_err(|source| Error::io("sync directory", self.volume.path(), source))
    }

    /// Names of stores with something that `wanted` wants written.
    fn dirty(&self, wanted: impl Fn(&Store) -> bool) -> Vec<String> {
        let books = self.books();
        let stores = books.databases.iter().filter_map(|(name, place)| match place {
            Place::Open(store) | Place::Parked(store) => Some((name, Arc::clone(store))),
            Place::Closed | Place::Busy => None,
        });
        let stores: Vec<_> = stores.map(|(name, store)| (name.clone(), store)).collect();
        drop(books);
        stores.into_iter().filter(|(_, store)| wanted(store)).map(|(name, _)| name).collect()
    }

    /// Does `each` to every store that `wanted` picks; tries all, and returns the first error.
    fn each(&self, wanted: impl Fn(&Store) -> bool, each: impl Fn(&Store) -> Result<Duration>) -> Result<()> {
        let mut first = Ok(());
        for name in self.dirty(wanted) {
            let done = self.acquire(&name).and_then(|store| each(&store).map(drop));
            match done {
                // Dropped meanwhile: nothing left to write.
                Ok(()) | Err(Error::NotFound { .. } | Error::Dropped { .. }) => {}
                Err(error) => {
                    tracing::error!(database = name, %error, "flush failed");
                    first = first.and(Err(error));
                }
            }
        }
        first
    }

    pub(crate) fn flush(&self) -> Result<()> {
        self.each(|store| store.unflushed_bytes() > 0, Store::flush)
    }

    /// Flushes what has passed its bound.
    pub(crate) fn flush_due(&self) -> Result<()> {
        self.each(|store| store.pressure() > Pressure::None, Store::flush)
    }

    /// Flushes, and leaves nothing for a next opening to replay where nobody writes any more.
    pub(crate) fn settle(&self) -> Result<()> {
        self.each(|store| !store.settings.read_only && !store.is_settled(), Store::settle)
    }

    pub(crate) fn stats(&self) -> Result<StorageStats> {
        let mut stats = StorageStats { max_open_files: self.options.max_open_files as u64, ..StorageStats::default() };
        for name in self.names()? {
            let file = name::file_of(&name)?;
            let failed = |source| Error::io("open", recovery::path_of(&*self.volume, &file), source);
            let store = match self.books().databases.get(&name) {
                Some(Place::Open(store) | Place::Parked(store)) => Some(Arc::clone(store)),
                _ => None,
            };
            stats.databases += 1;
            stats.bytes_on_disk += self.volume.size(&file).map_err(failed)?;
            match store {
                Some(store) => stats.add(&store),
                None => stats.vectors += self.count_closed(&name)?,
            }
        }
        let mut books = self.books();
        books.forget_evictions(self.volume.now());
        stats.open_files = books.files as u64;
        stats.evictions = books.evictions;
        stats.evictions_per_minute = books.recent.len() as f64;
        Ok(stats)
    }

    /// Vectors of a database that is closed: its superblock tells, unless a crash left more behind it.
    fn count_closed(&self, name: &str) -> Result<u64> {
        let file = name::file_of(name)?;
        let path = recovery::path_of(&*self.volume, &file);
        self.room()?;
        let counted = self.volume.open(&file).map_err(|source| Error::io("open", &path, source)).and_then(|medium| {
            let superblock = recovery::newest_superblock(&*medium, &path)?;
            Ok((superblock.durable_end == medium.len()).then_some(superblock.counts.vectors))
        });
        self.books().files -= 1;
        match counted? {
            Some(vectors) => Ok(vectors),
            None => Ok(self.acquire(name)?.figures.vectors.load(Relaxed)),
        }
    }
}

impl Books {
    /// The open store that was not used for longest and is not in use now, marked busy.
    fn take_victim(&mut self) -> Option<(String, Arc<Store>)> {
        // The books' own reference is the only one: nobody can take another while they are locked.
        let idle = |name: &String| match self.databases.get(name) {
            Some(Place::Open(store)) => Arc::strong_count(store) == 1,
            _ => false,
        };
        let name = self.open.iter().rev().map(|(name, ())| name).find(|name| idle(name))?.clone();
        self.open.pop(&name);
        match self.databases.insert(name.clone(), Place::Busy) {
            Some(Place::Open(store)) => Some((name, store)),
            _ => None,
        }
    }

    fn note_eviction(&mut self, now: Duration) {
        self.evictions += 1;
        self.recent.push_back(now);
        self.forget_evictions(now);
    }

    fn forget_evictions(&mut self, now: Duration) {
        while self.recent.front().is_some_and(|then| now.saturating_sub(*then) > MINUTE) {
            self.recent.pop_front();
        }
    }
}

impl StorageStats {
    fn add(&mut self, store: &Store) {
        let figures = &store.figures;
        let longest = Duration::from_micros(figures.longest_flush_us.load(Relaxed));
        self.vectors += figures.vectors.load(Relaxed);
        self.unflushed_bytes += store.unflushed_bytes();
        self.flushes += figures.flushes.load(Relaxed);
        self.last_flush = self.last_flush.max(Duration::from_micros(figures.last_flush_us.load(Relaxed)));
        self.longest_flush = self.longest_flush.max(longest);
    }
}
