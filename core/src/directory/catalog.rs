//! Which databases there are, and which of them are open. Which of them are closed to make room is the business of `file_slots`.
//!
//! One lock guards the catalog, and is held for moments. Files are opened and closed outside it, under a transition guard that
//! makes others wait for that one database only. Evicting a store never syncs: if it has unflushed writes it is suspended, which
//! closes its file and keeps its changes.

use crate::format::file_name;
use crate::log::writer::StaleTail;
use crate::maintenance::findings::Repair;
use crate::maintenance::repair::RepairTarget;
use crate::medium::{Origin, Volume};
use crate::store::create::create as create_file;
use crate::store::recovery::Opening;
use crate::store::store::{Flushes, Settings, Store};
use crate::store::write::WriteOp;
use crate::sync::lock::{lock, wait};
use crate::sync::primitives::atomic::{AtomicU64, Ordering::Relaxed};
use crate::sync::primitives::{Condvar, Mutex, MutexGuard, wait_for};
use crate::testing::mutants::{Mutant, broken};
use crate::types::error::{Error, Result};
use crate::types::options::Options;
use crate::types::schema::Schema;
use lru::LruCache;
use std::cell::Cell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// How long to wait before looking again whether a pinned store has become free.
pub(super) const PATIENCE: Duration = Duration::from_millis(1);
/// Files that are open at once even where the process may hardly have any: the least that `max_open_files` may be.
const FEWEST_FILES: usize = 5;
const MINUTE: Duration = Duration::from_secs(60);

pub(crate) struct Catalog {
    pub volume: Arc<dyn Volume>,
    origin: Origin,
    pub options: Options,
    /// Files open at once: `max_open_files`, or what the process may have open.
    pub(super) file_limit: usize,
    pub(super) state: Mutex<CatalogState>,
    pub changed: Condvar,
    identities: AtomicU64,
    pub flushes: Arc<Flushes>,
}

pub(crate) struct CatalogState {
    /// Every database in the directory, by name.
    pub databases: BTreeMap<String, Status>,
    /// Those that are open, by last use.
    pub(super) open: LruCache<String, ()>,
    /// Slots of files that are open beside those.
    pub(super) slots: usize,
    pub evictions: u64,
    /// When the evictions of the last minute were.
    pub recent: VecDeque<Duration>,
}

pub(crate) enum Status {
    Closed {
        /// Absent if this process has made the file, or has written to it and closed it clean.
        tail: StaleTail,
    },
    /// Somebody is opening or closing it.
    Busy,
    /// Somebody is making or removing it.
    CreatingOrDropping,
    Open(Arc<Store>),
    Suspended(Arc<Store>),
}

impl Status {
    /// Of a file that this process has not opened yet.
    const FOUND: Self = Self::Closed { tail: StaleTail::Inherited };
}

/// How long a call on all databases waits for places of open files before it passes the limit: for all of them together, so that
/// whoever holds handles for long holds up nothing.
pub(super) struct WaitBudget(pub(super) Cell<Duration>);

impl Default for WaitBudget {
    fn default() -> Self {
        Self(Cell::new(Duration::from_secs(1)))
    }
}

/// The right to change one database's status. When it is dropped, also by a panic, it sets the outcome and wakes those who wait.
pub(super) struct TransitionGuard<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) name: String,
    /// The status to set; `None` if there is no such database then.
    pub(super) outcome: Option<Status>,
}

impl TransitionGuard<'_> {
    pub(super) fn finish(mut self, outcome: Option<Status>) {
        self.outcome = outcome;
    }
}

impl Drop for TransitionGuard<'_> {
    fn drop(&mut self) {
        let mut state = self.catalog.state();
        let name = std::mem::take(&mut self.name);
        let before = match self.outcome.take() {
            Some(status) => state.databases.insert(name, status),
            None => state.databases.remove(&name),
        };
        drop(state);
        drop(before);
        self.catalog.changed.notify_all();
    }
}

impl Catalog {
    pub(crate) fn open(volume: Arc<dyn Volume>, options: Options) -> Result<Self> {
        options.check()?;
        if !volume.claim() {
            let holder = "another engine in this process".into();
            return Err(Error::Locked { path: volume.path().into(), holder });
        }
        // With a few it works after all, as long as the program has no more open itself.
        let may_have = volume.file_limit().map_or(usize::MAX, |limit| limit.max(FEWEST_FILES));
        let file_limit = options.max_open_files.min(may_have);
        if file_limit < options.max_open_files {
            let max_open_files = options.max_open_files;
            tracing::warn!(max_open_files, file_limit, "the process may not have as many files open: see `ulimit -n`");
        }
        let catalog = Self {
            origin: volume.origin(),
            volume,
            options,
            file_limit,
            state: Mutex::new(CatalogState {
                databases: BTreeMap::new(),
                open: LruCache::unbounded(),
                slots: 0,
                evictions: 0,
                recent: VecDeque::new(),
            }),
            changed: Condvar::new(),
            identities: AtomicU64::new(0),
            flushes: Arc::default(),
        };
        for file in catalog.rescan()? {
            if file.ends_with(file_name::TEMPORARY) && !catalog.options.read_only {
                // Left by a creation that a crash interrupted.
                let removed = catalog.volume.remove(&file);
                removed.map_err(|source| Error::io("remove", catalog.volume.path_of(&file), source))?;
            }
        }
        if !catalog.options.read_only {
            catalog.volume.take_reserve();
        }
        let path = catalog.volume.path();
        let Options { max_open_files, flush_interval, read_only, .. } = catalog.options;
        tracing::info!(path, max_open_files, ?flush_interval, read_only, "storage directory opened");
        Ok(catalog)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, CatalogState> {
        lock(&self.state)
    }

    /// Fails in a forked child. To be called before a lock is taken: a thread that the child does not have may hold it.
    pub(crate) fn check_origin(&self) -> Result<()> {
        if self.origin.is_here() { Ok(()) } else { Err(Error::Forked { path: self.volume.path().into() }) }
    }

    /// Lists the directory, and enters files that were copied into it or are gone. Returns all file names.
    fn rescan(&self) -> Result<Vec<String>> {
        self.check_origin()?;
        // Under the lock, so that nothing made or removed meanwhile is misread.
        let mut state = self.state();
        let files = self.volume.list().map_err(|source| Error::io("list directory", self.volume.path(), source))?;
        let names: BTreeSet<String> = files.iter().filter_map(|file| file_name::name_of(file)).collect();
        state.databases.retain(|name, status| !matches!(status, Status::Closed { .. }) || names.contains(name));
        for name in names {
            state.databases.entry(name).or_insert(Status::FOUND);
        }
        Ok(files)
    }

    pub(crate) fn names(&self) -> Result<Vec<String>> {
        self.rescan()?;
        let state = self.state();
        let known = state.databases.iter().filter(|(_, status)| !matches!(status, Status::CreatingOrDropping));
        Ok(known.map(|(name, _)| name.clone()).collect())
    }

    pub(crate) fn exists(&self, name: &str) -> Result<bool> {
        self.check_origin()?;
        let file = file_name::file_of(name)?;
        let mut state = self.state();
        if matches!(state.databases.get(name), None | Some(Status::Closed { .. })) {
            match self.volume.size(&file) {
                Ok(_) => {
                    state.databases.entry(name.into()).or_insert(Status::FOUND);
                }
                Err(source) if source.kind() == std::io::ErrorKind::NotFound => {
                    state.databases.remove(name);
                    return Ok(false);
                }
                Err(source) => return Err(Error::io("open", self.volume.path_of(&file), source)),
            };
        }
        Ok(true)
    }

    /// Sixteen bytes for a new file or a new opening.
    fn unique_bytes(&self) -> [u8; 16] {
        match self.options.seed {
            None => self.volume.entropy(),
            Some(seed) => {
                let number = self.identities.fetch_add(1, Relaxed);
                xxh3_128(&[seed.to_le_bytes(), number.to_le_bytes()].concat()).to_le_bytes()
            }
        }
    }

    pub(crate) fn salt(&self) -> u32 {
        if broken(Mutant::SaltKept) { 7 } else { xxh3_64(&self.unique_bytes()) as u32 }
    }

    /// A number that no other opening has, and that is not zero.
    fn token(&self) -> u64 {
        xxh3_64(&self.unique_bytes()).max(1)
    }

    fn settings(&self) -> Settings {
        Settings {
            read_only: self.options.read_only,
            verify_checksums: self.options.verify_checksums,
            max_unflushed_bytes: self.options.max_unflushed_bytes,
            max_unflushed_operations: self.options.max_unflushed_operations,
        }
    }

    /// Makes a database with these attributes, by name and value.
    pub(crate) fn create(&self, name: &str, schema: Schema, attributes: &[(&[u8], &[u8])]) -> Result<()> {
        let file = file_name::file_of(name)?;
        if self.options.read_only {
            return Err(Error::ReadOnly { path: self.volume.path().into() });
        }
        if self.exists(name)? {
            return Err(Error::AlreadyExists { database: name.into() });
        }
        match self.state().databases.entry(name.into()) {
            Entry::Occupied(_) => return Err(Error::AlreadyExists { database: name.into() }),
            Entry::Vacant(vacant) => drop(vacant.insert(Status::CreatingOrDropping)),
        }
        let transition = TransitionGuard { catalog: self, name: name.into(), outcome: None };
        let slot = self.take_file_slot()?;
        let uuid = self.unique_bytes();
        let fill = |file: &str| self.set_attributes(name, file, attributes);
        let made = self.with_a_descriptor(|| create_file(&*self.volume, &file, schema, uuid, fill));
        drop(slot);
        transition.finish(made.is_ok().then_some(Status::Closed { tail: StaleTail::Absent }));
        made
    }

    /// Puts attributes into the file of a database that is being made, durably.
    fn set_attributes(&self, name: &str, file: &str, attributes: &[(&[u8], &[u8])]) -> Result<()> {
        if attributes.is_empty() {
            return Ok(());
        }
        let (volume, settings, salt, token) = (&self.volume, self.settings(), self.salt(), self.token());
        let (tail, flushes) = (StaleTail::Absent, &Arc::default());
        let store = Opening { volume, name, file, settings, salt, token, tail, flushes }.open()?;
        store.write(attributes.iter().map(|&(name, value)| WriteOp::set_attribute(name, value)))?;
        if broken(Mutant::AttributesUnflushed) { Ok(()) } else { store.flush_clean().map(drop) }
    }

    /// The open store of a database; opens it, and closes another, as needed.
    pub(crate) fn acquire(&self, name: &str) -> Result<Arc<Store>> {
        self.acquire_with(name, None)
    }

    /// As [`acquire`](Self::acquire), beyond the limit of open files where all are in use.
    pub(super) fn acquire_beyond(&self, name: &str, budget: &WaitBudget) -> Result<Arc<Store>> {
        self.acquire_with(name, Some(budget))
    }

    fn acquire_with(&self, name: &str, budget: Option<&WaitBudget>) -> Result<Arc<Store>> {
        if !self.exists(name)? {
            return Err(Error::NotFound { database: name.into() });
        }
        let mut state = self.state();
        let before = loop {
            match state.databases.get_mut(name) {
                None => return Err(Error::NotFound { database: name.into() }),
                Some(Status::Open(store)) if store.settings.read_only && !store.is_there() => {
                    // Another process has put another database in its place.
                    state.databases.insert(name.into(), Status::FOUND);
                    state.open.pop(name);
                }
                Some(Status::Open(store)) => {
                    let store = Arc::clone(store);
                    state.open.promote(name);
                    return Ok(store);
                }
                Some(Status::Busy | Status::CreatingOrDropping) => state = self.wait(state),
                Some(status) => break std::mem::replace(status, Status::Busy),
            }
        };
        drop(state);
        let transition = TransitionGuard { catalog: self, name: name.into(), outcome: Some(before) };
        let slot = match budget {
            None => self.take_file_slot()?,
            Some(budget) => self.take_file_slot_beyond(budget),
        };
        let store = self.with_a_descriptor(|| match &transition.outcome {
            Some(Status::Suspended(store)) => store.resume().map(|()| Arc::clone(store)),
            Some(Status::Closed { tail }) => self.open_file(name, *tail),
            _ => self.open_file(name, StaleTail::Inherited),
        })?;
        slot.give_to(name);
        transition.finish(Some(Status::Open(Arc::clone(&store))));
        Ok(store)
    }

    pub(crate) fn wait<'a>(&self, state: MutexGuard<'a, CatalogState>) -> MutexGuard<'a, CatalogState> {
        wait(&self.changed, state)
    }

    fn open_file(&self, name: &str, tail: StaleTail) -> Result<Arc<Store>> {
        let file = file_name::file_of(name)?;
        let (volume, flushes) = (&self.volume, &self.flushes);
        let opening = Opening {
            volume,
            name,
            file: &file,
            settings: self.settings(),
            salt: self.salt(),
            token: self.token(),
            tail,
            flushes,
        };
        opening.open().map(Arc::new)
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
        let mut state = self.state();
        let status = loop {
            match state.databases.get_mut(name) {
                None => return Err(Error::NotFound { database: name.into() }),
                Some(Status::Busy | Status::CreatingOrDropping) => state = self.wait(state),
                Some(Status::Open(store)) if store.check_free().is_err() => return store.check_free(),
                Some(status) => break std::mem::replace(status, Status::CreatingOrDropping),
            }
        };
        drop(state);
        let transition = TransitionGuard { catalog: self, name: name.into(), outcome: None };
        let remove = || {
            self.volume.remove(&file).or_else(|error| match self.volume.size(&file) {
                // The call failed, and the file is gone all the same: nothing may be written to it any more.
                Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => Ok(()),
                _ => Err(Error::io("remove", self.volume.path_of(&file), error)),
            })
        };
        let removed = match &status {
            Status::Open(store) | Status::Suspended(store) => store.end(remove),
            _ => remove(),
        };
        if removed.is_err() {
            transition.finish(Some(status));
            return removed;
        }
        let mut state = self.state();
        state.open.pop(name);
        drop(state);
        drop(transition);
        self.volume.take_reserve();
        let synced = self.volume.sync();
        synced.map_err(|source| Error::io("sync directory", self.volume.path(), source))
    }

    /// Repairs a database that no handle pins. A store of it is closed first: all that was acknowledged is in the file.
    pub(crate) fn repair(&self, name: &str, schema: Option<Schema>) -> Result<Repair> {
        if !self.exists(name)? {
            return Err(Error::NotFound { database: name.into() });
        }
        if self.options.read_only {
            return Err(Error::ReadOnly { path: self.volume.path().into() });
        }
        let file = file_name::file_of(name)?;
        let status = self.take_unused(name)?;
        let transition = TransitionGuard { catalog: self, name: name.into(), outcome: Some(Status::FOUND) };
        drop(status);
        // The new file is open beside the old one.
        let slots = (self.take_file_slot()?, self.take_file_slot()?);
        let (volume, settings) = (&self.volume, self.settings());
        let target = RepairTarget {
            volume,
            name,
            file: &file,
            settings,
            schema,
            salt: self.salt(),
            token: self.token(),
            uuid: self.unique_bytes(),
        };
        let repaired = target.repair();
        drop(slots);
        drop(transition);
        repaired
    }

    /// Takes the store of a database that no handle pins out of the catalog. Waits while it is being flushed.
    fn take_unused(&self, name: &str) -> Result<Status> {
        let started = self.volume.now();
        let mut state = self.state();
        loop {
            let in_use = match state.databases.get_mut(name) {
                None => return Err(Error::NotFound { database: name.into() }),
                Some(Status::Busy | Status::CreatingOrDropping) => false,
                // The catalog's own reference is the only one: nobody can take another while the catalog is locked.
                Some(Status::Open(store)) if Arc::strong_count(store) > 1 => true,
                Some(status) => {
                    let status = std::mem::replace(status, Status::Busy);
                    state.open.pop(name);
                    return Ok(status);
                }
            };
            if !in_use {
                state = self.wait(state);
                continue;
            }
            let waited = self.volume.now().saturating_sub(started);
            if waited >= self.options.pin_timeout || !self.volume.has_threads() {
                return Err(Error::invalid("repair", format!("handles hold database {name:?}; drop them first")));
            }
            state = wait_for(&self.changed, &self.state, state, PATIENCE);
        }
    }
}

impl Drop for Catalog {
    fn drop(&mut self) {
        self.volume.release();
    }
}

impl CatalogState {
    /// Files open, being opened or being closed.
    pub(crate) fn open_files(&self) -> usize {
        self.open.len() + self.slots
    }

    pub(crate) fn forget_evictions(&mut self, now: Duration) {
        while self.recent.front().is_some_and(|then| now.saturating_sub(*then) > MINUTE) {
            self.recent.pop_front();
        }
    }
}
