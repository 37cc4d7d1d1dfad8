//! Writing: operations are checked, put together as one batch, written to the log, and made visible to readers.

use crate::format::record::Kind;
use crate::log::writer::{Before, PendingBatch, Writer};
use crate::store::store::Store;
use crate::store::view::Lookup;
use crate::sync::lock::lock;
use crate::types::error::{Error, Result};
use crate::types::key::Name;
use crate::types::schema::{MAX_KEY_LEN, MAX_METADATA_LEN};
use std::sync::atomic::Ordering::Relaxed;

/// What must be true of a key before a vector is stored under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Any,
    Absent,
    Present,
}

/// One operation of a batch, in the engine's terms.
pub(crate) struct WriteOp<'a> {
    pub kind: Kind,
    pub name: Name<'a>,
    pub vector: &'a [u8],
    pub metadata: &'a [u8],
    pub rule: Rule,
}

impl<'a> WriteOp<'a> {
    pub(crate) fn set_attribute(name: &'a [u8], value: &'a [u8]) -> Self {
        let kind = Kind::SetAttribute;
        Self { kind, name: Name::Attribute(name), vector: &[], metadata: value, rule: Rule::Any }
    }
}

/// What a batch did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Vectors stored under keys that were not there before.
    pub inserted: u64,
    /// Vectors stored in place of others.
    pub replaced: u64,
    /// Vectors deleted.
    pub deleted: u64,
}

impl Store {
    fn check_op(&self, op: &WriteOp<'_>) -> Result<()> {
        match op.name {
            Name::Vector(key) => key.check()?,
            Name::Attribute(name) if name.is_empty() || name.len() > MAX_KEY_LEN => {
                let reason = format!("{} bytes, a name has 1..={MAX_KEY_LEN}", name.len());
                return Err(Error::invalid("attribute name", reason));
            }
            Name::Attribute(_) => {}
        }
        if op.kind == Kind::Put && op.vector.len() != self.vector_bytes() {
            return Err(self.wrong_dimension(op.vector.len() / size_of::<f32>()));
        }
        if op.metadata.len() > MAX_METADATA_LEN {
            let reason = format!("{} bytes, the limit is {MAX_METADATA_LEN}", op.metadata.len());
            return Err(Error::invalid("metadata", reason));
        }
        Ok(())
    }

    /// Performs operations as one batch: all of them, or none if one fails.
    pub(crate) fn write<'a>(&self, ops: impl IntoIterator<Item = WriteOp<'a>>) -> Result<Written> {
        self.check_free()?;
        let mut writer = lock(&self.writer);
        self.check_writable()?;
        self.begin_writing(&mut writer)?;
        let mut written = Written::default();
        let mut batch = writer.begin_batch();
        let mut needs_room = false;
        for op in ops {
            self.check_op(&op)?;
            self.add_op(&mut batch, &op, &mut written, &mut needs_room)?;
        }
        if needs_room {
            // Before anything is acknowledged: memory that is short is an error then, and nothing else.
            self.view_mut().active.reserve(batch.len()).map_err(|full| self.fault(full.into()))?;
        }
        batch.finish().map_err(|fault| self.fault(fault))?;
        self.publish(&mut writer);
        Ok(written)
    }

    /// Adds an operation to the batch. Sets `needs_room` if the active delta has no room for the batch.
    fn add_op(
        &self,
        batch: &mut PendingBatch<'_>,
        op: &WriteOp<'_>,
        written: &mut Written,
        needs_room: &mut bool,
    ) -> Result<()> {
        let hash = op.name.hash(self.identity.seed);
        let fault = |fault| self.fault(fault);
        let before = match batch.earlier(hash, op.name).map_err(fault)? {
            Some(before) => before,
            None => {
                let view = self.view();
                *needs_room |= !view.active.has_room(batch.len() + 1);
                view.find(hash, op.name).map_err(fault)?.into()
            }
        };
        let there = before.live.is_some();
        match (op.rule, there) {
            (Rule::Absent, true) => {
                return Err(Error::KeyExists { database: self.identity.name.clone(), key: op.name.to_string() });
            }
            (Rule::Present, false) => {
                return Err(Error::KeyNotFound { database: self.identity.name.clone(), key: op.name.to_string() });
            }
            _ => {}
        }
        match (op.kind.stores(), there) {
            (true, true) => written.replaced += 1,
            (true, false) => written.inserted += 1,
            (false, true) => written.deleted += 1,
            // Nothing to take away, nothing to say about it.
            (false, false) => return Ok(()),
        }
        batch.add(op.kind, hash, op.name, before, op.vector, op.metadata).map_err(fault)
    }

    /// Makes visible what was written: one operation while readers go on, a batch between two reads.
    fn publish(&self, writer: &mut Writer) {
        let end = writer.next.offset;
        // Before the end that readers see: who sees two records of one name must know that not everything is alive.
        self.figures.dead_records.store(writer.counts.dead_records, Relaxed);
        let shown = match writer.changes.as_slice() {
            [] => return,
            [change] => self.view().publish(*change, end),
            _ => false,
        };
        if !shown {
            let mut view = self.view_mut();
            for change in &writer.changes {
                let entered = view.active.set(change.entry, change.replaces);
                entered.expect("room was made before the operations were written");
            }
            view.set_end(end);
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
