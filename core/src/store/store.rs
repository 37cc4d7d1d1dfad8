//! One database file in use, by any number of threads: its locks, its figures, and the checks that come before a call.
//!
//! Writers take turns. Readers wait for none of them but for a moment at a batch or a flush. What a store does is in the files
//! beside this one. A store knows nothing of other stores, nor of the thread that flushes it.

use crate::format::counts::Counts;
use crate::format::head::newest_superblock;
use crate::format::superblock::Superblock;
use crate::log::writer::Writer;
use crate::medium::{Medium, Occupied, Origin, Volume};
use crate::store::changed_pages::ChangedPages;
use crate::store::claim::Claim;
use crate::store::progress::Progress;
use crate::store::view::ReadView;
use crate::sync::lock::lock;
use crate::sync::primitives::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use crate::sync::primitives::{Mutex, OnceLock};
use crate::sync::rwlock::{AsymmetricRwLock, ReadGuard, WriteGuard};
use crate::types::error::{Error, Result};
use crate::types::fault::Fault;
use crate::types::options::Advice;
use crate::types::schema::Schema;
use crate::types::stats::DatabaseStats;
use std::sync::Arc;
use std::time::Duration;

/// The part of the options that a store keeps to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub read_only: bool,
    pub verify_checksums: bool,
    pub max_unflushed_bytes: u64,
    pub max_unflushed_operations: u64,
}

/// Who a store is, in files and in messages.
pub(crate) struct Identity {
    /// Name of the database.
    pub name: String,
    /// Name of the file in its volume.
    pub file: String,
    /// Path of the file, for messages.
    pub path: String,
    pub uuid: [u8; 16],
    pub schema: Schema,
    /// Seeds the hash of the index.
    pub seed: u64,
}

pub(crate) struct Store {
    pub identity: Identity,
    pub settings: Settings,
    pub volume: Arc<dyn Volume>,
    /// The process that may use the volume.
    pub origin: Origin,
    // Locks are taken in this order.
    /// Held while the file is copied, by a compaction or a backup: there is one at a time.
    pub copying: Mutex<()>,
    pub progress: Mutex<Progress>,
    pub writer: Mutex<Writer>,
    pub view: AsymmetricRwLock<ReadView>,
    pub claim: Claim,
    /// What keeps this process from writing the file by another name.
    pub occupied: Mutex<Option<Occupied>>,
    pub poison: OnceLock<String>,
    pub dropped: AtomicBool,
    /// A caller is about to drop the database, and waits for a copy of its file to stop.
    pub leaving: AtomicBool,
    pub changed_pages: ChangedPages,
    pub figures: Figures,
    /// Of the whole directory.
    pub flushes: Arc<Flushes>,
    /// The newest superblock at opening.
    pub opened: Superblock,
}

/// Figures that are read without a lock.
#[derive(Default)]
pub(crate) struct Figures {
    pub vectors: AtomicU64,
    pub dead_records: AtomicU64,
    pub end: AtomicU64,
    pub durable_end: AtomicU64,
    pub operations: AtomicU64,
    /// Whether the table lacks what a flush has left to another thread.
    pub behind: AtomicBool,
    pub flushes: Flushes,
}

/// Figures of flushes. Each store has its own, and its directory has one for all.
#[derive(Default)]
pub(crate) struct Flushes {
    count: AtomicU64,
    last_us: AtomicU64,
    longest_us: AtomicU64,
}

impl Flushes {
    pub(crate) fn note(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.count.fetch_add(1, Relaxed);
        self.last_us.store(micros, Relaxed);
        self.longest_us.fetch_max(micros, Relaxed);
    }

    /// Notes the time that a flush of several stores took, each of which has been noted.
    pub(crate) fn note_all(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.last_us.store(micros, Relaxed);
        self.longest_us.fetch_max(micros, Relaxed);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }

    pub(crate) fn last(&self) -> Duration {
        Duration::from_micros(self.last_us.load(Relaxed))
    }

    pub(crate) fn longest(&self) -> Duration {
        Duration::from_micros(self.longest_us.load(Relaxed))
    }
}

/// How urgently a flush is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pressure {
    None,
    /// The bound on unflushed volume is reached.
    Due,
    /// It is passed by far: writers must wait.
    Overdue,
}

impl Store {
    #[inline]
    pub(crate) fn view(&self) -> ReadGuard<'_, ReadView> {
        self.view.read()
    }

    pub(crate) fn view_mut(&self) -> WriteGuard<'_, ReadView> {
        self.view.write()
    }

    /// The error for the caller. A database that was dropped says so, whatever the fault is; and so does a writer beside which
    /// another process writes: what looks like damage there is none. A failed sync poisons the store.
    pub(crate) fn fault(&self, fault: Fault) -> Error {
        if matches!(fault, Fault::Sync(_)) {
            return self.poisoned(fault.at(&self.identity.path));
        }
        if let Err(gone) = self.check_there() {
            return gone;
        }
        if matches!(fault, Fault::Corrupt { .. }) && !self.settings.read_only && self.may_be_fenced() {
            return Error::Fenced { path: self.identity.path.clone() };
        }
        fault.at(&self.identity.path)
    }

    /// Whether somebody else wrote to the file since it was opened.
    pub(crate) fn was_changed(&self) -> bool {
        let file = self.volume.open(&self.identity.file);
        let newest = file.map(|medium| newest_superblock(&*medium, &self.identity.path));
        matches!(newest, Ok(Ok(head)) if head.newest != self.opened)
    }

    pub(crate) fn vector_bytes(&self) -> usize {
        self.identity.schema.vector_bytes()
    }

    /// Fails in a forked child. To be called before a lock is taken: a thread that the child does not have may hold it.
    #[inline(always)]
    pub(crate) fn check_origin(&self) -> Result<()> {
        if self.origin.is_here() { Ok(()) } else { Err(self.forked()) }
    }

    #[cold]
    fn forked(&self) -> Error {
        Error::Forked { path: self.volume.path().into() }
    }

    /// Fails in a forked child, and if this thread is in the middle of a read of this database: a change would wait for that
    /// read, and so for itself. To be called before a lock is taken.
    #[inline]
    pub(crate) fn check_free(&self) -> Result<()> {
        self.check_origin()?;
        if self.view.is_read_here() { Err(self.reading()) } else { Ok(()) }
    }

    #[cold]
    fn reading(&self) -> Error {
        let name = &self.identity.name;
        Error::invalid(
            "call",
            format!("made inside a read of database {name:?} by this thread; return from there first"),
        )
    }

    /// Fails if the database is gone, or another process's.
    #[inline(always)]
    pub(crate) fn check_there(&self) -> Result<()> {
        self.check_origin()?;
        if self.dropped.load(Relaxed) { Err(self.gone()) } else { Ok(()) }
    }

    #[cold]
    fn gone(&self) -> Error {
        Error::Dropped { database: self.identity.name.clone() }
    }

    /// Fails if whoever copies the file should stop, because it is gone or about to go.
    pub(crate) fn check_kept(&self) -> Result<()> {
        self.check_there()?;
        if self.leaving.load(Relaxed) { Err(self.gone()) } else { Ok(()) }
    }

    /// Fails if nothing may be written.
    pub(crate) fn check_writable(&self) -> Result<()> {
        self.check_there()?;
        if self.settings.read_only {
            return Err(Error::ReadOnly { path: self.volume.path().into() });
        }
        match self.poison.get() {
            Some(cause) => Err(Error::Poisoned { database: self.identity.name.clone(), cause: cause.clone() }),
            None => Ok(()),
        }
    }

    pub(crate) fn wrong_dimension(&self, actual: usize) -> Error {
        let expected = self.identity.schema.dimension();
        Error::DimensionMismatch { database: self.identity.name.clone(), expected, actual }
    }

    /// How urgently a flush is wanted. Two loads and two comparisons.
    pub(crate) fn pressure(&self) -> Pressure {
        let bytes = self.unflushed_bytes();
        let operations = self.figures.operations.load(Relaxed);
        let beyond = |times: u64| {
            bytes > self.settings.max_unflushed_bytes.saturating_mul(times)
                || operations > self.settings.max_unflushed_operations.saturating_mul(times)
        };
        if !beyond(1) || self.poison.get().is_some() {
            Pressure::None
        } else if beyond(4) {
            Pressure::Overdue
        } else {
            Pressure::Due
        }
    }

    pub(crate) fn unflushed_bytes(&self) -> u64 {
        self.figures.end.load(Relaxed).saturating_sub(self.figures.durable_end.load(Relaxed))
    }

    /// Tells the medium how the file will be read.
    pub(crate) fn advise(&self, advice: Advice) -> Result<()> {
        self.check_there()?;
        let advised = self.medium()?.advise(advice);
        advised.map_err(|source| Error::io("advise", &self.identity.path, source))
    }

    pub(crate) fn stats(&self) -> DatabaseStats {
        if !self.origin.is_here() {
            let vectors = self.figures.vectors.load(Relaxed);
            return DatabaseStats { vectors, ..DatabaseStats::default() };
        }
        let (counts, end, operations) = {
            let writer = lock(&self.writer);
            (writer.counts, writer.next.offset, writer.operations)
        };
        let (buckets, file_bytes) = {
            let view = self.view();
            (view.table.all_buckets(), view.medium.as_ref().map_or(end, |medium| medium.len()))
        };
        DatabaseStats {
            vectors: counts.vectors,
            file_bytes,
            dead_bytes: counts.dead_bytes,
            unflushed_bytes: self.unflushed_bytes(),
            unflushed_operations: operations,
            index_buckets: buckets,
            flushes: self.figures.flushes.count(),
            last_flush: self.figures.flushes.last(),
            longest_flush: self.figures.flushes.longest(),
        }
    }
}

/// Keeps this process from writing a file by another name; fails if it does so already.
pub(crate) fn occupation(volume: &dyn Volume, file: &str, medium: &dyn Medium) -> Result<Option<Occupied>> {
    volume.occupy(file, medium).map_err(|other| Error::Locked {
        path: volume.path_of(file),
        holder: format!("this process, by another name of the same file: {other}"),
    })
}

impl Figures {
    pub(crate) fn take(&self, counts: &Counts, end: u64, operations: u64) {
        self.vectors.store(counts.vectors, Relaxed);
        self.dead_records.store(counts.dead_records, Relaxed);
        self.end.store(end, Relaxed);
        self.operations.store(operations, Relaxed);
    }
}
