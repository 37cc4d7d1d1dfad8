//! Vectors on their way from the file to the store. Three buffers hold a whole batch and are used again for the next, so
//! a vector costs no allocation here.

use crate::format::key::Kind;
use jvdb_core::{Key, Operation};
use std::ops::Range;

/// Bytes at which a batch is full, however few vectors it has. Less than the largest metadata, so metadata that is too
/// large for the store ends its batch, and is refused while its place in the file is known.
const MAX_BYTES: usize = 8 << 20;

/// Vectors to be stored together.
#[derive(Default)]
pub struct Batch {
    elements: Vec<f32>,
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

/// One vector: where its parts lie in the buffers.
struct Entry {
    key: Kind,
    key_bytes: Range<usize>,
    elements: Range<usize>,
    metadata: Range<usize>,
}

/// A vector that is being read: its parts come in any order, each at most once.
pub struct Draft<'a> {
    batch: &'a mut Batch,
    key: Option<(Kind, Range<usize>)>,
    elements: Option<Range<usize>>,
    metadata: Option<Range<usize>>,
}

impl Batch {
    /// Begins another vector. If the draft is dropped without [`finish`](Draft::finish) nothing is added.
    pub fn draft(&mut self) -> Draft<'_> {
        Draft { batch: self, key: None, elements: None, metadata: None }
    }

    /// Number of vectors.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it is time to store it.
    pub fn is_full(&self, max_len: usize) -> bool {
        self.len() >= max_len || size_of_val(self.elements.as_slice()) + self.bytes.len() >= MAX_BYTES
    }

    /// The key of the vector that was added last.
    pub fn last_key(&self) -> Option<Key<'_>> {
        self.entries.last().map(|entry| self.key(entry))
    }

    /// Takes out the vector that was added last.
    pub fn take_back(&mut self) {
        self.entries.pop();
    }

    fn key(&self, entry: &Entry) -> Key<'_> {
        match entry.key {
            Kind::Int(id) => Key::Int(id),
            Kind::Bytes => Key::Bytes(&self.bytes[entry.key_bytes.clone()]),
        }
    }

    /// The vectors, as operations for the store.
    pub fn operations(&self) -> impl Iterator<Item = Operation<'_>> {
        self.entries.iter().map(|entry| Operation::Put {
            key: self.key(entry),
            vector: &self.elements[entry.elements.clone()],
            metadata: &self.bytes[entry.metadata.clone()],
        })
    }

    /// Makes it empty. The buffers stay, unless an unusually large vector blew them up.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.elements.clear();
        self.bytes.clear();
        // Made anew and not smaller, which takes memory that there may not be.
        if size_of::<f32>() * self.elements.capacity() > 2 * MAX_BYTES {
            self.elements = Vec::new();
        }
        if self.bytes.capacity() > 2 * MAX_BYTES {
            self.bytes = Vec::new();
        }
    }
}

impl Draft<'_> {
    /// Reads the key; `read` appends its bytes.
    pub fn key<E>(&mut self, read: impl FnOnce(&mut Vec<u8>) -> Result<Kind, E>) -> Result<Repeated, E> {
        let start = self.batch.bytes.len();
        let kind = read(&mut self.batch.bytes)?;
        Ok(Repeated(self.key.replace((kind, start..self.batch.bytes.len())).is_some()))
    }

    /// Reads the elements; `read` appends them.
    pub fn elements<E>(&mut self, read: impl FnOnce(&mut Vec<f32>) -> Result<(), E>) -> Result<Repeated, E> {
        let start = self.batch.elements.len();
        read(&mut self.batch.elements)?;
        Ok(Repeated(self.elements.replace(start..self.batch.elements.len()).is_some()))
    }

    /// Reads the metadata; `read` appends it.
    pub fn metadata<E>(&mut self, read: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<Repeated, E> {
        let start = self.batch.bytes.len();
        read(&mut self.batch.bytes)?;
        Ok(Repeated(self.metadata.replace(start..self.batch.bytes.len()).is_some()))
    }

    /// Adds the vector to the batch and returns its dimension.
    ///
    /// # Errors
    /// Names the part that is missing, or says that there is no memory for another vector.
    pub fn finish(self) -> Result<usize, &'static str> {
        let (key, key_bytes) = self.key.ok_or("the vector has no \"id\"")?;
        let elements = self.elements.ok_or("the vector has no \"data\" (or \"values\")")?;
        let dimension = elements.len();
        let metadata = self.metadata.unwrap_or(0..0);
        self.batch.entries.try_reserve(1).map_err(|_| "there is no memory for another vector")?;
        self.batch.entries.push(Entry { key, key_bytes, elements, metadata });
        Ok(dimension)
    }
}

/// Whether a part had been there already.
#[must_use]
pub struct Repeated(pub bool);
