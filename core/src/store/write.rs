//! Writing: operations are checked, drafted as one batch, written to the log, and shown to readers.

use crate::format::record::Kind;
use crate::log::writer::{Before, Draft, Writer};
use crate::store::store::Store;
use crate::store::view::Lookup;
use crate::sync::lock::lock;
use crate::types::error::{Error, Result};
use crate::types::key::{Key, Name};
use crate::types::schema::{MAX_KEY_LEN, MAX_METADATA_LEN};

/// What must be true of a key before a vector is stored under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Any,
    Absent,
    Present,
}

/// One element of a batch, checked and in the engine's terms.
pub(crate) struct Step<'a> {
    pub kind: Kind,
    pub name: Name<'a>,
    pub vector: &'a [u8],
    pub metadata: &'a [u8],
    pub rule: Rule,
}

/// What a batch came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub inserted: u64,
    pub replaced: u64,
    pub deleted: u64,
}

impl Store {
    fn check_step(&self, step: &Step<'_>) -> Result<()> {
        match step.name {
            Name::Vector(key) => key.check()?,
            Name::Attribute(name) if name.is_empty() || name.len() > MAX_KEY_LEN => {
                let reason = format!("{} bytes, a name has 1..={MAX_KEY_LEN}", name.len());
                return Err(Error::invalid("attribute name", reason));
            }
            Name::Attribute(_) => {}
        }
        if step.kind == Kind::Put && step.vector.len() != self.vector_bytes() {
            return Err(self.wrong_dimension(step.vector.len() / size_of::<f32>()));
        }
        if step.metadata.len() > MAX_METADATA_LEN {
            let reason = format!("{} bytes, the limit is {MAX_METADATA_LEN}", step.metadata.len());
            return Err(Error::invalid("metadata", reason));
        }
        Ok(())
    }

    /// Performs steps as one: all of them, or none if one fails.
    pub(crate) fn write<'a>(&self, steps: impl IntoIterator<Item = Step<'a>>) -> Result<Tally> {
        self.check_free()?;
        let mut writer = lock(&self.writer);
        self.check_writable()?;
        self.clear_stray(&mut writer)?;
        let mut tally = Tally::default();
        let mut draft = writer.draft();
        let mut cramped = false;
        for step in steps {
            self.check_step(&step)?;
            self.draft(&mut draft, &step, &mut tally, &mut cramped)?;
        }
        if cramped {
            // Before anything is acknowledged: memory that is short is an error then, and nothing else.
            self.change().active.reserve(draft.len()).map_err(|full| self.fault(full.into()))?;
        }
        draft.finish().map_err(|fault| self.fault(fault))?;
        self.publish(&mut writer);
        Ok(tally)
    }

    /// `cramped` tells that the changes in memory have no room for what is drafted.
    fn draft(&self, draft: &mut Draft<'_>, step: &Step<'_>, tally: &mut Tally, cramped: &mut bool) -> Result<()> {
        let hash = step.name.hash(self.identity.seed);
        let fault = |fault| self.fault(fault);
        let before = match draft.earlier(hash, step.name).map_err(fault)? {
            Some(before) => before,
            None => {
                let state = self.read();
                *cramped |= !state.active.has_room(draft.len() + 1);
                state.find(hash, step.name).map_err(fault)?.into()
            }
        };
        let there = before.live.is_some();
        match (step.rule, there) {
            (Rule::Absent, true) => return Err(self.key_error(step.name, true)),
            (Rule::Present, false) => return Err(self.key_error(step.name, false)),
            _ => {}
        }
        match (step.kind.stores(), there) {
            (true, true) => tally.replaced += 1,
            (true, false) => tally.inserted += 1,
            (false, true) => tally.deleted += 1,
            // Nothing to take away, nothing to say about it.
            (false, false) => return Ok(()),
        }
        draft.add(step.kind, hash, step.name, before, step.vector, step.metadata).map_err(fault)
    }

    fn key_error(&self, name: Name<'_>, exists: bool) -> Error {
        let database = self.identity.name.clone();
        let key = match name {
            Name::Vector(key) => key.to_string(),
            Name::Attribute(name) => Key::Bytes(name).to_string(),
        };
        if exists { Error::KeyExists { database, key } } else { Error::KeyNotFound { database, key } }
    }

    /// Shows readers what was written: one operation while they read on, a batch at one stroke.
    fn publish(&self, writer: &mut Writer) {
        let end = writer.next.offset;
        let shown = match writer.changes.as_slice() {
            [] => return,
            [change] => self.read().publish(*change, end),
            _ => false,
        };
        if !shown {
            let mut state = self.change();
            for change in &writer.changes {
                let entered = state.active.set(change.entry, change.replaces);
                entered.expect("room was made before the operations were written");
            }
            state.set_end(end);
        }
        self.figures.take(&writer.counts, end, writer.operations);
        writer.rest();
    }
}

impl From<Lookup> for Before {
    fn from(lookup: Lookup) -> Self {
        Self { live: lookup.live.map(|found| (found.offset, found.len)), prior: lookup.prior, entry: lookup.entry }
    }
}
