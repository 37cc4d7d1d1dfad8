//! A pinned store: the calls that concern its directory as well as the store.

use crate::directory::flush_thread::OpenDirectory;
use crate::medium::Volume;
use crate::store::flush::Index;
use crate::store::store::{Pressure, Store};
use crate::store::write::{WriteOp, Written};
use crate::testing::deferred_index::index_is_deferred;
use crate::types::error::Result;
use std::sync::Arc;
use std::time::Duration;

/// A store, and its directory. While this lives the store is not evicted.
#[derive(Clone)]
pub(crate) struct Handle {
    store: Arc<Store>,
    directory: Arc<OpenDirectory>,
}

impl Handle {
    pub(crate) fn new(store: Arc<Store>, directory: Arc<OpenDirectory>) -> Self {
        Self { store, directory }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn compact(&self) -> Result<u64> {
        let catalog = &self.directory.catalog;
        self.store.check_free()?;
        self.store.check_writable()?;
        // The new file is open beside the old one.
        let _slot = catalog.take_file_slot()?;
        let gained = self.store.compact(catalog.salt())?;
        catalog.volume.take_reserve();
        Ok(gained)
    }

    /// Writes what takes something away. On a full disk it has the directory's reserve.
    pub(crate) fn remove<'a, O: IntoIterator<Item = WriteOp<'a>>>(
        &self,
        operations: impl Fn() -> O,
    ) -> Result<Written> {
        let written = self.with_reserve(|| self.store.write(operations()));
        self.throttle();
        written
    }

    /// Does something that a full disk is not to stop.
    fn with_reserve<T>(&self, f: impl Fn() -> Result<T>) -> Result<T> {
        let volume = &self.directory.catalog.volume;
        match f() {
            Err(error) if error.is_lack_of_room() && volume.give_reserve() => {
                tracing::warn!(database = self.store.identity.name, "the disk is full: the reserve is in use");
                let done = f();
                // What is left of it is not for what others store.
                volume.take_reserve();
                done
            }
            done => done,
        }
    }

    pub(crate) fn backup(&self, volume: &dyn Volume, file: &str) -> Result<u64> {
        self.store.backup(volume, file, self.directory.catalog.salt())
    }

    /// Flushes, and leaves to the flush thread what nobody need wait for.
    pub(crate) fn flush(&self) -> Result<Duration> {
        let index = if self.directory.has_running_thread() || index_is_deferred() { Index::Later } else { Index::Now };
        let flush = || self.store.flush_and(index);
        let took = self.with_reserve(|| self.directory.catalog.with_a_descriptor(flush))?;
        if self.store.is_behind() {
            self.directory.notify();
        }
        Ok(took)
    }

    /// What the flush thread does when it is called.
    #[cfg(feature = "__deferred_index")]
    pub(crate) fn flush_due(&self) -> Result<()> {
        self.directory.catalog.flush_due()
    }

    /// Keeps what is unflushed bounded, after a write. That write is acknowledged already, so the next call reports a flush
    /// that fails here.
    pub(crate) fn throttle(&self) {
        let pressure = self.store.pressure();
        if pressure > Pressure::None || !self.directory.has_thread() {
            self.directory.throttle(&self.store, pressure);
        }
    }
}
