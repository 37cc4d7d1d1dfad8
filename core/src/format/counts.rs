//! What the log up to some point adds up to: how many vectors and attributes, and how much that is dead.

use crate::format::layout::UNIT;
use crate::format::record::Kind;
use crate::format::table::Geometry;

/// What the log up to some point adds up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub vectors: u64,
    pub attributes: u64,
    /// Records of vectors and attributes that were replaced or deleted, and records that say so.
    pub dead_records: u64,
    /// Bytes of dead records and outgrown tables.
    pub dead_bytes: u64,
}

impl Counts {
    /// Takes in a record of `len` bytes that replaces or removes one of `old` bytes.
    pub(crate) fn record(&mut self, kind: Kind, old: Option<u64>, len: u64) {
        let count = match kind {
            Kind::Put | Kind::Delete => &mut self.vectors,
            Kind::SetAttribute | Kind::RemoveAttribute => &mut self.attributes,
            Kind::Table => return,
        };
        match (kind.stores(), old) {
            (true, None) => *count += 1,
            (false, Some(_)) => *count = count.saturating_sub(1),
            _ => {}
        }
        if let Some(old) = old {
            self.dead_records += 1;
            self.dead_bytes += old;
        }
        if !kind.stores() {
            self.dead_records += 1;
            self.dead_bytes += len;
        }
    }

    /// Takes in a table that is no longer, or never was, in force.
    pub(crate) fn abandon(&mut self, table: Geometry) {
        self.dead_bytes += table.bytes().filter(|_| table.buckets > 0).map_or(0, |bytes| bytes + UNIT);
    }

    /// Names that the index must hold.
    pub(crate) fn names(&self) -> u64 {
        self.vectors + self.attributes
    }
}
