//! How a storage directory is opened. Defaults are what an operator would choose; ranges are checked at open.

use crate::types::error::{Error, Result};
use std::time::Duration;

/// How files are read. Both write the same bytes, so either opens what the other wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Access {
    /// Through a read-only memory mapping: reads are zero-copy. What the operating system then cannot read back from the
    /// disk, because the disk fails or the file system was shut down, ends the process with SIGBUS, as with any mapping.
    #[default]
    Mmap,
    /// By positional reads: every read is a copy and a system call, and no address space is used.
    File,
}

/// What the operating system is told of how an open file will be read. It changes how long reads take, never what they give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Advice {
    /// Here and there: what every file begins with. Through a mapping nothing is read ahead, and a scan asks by itself for what
    /// comes; with [`Access::File`] the kernel sees for itself how it is read.
    #[default]
    Random,
    /// From the start to the end: much is read ahead, and what was passed may go.
    Sequential,
    /// Soon, and all of it: the kernel is asked to read it into the page cache, which goes on when the call has returned; of
    /// a large file most is read by then. It pays where there is room for all of it.
    WillNeed,
    /// Not soon: a mapping gives the memory back that counts as this process's. What is in the page cache stays there until the
    /// kernel needs the room. Nothing with [`Access::File`], which maps nothing.
    DontNeed,
}

/// Where in a directory the file of a database lies. A file moved from one place to the other is the same database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Layout {
    /// `<name>.jvdb`.
    #[default]
    Flat,
    /// `<name>/vectors.jvdb`: each database has a folder, in which its owner may keep more.
    Folders,
}

/// Options of [`Storage::open`](crate::Storage::open).
///
/// ```
/// use jvdb_core::Options;
/// use std::time::Duration;
/// let options = Options::default().max_open_files(20).flush_interval(Duration::from_secs(60));
/// assert_eq!(options.max_unflushed_bytes, 64 << 20);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub struct Options {
    /// How files are read. Default [`Access::Mmap`].
    pub access: Access,
    /// Where files lie. Default [`Layout::Flat`]. Means nothing in memory.
    pub layout: Layout,
    /// Databases whose file may be open at once, 5..=1000. Default 100.
    pub max_open_files: usize,
    /// Time between automatic flushes, 0..=3600 s. Zero switches them off. Default 300 s.
    pub flush_interval: Duration,
    /// Create the directory if it is missing. Default true.
    pub create: bool,
    /// Take no lock and change nothing: writes fail with [`Error::ReadOnly`]. Another process may write to the directory meanwhile;
    /// [`Database::refresh`](crate::Database::refresh) moves on to what it has flushed. Default false.
    pub read_only: bool,
    /// Take the lock of the directory, which keeps a second writing process out. Default true. Without it, for file systems that
    /// have no locks, the caller sees to it that one process writes; the fence finds a second one, and fails what it or the first
    /// would overwrite.
    pub lock: bool,
    /// Check the checksum of every record that is read, not only its header. Default false.
    pub verify_checksums: bool,
    /// Bytes of unflushed records per database at which a flush starts by itself. Default 64 MiB.
    pub max_unflushed_bytes: u64,
    /// Unflushed operations per database at which a flush starts by itself. Default 1,000,000.
    pub max_unflushed_operations: u64,
    /// How long opening a database waits for another to become free when all are pinned. Default 10 s.
    pub pin_timeout: Duration,
    /// Where identities (a file's uuid, an opening's salt) come from: `None` takes them from the operating system,
    /// `Some` derives them from this number, so that the same operations write the same bytes. For tests only: two
    /// directories with one seed hold files of one identity.
    pub seed: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            access: Access::Mmap,
            layout: Layout::Flat,
            max_open_files: 100,
            flush_interval: Duration::from_secs(300),
            create: true,
            read_only: false,
            lock: true,
            verify_checksums: false,
            max_unflushed_bytes: 64 << 20,
            max_unflushed_operations: 1_000_000,
            pin_timeout: Duration::from_secs(10),
            seed: None,
        }
    }
}

impl Options {
    /// Sets [`access`](Self#structfield.access).
    pub fn access(self, access: Access) -> Self {
        Self { access, ..self }
    }

    /// Sets [`layout`](Self#structfield.layout).
    pub fn layout(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }

    /// Sets [`max_open_files`](Self#structfield.max_open_files), in databases.
    pub fn max_open_files(self, max_open_files: usize) -> Self {
        Self { max_open_files, ..self }
    }

    /// Sets [`flush_interval`](Self#structfield.flush_interval).
    pub fn flush_interval(self, flush_interval: Duration) -> Self {
        Self { flush_interval, ..self }
    }

    /// Sets [`create`](Self#structfield.create).
    pub fn create(self, create: bool) -> Self {
        Self { create, ..self }
    }

    /// Sets [`read_only`](Self#structfield.read_only).
    pub fn read_only(self, read_only: bool) -> Self {
        Self { read_only, ..self }
    }

    /// Sets [`lock`](Self#structfield.lock).
    pub fn lock(self, lock: bool) -> Self {
        Self { lock, ..self }
    }

    /// Sets [`verify_checksums`](Self#structfield.verify_checksums).
    pub fn verify_checksums(self, verify_checksums: bool) -> Self {
        Self { verify_checksums, ..self }
    }

    /// Sets [`max_unflushed_bytes`](Self#structfield.max_unflushed_bytes), in bytes of records of one database.
    pub fn max_unflushed_bytes(self, max_unflushed_bytes: u64) -> Self {
        Self { max_unflushed_bytes, ..self }
    }

    /// Sets [`max_unflushed_operations`](Self#structfield.max_unflushed_operations), of one database.
    pub fn max_unflushed_operations(self, max_unflushed_operations: u64) -> Self {
        Self { max_unflushed_operations, ..self }
    }

    /// Sets [`pin_timeout`](Self#structfield.pin_timeout).
    pub fn pin_timeout(self, pin_timeout: Duration) -> Self {
        Self { pin_timeout, ..self }
    }

    /// Sets [`seed`](Self#structfield.seed).
    pub fn seed(self, seed: impl Into<Option<u64>>) -> Self {
        Self { seed: seed.into(), ..self }
    }

    pub(crate) fn check(&self) -> Result<()> {
        if !(5..=1000).contains(&self.max_open_files) {
            return Err(Error::invalid("max_open_files", format!("{} is not within 5..=1000", self.max_open_files)));
        }
        if self.flush_interval > Duration::from_secs(3600) {
            return Err(Error::invalid(
                "flush_interval",
                format!("{:?} is not within 0..=3600 s", self.flush_interval),
            ));
        }
        Ok(())
    }
}
