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
        match view.find(hash, name).map_err(|fault| self.fault(fault))?.live {
            Some(found) => self.pin_record(&view, &found).map(Some),
            None => Ok(None),
        }
    }

    fn pin_record(&self, view: &ReadView, found: &Found) -> Result<PinnedRecord> {
        self.pin(view, found).map_err(|fault| self.fault(fault))
    }

    pub(crate) fn pin(&self, view: &ReadView, found: &Found) -> Result<PinnedRecord, Fault> {
        let log = view.log()?;
        self.check(&log, found)?;
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
        self.read_in(&self.view(), hash, name, f)
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
            let view = self.view();
            let mapped = view.mapped();
            group.iter().for_each(|(hash, _)| view.prefetch_bucket(mapped, *hash));
            group.iter().for_each(|(hash, _)| view.prefetch_record(mapped, *hash));
            for (hash, name) in group {
                let mut found = false;
                let mut give = |vector: &[f32], metadata: &[u8]| {
                    found = true;
                    f(number, Some((vector, metadata)));
                };
                self.read_in(&view, *hash, *name, &mut give)?;
                if !found {
                    f(number, None);
                }
                number += 1;
            }
            if len < GROUP {
                return Ok(());
            }
        }
    }

    #[inline(always)]
    fn read_in<R>(
        &self,
        view: &ReadView,
        hash: u64,
        name: Name<'_>,
        f: impl FnOnce(&[f32], &[u8]) -> R,
    ) -> Result<Option<R>> {
        let fault = |fault| self.fault(fault);
        if !self.settings.verify_checksums
            && let Some((found, record)) = view.find_fast(view.mapped(), hash, name)
        {
            let (vector, metadata) = record[HEADER..].split_at(found.meta_at as usize - HEADER);
            return Ok(Some(f(bytemuck::cast_slice(vector), metadata)));
        }
        let Some(found) = view.find(hash, name).map_err(fault)?.live else { return Ok(None) };
        let log = view.log().map_err(fault)?;
        self.check(&log, &found).map_err(fault)?;
        let record = found.read(&log).map_err(fault)?;
        let vector = bytemuck::cast_slice(&record[HEADER..HEADER + self.vector_bytes()]);
        Ok(Some(f(vector, &record[found.meta_at as usize..])))
    }

    pub(crate) fn contains(&self, key: Key<'_>) -> Result<bool> {
        self.check_there()?;
        let name = Name::Vector(key);
        let lookup = self.view().find(name.hash(self.identity.seed), name);
        lookup.map(|lookup| lookup.live.is_some()).map_err(|fault| self.fault(fault))
    }
}
