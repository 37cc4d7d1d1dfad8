//! The exported calls. Each is one call of the engine; what is added is that pages end.

use crate::bindings::exports::jvdb::storage::engine as wit;
use crate::directory::Directory;
use crate::types::{Result, nanoseconds};
use jvdb_core::{self as core, Error, Key, Operation, Options, Position, Schema};
use std::sync::Arc;

/// The most a page is filled to, whatever the caller asks for: hosts bound what one call may give.
const MAX_PAGE_BYTES: usize = 32 << 20;
/// What an element of a page counts beside its bytes: about what it takes on either side.
const ELEMENT_BYTES: usize = 64;

/// What the component exports.
pub struct Engine;

/// An open directory.
pub struct Storage(core::Storage);

/// An open database.
pub struct Database(jvdb_core::Database);

impl wit::Guest for Engine {
    type Storage = Storage;
    type Database = Database;
}

impl wit::GuestStorage for Storage {
    fn open(options: wit::Options) -> Result<wit::Storage> {
        let directory = Directory::preopened(options.directory.as_deref(), options.read_only)
            .map_err(|reason| Error::InvalidArgument { what: "directory", reason })?;
        Ok(wit::Storage::new(Self(core::Storage::on(Arc::new(directory), Options::from(&options))?)))
    }

    fn close(storage: wit::Storage) -> Result<()> {
        Ok(storage.into_inner::<Self>().0.close()?)
    }

    fn create(&self, name: String, schema: wit::Schema) -> Result<wit::Database> {
        let schema = Schema::new(schema.dimension as usize, schema.metric.into())?;
        Ok(wit::Database::new(Database(self.0.create(&name, schema)?)))
    }

    fn open_or_create(&self, name: String, schema: wit::Schema) -> Result<wit::Database> {
        let schema = Schema::new(schema.dimension as usize, schema.metric.into())?;
        Ok(wit::Database::new(Database(self.0.open_or_create(&name, schema)?)))
    }

    fn database(&self, name: String) -> Result<wit::Database> {
        Ok(wit::Database::new(Database(self.0.database(&name)?)))
    }

    fn exists(&self, name: String) -> Result<bool> {
        Ok(self.0.exists(&name)?)
    }

    fn drop_database(&self, name: String) -> Result<()> {
        Ok(self.0.drop_database(&name)?)
    }

    fn list(&self) -> Result<Vec<String>> {
        Ok(self.0.list()?)
    }

    fn flush(&self) -> Result<u64> {
        Ok(nanoseconds(self.0.flush()?))
    }

    fn stats(&self) -> Result<wit::StorageStats> {
        Ok(self.0.stats()?.into())
    }
}

impl wit::GuestDatabase for Database {
    fn name(&self) -> String {
        self.0.name().into()
    }

    fn schema(&self) -> wit::Schema {
        self.0.schema().into()
    }

    fn put(&self, key: wit::Key, vector: Vec<f32>, metadata: Vec<u8>) -> Result<bool> {
        Ok(self.0.put(&key, &vector, &metadata)?)
    }

    fn insert(&self, key: wit::Key, vector: Vec<f32>, metadata: Vec<u8>) -> Result<()> {
        Ok(self.0.insert(&key, &vector, &metadata)?)
    }

    fn replace(&self, key: wit::Key, vector: Vec<f32>, metadata: Vec<u8>) -> Result<()> {
        Ok(self.0.replace(&key, &vector, &metadata)?)
    }

    fn put_batch(&self, entries: Vec<wit::Entry>) -> Result<wit::Written> {
        Ok(self.0.write(entries.iter().map(Operation::from))?.into())
    }

    fn write(&self, operations: Vec<wit::Operation>) -> Result<wit::Written> {
        Ok(self.0.write(operations.iter().map(Operation::from))?.into())
    }

    fn delete(&self, key: wit::Key) -> Result<bool> {
        Ok(self.0.delete(&key)?)
    }

    fn get(&self, key: wit::Key) -> Result<Option<wit::Stored>> {
        Ok(self.0.read(&key, |vector, metadata| wit::Stored { vector: vector.into(), metadata: metadata.into() })?)
    }

    fn contains(&self, key: wit::Key) -> Result<bool> {
        Ok(self.0.contains(&key)?)
    }

    fn count(&self) -> u64 {
        self.0.count()
    }

    fn keys(&self, start: u64, max_bytes: u32) -> Result<wit::KeyPage> {
        let mut walk = self.0.keys(Position::from_u64(start));
        let keys = page(&mut walk, max_bytes, |key| {
            let bytes = key_bytes(key.as_key());
            (key.into(), bytes)
        })?;
        Ok(wit::KeyPage { keys, next: walk.position().to_u64() })
    }

    fn scan(&self, start: u64, max_bytes: u32) -> Result<wit::EntryPage> {
        let mut scan = self.0.scan(Position::from_u64(start));
        let entries = page(&mut scan, max_bytes, |found| {
            let (key, vector, metadata) = (found.key(), found.vector(), found.metadata());
            let bytes = key_bytes(key) + size_of_val(vector) + metadata.len();
            (wit::Entry { key: key.to_owned().into(), vector: vector.into(), metadata: metadata.into() }, bytes)
        })?;
        Ok(wit::EntryPage { entries, next: scan.position().to_u64() })
    }

    fn flush(&self) -> Result<u64> {
        Ok(nanoseconds(self.0.flush()?))
    }

    fn refresh(&self) -> Result<bool> {
        Ok(self.0.refresh()?)
    }

    fn stats(&self) -> wit::DatabaseStats {
        self.0.stats().into()
    }
}

fn key_bytes(key: Key<'_>) -> usize {
    match key {
        Key::Int(_) => size_of::<u64>(),
        Key::Bytes(bytes) => bytes.len(),
    }
}

/// Takes elements until their bytes reach `max_bytes`.
fn page<T, U>(
    elements: &mut impl Iterator<Item = jvdb_core::Result<T>>,
    max_bytes: u32,
    mut take: impl FnMut(T) -> (U, usize),
) -> Result<Vec<U>> {
    let most = MAX_PAGE_BYTES.min(max_bytes as usize);
    let mut taken = Vec::new();
    let mut bytes = 0;
    for element in elements {
        let (element, len) = take(element?);
        taken.push(element);
        bytes += len + ELEMENT_BYTES;
        if bytes >= most {
            break;
        }
    }
    Ok(taken)
}
