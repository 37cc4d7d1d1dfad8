//! Counting what a directory holds: figures of the databases in use, and the heads of those that are not.

use crate::directory::catalog::{Catalog, Status, WaitBudget};
use crate::format::file_name;
use crate::format::head::newest_superblock;
use crate::types::error::{Error, Result};
use crate::types::stats::StorageStats;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

impl Catalog {
    pub(crate) fn stats(&self) -> Result<StorageStats> {
        let mut stats = StorageStats { max_open_files: self.options.max_open_files as u64, ..StorageStats::default() };
        let budget = WaitBudget::default();
        for name in self.names()? {
            let file = file_name::file_of(&name)?;
            let store = match self.state().databases.get(&name) {
                Some(Status::Open(store) | Status::Suspended(store)) => Some(Arc::clone(store)),
                _ => None,
            };
            let counted = match &store {
                Some(store) => Ok(store.figures.vectors.load(Relaxed)),
                None => self.count_closed(&name, &budget),
            };
            let path = || self.volume.path_of(&file);
            let size = self.volume.size(&file).map_err(|source| Error::io("open", path(), source));
            match counted.and_then(|vectors| Ok((vectors, size?))) {
                Ok((vectors, bytes)) => {
                    stats.databases += 1;
                    stats.vectors += vectors;
                    stats.bytes_on_disk += bytes;
                    stats.unflushed_bytes += store.map_or(0, |store| store.unflushed_bytes());
                }
                Err(error) if error.is_absence() => {}
                Err(error) => {
                    tracing::warn!(database = name, %error, "left out of the figures");
                    stats.databases += 1;
                    stats.unreadable += 1;
                }
            }
        }
        stats.flushes = self.flushes.count();
        stats.last_flush = self.flushes.last();
        stats.longest_flush = self.flushes.longest();
        let mut state = self.state();
        state.forget_evictions(self.volume.now());
        stats.open_files = state.open_files() as u64;
        stats.evictions = state.evictions;
        stats.evictions_per_minute = state.recent.len() as f64;
        Ok(stats)
    }

    /// Vectors of a database that is closed. Its superblock tells, unless a crash has left a tail: then it is opened.
    fn count_closed(&self, name: &str, budget: &WaitBudget) -> Result<u64> {
        let file = file_name::file_of(name)?;
        let path = self.volume.path_of(&file);
        // Whoever holds databases may hold them for long: figures do not wait for that.
        let slot = self.take_file_slot_beyond(budget);
        let counted = self.with_a_descriptor(|| {
            let medium = self.volume.open(&file).map_err(|source| Error::io("open", &path, source))?;
            let superblock = newest_superblock(&*medium, &path)?.newest;
            Ok((superblock.durable_end == medium.len()).then_some(superblock.counts.vectors))
        });
        drop(slot);
        let vectors = match counted {
            Ok(Some(vectors)) => vectors,
            // What looks like damage may be a file that was opened and written to meanwhile: opening it tells.
            Ok(None) | Err(Error::Corrupt { .. }) => self.acquire_beyond(name, budget)?.figures.vectors.load(Relaxed),
            Err(error) => return Err(error),
        };
        self.close_what_is_beyond();
        Ok(vectors)
    }
}
