//! A vector that a caller holds where it lies. How it is found and pinned is not known here.

use crate::format::record::{HEADER, name_in};
use crate::store::read::PinnedRecord;
use crate::types::key::{Key, Name};

/// A vector read without a copy.
///
/// It stays valid and unchanged while this lives, whatever happens to the vector, its database or its file. It keeps a
/// mapping alive, not a file open. If another program truncates the file meanwhile, against the directory lock, touching
/// what was cut off ends the process with SIGBUS, as with any mapping.
#[must_use]
pub struct Vector {
    held: PinnedRecord,
    vector_bytes: usize,
}

impl Vector {
    pub(crate) fn new(held: PinnedRecord, vector_bytes: usize) -> Self {
        Self { held, vector_bytes }
    }

    /// The elements, on a 64-byte boundary.
    pub fn vector(&self) -> &[f32] {
        bytemuck::cast_slice(&self.held.record[HEADER..HEADER + self.vector_bytes])
    }

    /// The metadata, as stored.
    pub fn metadata(&self) -> &[u8] {
        &self.held.record[self.held.meta_at..]
    }

    /// The key.
    pub fn key(&self) -> Key<'_> {
        match name_in(&self.held.record, self.vector_bytes) {
            Name::Vector(key) => key,
            Name::Attribute(name) => Key::Bytes(name),
        }
    }
}

impl std::fmt::Debug for Vector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vector").field("key", &self.key()).field("vector", &self.vector()).finish_non_exhaustive()
    }
}
