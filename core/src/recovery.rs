//! Making, opening, parking and reopening files: from bytes on disk to a store, and what a crash left put right.
//!
//! After a clean close this reads two superblocks and nothing else. After a crash it replays the end of the log into
//! memory and writes nothing; what was never acknowledged is cut off before the next write.

use crate::append::Writer;
use crate::error::{Error, Result};
use crate::flush::Checkpoint;
use crate::log::{Fault, Link, Located, Log};
use crate::medium::{Leased, Medium, Permit, Volume};
use crate::name;
use crate::record::Kind;
use crate::schema::Schema;
use crate::state::State;
use crate::store::{Figures, Flushes, Identity, Settings, Store, entry_of, lock};
use crate::superblock::{Counts, Flaw, LOG_START, SECTOR, Superblock};
use crate::sync::atomic::{AtomicBool, Ordering::Relaxed};
use crate::sync::{Mutex, OnceLock};
use crate::teeth::{Mutant, broken};
use std::io::ErrorKind;
use std::sync::Arc;

/// Bytes of both superblocks: where the second one ends.
const HEAD: usize = LOG_START as usize;

/// Writes a new, empty database file. It has its name only when it is whole and durable.
pub(crate) fn create(volume: &dyn Volume, file: &str, schema: Schema, uuid: [u8; 16]) -> Result<()> {
    let path = path_of(volume, file);
    let temporary = name::temporary(file);
    let failed = |action| {
        let path = path.clone();
        move |source| Error::io(action, path, source)
    };
    let superblock = Superblock::first(uuid, schema);
    let mut head = vec![0; HEAD];
    for superblock in [Superblock { generation: superblock.generation - 1, ..superblock }, superblock] {
        let place = superblock.place() as usize;
        head[place..place + SECTOR].copy_from_slice(&superblock.encode());
    }
    let made = (|| {
        let medium = volume.create(&temporary).map_err(failed("create"))?;
        medium.write(0, &head, Permit::ENGINE).map_err(failed("write"))?;
        if !broken(Mutant::CreateUnsynced) {
            medium.sync().map_err(failed("sync"))?;
        }
        drop(medium);
        let renamed = volume.rename(&temporary, file).or_else(|error| match volume.size(&temporary) {
            // It failed, and yet it is done.
            Err(gone) if gone.kind() == ErrorKind::NotFound => volume.size(file).map(drop).map_err(|_| error),
            _ => Err(error),
        });
        renamed.map_err(failed("rename"))
    })();
    if made.is_err() {
        // The error that counts is the one above.
        let _ = volume.remove(&temporary);
    }
    made?;
    if broken(Mutant::NoDirectorySync) {
        return Ok(());
    }
    volume.sync().map_err(failed("sync the directory of")).inspect_err(|_| {
        // What may not be there after a power cut is not there at all.
        let _ = volume.remove(file);
    })
}

pub(crate) fn path_of(volume: &dyn Volume, file: &str) -> String {
    volume.path_of(file)
}

/// What the head of a file says.
pub(crate) struct Head {
    pub newest: Superblock,
    /// The other superblock is damaged; it may have been the newer one.
    pub doubtful: bool,
}

/// The superblock that counts.
pub(crate) fn newest_superblock(medium: &dyn Medium, path: &str) -> Result<Head> {
    let corrupt = |offset, what: &str| Error::Corrupt { path: path.into(), offset, what: what.into() };
    if medium.len() < LOG_START {
        return Err(corrupt(medium.len(), "header validation failed: file ends before its superblocks do"));
    }
    let mut newest: Option<Superblock> = None;
    let mut flaws = Vec::new();
    for place in [0, LOG_START / 2] {
        let mut block = [0; SECTOR];
        medium.read_into(place, &mut block).map_err(|source| Fault::read(place)(source).at(path))?;
        match Superblock::decode(&block) {
            Ok(found) if newest.is_none_or(|newest| newest.generation < found.generation) => newest = Some(found),
            Ok(_) => {}
            Err(flaw) => flaws.push(flaw),
        }
    }
    if let Some(superblock) = newest {
        if !flaws.is_empty() {
            tracing::warn!(path, "one of two superblocks is damaged, the other one serves");
        }
        if superblock.durable_end > medium.len() {
            return Err(corrupt(medium.len(), "file is truncated: it ends before its flushed data does"));
        }
        return Ok(Head { newest: superblock, doubtful: !flaws.is_empty() });
    }
    Err(match flaws.as_slice() {
        [Flaw::Version(version), ..] => Error::UnsupportedVersion { path: path.into(), version: *version },
        [Flaw::Foreign, Flaw::Foreign] => corrupt(0, "invalid magic number: this is no .jvdb file"),
        _ => corrupt(0, "header validation failed: both superblocks are damaged"),
    })
}

/// Opens a database file. `sealed` tells that nothing can lie behind its end.
pub(crate) fn open(
    volume: Arc<dyn Volume>,
    name: &str,
    file: &str,
    settings: Settings,
    salt: u32,
    sealed: bool,
    flushes: Arc<Flushes>,
) -> Result<Store> {
    let path = path_of(&*volume, file);
    let medium = volume.open(file).map_err(|source| Error::io("open", &path, source))?;
    let Head { newest: superblock, doubtful } = newest_superblock(&*medium, &path)?;
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
    replay.run(&superblock, doubtful).map_err(|fault| fault.at(&identity.path))?;
    let Replay { mut state, next, counts, .. } = replay;
    state.era = superblock.era();
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
            operations = state.active.len(),
            "recovery replayed the log"
        );
    }
    state.set_end(next.offset);
    let mut writer = Writer::new(state.vector_bytes, next, salt, counts);
    writer.stray = medium.len() > next.offset || !(sealed || broken(Mutant::Unsealed));
    writer.medium = Some(medium);
    let figures = Figures::default();
    figures.take(&counts, next.offset, 0);
    figures.durable_end.store(superblock.durable_end, Relaxed);
    tracing::debug!(database = name, vectors = counts.vectors, bytes = next.offset, "open");
    Ok(Store {
        identity,
        settings,
        origin: volume.origin(),
        volume,
        checkpoint: Mutex::new(Checkpoint { unsure_to: next.offset, unsure_name: true, ..Checkpoint::at(superblock) }),
        writer: Mutex::new(writer),
        state: Leased::new(state),
        poison: OnceLock::new(),
        dropped: AtomicBool::new(false),
        figures,
        flushes,
        opened: superblock,
    })
}

/// The end of the log on its way into memory.
struct Replay {
    state: State,
    seed: u64,
    next: Link,
    counts: Counts,
}

impl Replay {
    fn new(identity: &Identity, medium: Arc<dyn Medium>, superblock: Superblock) -> Self {
        let end = medium.len();
        let state = State::new(medium, identity.schema.vector_bytes(), superblock.table, end);
        let next = Link::from(&superblock);
        Self { state, seed: identity.seed, next, counts: superblock.counts }
    }

    fn run(&mut self, superblock: &Superblock, doubtful: bool) -> Result<(), Fault> {
        self.flushed(superblock)?;
        self.tail()?;
        if doubtful && self.next.offset < self.state.end() {
            let what = "log is damaged, and so is the superblock that could tell whether this was flushed";
            return Err(Fault::Corrupt { offset: self.next.offset, what });
        }
        if doubtful && self.next.offset > superblock.durable_end {
            self.recount(superblock)?;
        }
        Ok(())
    }

    /// Counts everything again: a table that is ahead of its superblock cannot tell new names from known ones.
    fn recount(&mut self, superblock: &Superblock) -> Result<(), Fault> {
        let mut counts = Counts::default();
        let mut offset = LOG_START;
        while offset < self.next.offset {
            let log = self.state.log()?;
            let found = log.locate(offset)?;
            offset += found.len;
            if found.header.kind == Kind::Table {
                if found.header.geometry(found.offset) != superblock.table {
                    counts.abandon(found.header.geometry(found.offset));
                }
                continue;
            }
            log.check_key(&found)?;
            let head = log.head(&found)?;
            let name = found.header.name(&head, log.vector_bytes);
            let live = self.state.find(name.hash(self.seed), name)?.live;
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

    /// What is durable but perhaps not in the table. Damage here is an error; of the body only the key is looked at.
    fn flushed(&mut self, superblock: &Superblock) -> Result<(), Fault> {
        let mut at = superblock.applied_end;
        let mut last: Option<Link> = None;
        while at < superblock.durable_end {
            let log = Log { end: superblock.durable_end, ..self.state.log()? };
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

    /// What was acknowledged but never flushed. The first record that does not fit ends it; a batch without its end is
    /// left out as a whole.
    fn tail(&mut self) -> Result<(), Fault> {
        let mut batch: Vec<Located> = Vec::new();
        let mut link = self.next;
        while link.offset < self.state.end() {
            let log = self.state.log()?;
            let found = match link.follow(&log).and_then(|found| log.check_body(&found).map(|()| found)) {
                Ok(found) => found,
                Err(Fault::Corrupt { .. }) => break,
                Err(fault) => return Err(fault),
            };
            link = Link::after(&found);
            batch.try_reserve(1)?;
            batch.push(found);
            if !found.header.continues() || broken(Mutant::HalfBatch) {
                for found in batch.drain(..) {
                    let old = self.take(&found)?;
                    self.counts.record(found.header.kind, old, found.len);
                }
                self.next = link;
            }
        }
        Ok(())
    }

    /// Enters a record into the changes, and tells the length of the one it takes the place of.
    fn take(&mut self, found: &Located) -> Result<Option<u64>, Fault> {
        if found.header.kind == Kind::Table {
            return Ok(None);
        }
        let log = self.state.log()?;
        let head = log.head(found)?;
        let name = found.header.name(&head, log.vector_bytes);
        let hash = name.hash(self.seed);
        let mut before = self.state.find(hash, name)?;
        if broken(Mutant::ReplayBlind) && before.entry == 0 {
            before.prior = 0;
        }
        let entry = entry_of(hash, found.offset, before.prior, found.header.kind);
        drop(head);
        self.state.active.set(entry, before.entry)?;
        Ok(before.live.map(|live| live.len))
    }
}

impl Store {
    /// Closes the file and keeps everything else, to go on later as if nothing had been. Nobody may be using it. Returns
    /// whether the disk is known to hold nothing behind the end of the log.
    pub(crate) fn park(&self) -> bool {
        let _no_flush = lock(&self.checkpoint);
        let mut writer = lock(&self.writer);
        writer.medium = None;
        let sealed = !writer.stray;
        drop(writer);
        let medium = self.change().medium.take();
        drop(medium);
        sealed
    }

    /// Ends it: what `remove` removes is not there any more, and nothing is written from here on. Waits for a flush or a
    /// compaction, which would put the file back.
    pub(crate) fn end<E>(&self, remove: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let no_flush = lock(&self.checkpoint);
        remove()?;
        self.dropped.store(true, Relaxed);
        drop(no_flush);
        self.park();
        Ok(())
    }

    /// Opens the file again.
    pub(crate) fn unpark(&self) -> Result<()> {
        let path = &self.identity.path;
        let checkpoint = lock(&self.checkpoint);
        let mut writer = lock(&self.writer);
        let medium = self.volume.open(&self.identity.file).map_err(|source| Error::io("open", path, source))?;
        let superblock = newest_superblock(&*medium, path)?.newest;
        let replaced = superblock.uuid != checkpoint.superblock.uuid;
        if replaced || medium.len() < writer.next.offset {
            let what = "file was changed or replaced by somebody else while it was in use".into();
            return Err(Error::Corrupt { path: path.clone(), offset: superblock.place(), what });
        }
        let medium: Arc<dyn Medium> = Arc::from(medium);
        writer.medium = Some(Arc::clone(&medium));
        self.change().medium = Some(medium);
        Ok(())
    }
}
