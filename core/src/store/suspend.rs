//! Closing the file of a store that goes on later, and opening it again.

use crate::format::head::newest_superblock;
use crate::medium::Medium;
use crate::store::store::Store;
use crate::sync::lock::lock;
use crate::sync::primitives::atomic::Ordering::Relaxed;
use crate::types::error::{Error, Result};
use std::sync::Arc;

impl Store {
    /// Closes the file and keeps everything else, to go on later as if nothing had been. Nobody may be using it. Returns
    /// whether the disk is known to hold nothing behind the end of the log.
    pub(crate) fn park(&self) -> bool {
        let _no_flush = lock(&self.checkpoint);
        let mut writer = lock(&self.writer);
        writer.medium = None;
        let sealed = !writer.stray;
        drop(writer);
        let medium = self.change().medium.take();
        drop(medium);
        sealed
    }

    /// Ends it: what `remove` removes is not there any more, and nothing is written from here on. Waits for a flush or a
    /// compaction, which would put the file back.
    pub(crate) fn end<E>(&self, remove: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let no_flush = lock(&self.checkpoint);
        remove()?;
        self.dropped.store(true, Relaxed);
        drop(no_flush);
        self.park();
        Ok(())
    }

    /// Opens the file again.
    pub(crate) fn unpark(&self) -> Result<()> {
        let path = &self.identity.path;
        let checkpoint = lock(&self.checkpoint);
        let mut writer = lock(&self.writer);
        let medium = self.volume.open(&self.identity.file).map_err(|source| Error::io("open", path, source))?;
        let superblock = newest_superblock(&*medium, path)?.newest;
        let replaced = superblock.uuid != checkpoint.superblock.uuid;
        if replaced || medium.len() < writer.next.offset {
            let what = "file was changed or replaced by somebody else while it was in use".into();
            return Err(Error::Corrupt { path: path.clone(), offset: superblock.place(), what });
        }
        let medium: Arc<dyn Medium> = Arc::from(medium);
        writer.medium = Some(Arc::clone(&medium));
        self.change().medium = Some(medium);
        Ok(())
    }
}
