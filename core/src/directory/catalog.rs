//! Which databases there are and which of them are open: the LRU of open stores, and the pins that keep them there.
//!
//! One short lock guards the books; files are opened and closed outside it, under a mark that makes others wait for that
//! one database only. A store with unflushed writes is parked, not synced: its file is closed and its changes kept.

use crate::format::file_name;
use crate::maintenance::findings::Repair;
use crate::maintenance::repair::Patient;
use crate::medium::{Origin, Volume};
use crate::store::create::create as create_file;
use crate::store::recovery;
use crate::store::store::{Flushes, Settings, Store};
use crate::sync::lock::{lock, wait};
use crate::sync::primitives::atomic::{AtomicU64, Ordering::Relaxed};
use crate::sync::primitives::{Condvar, Mutex, MutexGuard, wait_for};
use crate::testing::mutants::{Mutant, broken};
use crate::types::error::{Error, Result};
use crate::types::options::Options;
use crate::types::schema::Schema;
use lru::LruCache;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// How long to wait before looking again whether a pinned store has become free.
const PATIENCE: Duration = Duration::from_millis(1);
/// Times a read-only opening is tried again.
const RETRIES: u32 = 10;
const MINUTE: Duration = Duration::from_secs(60);

pub(crate) struct Shelf {
    pub volume: Arc<dyn Volume>,
    origin: Origin,
    pub options: Options,
    books: Mutex<Books>,
    pub changed: Condvar,
    identities: AtomicU64,
    pub flushes: Arc<Flushes>,
}

pub(crate) struct Books {
    /// Every database in the directory, by name.
    pub databases: BTreeMap<String, Place>,
    /// Open ones, by last use.
    open: LruCache<String, ()>,
    /// Files open, being opened or being closed.
    pub files: usize,
    pub evictions: u64,
    /// When the evictions of the last minute were.
    pub recent: VecDeque<Duration>,
}

pub(crate) enum Place {
    Closed {
        /// Made by this process, or written to and closed with nothing left to flush: the disk holds nothing behind its end.
        sealed: bool,
    },
    /// Somebody is opening or closing it.
    Busy,
    /// Somebody is making or removing it.
    Fleeting,
    Open(Arc<Store>),
    Parked(Arc<Store>),
}

/// The right to change one database's place. Whatever happens, it leaves a place behind, and lets in who waits for it.
struct Mark<'a> {
    shelf: &'a Shelf,
    name: String,
    /// What to leave; `None` for no database.
    then: Option<Place>,
}

impl Mark<'_> {
    fn leave(mut self, then: Option<Place>) {
        self.then = then;
    }
}

impl Drop for Mark<'_> {
    fn drop(&mut self) {
        let mut books = self.shelf.books();
        let name = std::mem::take(&mut self.name);
        let before = match self.then.take() {
            Some(place) => books.databases.insert(name, place),
            None => books.databases.remove(&name),
        };
        drop(books);
        drop(before);
        self.shelf.changed.notify_all();
    }
}

impl Shelf {
    pub(crate) fn open(volume: Arc<dyn Volume>, options: Options) -> Result<Self> {
        options.check()?;
        if !volume.claim() {
            let holder = "another engine in this process".into();
            return Err(Error::Locked { path: volume.path().into(), holder });
        }
        let shelf = Self {
            origin: volume.origin(),
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
            flushes: Arc::default(),
        };
        for file in shelf.look()? {
            if file.ends_with(file_name::TEMPORARY) && !shelf.options.read_only {
                // Left by a creation that a crash interrupted.
                let removed = shelf.volume.remove(&file);
                removed.map_err(|source| Error::io("remove", shelf.volume.path_of(&file), source))?;
            }
        }
        let path = shelf.volume.path();
        let Options { max_open_files, flush_interval, read_only, .. } = shelf.options;
        tracing::info!(path, max_open_files, ?flush_interval, read_only, "storage directory opened");
        Ok(shelf)
    }

    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        lock(&self.books)
    }

    /// Fails in a forked child. To be called before a lock is taken: a thread that the child does not have may hold it.
    pub(crate) fn check_origin(&self) -> Result<()> {
        if self.origin.is_here() { Ok(()) } else { Err(Error::Forked { path: self.volume.path().into() }) }
    }

    /// Lists the directory, and takes notice of files that were copied into it or are gone. Returns all file names.
    fn look(&self) -> Result<Vec<String>> {
        self.check_origin()?;
        // Under the lock, so that nothing made or removed meanwhile is misread.
        let mut books = self.books();
        let files = self.volume.list().map_err(|source| Error::io("list directory", self.volume.path(), source))?;
        let names: BTreeSet<String> = files.iter().filter_map(|file| file_name::name_of(file)).collect();
        books.databases.retain(|name, place| !matches!(place, Place::Closed { .. }) || names.contains(name));
        for name in names {
            books.databases.entry(name).or_insert(Place::Closed { sealed: false });
        }
        Ok(files)
    }

    pub(crate) fn names(&self) -> Result<Vec<String>> {
        self.look()?;
        let books = self.books();
        let settled = books.databases.iter().filter(|(_, place)| !matches!(place, Place::Fleeting));
        Ok(settled.map(|(name, _)| name.clone()).collect())
    }

    pub(crate) fn exists(&self, name: &str) -> Result<bool> {
        self.check_origin()?;
        let file = file_name::file_of(name)?;
        let mut books = self.books();
        if matches!(books.databases.get(name), None | Some(Place::Closed { .. })) {
            match self.volume.size(&file) {
                Ok(_) => drop(books.databases.entry(name.into()).or_insert(Place::Closed { sealed: false })),
                Err(source) if source.kind() == std::io::ErrorKind::NotFound => {
                    books.databases.remove(name);
                    return Ok(false);
                }
                Err(source) => return Err(Error::io("open", self.volume.path_of(&file), source)),
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

    pub(crate) fn salt(&self) -> u32 {
        if broken(Mutant::SaltKept) { 7 } else { xxh3_64(&self.identity()) as u32 }
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
        let file = file_name::file_of(name)?;
        if self.options.read_only {
            return Err(Error::ReadOnly { path: self.volume.path().into() });
        }
        if self.exists(name)? {
            return Err(Error::AlreadyExists { database: name.into() });
        }
        match self.books().databases.entry(name.into()) {
            Entry::Occupied(_) => return Err(Error::AlreadyExists { database: name.into() }),
            Entry::Vacant(vacant) => drop(vacant.insert(Place::Fleeting)),
        }
        let mark = Mark { shelf: self, name: name.into(), then: None };
        self.room()?;
        let made = create_file(&*self.volume, &file, schema, self.identity());
        self.books().files -= 1;
        mark.leave(made.is_ok().then_some(Place::Closed { sealed: true }));
        made
    }

    /// The open store of a database; opens it, and closes another, as needed.
    pub(crate) fn acquire(&self, name: &str) -> Result<Arc<Store>> {
        if !self.exists(name)? {
            return Err(Error::NotFound { database: name.into() });
        }
        let mut books = self.books();
        let before = loop {
            match books.databases.get_mut(name) {
                None => return Err(Error::NotFound { database: name.into() }),
                Some(Place::Open(store)) => {
                    let store = Arc::clone(store);
                    books.open.promote(name);
                    return Ok(store);
                }
                Some(Place::Busy | Place::Fleeting) => books = self.wait(books),
                Some(place) => break std::mem::replace(place, Place::Busy),
            }
        };
        drop(books);
        let (parked, sealed) = match &before {
            Place::Parked(store) => (Some(Arc::clone(store)), true),
            Place::Closed { sealed } => (None, *sealed),
            _ => (None, false),
        };
        let mark = Mark { shelf: self, name: name.into(), then: Some(before) };
        self.room()?;
        let store = self.bring(name, parked, sealed).inspect_err(|_| self.books().files -= 1)?;
        self.books().open.put(name.into(), ());
        mark.leave(Some(Place::Open(Arc::clone(&store))));
        Ok(store)
    }

    pub(crate) fn wait<'a>(&self, books: MutexGuard<'a, Books>) -> MutexGuard<'a, Books> {
        wait(&self.changed, books)
    }

    fn bring(&self, name: &str, parked: Option<Arc<Store>>, sealed: bool) -> Result<Arc<Store>> {
        if let Some(store) = parked {
            store.unpark()?;
            return Ok(store);
        }
        let salt = self.salt();
        let file = file_name::file_of(name)?;
        let open = || {
            let (volume, flushes) = (Arc::clone(&self.volume), Arc::clone(&self.flushes));
            recovery::open(volume, name, &file, self.settings(), salt, sealed, flushes).map(Arc::new)
        };
        let mut opened = open();
        // Beside a writer, what looks like damage may be a file in the middle of a change.
        for _ in 0..if self.options.read_only { RETRIES } else { 0 } {
            match opened {
                Err(Error::Corrupt { .. }) => opened = open(),
                _ => break,
            }
        }
        opened
    }

    /// Takes the right to open one more file, from the store that was not used for longest if need be.
    pub(crate) fn room(&self) -> Result<()> {
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
            // Without threads nobody is there to let one go.
            if waited >= self.options.pin_timeout || !self.volume.has_threads() {
                return Err(Error::AllPinned { limit, waited });
            }
            books = wait_for(&self.changed, &self.books, books, PATIENCE);
        }
    }

    fn evict(&self, name: String, store: Arc<Store>) {
        let mark = Mark { shelf: self, name, then: Some(Place::Parked(Arc::clone(&store))) };
        let settled = store.is_settled();
        tracing::debug!(database = mark.name, parked = !settled, "evict");
        let sealed = store.park();
        mark.leave(Some(if settled { Place::Closed { sealed } } else { Place::Parked(store) }));
    }

    /// Removes a database and its file.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        if !self.exists(name)? {
            return Err(Error::NotFound { database: name.into() });
        }
        if self.options.read_only {
            return Err(Error::ReadOnly { path: self.volume.path().into() });
        }
        let file = file_name::file_of(name)?;
        let mut books = self.books();
        let place = loop {
            match books.databases.get_mut(name) {
                None => return Err(Error::NotFound { database: name.into() }),
                Some(Place::Busy | Place::Fleeting) => books = self.wait(books),
                Some(Place::Open(store)) if store.check_free().is_err() => return store.check_free(),
                Some(place) => break std::mem::replace(place, Place::Fleeting),
            }
        };
        drop(books);
        let mark = Mark { shelf: self, name: name.into(), then: None };
        let remove = || {
            self.volume.remove(&file).or_else(|error| match self.volume.size(&file) {
                // It failed, and yet the file is gone: nothing may be written to it any more.
                Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })
        };
        let removed = match &place {
            Place::Open(store) | Place::Parked(store) => store.end(remove),
            _ => remove(),
        };
        if let Err(source) = removed {
            mark.leave(Some(place));
            return Err(Error::io("remove", self.volume.path_of(&file), source));
        }
        let mut books = self.books();
        if books.open.pop(name).is_some() {
            books.files -= 1;
        }
        drop(books);
        drop(mark);
        let synced = self.volume.sync();
        synced.map_err(|source| Error::io("sync directory", self.volume.path(), source))
    }

    /// Repairs a database that nobody uses. What of it is open or parked is closed: all that was acknowledged is in the
    /// file.
    pub(crate) fn repair(&self, name: &str, schema: Option<Schema>) -> Result<Repair> {
        if !self.exists(name)? {
            return Err(Error::NotFound { database: name.into() });
        }
        if self.options.read_only {
            return Err(Error::ReadOnly { path: self.volume.path().into() });
        }
        let file = file_name::file_of(name)?;
        let place = self.take_unused(name)?;
        let mark = Mark { shelf: self, name: name.into(), then: Some(Place::Closed { sealed: false }) };
        drop(place);
        // The new file is open beside the old one.
        self.room()?;
        let room = self.room();
        let (volume, settings) = (&self.volume, self.settings());
        let patient =
            Patient { volume, name, file: &file, settings, schema, salt: self.salt(), identity: self.identity() };
        let repaired = room.and_then(|()| {
            let repaired = patient.repair();
            self.books().files -= 1;
            repaired
        });
        self.books().files -= 1;
        drop(mark);
        repaired
    }

    /// Takes a database that no handle holds out of the books, and waits for one that is being flushed.
    fn take_unused(&self, name: &str) -> Result<Place> {
        let started = self.volume.now();
        let mut books = self.books();
        loop {
            let in_use = match books.databases.get_mut(name) {
                None => return Err(Error::NotFound { database: name.into() }),
                Some(Place::Busy | Place::Fleeting) => false,
                // The books' own reference is the only one: nobody can take another while they are locked.
                Some(Place::Open(store)) if Arc::strong_count(store) > 1 => true,
                Some(place) => {
                    let place = std::mem::replace(place, Place::Busy);
                    if books.open.pop(name).is_some() {
                        books.files -= 1;
                    }
                    return Ok(place);
                }
            };
            if !in_use {
                books = self.wait(books);
                continue;
            }
            let waited = self.volume.now().saturating_sub(started);
            if waited >= self.options.pin_timeout || !self.volume.has_threads() {
                return Err(Error::invalid("repair", format!("handles hold database {name:?}; drop them first")));
            }
            books = wait_for(&self.changed, &self.books, books, PATIENCE);
        }
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        self.volume.release();
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

    pub(crate) fn forget_evictions(&mut self, now: Duration) {
        while self.recent.front().is_some_and(|then| now.saturating_sub(*then) > MINUTE) {
            self.recent.pop_front();
        }
    }
}
