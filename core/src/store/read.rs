//! Reading what is stored under a name: pinned in place, or given to a callback under the read guard. Copies nothing where there
//! is a mapping, and changes nothing.

use crate::format::record::HEADER;
use crate::log::reader::{Found, Log};
use crate::medium::Pinned;
use crate::store::store::Store;
use crate::store::view::ReadView;
use crate::types::error::Result;
use crate::types::fault::Fault;
use crate::types::key::{Key, Name};

/// Names whose memory is fetched at once.
const GROUP: usize = 32;

/// A record pinned in place, up to the end of its metadata.
pub(crate) struct PinnedRecord {
    pub record: Pinned,
    /// Where the metadata begins.
    pub meta_at: usize,
}

impl Store {
    /// Pins the record of a name in place.
    pub(crate) fn get(&self, name: Name<'_>) -> Result<Option<PinnedRecord>> {
        self.check_there()?;
        let hash = name.hash(self.identity.seed);
        let view = self.view();
        if let Some((found, _)) = view.find_fast(view.mapped(), hash, name) {
            return self.pin_record(&view, &found).map(Some);
        }
        let (view, found) = self.find(view, hash, name)?;
        found.map(|found| self.pin_record(&view, &found)).transpose()
    }

    fn pin_record(&self, view: &ReadView, found: &Found) -> Result<PinnedRecord> {
        view.log().and_then(|log| self.pin(&log, found)).map_err(|fault| self.fault(fault))
    }

    pub(crate) fn pin(&self, log: &Log<'_>, found: &Found) -> Result<PinnedRecord, Fault> {
        self.check(log, found)?;
        let meta_at = found.meta_at as usize;
        let record = log.medium.pin(found.offset, meta_at + found.meta_len as usize);
        let record = record.map_err(Fault::read(found.offset))?;
        Ok(PinnedRecord { record, meta_at })
    }

    /// Checks the record's body, if that is wanted.
    #[inline]
    pub(crate) fn check(&self, log: &Log<'_>, found: &Found) -> Result<(), Fault> {
        if self.settings.verify_checksums { log.check_sum(found) } else { Ok(()) }
    }

    /// Gives a vector and its metadata to `f` where they lie, under the read guard.
    pub(crate) fn read_with<R>(&self, key: Key<'_>, f: impl FnOnce(&[f32], &[u8]) -> R) -> Result<Option<R>> {
        self.check_there()?;
        let name = Name::Vector(key);
        let hash = name.hash(self.identity.seed);
        let view = self.view();
        if let Some((vector, metadata)) = self.read_fast(&view, hash, name) {
            return Ok(Some(f(vector, metadata)));
        }
        let (view, found) = self.find(view, hash, name)?;
        found.map(|found| self.read_found(&view, &found, f)).transpose()
    }

    /// As [`read_with`](Self::read_with), for many keys. Their memory is fetched ahead, so that its latency is paid once.
    pub(crate) fn read_many_with<'k>(
        &self,
        keys: impl IntoIterator<Item = Key<'k>>,
        mut f: impl FnMut(usize, Option<(&[f32], &[u8])>),
    ) -> Result<()> {
        let mut keys = keys.into_iter();
        let mut number = 0;
        loop {
            let mut group = [(0, Name::Attribute(&[])); GROUP];
            let mut len = 0;
            for (place, key) in group.iter_mut().zip(keys.by_ref()) {
                let name = Name::Vector(key);
                *place = (name.hash(self.identity.seed), name);
                len += 1;
            }
            let group = &group[..len];
            self.check_there()?;
            let mut view = self.view();
            let mapped = view.mapped();
            group.iter().for_each(|(hash, _)| view.prefetch_bucket(mapped, *hash));
            group.iter().for_each(|(hash, _)| view.prefetch_record(mapped, *hash));
            for (hash, name) in group {
                if let Some(found) = self.read_fast(&view, *hash, *name) {
                    f(number, Some(found));
                } else {
                    let (held, found) = self.find(view, *hash, *name)?;
                    match found {
                        Some(found) => {
                            self.read_found(&held, &found, |vector, bytes| f(number, Some((vector, bytes))))?
                        }
                        None => f(number, None),
                    }
                    view = held.into_shared(self);
                }
                number += 1;
            }
            if len < GROUP {
                return Ok(());
            }
        }
    }

    /// The ordinary case: see [`find_fast`](ReadView::find_fast).
    #[inline(always)]
    fn read_fast<'v>(&self, view: &'v ReadView, hash: u64, name: Name<'_>) -> Option<(&'v [f32], &'v [u8])> {
        if self.settings.verify_checksums {
            return None;
        }
        let (found, record) = view.find_fast(view.mapped(), hash, name)?;
        let (vector, metadata) = record[HEADER..].split_at(found.meta_at as usize - HEADER);
        Some((bytemuck::cast_slice(vector), metadata))
    }

    fn read_found<R>(&self, view: &ReadView, found: &Found, f: impl FnOnce(&[f32], &[u8]) -> R) -> Result<R> {
        let fault = |fault| self.fault(fault);
        let log = view.log().map_err(fault)?;
        self.check(&log, found).map_err(fault)?;
        let record = found.read(&log).map_err(fault)?;
        let vector = bytemuck::cast_slice(&record[HEADER..HEADER + self.vector_bytes()]);
        Ok(f(vector, &record[found.meta_at as usize..]))
    }

    pub(crate) fn contains(&self, key: Key<'_>) -> Result<bool> {
        self.check_there()?;
        let name = Name::Vector(key);
        self.has(name.hash(self.identity.seed), name)
    }
}
