//! Opening a file: from bytes on disk to a store, replaying what a crash has left.
//!
//! After a clean close this reads two superblocks and nothing else. After a crash it replays the end of the log into
//! memory and writes nothing; what was never acknowledged is cut off before the next write.

use crate::format::chain::Link;
use crate::format::counts::Counts;
use crate::format::head::{Head, Other, newest_superblock};
use crate::format::layout::LOG_START;
use crate::format::record::{Batch, Kind};
use crate::format::superblock::Superblock;
use crate::index::delta::Entry;
use crate::log::reader::{Located, Log};
use crate::log::writer::{StaleTail, Writer};
use crate::medium::{Medium, Volume};
use crate::store::changed_pages::ChangedPages;
use crate::store::claim::Claim;
use crate::store::progress::{Inherited, Progress};
use crate::store::store::{Figures, Flushes, Identity, Settings, Store};
use crate::store::view::ReadView;
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
        let Head { newest: superblock, other } = newest_superblock(&*medium, &path)?;
        let medium: Arc<dyn Medium> = Arc::from(medium);
        let identity = Identity {
            name: name.into(),
            file: file.into(),
            path,
            uuid: superblock.uuid,
            schema: superblock.schema,
            seed: superblock.seed(),
        };
        let mut replay = Replay::new(&identity, Arc::clone(&medium), superblock);
        replay.run(&superblock, other).map_err(|fault| fault.at(&identity.path))?;
        let Replay { mut view, next, counts, .. } = replay;
        view.epoch = superblock.epoch();
        if medium.len() > next.offset {
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
        view.set_end(next.offset);
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

/// A replay under way: the end of the log, on its way into the delta.
struct Replay {
    view: ReadView,
    seed: u64,
    next: Link,
    counts: Counts,
}

impl Replay {
    fn new(identity: &Identity, medium: Arc<dyn Medium>, superblock: Superblock) -> Self {
        let end = medium.len();
        let view = ReadView::new(medium, identity.schema.vector_bytes(), superblock.table, end);
        let next = Link::from(&superblock);
        Self { view, seed: identity.seed, next, counts: superblock.counts }
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
            self.take(&found)?;
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
                    let old = self.take(&found)?;
                    self.counts.record(found.header.kind, old, found.len);
                }
                self.next = link;
            }
        }
        Ok(())
    }

    /// Enters a record into the active delta. Returns the length of the record that it replaces, if there is one.
    fn take(&mut self, found: &Located) -> Result<Option<u64>, Fault> {
        if found.header.kind == Kind::Table {
            return Ok(None);
        }
        let log = self.view.log()?;
        let named = log.named(found)?;
        let name = named.name();
        let hash = name.hash(self.seed);
        let mut before = self.view.find(hash, name)?;
        if broken(Mutant::ReplayBlind) && before.entry == 0 {
            before.prior = 0;
        }
        let entry = Entry::of(hash, found.offset, before.prior, found.header.kind);
        drop(named);
        self.view.active.set(entry, before.entry)?;
        Ok(before.live.map(|live| live.len))
    }
}
