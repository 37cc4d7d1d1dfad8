//! Closing the file of a store that goes on later, opening it again, and ending a store for good.

use crate::format::head::newest_superblock;
use crate::log::writer::StaleTail;
use crate::medium::Medium;
use crate::store::store::{Store, occupation};
use crate::sync::lock::lock;
use crate::sync::primitives::atomic::Ordering::Relaxed;
use crate::types::error::{Error, Result};
use std::sync::Arc;

impl Store {
    /// Closes the file and keeps everything else in memory, so that [`resume`](Self::resume) can go on. To be called while
    /// nobody uses the store. Returns what may lie behind the end of the log.
    pub(crate) fn suspend(&self) -> StaleTail {
        let _no_flush = lock(&self.progress);
        let mut writer = lock(&self.writer);
        // Before it is closed: a file that is removed then may leave its number to another.
        drop(lock(&self.occupied).take());
        writer.medium = None;
        let tail = writer.stale_tail;
        drop(writer);
        let medium = self.view_mut().medium.take();
        drop(medium);
        tail
    }

    /// Ends the store: `remove` removes its file, and nothing is written after that. Waits for a flush, and stops a compaction,
    /// which would put the file back.
    pub(crate) fn end(&self, remove: impl FnOnce() -> Result<()>) -> Result<()> {
        self.leaving.store(true, Relaxed);
        let no_copy = lock(&self.copying);
        let no_flush = lock(&self.progress);
        // What another process writes to is not this one's to remove.
        let fenced = self.view().medium.clone().map_or(Ok(()), |medium| self.look(&*medium));
        let removed = fenced.and_then(|()| remove());
        self.leaving.store(false, Relaxed);
        removed?;
        self.dropped.store(true, Relaxed);
        drop((no_flush, no_copy));
        self.suspend();
        Ok(())
    }

    /// Opens the file again.
    pub(crate) fn resume(&self) -> Result<()> {
        let path = &self.identity.path;
        let progress = lock(&self.progress);
        let mut writer = lock(&self.writer);
        let medium = self.volume.open(&self.identity.file).map_err(|source| Error::io("open", path, source))?;
        let superblock = newest_superblock(&*medium, path)?.newest;
        if superblock.uuid != progress.superblock.uuid {
            return Err(Error::Removed { path: path.clone() });
        }
        if superblock.compactions != progress.superblock.compactions || medium.len() < writer.next.offset {
            return Err(Error::Fenced { path: path.clone() });
        }
        *lock(&self.occupied) = occupation(&*self.volume, &self.identity.file, &*medium)?;
        let medium: Arc<dyn Medium> = Arc::from(medium);
        writer.medium = Some(Arc::clone(&medium));
        self.view_mut().medium = Some(medium);
        Ok(())
    }
}
