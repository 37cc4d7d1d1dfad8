//! Which pages of the index have changed while the file is copied.
//!
//! Records never change once they are written, so a copy need be told nothing else. Knows no table and reads nothing.

use crate::format::layout::PAGE;
use crate::sync::lock::lock;
use crate::sync::primitives::Mutex;
use std::collections::HashSet;

/// Numbers of the pages that were written to since they were asked for last; `None` while nobody asks.
#[derive(Default)]
pub(crate) struct ChangedPages(Mutex<Option<HashSet<u64>>>);

/// Pages are noted while this lives.
pub(crate) struct Noting<'a>(&'a ChangedPages);

impl ChangedPages {
    /// Notes pages from here on.
    pub(crate) fn begin(&self) -> Noting<'_> {
        *lock(&self.0) = Some(HashSet::new());
        Noting(self)
    }

    /// To be called after a write: what was read before it returned may be old.
    pub(crate) fn note(&self, offset: u64, len: usize) {
        if let Some(pages) = &mut *lock(&self.0) {
            pages.extend(offset / PAGE..(offset + len as u64).div_ceil(PAGE));
        }
    }
}

impl Noting<'_> {
    /// The pages written to since the call before.
    pub(crate) fn take(&self) -> HashSet<u64> {
        lock(&self.0.0).replace(HashSet::new()).unwrap_or_default()
    }
}

impl Drop for Noting<'_> {
    fn drop(&mut self) {
        *lock(&self.0.0) = None;
    }
}
