//! Flushing all databases of a catalog that need it. When is decided by the caller: the flush thread, or a call of `Storage`.

use crate::directory::catalog::{Catalog, Status, WaitBudget};
use crate::store::store::{Pressure, Store};
use crate::types::error::Result;
use std::sync::Arc;
use std::time::Duration;

impl Catalog {
    /// Names of the stores that `wanted` picks.
    fn dirty(&self, wanted: impl Fn(&Store) -> bool) -> Vec<String> {
        let mut names: Vec<String> = self.state().databases.keys().cloned().collect();
        names.retain(|name| self.known(name).is_some_and(|store| wanted(&store)));
        names
    }

    /// The store of a database, if it may have something to write. Waits while it is being opened or closed: it may hold writes
    /// that were acknowledged long before.
    fn known(&self, name: &str) -> Option<Arc<Store>> {
        let mut state = self.state();
        loop {
            match state.databases.get(name) {
                Some(Status::Open(store) | Status::Suspended(store)) => return Some(Arc::clone(store)),
                Some(Status::Busy | Status::CreatingOrDropping) => state = self.wait(state),
                Some(Status::Closed { .. }) | None => return None,
            }
        }
    }

    /// Does `each` to every store that `wanted` picks; tries all, and returns the first error.
    fn each<R>(&self, wanted: impl Fn(&Store) -> bool, each: impl Fn(&Store) -> Result<R>) -> Result<()> {
        self.check_origin()?;
        self.for_each_of(self.dirty(wanted), each)
    }

    fn for_each_of<R>(&self, names: Vec<String>, each: impl Fn(&Store) -> Result<R>) -> Result<()> {
        let (mut first, budget) = (Ok(()), WaitBudget::default());
        for name in names {
            // Whoever holds databases may hold them for long: what is written to the others is not to wait for that.
            let done =
                self.acquire_beyond(&name, &budget).and_then(|store| self.with_a_descriptor(|| each(&store).map(drop)));
            self.close_what_is_beyond();
            match done {
                Ok(()) => {}
                // Dropped meanwhile: nothing left to write.
                Err(error) if error.is_absence() => {}
                Err(error) => {
                    tracing::error!(database = name, %error, "flush failed");
                    first = first.and(Err(error));
                }
            }
        }
        first
    }

    /// Flushes all. Returns how long that took.
    pub(crate) fn flush(&self) -> Result<Duration> {
        let (started, before) = (self.volume.now(), self.flushes.count());
        self.each(|store| !store.settings.read_only && store.unflushed_bytes() > 0, Store::flush)?;
        let took = self.volume.now().saturating_sub(started);
        self.note_flush_of_all(before, took);
        Ok(took)
    }

    /// The flush of all that callers wait for is what operators watch, and not the last one in it.
    fn note_flush_of_all(&self, before: u64, took: Duration) {
        let databases = self.flushes.count() - before;
        if databases > 0 {
            self.flushes.note_all(took);
            let flush_duration_ms = took.as_secs_f64() * 1000.0;
            tracing::info!(path = self.volume.path(), databases, flush_duration_ms, "flush of all completed");
        }
    }

    /// Flushes what has passed its bound, and applies to the table what a flush has left; but not where somebody is
    /// flushing or compacting already.
    pub(crate) fn flush_due(&self) -> Result<()> {
        let flushed = self.each(|store| store.pressure() > Pressure::None && !store.is_busy(), Store::flush);
        flushed.and(self.for_each_of(self.behind(), Store::catch_up))
    }

    /// Open databases whose index lacks what a flush has left. A suspended one is brought up to date when it is open again.
    fn behind(&self) -> Vec<String> {
        let state = self.state();
        let behind = state.databases.iter().filter(|(_, status)| match status {
            Status::Open(store) => store.is_behind() && !store.is_busy(),
            _ => false,
        });
        behind.map(|(name, _)| name.clone()).collect()
    }

    /// Flushes all that is not busy, and leaves nothing for a next opening to replay.
    pub(crate) fn flush_clean_idle(&self) -> Result<()> {
        let (started, before) = (self.volume.now(), self.flushes.count());
        let flushed =
            self.each(|store| !store.is_busy() && !store.settings.read_only && !store.is_clean(), Store::flush_clean);
        self.note_flush_of_all(before, self.volume.now().saturating_sub(started));
        flushed
    }

    /// Flushes, and leaves nothing for a next opening to replay.
    pub(crate) fn flush_clean(&self) -> Result<()> {
        // From within a read of a store it cannot be asked whether it is clean; flushing it clean is an error then.
        let wanted = |store: &Store| !store.settings.read_only && (store.check_free().is_err() || !store.is_clean());
        self.each(wanted, Store::flush_clean)
    }
}
