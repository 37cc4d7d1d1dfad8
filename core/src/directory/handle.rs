//! The hold that a handle has on its open store: what is asked of the store and concerns the directory, too.

use crate::directory::worker::House;
use crate::store::flush::Index;
use crate::store::store::{Pressure, Store};
use crate::testing::deferred_index::is_late;
use crate::types::error::Result;
use std::sync::Arc;
use std::time::Duration;

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

    pub(crate) fn compact(&self) -> Result<u64> {
        let shelf = &self.house.shelf;
        self.store.check_free()?;
        self.store.check_writable()?;
        // The new file is open beside the old one.
        shelf.room()?;
        let gained = self.store.compact(shelf.salt());
        shelf.books().files -= 1;
        shelf.changed.notify_all();
        gained
    }

    /// Flushes, and leaves to the flush thread what nobody need wait for.
    pub(crate) fn flush(&self) -> Result<Duration> {
        let index = if self.house.is_attended() || is_late() { Index::Later } else { Index::Now };
        let took = self.store.flush_and(index)?;
        if self.store.is_behind() {
            self.house.ring();
        }
        Ok(took)
    }

    /// What the flush thread does when it is called.
    #[cfg(feature = "__deferred_index")]
    pub(crate) fn attend(&self) -> Result<()> {
        self.house.shelf.flush_due()
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
