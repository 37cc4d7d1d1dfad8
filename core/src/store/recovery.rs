//! Opening a file: from bytes on disk to a store, replaying what a crash has left.
//!
//! After a clean close this reads two superblocks and nothing else. After a crash it replays the end of the log into
//! memory and writes nothing; what was never acknowledged is cut off before the next write.

use crate::format::chain::Link;
use crate::format::counts::Counts;
use crate::format::head::{Head, Other, Stamp, newest_beside_writer, newest_superblock};
use crate::format::layout::LOG_START;
use crate::format::record::{Batch, Kind};
use crate::format::superblock::Superblock;
use crate::index::delta::Entry;
use crate::log::reader::{Located, Log};
use crate::log::writer::{StaleTail, Writer};
use crate::medium::{Medium, Volume};
use crate::store::changed_pages::ChangedPages;
use crate::store::claim::Claim;
use crate::store::lookup::AsOf;
use crate::store::progress::{Inherited, Progress};
use crate::store::store::{Figures, Flushes, Identity, Settings, Store, occupation};
use crate::store::view::{Followed, ReadView};
use crate::sync::primitives::atomic::{AtomicBool, Ordering::Relaxed};
use crate::sync::primitives::{Mutex, OnceLock};
use crate::sync::rwlock::AsymmetricRwLock;
use crate::testing::mutants::{Mutant, broken};
use crate::types::error::{Error, Result};
use crate::types::fault::Fault;
use std::sync::Arc;

/// An opening of a database file.
pub(crate) struct Opening<'a> {
    pub volume: &'a Arc<dyn Volume>,
    /// Name of the database.
    pub name: &'a str,
    /// Name of its file in the volume.
    pub file: &'a str,
    pub settings: Settings,
    /// For the records of this opening.
    pub salt: u32,
    /// Of this opening, for the fence.
    pub token: u64,
    /// What may lie behind the end of the file.
    pub tail: StaleTail,
    /// Figures of the directory.
    pub flushes: &'a Arc<Flushes>,
}

impl Opening<'_> {
    /// Opens the file.
    pub(crate) fn open(&self) -> Result<Store> {
        let Self { volume, name, file, settings, salt, token, tail, flushes } = *self;
        let path = volume.path_of(file);
        let medium = volume.open(file).map_err(|source| Error::io("open", &path, source))?;
        let medium: Arc<dyn Medium> = Arc::from(medium);
        let occupied = if settings.read_only { None } else { occupation(&**volume, file, &*medium)? };
        let recovered = match settings.read_only {
            true => Recovered::beside_writer(&medium, &path)?,
            false => Recovered::of(&medium, &path)?,
        };
        let Recovered { superblock, view, next, counts } = recovered;
        let identity = Identity {
            name: name.into(),
            file: file.into(),
            path,
            uuid: superblock.uuid,
            schema: superblock.schema,
            seed: superblock.seed(),
        };
        if medium.len() > next.offset && !settings.read_only {
            tracing::warn!(
                database = name,
                offset = next.offset,
                bytes = medium.len() - next.offset,
                "recovery dropped the end of the log, which is torn and was never flushed"
            );
        }
        if next.offset > superblock.applied_end {
            let replayed = next.offset - superblock.applied_end;
            let unflushed = next.offset - superblock.durable_end;
            tracing::info!(
                database = name,
                replayed,
                unflushed,
                operations = view.active.len(),
                "recovery replayed the log"
            );
        }
        let mut writer = Writer::new(view.vector_bytes, next, salt, counts);
        writer.stale_tail = match medium.len() > next.offset {
            true => StaleTail::Inherited,
            false if broken(Mutant::StaleTailKept) => StaleTail::Absent,
            false => tail,
        };
        let claim = Claim::new(token, &*medium, next.offset);
        writer.medium = Some(medium);
        let figures = Figures::default();
        figures.take(&counts, next.offset, 0);
        figures.durable_end.store(superblock.durable_end, Relaxed);
        tracing::debug!(database = name, vectors = counts.vectors, bytes = next.offset, "open");
        Ok(Store {
            identity,
            settings,
            origin: volume.origin(),
            volume: Arc::clone(volume),
            copying: Mutex::new(()),
            progress: Mutex::new(Progress::at(superblock, Inherited::NameAndTail { end: next.offset })),
            writer: Mutex::new(writer),
            view: AsymmetricRwLock::new(view),
            claim,
            occupied: Mutex::new(occupied),
            poison: OnceLock::new(),
            dropped: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            changed_pages: ChangedPages::default(),
            figures,
            flushes: Arc::clone(flushes),
            opened: superblock,
        })
    }
}

/// What is found in a file.
pub(crate) struct Recovered {
    pub superblock: Superblock,
    pub view: ReadView,
    /// The end of the log.
    pub next: Link,
    pub counts: Counts,
}

impl Recovered {
    /// In a file that nobody else writes.
    fn of(medium: &Arc<dyn Medium>, path: &str) -> Result<Self> {
        let Head { newest, other } = newest_superblock(&**medium, path)?;
        let mut replay = Replay::new(Arc::clone(medium), &newest, Beside::Nobody);
        replay.run(&newest, other).map_err(|fault| fault.at(path))?;
        Ok(replay.end(newest))
    }

    /// In a file that another process may be writing: all that is durable, and what was acknowledged since, as far as that can be
    /// told apart from what becomes durable at this moment.
    pub(crate) fn beside_writer(medium: &Arc<dyn Medium>, path: &str) -> Result<Self> {
        /// A writer that flushes so often gives no time to look at more than what is durable.
        const TRIES: u32 = 8;
        let mut tries = 0;
        loop {
            tries += 1;
            let (Head { newest, other }, stamp) = newest_beside_writer(&**medium, path)?;
            let mut replay = Replay::new(Arc::clone(medium), &newest, Beside::Writer);
            let done = if tries > TRIES { replay.flushed(&newest) } else { replay.run(&newest, other) };
            let is_still = || Stamp::read(&**medium).map(|now| now == stamp).map_err(|fault| fault.at(path));
            match done {
                // What is durable stays as it is.
                Ok(()) if tries > TRIES || is_still()? => {
                    let mut recovered = replay.end(newest);
                    let Self { view, next, counts, .. } = &mut recovered;
                    view.frozen = Arc::new(std::mem::take(&mut view.active));
                    view.followed = Some(Followed { stamp, next: *next, counts: *counts });
                    return Ok(recovered);
                }
                Err(fault) if tries > TRIES || is_still()? => return Err(fault.at(path)),
                _ => {}
            }
        }
    }
}

/// Who else writes the file while it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beside {
    Nobody,
    Writer,
}

/// A replay under way: the end of the log, on its way into the delta.
struct Replay {
    view: ReadView,
    beside: Beside,
    seed: u64,
    next: Link,
    counts: Counts,
}

impl Replay {
    fn new(medium: Arc<dyn Medium>, superblock: &Superblock, beside: Beside) -> Self {
        let end = medium.len();
        let mut view = ReadView::new(medium, superblock.schema.vector_bytes(), superblock.table, end);
        view.epoch = superblock.epoch();
        let next = Link::from(superblock);
        Self { view, beside, seed: superblock.seed(), next, counts: superblock.counts }
    }

    /// Everything before the end of the log that was found, and nothing behind it.
    fn end(self, superblock: Superblock) -> Recovered {
        let Self { mut view, next, counts, .. } = self;
        view.set_end(next.offset);
        Recovered { superblock, view, next, counts }
    }

    fn run(&mut self, superblock: &Superblock, other: Other) -> Result<(), Fault> {
        self.flushed(superblock)?;
        self.tail()?;
        if other == Other::Damaged && self.next.offset < self.view.end() {
            let what = "log is damaged, and so is the superblock that could tell whether this was flushed";
            return Err(Fault::Corrupt { offset: self.next.offset, what });
        }
        if other == Other::Damaged && self.next.offset > superblock.durable_end {
            self.recount(superblock)?;
        }
        Ok(())
    }

    /// Counts everything again: a table that is ahead of its superblock cannot tell new names from known ones.
    fn recount(&mut self, superblock: &Superblock) -> Result<(), Fault> {
        let mut counts = Counts::default();
        let mut offset = LOG_START;
        while offset < self.next.offset {
            let log = self.view.log()?;
            let found = log.locate(offset)?;
            offset += found.len;
            if found.header.kind == Kind::Table {
                if found.header.geometry(found.offset) != superblock.table {
                    counts.abandon(found.header.geometry(found.offset));
                }
                continue;
            }
            log.check_key(&found)?;
            let named = log.named(&found)?;
            let name = named.name();
            let live = self.view.find(name.hash(self.seed), name)?.live;
            if live.is_some_and(|live| live.offset == found.offset) {
                counts.record(found.header.kind, None, found.len);
            } else {
                counts.dead_records += 1;
                counts.dead_bytes += found.len;
            }
        }
        self.counts = counts;
        Ok(())
    }

    /// Replays what is durable but perhaps not in the table. Damage here is an error; of a body only the key is checked.
    fn flushed(&mut self, superblock: &Superblock) -> Result<(), Fault> {
        let mut at = superblock.applied_end;
        let mut last: Option<Link> = None;
        while at < superblock.durable_end {
            let log = Log { end: superblock.durable_end, ..self.view.log()? };
            let found = match last {
                None => log.locate(at)?,
                Some(link) => link.follow(&log)?,
            };
            let next = Link::after(&found);
            log.check_key(&found)?;
            self.take(&found, Counted::Already)?;
            at = next.offset;
            last = Some(next);
        }
        match last {
            Some(link) if link != self.next => Err(Fault::Corrupt {
                offset: superblock.durable_end,
                what: "the flushed log does not end as its superblock says",
            }),
            _ => Ok(()),
        }
    }

    /// Replays what was acknowledged but never flushed. The first record that does not fit ends the log; a batch without its
    /// end is left out as a whole.
    fn tail(&mut self) -> Result<(), Fault> {
        let mut batch: Vec<Located> = Vec::new();
        let mut link = self.next;
        while link.offset < self.view.end() {
            let log = self.view.log()?;
            let found = match link.follow(&log).and_then(|found| log.check_body(&found).map(|()| found)) {
                Ok(found) => found,
                Err(Fault::Corrupt { .. }) => break,
                Err(fault) => return Err(fault),
            };
            link = Link::after(&found);
            batch.try_reserve(1)?;
            batch.push(found);
            if found.header.batch() == Batch::Ends || broken(Mutant::HalfBatch) {
                for found in batch.drain(..) {
                    self.take(&found, Counted::NotYet)?;
                }
                self.next = link;
            }
        }
        Ok(())
    }

    /// Enters a record into the active delta.
    fn take(&mut self, found: &Located, counted: Counted) -> Result<(), Fault> {
        let kind = found.header.kind;
        let mut old = None;
        if kind != Kind::Table {
            let log = self.view.log()?;
            let named = log.named(found)?;
            let name = named.name();
            let hash = name.hash(self.seed);
            let (prior, replaces);
            if self.beside == Beside::Writer {
                // The table may speak of what comes behind this record.
                (prior, replaces) = (0, self.view.find_active(hash, name)?.map_or(0, |entry| entry.offset));
                if counted == Counted::NotYet
                    && let AsOf::At(offset) = self.view.find_as_of(hash, name, found.offset)?
                {
                    old = Some(log.locate(offset)?.len);
                }
            } else {
                let mut before = self.view.find(hash, name)?;
                if broken(Mutant::ReplayBlind) && before.entry == 0 {
                    before.prior = 0;
                }
                (prior, replaces) = (before.prior, before.entry);
                old = before.live.map(|live| live.len);
            }
            let entry = Entry::of(hash, found.offset, prior, kind);
            drop(named);
            self.view.active.set(entry, replaces)?;
        }
        if counted == Counted::NotYet {
            self.counts.record(kind, old, found.len);
        }
        Ok(())
    }
}

/// Whether the superblock counts a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    Already,
    NotYet,
}
