//! Reading what is stored under a name: held in place, or shown while a lease is. Changes nothing, and copies nothing where
//! there is a mapping.

use crate::format::record::HEADER;
use crate::log::reader::{Found, Log};
use crate::medium::Pinned;
use crate::store::store::Store;
use crate::store::view::State;
use crate::types::error::Result;
use crate::types::fault::Fault;
use crate::types::key::{Key, Name};

/// Names whose memory is asked for at once.
const GROUP: usize = 32;

/// A record held in place, up to the end of its metadata.
pub(crate) struct Held {
    pub record: Pinned,
    /// Where the metadata begins.
    pub meta_at: usize,
}

impl Store {
    /// Holds the record of a name in place.
    pub(crate) fn get(&self, name: Name<'_>) -> Result<Option<Held>> {
        self.check_there()?;
        let hash = name.hash(self.identity.seed);
        let state = self.read();
        if let Some((found, _)) = state.glance(state.window(), hash, name) {
            return self.hold(&state, &found).map(Some);
        }
        match state.find(hash, name).map_err(|fault| self.fault(fault))?.live {
            Some(found) => self.hold(&state, &found).map(Some),
            None => Ok(None),
        }
    }

    pub(crate) fn hold(&self, state: &State, found: &Found) -> Result<Held> {
        let fault = |fault| self.fault(fault);
        let log = state.log().map_err(fault)?;
        self.check(&log, found).map_err(fault)?;
        let meta_at = found.meta_at as usize;
        let record = log.medium.pin(found.offset, meta_at + found.meta_len as usize);
        let record = record.map_err(|source| fault(Fault::read(found.offset)(source)))?;
        Ok(Held { record, meta_at })
    }

    /// Checks the record's body, if that is wanted.
    #[inline]
    pub(crate) fn check(&self, log: &Log<'_>, found: &Found) -> Result<(), Fault> {
        if self.settings.verify_checksums { log.check_sum(found) } else { Ok(()) }
    }

    /// Shows a vector and its metadata where they lie, while a lease is held.
    pub(crate) fn show<R>(&self, key: Key<'_>, see: impl FnOnce(&[f32], &[u8]) -> R) -> Result<Option<R>> {
        self.check_there()?;
        let name = Name::Vector(key);
        let hash = name.hash(self.identity.seed);
        self.show_in(&self.read(), hash, name, see)
    }

    /// As [`show`](Self::show), for many: the memory they lie in is asked for ahead, so that it is waited for but once.
    pub(crate) fn show_many<'k>(
        &self,
        keys: impl IntoIterator<Item = Key<'k>>,
        mut see: impl FnMut(usize, Option<(&[f32], &[u8])>),
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
            let state = self.read();
            let window = state.window();
            group.iter().for_each(|(hash, _)| state.touch_bucket(window, *hash));
            group.iter().for_each(|(hash, _)| state.touch_record(window, *hash));
            for (hash, name) in group {
                let mut found = false;
                let mut seen = |vector: &[f32], metadata: &[u8]| {
                    found = true;
                    see(number, Some((vector, metadata)));
                };
                self.show_in(&state, *hash, *name, &mut seen)?;
                if !found {
                    see(number, None);
                }
                number += 1;
            }
            if len < GROUP {
                return Ok(());
            }
        }
    }

    #[inline(always)]
    fn show_in<R>(
        &self,
        state: &State,
        hash: u64,
        name: Name<'_>,
        see: impl FnOnce(&[f32], &[u8]) -> R,
    ) -> Result<Option<R>> {
        let fault = |fault| self.fault(fault);
        if !self.settings.verify_checksums
            && let Some((found, record)) = state.glance(state.window(), hash, name)
        {
            let (vector, metadata) = record[HEADER..].split_at(found.meta_at as usize - HEADER);
            return Ok(Some(see(bytemuck::cast_slice(vector), metadata)));
        }
        let Some(found) = state.find(hash, name).map_err(fault)?.live else { return Ok(None) };
        let log = state.log().map_err(fault)?;
        self.check(&log, &found).map_err(fault)?;
        let record = found.read(&log).map_err(fault)?;
        let vector = bytemuck::cast_slice(&record[HEADER..HEADER + self.vector_bytes()]);
        Ok(Some(see(vector, &record[found.meta_at as usize..])))
    }

    pub(crate) fn contains(&self, key: Key<'_>) -> Result<bool> {
        self.check_there()?;
        let name = Name::Vector(key);
        let lookup = self.read().find(name.hash(self.identity.seed), name);
        lookup.map(|lookup| lookup.live.is_some()).map_err(|fault| self.fault(fault))
    }
}
