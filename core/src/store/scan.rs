//! Walking over live vectors in the order of the log. Between two steps nothing is held.

use crate::format::layout::LOG_START;
use crate::format::record::{HEADER, Kind, name_in};
use crate::format::table::{SLOTS, slots_of};
use crate::log::reader::{Located, Log};
use crate::store::lookup::read_bucket;
use crate::store::moves::moved;
use crate::store::read::PinnedRecord;
use crate::store::store::Store;
use crate::store::view::ReadView;
use crate::sync::primitives::thread;
use crate::sync::rwlock::ReadGuard;
use crate::types::error::{Error, Result};
use crate::types::fault::Fault;
use crate::types::key::{Key, KeyBuf, Name};
use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::atomic::Ordering::Relaxed;

/// Bytes that the medium is asked to read ahead of a scan, at least; at most twice as many.
const AHEAD: u64 = 2 << 20;

/// Where a scan is in the log. It stays good while the log only grows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScanState {
    offset: u64,
    epoch: u64,
    /// Up to where the medium was asked to read ahead.
    announced_to: u64,
    reached: Reached,
}

/// How a scan came to where it is, which tells whether a record surely begins there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    /// From the start of the log, record by record: one surely begins there.
    FromStart,
    /// A caller named it, and nothing was read there yet.
    Named,
    /// From what a caller named, or by way of a compaction: what is there must be known to the index.
    FromNamed,
}

/// Records passed at most before a waiting write guard is let in.
const STRIDE: u32 = 1024;

/// How far a step came.
enum Step<B> {
    At(B),
    Pause,
    /// A record comes next that is just being made visible.
    Wait,
    End,
}

/// Bits of a position that say where, in units of 64 bytes; those above say in which epoch.
const OFFSET_BITS: u32 = 48;

impl ScanState {
    /// From the number of a position; the start of the log for 0.
    pub(crate) fn from_number(number: u64) -> Self {
        let (epoch, offset) = (number >> OFFSET_BITS, (number & ((1 << OFFSET_BITS) - 1)) << 6);
        let offset = offset.max(LOG_START);
        Self {
            offset,
            epoch,
            announced_to: offset,
            reached: if number == 0 { Reached::FromStart } else { Reached::Named },
        }
    }

    pub(crate) fn number(&self) -> u64 {
        // The start is the start in every epoch.
        if self.is_start() { 0 } else { (self.epoch << OFFSET_BITS) | (self.offset >> 6) }
    }

    fn is_start(&self) -> bool {
        self.reached == Reached::FromStart && self.offset == LOG_START
    }

    fn pass(&mut self, found: &Located) {
        self.offset += found.len;
        self.read_here();
    }

    /// Something was read here.
    fn read_here(&mut self) {
        if self.reached == Reached::Named {
            self.reached = Reached::FromNamed;
        }
    }

    /// Goes on where a compaction has put things: at the same place or a little before it. Fails if that is not known.
    fn catch_up(&mut self, view: &ReadView) -> Result<()> {
        if self.epoch != view.epoch && !self.is_start() {
            let next = (self.epoch + 1) & (u64::MAX >> OFFSET_BITS) == view.epoch;
            let moves = view.moves.as_ref().filter(|_| next);
            let moves =
                moves.ok_or_else(|| Error::invalid("position", "it is from before a compaction; begin again"))?;
            self.offset = moved(moves, self.offset);
            self.announced_to = self.offset;
            if self.reached == Reached::FromStart {
                self.reached = Reached::FromNamed;
            }
        }
        self.epoch = view.epoch;
        Ok(())
    }
}

impl Store {
    /// The next live vector from a position, pinned in place; moves the position behind it.
    pub(crate) fn next_vector(&self, position: &mut ScanState) -> Result<Option<PinnedRecord>> {
        let Some((view, found)) = self.next_live(position)? else { return Ok(None) };
        self.pin_record(&view, &found.found(self.vector_bytes())).map(Some)
    }

    /// Gives live vectors from a position on to `f`, until it breaks. Moves the position behind the last one given.
    pub(crate) fn visit_from(
        &self,
        position: &mut ScanState,
        mut f: impl FnMut(Key<'_>, &[f32], &[u8]) -> ControlFlow<()>,
    ) -> Result<()> {
        let vector_bytes = self.vector_bytes();
        let visit = |log: &Log<'_>, found: &Located| {
            let found = found.found(vector_bytes);
            self.check(log, &found)?;
            let record = found.read(log)?;
            let Name::Vector(key) = name_in(&record, vector_bytes) else { return Ok(Continue(())) };
            let vector = bytemuck::cast_slice(&record[HEADER..HEADER + vector_bytes]);
            Ok(f(key, vector, &record[found.meta_at as usize..]))
        };
        self.walk(position, visit).map(drop)
    }

    /// The key of the next live vector from a position; moves the position behind it.
    pub(crate) fn next_key(&self, position: &mut ScanState) -> Result<Option<KeyBuf>> {
        let Some((view, found)) = self.next_live(position)? else { return Ok(None) };
        let fault = |fault| self.fault(fault);
        let log = view.log().map_err(fault)?;
        let key = if found.header.names_inline() {
            owned(found.header.name(&[], log.vector_bytes))
        } else {
            owned(log.named(&found).map_err(fault)?.name())
        };
        Ok(key)
    }

    fn next_live(&self, position: &mut ScanState) -> Result<Option<(ReadGuard<'_, ReadView>, Located)>> {
        self.walk(position, |_, found| Ok(Break(*found)))
    }

    /// Visits live vectors from a position on, until `visit` breaks; then gives what it broke with, under the read guard.
    fn walk<B>(
        &self,
        position: &mut ScanState,
        mut visit: impl FnMut(&Log<'_>, &Located) -> Result<ControlFlow<B>, Fault>,
    ) -> Result<Option<(ReadGuard<'_, ReadView>, B)>> {
        loop {
            self.check_there()?;
            let view = self.view();
            position.catch_up(&view)?;
            let step = self.step(&view, position, &mut visit);
            if position.reached == Reached::Named && matches!(step, Err(Fault::Corrupt { .. })) {
                drop(view);
                if !self.begins_record(position)? {
                    return Err(Error::invalid("position", "it was not given by a scan of this database"));
                }
                // Once more, and what comes of it is the record's.
                position.read_here();
                continue;
            }
            position.read_here();
            match step.map_err(|fault| self.fault(fault))? {
                Step::At(found) => return Ok(Some((view, found))),
                Step::Pause => {}
                // Without the read guard, for which the writer may be waiting.
                Step::Wait => {
                    drop(view);
                    thread::yield_now();
                }
                Step::End => return self.check_unchanged().map(|()| None),
            }
        }
    }

    /// Whether a record may begin at a position that a caller named and at which none can be read. It does not if the position
    /// lies within another record. Behind damage this cannot be told, and it may.
    fn begins_record(&self, position: &ScanState) -> Result<bool> {
        let mut offset = LOG_START;
        loop {
            let view = self.view();
            if view.epoch != position.epoch {
                return Ok(true);
            }
            if position.offset > view.end() {
                return Ok(false);
            }
            let log = view.log().map_err(|fault| self.fault(fault))?;
            for _ in 0..STRIDE {
                if offset >= position.offset {
                    return Ok(offset == position.offset);
                }
                match log.locate(offset) {
                    Ok(found) => offset += found.len,
                    Err(Fault::Corrupt { .. }) => return Ok(true),
                    Err(fault) => return Err(self.fault(fault)),
                }
                if self.view.is_writer_waiting() {
                    break;
                }
            }
        }
    }

    fn step<B>(
        &self,
        view: &ReadView,
        position: &mut ScanState,
        visit: &mut impl FnMut(&Log<'_>, &Located) -> Result<ControlFlow<B>, Fault>,
    ) -> Result<Step<B>, Fault> {
        if position.reached == Reached::Named && position.offset > view.end() {
            return Err(Fault::Corrupt { offset: position.offset, what: "position is beyond the end of the log" });
        }
        let mut end = view.end();
        // Asked for after the end, so that it reaches there.
        let mut log = view.log()?;
        for _ in 0..STRIDE {
            if position.offset >= end {
                (end, log) = (view.end(), view.log()?);
                if position.offset >= end {
                    // A record for which an older one was passed over may not be passed over in its turn.
                    return Ok(if position.offset < log.end { Step::Wait } else { Step::End });
                }
            }
            if position.offset + AHEAD >= position.announced_to {
                position.announced_to = position.announced_to.max(position.offset);
                log.medium.will_read(position.announced_to, AHEAD as usize);
                position.announced_to += AHEAD;
            }
            let found = log.locate(position.offset)?;
            let live = found.header.kind == Kind::Put && self.is_live(view, &found, position.reached)?;
            if live && let Break(done) = visit(&log, &found)? {
                position.pass(&found);
                return Ok(Step::At(done));
            }
            position.pass(&found);
            if self.view.is_writer_waiting() {
                break;
            }
        }
        Ok(Step::Pause)
    }

    /// Whether a record is the latest of its name. Where nothing was ever replaced or deleted, that needs no search; but
    /// what was reached from a place that a caller named must be known to the index, and so must a key that
    /// the checksum of the header does not cover.
    fn is_live(&self, view: &ReadView, found: &Located, reached: Reached) -> Result<bool, Fault> {
        if reached == Reached::FromStart && self.figures.dead_records.load(Relaxed) == 0 && found.header.names_inline()
        {
            return Ok(true);
        }
        let log = view.log()?;
        let named = log.named(found)?;
        let name = named.name();
        let latest = view.find(name.hash(self.identity.seed), name)?.live;
        let live = latest.is_some_and(|latest| latest.offset == found.offset);
        if !live {
            // A damaged key would make a live record look dead.
            log.check_key(found)?;
        }
        Ok(live)
    }

    /// Names of all attributes, sorted. Reads the whole index, but of the log only what it says of attributes.
    pub(crate) fn attribute_names(&self) -> Result<Vec<Vec<u8>>> {
        self.check_there()?;
        let view = self.view();
        let mut names = self.collect_attributes(&view).map_err(|fault| self.fault(fault))?;
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    fn collect_attributes(&self, view: &ReadView) -> Result<Vec<Vec<u8>>, Fault> {
        let log = view.log()?;
        let attribute = |hash: u64| hash & 1 == 1;
        let mut places: Vec<(u64, u64)> = Vec::new();
        for delta in [&view.active, &*view.frozen] {
            let entries = delta.sorted()?;
            places.try_reserve(entries.len())?;
            let entries = entries.into_iter().filter(|entry| attribute(entry.hash));
            places.extend(entries.map(|entry| (entry.hash, entry.offset)));
        }
        for number in 0..view.table.all_buckets() {
            let bucket = read_bucket(&log, number)?;
            places.try_reserve(SLOTS)?;
            places.extend(slots_of(&bucket).filter(|slot| attribute(slot.hash)).map(|slot| (slot.hash, slot.offset)));
        }
        // Asked for again, so that it reaches to what was set meanwhile.
        let log = view.log()?;
        let mut names = Vec::new();
        for (hash, offset) in places {
            let found = log.locate(offset)?;
            let named = log.named(&found)?;
            let name = named.name();
            if name.hash(self.identity.seed) != hash {
                return Err(Fault::Corrupt { offset, what: "record has another name than the index says" });
            }
            if let Name::Attribute(bytes) = name
                && view.find(name.hash(self.identity.seed), name)?.live.is_some()
            {
                names.try_reserve(1)?;
                names.push(bytes.to_vec());
            }
        }
        Ok(names)
    }
}

fn owned(name: Name<'_>) -> Option<KeyBuf> {
    match name {
        Name::Vector(key) => Some(key.to_owned()),
        Name::Attribute(_) => None,
    }
}
