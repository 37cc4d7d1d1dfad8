//! A copy of a database as it is at one moment, made while it is read, written and flushed.
//!
//! The log never changes, so most of it is copied while everything goes on; of the index, the pages that flushes have changed
//! meanwhile are copied again, until few are left. Only then does a flush wait, for the last of both. The copy is whole and
//! durable before it has its name. What becomes of it, and whether the place is a good one, is the caller's business.

use crate::format::layout::{LOG_START, PAGE};
use crate::format::superblock::Superblock;
use crate::format::table::Geometry;
use crate::format::{file_name, head};
use crate::maintenance::rewrite::Rewrite;
use crate::medium::{Medium, Permit, View, Volume};
use crate::store::changed_pages::Noting;
use crate::store::flush::Index;
use crate::store::scan::ScanState;
use crate::store::store::Store;
use crate::sync::lock::lock;
use crate::testing::mutants::{Mutant, broken};
use crate::types::error::{Error, Result};
use crate::types::fault::Fault;
use std::collections::HashSet;
use std::io;
use std::ops::ControlFlow::{Break, Continue};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Bytes of the log copied at once.
const PIECE: u64 = 4 << 20;
/// Bytes of the log, and of changed pages, that a flush may be made to wait for.
const SHORT: u64 = 1 << 20;
/// Bytes copied between two syncs of the copy: what the disk is given at once holds up nobody else's write for long.
const SYNC_EVERY: u64 = 32 << 20;

impl Store {
    /// Flushes, and writes what is durable then, or a little later, to a new file of another directory; a read-only store writes what
    /// it shows. Returns the length of the file.
    pub(crate) fn backup(&self, volume: &dyn Volume, file: &str, salt: u32) -> Result<u64> {
        self.check_free()?;
        let path = volume.path_of(file);
        let failed = |action| {
            let path = &path;
            move |source| Error::io(action, path, source)
        };
        match volume.size(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed("create")(error)),
            Ok(_) => return Err(failed("create")(io::ErrorKind::AlreadyExists.into())),
        }
        let _alone = lock(&self.copying);
        let [a, b, c, d, ..] = volume.entropy();
        let temporary = file_name::unique_temporary(file, u32::from_le_bytes([a, b, c, d]));
        let mode = self.medium()?.mode();
        let copied = (|| {
            if self.settings.read_only {
                let to = Arc::from(volume.create_copy(&temporary, mode).map_err(failed("create"))?);
                let bytes = self.rewrite_what_is_seen(to, &path, salt)?;
                volume.rename_new(&temporary, file).map_err(failed("rename"))?;
                return Ok(bytes);
            }
            let mut progress = lock(&self.progress);
            // Everything is in the table then, so that who opens the copy has little to replay.
            self.flush_with(&mut progress, Index::Whole)?;
            let noting = self.changed_pages.begin();
            drop(progress);
            let to = volume.create_copy(&temporary, mode).map_err(failed("create"))?;
            let bytes = Backup::new(self, &*to, &path)?.run(&noting)?;
            if !broken(Mutant::BackupUnsynced) {
                to.sync().map_err(failed("sync"))?;
            }
            volume.rename_new(&temporary, file).map_err(failed("rename"))?;
            Ok(bytes)
        })();
        let bytes = copied.inspect_err(|_| {
            // The error that counts is the one above.
            let _ = volume.remove(&temporary);
        })?;
        volume.sync().map_err(|source| Error::io("sync directory", volume.path(), source))?;
        tracing::info!(database = self.identity.name, path, bytes, "backed up");
        Ok(bytes)
    }
}

impl Store {
    /// Writes what a read-only store shows to a new file: the live records alone, because the index of the file that it reads may be
    /// ahead of that. Returns its length.
    fn rewrite_what_is_seen(&self, to: Arc<dyn Medium>, path: &str, salt: u32) -> Result<u64> {
        let old = lock(&self.progress).superblock;
        let names = old.counts.names();
        let failed = |fault: Fault| fault.at(path);
        let mut new = Rewrite::new(to, &old, Geometry::for_names(names), names, salt).map_err(failed)?;
        let seed = self.identity.seed;
        let not_written = self.walk(&mut ScanState::of_everything(), |log, found| {
            log.check_body(found)?;
            let record = log.read(found.offset, found.len as usize)?;
            let hash = log.named(found)?.name().hash(seed);
            let written = new.add(found, &record, hash).and_then(|_| new.write());
            Ok(written.map_or_else(Break, |()| Continue(())))
        })?;
        not_written.map_or(Ok(()), Err).map_err(failed)?;
        new.apply_to_table().map_err(failed)?;
        Ok(new.finish(&old).map_err(failed)?.durable_end)
    }
}

/// A backup under way.
struct Backup<'a> {
    store: &'a Store,
    from: Arc<dyn Medium>,
    to: &'a dyn Medium,
    /// Of the copy, for messages.
    path: &'a str,
    /// Everything before this was copied.
    copied_to: u64,
    /// Bytes written since the last sync.
    unsynced: u64,
    /// The table whose pages are copied again when they change.
    table: Geometry,
}

impl<'a> Backup<'a> {
    fn new(store: &'a Store, to: &'a dyn Medium, path: &'a str) -> Result<Self> {
        let from = store.medium()?;
        let table = store.view().table;
        Ok(Self { store, from, to, path, copied_to: LOG_START, unsynced: 0, table })
    }

    fn run(mut self, noting: &Noting<'_>) -> Result<u64> {
        loop {
            let end = self.store.figures.durable_end.load(Relaxed);
            let log = end - self.copied_to;
            self.log_to(end)?;
            let table = self.store.view().table;
            let pages = self.pages(noting, table);
            let index = pages.len() as u64 * PAGE;
            self.pages_again(pages)?;
            if log < SHORT && index < SHORT {
                break;
            }
        }
        self.sync()?;
        // From here on flushes wait: nothing becomes durable, and no page changes.
        let progress = lock(&self.store.progress);
        self.store.check_alone(&*self.from)?;
        let newest = progress.superblock;
        self.log_to(newest.durable_end)?;
        let pages = self.pages(noting, newest.table);
        self.pages_again(pages)?;
        let superblock = Superblock { applied_end: progress.applied_to, ..newest };
        drop(progress);
        self.head(&superblock)?;
        Ok(superblock.durable_end)
    }

    /// Copies the log up to `end`, and any tables in it as they are at the moment.
    fn log_to(&mut self, end: u64) -> Result<()> {
        while self.copied_to < end {
            self.store.check_kept()?;
            let len = (end - self.copied_to).min(PIECE);
            self.from.will_read(self.copied_to, len as usize);
            self.piece(self.copied_to, len as usize)?;
            self.copied_to += len;
            if self.unsynced >= SYNC_EVERY {
                self.sync()?;
            }
        }
        Ok(())
    }

    /// Pages of the table that changed since they were copied: all of them where it is another table.
    fn pages(&mut self, noting: &Noting<'_>, table: Geometry) -> HashSet<u64> {
        let mut pages = noting.take();
        if table != self.table {
            let bytes = table.bytes().unwrap_or(0);
            pages.extend(table.offset / PAGE..(table.offset + bytes).div_ceil(PAGE));
            self.table = table;
        }
        pages
    }

    fn pages_again(&mut self, pages: HashSet<u64>) -> Result<()> {
        if broken(Mutant::BackupMissesChangedPages) {
            return Ok(());
        }
        let mut pages = Vec::from_iter(pages);
        pages.sort_unstable();
        for page in pages {
            let start = (page * PAGE).max(LOG_START);
            // What lies behind comes with the log.
            let end = ((page + 1) * PAGE).min(self.copied_to);
            if start < end {
                self.piece(start, (end - start) as usize)?;
            }
        }
        Ok(())
    }

    fn piece(&mut self, offset: u64, len: usize) -> Result<()> {
        // Pages of the table may change under the copy, so they are not borrowed. All else is, since it never changes.
        let bytes = match self.table.overlaps(offset, offset + len as u64) {
            true => self.from.read_copy(offset, len).map(View::Owned),
            false => self.from.read(offset, len),
        };
        let bytes = bytes.map_err(|source| self.store.fault(Fault::read(offset)(source)))?;
        self.to.write(offset, &bytes, Permit::ENGINE).map_err(|source| Error::io("write", self.path, source))?;
        self.unsynced += len as u64;
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.unsynced = 0;
        self.to.sync().map_err(|source| Error::io("sync", self.path, source))
    }

    fn head(&self, superblock: &Superblock) -> Result<()> {
        let first = Superblock { generation: superblock.generation + 2, ..*superblock };
        head::write(self.to, &first).map_err(|source| Error::io("write", self.path, source))
    }
}
