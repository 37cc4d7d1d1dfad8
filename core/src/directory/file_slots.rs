//! How many files are open at once, and which store makes room for another: the one that was not used for longest and that
//! nobody holds. Opens nothing itself.

use crate::directory::catalog::{Catalog, CatalogState, PATIENCE, Status, TransitionGuard, WaitBudget};
use crate::store::store::Store;
use crate::sync::primitives::{MutexGuard, wait_for};
use crate::types::error::{Error, Result};
use std::sync::Arc;
use std::time::Duration;

/// The right to have one file open, out of `max_open_files`. It ends when this is dropped, or goes to an open store.
pub(crate) struct FileSlot<'a> {
    catalog: &'a Catalog,
}

impl FileSlot<'_> {
    /// Gives the slot to the store of a database, which has it until it is closed.
    pub(super) fn give_to(self, name: &str) {
        let mut state = self.catalog.state();
        state.slots -= 1;
        state.open.put(name.into(), ());
        drop(state);
        std::mem::forget(self);
    }
}

impl Drop for FileSlot<'_> {
    fn drop(&mut self) {
        self.catalog.state().slots -= 1;
        self.catalog.changed.notify_all();
    }
}

impl Catalog {
    /// Takes the right to open one more file. If all are taken, evicts the store that was not used for longest.
    pub(crate) fn take_file_slot(&self) -> Result<FileSlot<'_>> {
        let limit = self.file_limit;
        let started = self.volume.now();
        let mut state = self.state();
        loop {
            state = match self.slot_within(limit, state) {
                Ok(slot) => return Ok(slot),
                Err(state) => state,
            };
            let waited = self.volume.now().saturating_sub(started);
            // Without threads nobody could give one back.
            if waited >= self.options.pin_timeout || !self.volume.has_threads() {
                return Err(Error::AllPinned { limit, waited });
            }
            state = wait_for(&self.changed, &self.state, state, PATIENCE);
        }
    }

    /// As [`take_file_slot`](Self::take_file_slot), beyond the limit once that has taken long: for a moment, and for what cannot wait
    /// for ever.
    pub(super) fn take_file_slot_beyond(&self, budget: &WaitBudget) -> FileSlot<'_> {
        let started = self.volume.now();
        let mut state = self.state();
        loop {
            state = match self.slot_within(self.file_limit, state) {
                Ok(slot) => return slot,
                Err(state) => state,
            };
            if self.volume.now().saturating_sub(started) >= budget.0.get() || !self.volume.has_threads() {
                budget.0.set(Duration::ZERO);
                return self.slot(&mut state);
            }
            state = wait_for(&self.changed, &self.state, state, PATIENCE);
        }
    }

    /// A slot within the limit; gives the lock back if all are in use.
    fn slot_within<'a>(
        &'a self,
        limit: usize,
        mut state: MutexGuard<'a, CatalogState>,
    ) -> std::result::Result<FileSlot<'a>, MutexGuard<'a, CatalogState>> {
        if state.open_files() < limit {
            return Ok(self.slot(&mut state));
        }
        let Some((name, store)) = state.take_victim() else { return Err(state) };
        state.note_eviction(self.volume.now());
        let slot = self.slot(&mut state);
        drop(state);
        self.evict(name, store);
        Ok(slot)
    }

    /// Closes files until no more are open than may be, as far as nobody uses them.
    pub(super) fn close_what_is_beyond(&self) {
        loop {
            let mut state = self.state();
            if state.open_files() <= self.file_limit {
                return;
            }
            let Some((name, store)) = state.take_victim() else { return };
            state.note_eviction(self.volume.now());
            drop(state);
            self.evict(name, store);
        }
    }

    /// Opens or makes a file; where there is no descriptor left for that, closes files that nobody uses, one after another.
    pub(crate) fn with_a_descriptor<T>(&self, open: impl Fn() -> Result<T>) -> Result<T> {
        loop {
            match open() {
                Err(error) if error.is_lack_of_descriptors() => {
                    let mut state = self.state();
                    let Some((name, store)) = state.take_victim() else { return Err(error) };
                    state.note_eviction(self.volume.now());
                    drop(state);
                    self.evict(name, store);
                }
                opened => return opened,
            }
        }
    }

    fn slot(&self, state: &mut CatalogState) -> FileSlot<'_> {
        state.slots += 1;
        FileSlot { catalog: self }
    }

    fn evict(&self, name: String, store: Arc<Store>) {
        let transition = TransitionGuard { catalog: self, name, outcome: Some(Status::Suspended(Arc::clone(&store))) };
        // What only reads has nothing to keep.
        let clean = store.settings.read_only || store.is_clean();
        tracing::debug!(database = transition.name, suspended = !clean, "evict");
        let tail = store.suspend();
        transition.finish(Some(if clean { Status::Closed { tail } } else { Status::Suspended(store) }));
    }
}

impl CatalogState {
    /// The open store that was not used for longest and is not in use now, marked busy.
    fn take_victim(&mut self) -> Option<(String, Arc<Store>)> {
        // The catalog's own reference is the only one: nobody can take another while the catalog is locked.
        let idle = |name: &String| match self.databases.get(name) {
            Some(Status::Open(store)) => Arc::strong_count(store) == 1,
            _ => false,
        };
        let name = self.open.iter().rev().map(|(name, ())| name).find(|name| idle(name))?.clone();
        self.open.pop(&name);
        match self.databases.insert(name.clone(), Status::Busy) {
            Some(Status::Open(store)) => Some((name, store)),
            _ => None,
        }
    }

    fn note_eviction(&mut self, now: Duration) {
        self.evictions += 1;
        self.recent.push_back(now);
        self.forget_evictions(now);
    }
}
