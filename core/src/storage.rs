//! A directory of databases: the door through which everything is opened, made and dropped.

use crate::database::Database;
use crate::directory::catalog::Catalog;
use crate::directory::flush_thread::OpenDirectory;
use crate::directory::handle::Handle;
#[cfg(doc)]
use crate::maintenance::findings::Gap;
use crate::maintenance::findings::Repair;
use crate::medium::{MemoryVolume, Volume};
use crate::types::error::{Error, Result};
use crate::types::options::Options;
use crate::types::schema::Schema;
use crate::types::stats::StorageStats;
use std::sync::Arc;
use std::time::Duration;

/// A storage directory, open. Every call takes `&self` and may come from any thread.
///
/// Databases open on first use, at most `max_open_files` at once; the one not used for longest is closed to make room. A
/// directory has one writing process at a time. When this and all [`Database`] handles are dropped, everything is
/// flushed and closed; errors of that are logged, and [`close`](Self::close) returns them.
///
/// ```
/// use jvdb_core::{Metric, Options, Schema, Storage};
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path();
/// let storage = Storage::open(path, Options::default())?;
/// let db = storage.create("colours", Schema::new(3, Metric::Cosine)?)?;
/// db.put("orange", &[1.0, 0.5, 0.0], b"{}")?; // survives kill -9 from here on
/// db.flush()?; // survives a loss of power from here on
/// drop(db);
/// storage.close()?;
/// assert_eq!(Storage::open(path, Options::default())?.list()?, ["colours"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Storage {
    directory: Arc<OpenDirectory>,
}

impl Storage {
    /// Opens a directory, and makes it if it is missing and `options.create` says so. Takes its lock unless it is opened
    /// read-only. Lists the directory; opens no database file.
    ///
    /// # Errors
    /// [`Error::Io`] if the directory cannot be used, [`Error::Locked`] with the holder's process id if another process
    /// writes to it, [`Error::InvalidArgument`] for options out of range.
    #[cfg(unix)]
    pub fn open(path: impl AsRef<std::path::Path>, options: Options) -> Result<Self> {
        use crate::medium::FolderVolume;
        use crate::medium::NativeVolume;
        use crate::types::options::Layout;
        options.check()?;
        let volume = match options {
            Options { read_only: true, access, .. } => NativeVolume::open_read_only(path, access)?,
            Options { lock: false, access, create, .. } => NativeVolume::open_without_lock(path, access, create)?,
            Options { access, create, .. } => NativeVolume::open(path, access, create)?,
        };
        match options.layout {
            Layout::Flat => Self::on(Arc::new(volume), options),
            Layout::Folders => Self::on(Arc::new(FolderVolume::new(volume)), options),
        }
    }

    /// A directory in memory: the same calls and the same engine, no files. All is gone when it is dropped.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for options out of range.
    pub fn in_memory(options: Options) -> Result<Self> {
        Self::on(Arc::new(MemoryVolume::default()), options)
    }

    /// A directory on any volume. Whoever brings the volume sees to it that nobody else writes to it.
    ///
    /// # Errors
    /// [`Error::Io`] if the volume cannot be listed, [`Error::InvalidArgument`] for options out of range.
    pub fn on(volume: Arc<dyn Volume>, options: Options) -> Result<Self> {
        Ok(Self { directory: Arc::new(OpenDirectory::new(Catalog::open(volume, options)?)) })
    }

    /// Makes an empty database and opens it. It survives a loss of power when this returns. If it was made but cannot be
    /// opened, the error is that of [`database`](Self::database), and the database is there.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`], [`Error::InvalidName`], [`Error::Io`], [`Error::ReadOnly`], [`Error::AllPinned`].
    pub fn create(&self, name: &str, schema: Schema) -> Result<Database> {
        self.create_with(name, schema, &[])
    }

    /// The same for a database that has attributes, by name and value, from the moment that there is one: neither a crash
    /// nor a failure leaves a database without them.
    ///
    /// ```
    /// # use jvdb_core::{Metric, Options, Schema, Storage};
    /// # let storage = Storage::in_memory(Options::default())?;
    /// let db = storage.create_with("colours", Schema::new(3, Metric::Cosine)?, &[(b"made by", b"the example")])?;
    /// assert_eq!(db.attribute(b"made by")?.as_deref(), Some(&b"the example"[..]));
    /// # Ok::<(), jvdb_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`create`](Self::create), and [`Error::InvalidArgument`] for an attribute that
    /// [`set_attribute`](Database::set_attribute) refuses.
    pub fn create_with(&self, name: &str, schema: Schema, attributes: &[(&[u8], &[u8])]) -> Result<Database> {
        loop {
            self.directory.catalog.create(name, schema, attributes)?;
            match self.database(name) {
                // Somebody has dropped it at once: then it comes after that.
                Err(Error::NotFound { .. }) => {}
                opened => return opened,
            }
        }
    }

    /// Opens a database, and makes it if there is none of that name: whoever runs twice need not know whether it is there.
    /// Durable as [`create`](Self::create) if it is made.
    ///
    /// ```
    /// use jvdb_core::{Metric, Options, Schema, Storage};
    /// let storage = Storage::in_memory(Options::default())?;
    /// let schema = Schema::new(3, Metric::Cosine)?;
    /// storage.open_or_create("colours", schema)?.put(7, &[1.0, 0.5, 0.0], b"orange")?;
    /// assert_eq!(storage.open_or_create("colours", schema)?.count(), 1);
    /// assert!(storage.open_or_create("colours", Schema::new(4, Metric::Cosine)?).is_err());
    /// # Ok::<(), jvdb_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`database`](Self::database) and `create`, and [`Error::InvalidArgument`] if it is there with another
    /// schema.
    pub fn open_or_create(&self, name: &str, schema: Schema) -> Result<Database> {
        loop {
            match self.database(name) {
                Ok(database) if database.schema() == schema => return Ok(database),
                Ok(database) => {
                    let there = database.schema();
                    let reason = format!("database {name:?} has {there}, and {schema} was asked for");
                    return Err(Error::invalid("schema", reason));
                }
                Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
            match self.create(name, schema) {
                // Somebody else has made it meanwhile.
                Err(Error::AlreadyExists { .. }) => {}
                made => return made,
            }
        }
    }

    /// Opens a database, or gives another handle on it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InvalidName`], [`Error::Corrupt`] and [`Error::UnsupportedVersion`] for a file that
    /// is none of ours, [`Error::AllPinned`] if `max_open_files` others are all held by handles, [`Error::Io`].
    pub fn database(&self, name: &str) -> Result<Database> {
        let store = self.directory.catalog.acquire(name)?;
        Ok(Database::new(Handle::new(store, Arc::clone(&self.directory))))
    }

    /// Whether a database exists.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::Io`].
    pub fn exists(&self, name: &str) -> Result<bool> {
        self.directory.catalog.exists(name)
    }

    /// Removes a database and its file. Handles on it get [`Error::Dropped`] from then on; vectors that were read stay
    /// valid.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InvalidName`], [`Error::ReadOnly`], [`Error::Io`].
    pub fn drop_database(&self, name: &str) -> Result<()> {
        self.directory.catalog.remove(name)
    }

    /// Repairs a damaged database: writes all that is sound in its file to a new one, with a new index, which takes its
    /// place. The file as it was stays beside it as `NAME.jvdb.damaged-N`, which is never overwritten and is no database;
    /// whoever needs its space removes it. A database without damage is not touched.
    ///
    /// What is damaged is left out, never guessed: a vector whose newest version is damaged is gone and is listed, also
    /// if an older version of it is whole. A record whose name cannot be read is listed as a [`Gap`]. The index then
    /// tells which names it may have been of; only where it cannot, names that were stored before are kept and listed as
    /// doubtful. The database must not be held by a handle: this waits up to `pin_timeout` for that. It takes disk space
    /// for all live records and 56 bytes of memory for each name.
    ///
    /// `schema` is needed only if both superblocks are so damaged that they do not tell it, and must fit if they do.
    ///
    /// ```
    /// # use jvdb_core::{Metric, Options, Schema, Storage};
    /// # let storage = Storage::in_memory(Options::default())?;
    /// # storage.create("colours", Schema::new(3, Metric::Cosine)?)?;
    /// let repair = storage.repair("colours", None)?;
    /// match repair.backup {
    ///     None => println!("nothing to repair"),
    ///     Some(backup) => println!("{} vectors saved, {} lost; see {backup}", repair.vectors, repair.lost.len()),
    /// }
    /// # assert_eq!((repair.vectors, repair.lost.len()), (0, 0));
    /// # Ok::<(), jvdb_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::ReadOnly`], [`Error::AllPinned`], [`Error::InvalidArgument`] if a handle holds the
    /// database or `schema` is not that of the file, [`Error::Corrupt`] if nothing can be saved or the schema is needed,
    /// [`Error::Io`] if the disk is full or broken. Nothing is changed then.
    pub fn repair(&self, name: &str, schema: Option<Schema>) -> Result<Repair> {
        self.directory.catalog.repair(name, schema)
    }

    /// Names of all databases, sorted. Reads the directory.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn list(&self) -> Result<Vec<String>> {
        self.directory.catalog.names()
    }

    /// Flushes every database that has unflushed writes, and returns how long all of it took. What an earlier process
    /// wrote and did not flush, to a database that was not opened since, is no part of that.
    ///
    /// # Errors
    /// All are tried; the first error is returned. See [`Database::flush`].
    pub fn flush(&self) -> Result<Duration> {
        self.directory.catalog.flush()
    }

    /// Figures of the directory. Reads the superblock of each database that is not open.
    ///
    /// # Errors
    /// [`Error::Io`] if the directory cannot be listed. Files that cannot be read are counted as such, and hide no others.
    pub fn stats(&self) -> Result<StorageStats> {
        self.directory.catalog.stats()
    }

    /// The options it was opened with.
    pub fn options(&self) -> &Options {
        &self.directory.catalog.options
    }

    /// Flushes everything so that the next opening has nothing to replay, and closes. Handles that are still held keep
    /// the directory, and its lock, until they are dropped.
    ///
    /// # Errors
    /// All databases are tried; the first error is returned. Everything acknowledged is in the files in any case.
    pub fn close(self) -> Result<()> {
        match self.directory.catalog.options.read_only {
            true => Ok(()),
            false => self.directory.catalog.flush_clean(),
        }
    }
}

impl std::fmt::Debug for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Storage").field("path", &self.directory.catalog.volume.path()).finish_non_exhaustive()
    }
}
