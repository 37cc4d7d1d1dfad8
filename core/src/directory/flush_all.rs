//! Flushing all databases of a catalog that need it. When is decided by the caller: the flush thread, or a call of `Storage`.

use crate::directory::catalog::{Catalog, Status};
use crate::store::store::{Pressure, Store};
use crate::types::error::Result;
use std::sync::Arc;

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
        let mut first = Ok(());
        for name in names {
            let done = self.acquire(&name).and_then(|store| each(&store).map(drop));
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

    pub(crate) fn flush(&self) -> Result<()> {
        self.each(|store| !store.settings.read_only && store.unflushed_bytes() > 0, Store::flush)
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
        self.each(|store| !store.is_busy() && !store.settings.read_only && !store.is_clean(), Store::flush_clean)
    }

    /// Flushes, and leaves nothing for a next opening to replay.
    pub(crate) fn flush_clean(&self) -> Result<()> {
        // From within a read of a store it cannot be asked whether it is clean; flushing it clean is an error then.
        let wanted = |store: &Store| !store.settings.read_only && (store.check_free().is_err() || !store.is_clean());
        self.each(wanted, Store::flush_clean)
    }
}
