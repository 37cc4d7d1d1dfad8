//! Where an import stores what it reads: the few calls that it makes, whatever engine answers them. Knows no file and no text.

use jvdb_core::{Database, Operation, Result as Core, Schema, Storage};

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
}

/// One database of a [`Sink`], open.
pub trait SinkDatabase {
    /// Its dimension and metric.
    fn schema(&self) -> Result<Schema, SinkError>;

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
}

impl SinkDatabase for Database {
    fn schema(&self) -> Result<Schema, SinkError> {
        Ok(Database::schema(self))
    }

    fn write(&self, operations: &mut dyn Iterator<Item = Operation<'_>>) -> Result<(), SinkError> {
        let written: Core<_> = Database::write(self, operations);
        Ok(written.map(drop)?)
    }

    fn set_attribute(&self, name: &[u8], value: &[u8]) -> Result<(), SinkError> {
        Ok(Database::set_attribute(self, name, value)?)
    }
}
