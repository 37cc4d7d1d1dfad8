//! One database file in use: what it is, and writes to it, for any number of threads.
//!
//! Writers take turns; readers stop for none of them but for moments at a batch or a flush. Opening is in `recovery`,
//! reads in `read`, durability in `flush`, iteration in `scan`. A store knows nothing of other stores or of threads that flush it.

use crate::append::{Before, Draft, Writer};
use crate::delta::Entry;
use crate::error::{Error, Result};
use crate::flush::Checkpoint;
use crate::key::{Key, Name};
use crate::log::Fault;
use crate::medium::{Change, Lease, Leased, Origin, Volume};
use crate::options::Advice;
use crate::record::Kind;
use crate::recovery::newest_superblock;
use crate::schema::{MAX_KEY_LEN, MAX_METADATA_LEN, Schema};
use crate::state::{Lookup, State};
use crate::stats::DatabaseStats;
use crate::superblock::{Counts, Superblock};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use crate::sync::{Mutex, MutexGuard, OnceLock};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// What a store is told by whoever opens it.
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
    /// That of the volume.
    pub origin: Origin,
    // Locks are taken in this order.
    pub checkpoint: Mutex<Checkpoint>,
    pub writer: Mutex<Writer>,
    pub state: Leased<State>,
    pub poison: OnceLock<String>,
    pub dropped: AtomicBool,
    pub figures: Figures,
    /// Of the whole directory.
    pub flushes: Arc<Flushes>,
    /// The superblock that was in force at opening.
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

/// What flushes came to. One for each store, and one for all of a directory.
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

/// What must be true of a key before a vector is stored under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Any,
    Absent,
    Present,
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

/// One element of a batch, checked and in the engine's terms.
pub(crate) struct Step<'a> {
    pub kind: Kind,
    pub name: Name<'a>,
    pub vector: &'a [u8],
    pub metadata: &'a [u8],
    pub rule: Rule,
}

/// What a batch came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub inserted: u64,
    pub replaced: u64,
    pub deleted: u64,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    #[inline]
    pub(crate) fn read(&self) -> Lease<'_, State> {
        self.state.read()
    }

    pub(crate) fn change(&self) -> Change<'_, State> {
        self.state.change()
    }

    /// The error for the caller. Whatever goes wrong in a database that is gone goes wrong because it is gone; and what
    /// looks like damage to a reader that a writer has left behind is none.
    pub(crate) fn fault(&self, fault: Fault) -> Error {
        if let Err(gone) = self.check_there() {
            return gone;
        }
        match self.check_unchanged() {
            Ok(()) => fault.at(&self.identity.path),
            Err(changed) => changed,
        }
    }

    /// Fails if this is a read-only opening that its writer has left behind.
    pub(crate) fn check_unchanged(&self) -> Result<()> {
        if self.settings.read_only && self.was_changed() {
            return Err(Error::Changed { path: self.identity.path.clone() });
        }
        Ok(())
    }

    /// Whether somebody wrote to the file since it was opened read-only.
    fn was_changed(&self) -> bool {
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

    /// Fails in a forked child, and where this thread is in the middle of a read of this database: what changes anything
    /// waits for that read to end. To be called before a lock is taken.
    #[inline]
    pub(crate) fn check_free(&self) -> Result<()> {
        self.check_origin()?;
        if self.state.is_held_here() { Err(self.reading()) } else { Ok(()) }
    }

    #[cold]
    fn reading(&self) -> Error {
        let name = &self.identity.name;
        Error::invalid(
            "call",
            format!("made while database {name:?} shows a vector to this thread: return from there first"),
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

    fn check_step(&self, step: &Step<'_>) -> Result<()> {
        match step.name {
            Name::Vector(key) => key.check()?,
            Name::Attribute(name) if name.is_empty() || name.len() > MAX_KEY_LEN => {
                let reason = format!("{} bytes, a name has 1..={MAX_KEY_LEN}", name.len());
                return Err(Error::invalid("attribute name", reason));
            }
            Name::Attribute(_) => {}
        }
        if step.kind == Kind::Put && step.vector.len() != self.vector_bytes() {
            return Err(self.wrong_dimension(step.vector.len() / size_of::<f32>()));
        }
        if step.metadata.len() > MAX_METADATA_LEN {
            let reason = format!("{} bytes, the limit is {MAX_METADATA_LEN}", step.metadata.len());
            return Err(Error::invalid("metadata", reason));
        }
        Ok(())
    }

    pub(crate) fn wrong_dimension(&self, actual: usize) -> Error {
        let expected = self.identity.schema.dimension();
        Error::DimensionMismatch { database: self.identity.name.clone(), expected, actual }
    }

    /// Performs steps as one: all of them, or none if one fails.
    pub(crate) fn write<'a>(&self, steps: impl IntoIterator<Item = Step<'a>>) -> Result<Tally> {
        self.check_free()?;
        let mut writer = lock(&self.writer);
        self.check_writable()?;
        self.clear_stray(&mut writer)?;
        let mut tally = Tally::default();
        let mut draft = writer.draft();
        let mut cramped = false;
        for step in steps {
            self.check_step(&step)?;
            self.draft(&mut draft, &step, &mut tally, &mut cramped)?;
        }
        if cramped {
            // Before anything is acknowledged: memory that is short is an error then, and nothing else.
            self.change().active.reserve(draft.len()).map_err(|full| self.fault(full.into()))?;
        }
        draft.finish().map_err(|fault| self.fault(fault))?;
        self.publish(&mut writer);
        Ok(tally)
    }

    /// `cramped` tells that the changes in memory have no room for what is drafted.
    fn draft(&self, draft: &mut Draft<'_>, step: &Step<'_>, tally: &mut Tally, cramped: &mut bool) -> Result<()> {
        let hash = step.name.hash(self.identity.seed);
        let fault = |fault| self.fault(fault);
        let before = match draft.earlier(hash, step.name).map_err(fault)? {
            Some(before) => before,
            None => {
                let state = self.read();
                *cramped |= !state.active.has_room(draft.len() + 1);
                state.find(hash, step.name).map_err(fault)?.into()
            }
        };
        let there = before.live.is_some();
        match (step.rule, there) {
            (Rule::Absent, true) => return Err(self.key_error(step.name, true)),
            (Rule::Present, false) => return Err(self.key_error(step.name, false)),
            _ => {}
        }
        match (step.kind.stores(), there) {
            (true, true) => tally.replaced += 1,
            (true, false) => tally.inserted += 1,
            (false, true) => tally.deleted += 1,
            // Nothing to take away, nothing to say about it.
            (false, false) => return Ok(()),
        }
        draft.add(step.kind, hash, step.name, before, step.vector, step.metadata).map_err(fault)
    }

    fn key_error(&self, name: Name<'_>, exists: bool) -> Error {
        let database = self.identity.name.clone();
        let key = match name {
            Name::Vector(key) => key.to_string(),
            Name::Attribute(name) => Key::Bytes(name).to_string(),
        };
        if exists { Error::KeyExists { database, key } } else { Error::KeyNotFound { database, key } }
    }

    /// Shows readers what was written: one operation while they read on, a batch at one stroke.
    fn publish(&self, writer: &mut Writer) {
        let end = writer.next.offset;
        let shown = match writer.changes.as_slice() {
            [] => return,
            [change] => self.read().publish(*change, end),
            _ => false,
        };
        if !shown {
            let mut state = self.change();
            for change in &writer.changes {
                let entered = state.active.set(change.entry, change.replaces);
                entered.expect("room was made before the operations were written");
            }
            state.set_end(end);
        }
        self.figures.take(&writer.counts, end, writer.operations);
        writer.rest();
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

    /// Hands on how the file will be read.
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
            let state = self.read();
            (state.table.all_buckets(), state.medium.as_ref().map_or(end, |medium| medium.len()))
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

impl From<Lookup> for Before {
    fn from(lookup: Lookup) -> Self {
        Self { live: lookup.live.map(|found| (found.offset, found.len)), prior: lookup.prior, entry: lookup.entry }
    }
}

impl Figures {
    pub(crate) fn take(&self, counts: &Counts, end: u64, operations: u64) {
        self.vectors.store(counts.vectors, Relaxed);
        self.dead_records.store(counts.dead_records, Relaxed);
        self.end.store(end, Relaxed);
        self.operations.store(operations, Relaxed);
    }
}

/// An entry's own change: used where entries are rebuilt from the log.
pub(crate) fn entry_of(hash: u64, offset: u64, prior: u64, kind: Kind) -> Entry {
    Entry { hash, offset, prior, deleted: !kind.stores() }
}
