//! Following a file that another process writes: a read-only store moves on to what is durable there.
//!
//! The writer makes a record durable and says so in a superblock before its index speaks of the record. So what is found in the
//! index at an offset before the end of the view is what the view must show. What is found behind it, or not found at all
//! while the head of the file has changed, is newer: the view moves on then, and the reader looks again. Writes nothing.

use crate::format::head::{Stamp, durable_end};
use crate::log::reader::{Found, Log};
use crate::medium::Medium;
use crate::store::progress::Progress;
use crate::store::recovery::Recovered;
use crate::store::store::Store;
use crate::store::view::{Lookup, ReadView};
use crate::sync::lock::lock;
use crate::sync::primitives::atomic::Ordering::{Acquire, Relaxed};
use crate::sync::primitives::atomic::fence;
use crate::sync::rwlock::ReadGuard;
use crate::testing::mutants::{Mutant, broken};
use crate::types::error::{Error, Result};
use crate::types::fault::Fault;
use crate::types::key::Name;
use std::io;
use std::ops::Deref;
use std::sync::Arc;

/// A view that somebody reads.
pub(crate) enum Held<'a> {
    /// The store's own.
    Shared(ReadGuard<'a, ReadView>),
    /// One that is not changed any more.
    Kept(Arc<ReadView>),
}

impl Deref for Held<'_> {
    type Target = ReadView;

    fn deref(&self) -> &ReadView {
        match self {
            Held::Shared(view) => view,
            Held::Kept(view) => view,
        }
    }
}

impl<'a> Held<'a> {
    /// The store's own view, which may have moved on.
    pub(crate) fn into_shared(self, store: &'a Store) -> ReadGuard<'a, ReadView> {
        match self {
            Held::Shared(view) => view,
            Held::Kept(_) => store.view(),
        }
    }
}

impl ReadView {
    /// Whether the file's head has changed since. To be asked after the index was read.
    pub(crate) fn is_outdated(&self) -> Result<bool, Fault> {
        let (Some(followed), Some(medium)) = (&self.followed, &self.medium) else { return Ok(false) };
        fence(Acquire);
        Ok(Stamp::read(&**medium)? != followed.stamp)
    }

    /// The log of a followed file as far as it is durable by now; `None` if its head is still the one `known`, or the one that the
    /// view was made of. To be asked after the index was read.
    pub(crate) fn durable_log(&self, known: Option<Stamp>) -> Result<Option<(Log<'_>, Stamp)>, Fault> {
        let (Some(followed), Some(medium)) = (&self.followed, self.medium.as_deref()) else { return Ok(None) };
        fence(Acquire);
        if Stamp::read(medium)? == known.unwrap_or(followed.stamp) {
            return Ok(None);
        }
        let (end, stamp) = durable_end(medium)?;
        medium.measure().map_err(Fault::read(0))?;
        Ok(Some((Log::without_table(medium, self.vector_bytes, end), stamp)))
    }
}

impl Store {
    /// Moves a read-only store on to what is durable in its file now. Returns whether that was anything new. A store that writes
    /// shows everything already.
    pub(crate) fn refresh(&self) -> Result<bool> {
        self.check_there()?;
        if !self.settings.read_only {
            return Ok(false);
        }
        self.check_free()?;
        // One at a time.
        let mut progress = lock(&self.progress);
        let seen = self.view().kept();
        let Some(Recovered { superblock, view: new, next, counts }) = self.newer(&seen)? else { return Ok(false) };
        *progress = Progress::at(superblock, progress.inherited);
        let mut writer = lock(&self.writer);
        (writer.medium, writer.next, writer.counts) = (new.medium.clone(), next, counts);
        drop(writer);
        let mut view = self.view_mut();
        let old = std::mem::replace(&mut *view, new);
        self.figures.take(&counts, next.offset, 0);
        self.figures.durable_end.store(superblock.durable_end, Relaxed);
        drop(view);
        drop(progress);
        // Unmaps a file that was replaced, which takes its time.
        drop(old);
        Ok(true)
    }

    /// What is in the file now, if it is newer than a view of it.
    fn newer(&self, view: &ReadView) -> Result<Option<Recovered>> {
        let path = &self.identity.path;
        let old = view.medium.as_ref().filter(|medium| self.is_named(&***medium));
        let medium = match old {
            Some(_) if !view.is_outdated().map_err(|fault| self.fault(fault))? => return Ok(None),
            Some(medium) => Arc::clone(medium),
            None => Arc::from(self.volume.open(&self.identity.file).map_err(|source| match source.kind() {
                io::ErrorKind::NotFound => Error::Removed { path: path.clone() },
                _ => Error::io("open", path, source),
            })?),
        };
        let recovered = Recovered::beside_writer(&medium, path)?;
        if recovered.superblock.uuid != self.identity.uuid {
            return Err(Error::Removed { path: path.clone() });
        }
        // A writer that failed in the middle of a write may have taken back what it had not acknowledged.
        let is_newer = old.is_none() || recovered.view.end() >= view.end();
        Ok(is_newer.then_some(recovered))
    }

    /// Whether the name of the file leads to what is open, or to a newer file of the same database.
    pub(crate) fn is_there(&self) -> bool {
        let is_named = self.view().medium.as_ref().is_some_and(|medium| self.is_named(&**medium));
        is_named || !matches!(self.refresh(), Err(Error::Removed { .. }))
    }

    /// Whether the file's name leads to what is open.
    fn is_named(&self, medium: &dyn Medium) -> bool {
        medium.id().is_some_and(|id| matches!(self.volume.id_of(&self.identity.file), Ok(Some(found)) if found == id))
    }

    /// The record of a name, and the view in which it was found.
    #[inline]
    pub(crate) fn find<'a>(
        &'a self,
        view: ReadGuard<'a, ReadView>,
        hash: u64,
        name: Name<'_>,
    ) -> Result<(Held<'a>, Option<Found>)> {
        let found = view.find(hash, name);
        match self.is_answer(&found) {
            true => found.map(|found| (Held::Shared(view), found.live)).map_err(|fault| self.fault(fault)),
            false => self.find_beside_writer(view, hash, name),
        }
    }

    /// Whether a name is there, as [`find`](Self::find) tells.
    #[inline]
    pub(crate) fn has(&self, hash: u64, name: Name<'_>) -> Result<bool> {
        let view = self.view();
        let found = view.find(hash, name);
        match self.is_answer(&found) {
            true => found.map(|found| found.live.is_some()).map_err(|fault| self.fault(fault)),
            false => self.find_beside_writer(view, hash, name).map(|(_, found)| found.is_some()),
        }
    }

    /// Whether what was found is surely what the view must show.
    #[inline]
    fn is_answer(&self, found: &Result<Lookup, Fault>) -> bool {
        !self.settings.read_only || found.as_ref().is_ok_and(|found| found.live.is_some())
    }

    /// As [`find`](Self::find), where the index may be ahead of the view.
    #[cold]
    fn find_beside_writer<'a>(
        &'a self,
        view: ReadGuard<'a, ReadView>,
        hash: u64,
        name: Name<'_>,
    ) -> Result<(Held<'a>, Option<Found>)> {
        let fault = |fault| self.fault(fault);
        let mut view = Held::Shared(view);
        loop {
            let found = view.find(hash, name).map(|lookup| lookup.live);
            let trusted = matches!(found, Ok(Some(_))) || (found.is_ok() && broken(Mutant::MissTrusted));
            if trusted || !view.is_outdated().map_err(fault)? {
                return found.map(|found| (view, found)).map_err(fault);
            }
            view = match self.moved_on(view)? {
                Some(newer) => newer,
                None => return found.map(|_| (Held::Shared(self.view()), None)).map_err(fault),
            };
        }
    }

    /// A newer view, which later calls get as well; `None` if there is none. A thread that is in the middle of a read cannot wait
    /// for the store's own to change, and gets one for itself.
    #[cold]
    pub(crate) fn moved_on<'a>(&'a self, view: Held<'a>) -> Result<Option<Held<'a>>> {
        let kept = match &view {
            Held::Shared(view) => view.kept(),
            Held::Kept(view) => view.kept(),
        };
        drop(view);
        if self.view.is_read_here() {
            let newer = self.newer(&kept)?;
            return Ok(newer.map(|recovered| Held::Kept(Arc::new(recovered.view))));
        }
        // Or another thread has done it by now.
        self.refresh()?;
        let view = self.view();
        let is_newer = view.followed.map(|now| now.stamp) != kept.followed.map(|then| then.stamp);
        Ok(is_newer.then_some(Held::Shared(view)))
    }
}
