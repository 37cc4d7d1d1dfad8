//! How the commands open the storage directory.

use crate::args::StorageDir;
use jvdb_core::{Access, Options, Result, Storage};

impl StorageDir {
    /// For reading: no lock, no change, and a directory that does not exist is an error. Every record that is read is
    /// checked, so that nothing damaged is printed or exported as if it were sound.
    pub fn open_for_reading(&self) -> Result<Storage> {
        let options = Options::default().read_only(true).verify_checksums(true);
        Storage::open(&self.storage, options)
    }

    /// For reading all of it, on a disk that may be failing: as for reading, but a sector that cannot be read is an error
    /// and not a signal.
    pub fn open_for_checking(&self) -> Result<Storage> {
        let options = Options::default().read_only(true).access(Access::File);
        Storage::open(&self.storage, options)
    }

    /// For repair: takes the lock, and reads as for checking.
    pub fn open_for_repair(&self) -> Result<Storage> {
        let options = Options::default().create(false).access(Access::File);
        Storage::open(&self.storage, options)
    }

    /// For writing: takes the lock, and creates the directory if it is missing.
    pub fn open_for_writing(&self) -> Result<Storage> {
        Storage::open(&self.storage, Options::default())
    }
}

/// The one database that was asked for, or all of them.
pub fn names(storage: &Storage, wanted: Option<&str>) -> Result<Vec<String>> {
    wanted.map_or_else(|| storage.list(), |name| Ok(vec![name.to_owned()]))
}
