//! Where an import stores what it reads: the few calls that it makes, whatever engine answers them. Knows no file and no text.

use jvdb_core::{Database, Key, Operation, Result as Core, Schema, Storage};

/// Any error of any engine. One of `jvdb_core` is told as such.
pub type SinkError = Box<dyn std::error::Error + Send + Sync>;

/// A storage directory to import into.
pub trait Sink {
    /// Opens a database; `None` if there is none of this name.
    ///
    /// # Errors
    /// The engine's own; so do all calls below.
    fn open(&self, name: &str) -> Result<Option<Box<dyn SinkDatabase + '_>>, SinkError>;

    /// Creates a database and opens it.
    fn create(&self, name: &str, schema: Schema) -> Result<Box<dyn SinkDatabase + '_>, SinkError>;

    /// Removes a database that this import created, and into which it stored no vector before it failed. An engine that does
    /// not do so keeps it, empty.
    fn remove(&self, name: &str) -> Result<(), SinkError> {
        let _ = name;
        Ok(())
    }
}

/// One database of a [`Sink`], open.
pub trait SinkDatabase {
    /// Its dimension and metric.
    fn schema(&self) -> Result<Schema, SinkError>;

    /// Vectors in it, if the engine counts them: then an import tells how many it replaced.
    fn count(&self) -> Option<u64> {
        None
    }

    /// Whether there is a vector of this key. Only an import that does not replace vectors asks.
    fn contains(&self, key: Key<'_>) -> Result<bool, SinkError> {
        Err(format!("whether key {key} is there already cannot be told here").into())
    }

    /// Performs operations as one: all of them, or none.
    fn write(&self, operations: &mut dyn Iterator<Item = Operation<'_>>) -> Result<(), SinkError>;

    /// Sets what a name says of the database.
    fn set_attribute(&self, name: &[u8], value: &[u8]) -> Result<(), SinkError>;
}

impl Sink for Storage {
    fn open(&self, name: &str) -> Result<Option<Box<dyn SinkDatabase + '_>>, SinkError> {
        if !self.exists(name)? {
            return Ok(None);
        }
        Ok(Some(Box::new(self.database(name)?)))
    }

    fn create(&self, name: &str, schema: Schema) -> Result<Box<dyn SinkDatabase + '_>, SinkError> {
        Ok(Box::new(Storage::create(self, name, schema)?))
    }

    fn remove(&self, name: &str) -> Result<(), SinkError> {
        Ok(self.drop_database(name)?)
    }
}

impl SinkDatabase for Database {
    fn schema(&self) -> Result<Schema, SinkError> {
        Ok(Database::schema(self))
    }

    fn count(&self) -> Option<u64> {
        Some(Database::count(self))
    }

    fn contains(&self, key: Key<'_>) -> Result<bool, SinkError> {
        Ok(Database::contains(self, key)?)
    }

    fn write(&self, operations: &mut dyn Iterator<Item = Operation<'_>>) -> Result<(), SinkError> {
        let written: Core<_> = Database::write(self, operations);
        Ok(written.map(drop)?)
    }

    fn set_attribute(&self, name: &[u8], value: &[u8]) -> Result<(), SinkError> {
        Ok(Database::set_attribute(self, name, value)?)
    }
}
