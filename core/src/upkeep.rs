//! What an operator asks of an open database: durability, figures, copies, checks. As in `database`, nothing is decided here.

use crate::database::Database;
use crate::maintenance::findings::Report;
#[cfg(unix)]
use crate::medium::NativeVolume;
use crate::medium::Volume;
use crate::types::error::Result;
#[cfg(unix)]
use crate::types::options::Access;
use crate::types::options::Advice;
use crate::types::stats::DatabaseStats;
use std::time::Duration;

impl Database {
    /// Tells the operating system how the file will be read. That holds while the file is open, as it is while there is a
    /// handle, and until it is compacted. A database in memory takes no advice.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if the operating system refuses. Nothing is lost, and reads go on.
    ///
    /// ```
    /// use jvdb_core::{Advice, Metric, Options, Schema, Storage};
    /// # let directory = tempfile::tempdir()?;
    /// let storage = Storage::open(directory.path(), Options::default())?;
    /// let db = storage.create("points", Schema::new(2, Metric::Cosine)?)?;
    /// db.advise(Advice::WillNeed)?; // warms the cache before the first queries come
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn advise(&self, advice: Advice) -> Result<()> {
        self.store().advise(advice)
    }

    /// Returns when everything acknowledged before the call survives a loss of power, with the time that took. Reads
    /// and writes go on meanwhile.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if the disk is full or a sync fails; a failed sync poisons the database, and every
    /// later write and flush fails with [`Error::Poisoned`](crate::Error::Poisoned) until the directory is reopened.
    pub fn flush(&self) -> Result<Duration> {
        self.handle.flush()
    }

    /// Moves a database of a directory opened read-only on to what is durable in its file now, and returns whether there was
    /// anything new. It costs two looks at the file where there was not; otherwise as much as opening it.
    ///
    /// Without it each call shows a state at least as new as the call before did: it is the state of the opening until a
    /// call meets something newer. Scans, and vectors that were read, stay as they are. A compaction by the writing process is
    /// followed. A database that this process writes is always up to date, and so this does nothing.
    ///
    /// ```
    /// use jvdb_core::{Metric, Options, Schema, Storage};
    /// # let directory = tempfile::tempdir()?;
    /// let storage = Storage::open(directory.path(), Options::default())?;
    /// let db = storage.create("points", Schema::new(1, Metric::DotProduct)?)?;
    /// db.flush()?;
    /// // Most likely in another process:
    /// let reader = Storage::open(directory.path(), Options::default().read_only(true))?.database("points")?;
    /// db.put(1, &[1.0], b"")?;
    /// db.flush()?;
    /// assert!(reader.refresh()?);
    /// assert_eq!(reader.count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Removed`](crate::Error::Removed) if the file is gone or another database's, [`Error::Corrupt`](crate::Error::Corrupt),
    /// [`Error::Io`](crate::Error::Io), [`Error::InvalidArgument`](crate::Error::InvalidArgument) inside a read of this database.
    /// The database stays as it was then.
    pub fn refresh(&self) -> Result<bool> {
        self.store().refresh()
    }

    #[cfg(feature = "__deferred_index")]
    #[doc(hidden)]
    pub fn flush_due(&self) -> Result<()> {
        self.handle.flush_due()
    }

    /// Figures of this database.
    pub fn stats(&self) -> DatabaseStats {
        self.store().stats()
    }

    /// Writes the live records to a new file that takes the place of the old one, and returns the bytes gained. Reads,
    /// writes and flushes go on meanwhile; vectors that were read stay valid, and the old file's space is free when the last of them
    /// is dropped. Positions taken before stay good; a scan may give a few vectors a second time.
    ///
    /// # Errors
    /// Those of [`flush`](Self::flush), and [`Error::Corrupt`](crate::Error::Corrupt) if a live record is damaged: it is
    /// not copied, nothing is changed. The disk must have room for all live records.
    pub fn compact(&self) -> Result<u64> {
        self.handle.compact()
    }

    /// Flushes, and writes a copy of the database as it is after that or a later flush to a new file, which is durable when
    /// this returns. It is a database like any other: put into a storage directory under `NAME.jvdb`, it has that name.
    /// Reads, writes and flushes go on meanwhile; a compaction or another backup of it waits. A crash leaves no file or, under
    /// another name that ends in `.tmp`, a part of it. Returns the bytes copied. What is damaged is copied as it is.
    ///
    /// Of a directory opened read-only it is a copy of what this database shows: its live records alone, and
    /// [`Error::Corrupt`](crate::Error::Corrupt) if one of them is damaged.
    ///
    /// ```
    /// # use jvdb_core::{Metric, Options, Schema, Storage};
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("points.jvdb");
    /// let storage = Storage::in_memory(Options::default())?;
    /// let db = storage.create("points", Schema::new(2, Metric::DotProduct)?)?;
    /// db.put(1, &[3.0, 4.0], b"")?;
    /// db.backup(&path)?;
    /// let copy = Storage::open(dir.path(), Options::default())?.database("points")?;
    /// assert_eq!(copy.count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`flush`](Self::flush); [`Error::Io`](crate::Error::Io) if there is a file at `path` already, or it
    /// cannot be written; [`Error::InvalidArgument`](crate::Error::InvalidArgument) if `path` names no file.
    #[cfg(unix)]
    pub fn backup(&self, path: impl AsRef<std::path::Path>) -> Result<u64> {
        let path = path.as_ref();
        let invalid = || crate::Error::invalid("path", format!("{} does not name a file", path.display()));
        let file = path.file_name().ok_or_else(invalid)?;
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let mut volume = NativeVolume::open_read_only(directory.unwrap_or(std::path::Path::new(".")), Access::File)?;
        let file = volume.called(file);
        self.backup_to(&volume, &file)
    }

    /// As the backup to a path, to a file of any volume.
    ///
    /// # Errors
    /// Those of [`flush`](Self::flush); [`Error::Io`](crate::Error::Io) if there is such a file already, or it cannot be
    /// written.
    pub fn backup_to(&self, volume: &dyn Volume, file: &str) -> Result<u64> {
        self.handle.backup(volume, file)
    }

    /// Checks every checksum, the chain of the log, and the index against the log, as they are at the call. Reads, writes and
    /// flushes go on; a compaction or a backup of it waits.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) only: damage is what the report is for.
    pub fn verify(&self) -> Result<Report> {
        self.store().verify()
    }
}
