//! Where a dry run stores: nowhere. It knows what is in the directory, and refuses what the engine would refuse.

use super::sink::{Sink, SinkDatabase, SinkError};
use crate::failure::Failure;
use crate::storage::Directory;
use jvdb_core::{Database, Key, MAX_METADATA_LEN, Operation, Options, Schema, Storage};
use std::cell::Cell;

/// A storage directory, and databases that would be in it.
pub struct DryRun {
    real: Option<Directory>,
    /// Takes or refuses names and schemas as the real one would; no vector is stored there.
    imagined: Storage,
}

impl DryRun {
    /// For a directory, if it is there.
    pub fn new(real: Option<Directory>) -> Result<Self, Failure> {
        Ok(Self { real, imagined: Storage::in_memory(Options::default())? })
    }
}

impl Sink for DryRun {
    fn open(&self, name: &str) -> Result<Option<Box<dyn SinkDatabase + '_>>, SinkError> {
        let database = match self.real.as_ref().map(|real| real.database(name)) {
            None | Some(Err(Failure::NoDatabase { .. })) if self.imagined.exists(name)? => {
                self.imagined.database(name)?
            }
            None | Some(Err(Failure::NoDatabase { .. })) => return Ok(None),
            Some(database) => database?,
        };
        Ok(Some(Box::new(Imagined::of(database))))
    }

    fn create(&self, name: &str, schema: Schema) -> Result<Box<dyn SinkDatabase + '_>, SinkError> {
        Ok(Box::new(Imagined::of(self.imagined.create(name, schema)?)))
    }
}

/// A database that stays as it is, and how many vectors it would have.
struct Imagined {
    database: Database,
    count: Cell<u64>,
}

impl Imagined {
    fn of(database: Database) -> Self {
        let count = Cell::new(database.count());
        Self { database, count }
    }
}

impl SinkDatabase for Imagined {
    fn schema(&self) -> Result<Schema, SinkError> {
        Ok(self.database.schema())
    }

    fn count(&self) -> Option<u64> {
        Some(self.count.get())
    }

    fn contains(&self, key: Key<'_>) -> Result<bool, SinkError> {
        Ok(self.database.contains(key)?)
    }

    fn write(&self, operations: &mut dyn Iterator<Item = Operation<'_>>) -> Result<(), SinkError> {
        for operation in operations {
            let Operation::Put { key, metadata, .. } = operation else { continue };
            if metadata.len() > MAX_METADATA_LEN {
                let (len, most) = (metadata.len(), MAX_METADATA_LEN);
                let what = format!("the metadata of key {key} has {len} bytes, of which {most} are allowed");
                return Err(Box::new(Failure::Schema(what)));
            }
            self.count.set(self.count.get() + u64::from(!self.database.contains(key)?));
        }
        Ok(())
    }

    fn set_attribute(&self, _: &[u8], _: &[u8]) -> Result<(), SinkError> {
        Ok(())
    }
}
