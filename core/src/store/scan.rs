//! Walking over what is alive, in log order, without holding anything between steps.

use crate::format::layout::LOG_START;
use crate::format::record::{HEADER, Kind, name_in};
use crate::format::table::{SLOTS, slots_of};
use crate::log::reader::{Located, Log};
use crate::store::lookup::read_bucket;
use crate::store::moves::moved;
use crate::store::read::Held;
use crate::store::store::Store;
use crate::store::view::State;
use crate::sync::lease::Lease;
use crate::sync::primitives::thread;
use crate::types::error::{Error, Result};
use crate::types::fault::Fault;
use crate::types::key::{Key, KeyBuf, Name};
use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::atomic::Ordering::Relaxed;

/// How far ahead of a scan the medium is told what comes, at least; at most twice as far.
const AHEAD: u64 = 2 << 20;

/// A position in the log. It stays good while the log only grows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScanState {
    offset: u64,
    era: u64,
    /// Up to where the medium was told what comes.
    told: u64,
    /// Whether this is known to be the start of a record, because it was reached from the start of the log.
    sure: bool,
    /// Whether it is still just what a caller named.
    fresh: bool,
}

/// Records passed over at most before those are let in between who want to.
const STRIDE: u32 = 1024;

/// How far a step came.
enum Step<B> {
    At(B),
    Pause,
    /// Up to a record that is just being made known.
    Wait,
    End,
}

/// Bits of a position that say where, in units of 64 bytes; those above say in which era.
const OFFSET_BITS: u32 = 48;

impl ScanState {
    /// From the number of a position; the start of the log for 0.
    pub(crate) fn from_number(number: u64) -> Self {
        let (era, offset) = (number >> OFFSET_BITS, (number & ((1 << OFFSET_BITS) - 1)) << 6);
        let offset = offset.max(LOG_START);
        Self { offset, era, told: offset, sure: number == 0, fresh: number != 0 }
    }

    pub(crate) fn number(&self) -> u64 {
        // The start is the start in every era.
        if self.is_start() { 0 } else { (self.era << OFFSET_BITS) | (self.offset >> 6) }
    }

    fn is_start(&self) -> bool {
        self.sure && self.offset == LOG_START
    }

    fn pass(&mut self, found: &Located) {
        self.offset += found.len;
        self.fresh = false;
    }

    /// Goes on where a compaction has put things: at the same place or a little before it. Fails if that is not known.
    fn catch_up(&mut self, state: &State) -> Result<()> {
        if self.era != state.era && !self.is_start() {
            let next = (self.era + 1) & (u64::MAX >> OFFSET_BITS) == state.era;
            let moves = state.moves.as_ref().filter(|_| next);
            let moves =
                moves.ok_or_else(|| Error::invalid("position", "it is from before a compaction; begin again"))?;
            self.offset = moved(moves, self.offset);
            (self.told, self.sure) = (self.offset, false);
        }
        self.era = state.era;
        Ok(())
    }
}

impl Store {
    /// The next live vector from a position, held in place; moves the position behind it.
    pub(crate) fn next_vector(&self, position: &mut ScanState) -> Result<Option<Held>> {
        let Some((state, found)) = self.next_live(position)? else { return Ok(None) };
        self.hold(&state, &found.found(self.vector_bytes())).map(Some)
    }

    /// Shows live vectors from a position on, until `see` has had enough. Moves the position behind those that were shown.
    pub(crate) fn show_from(
        &self,
        position: &mut ScanState,
        mut see: impl FnMut(Key<'_>, &[f32], &[u8]) -> ControlFlow<()>,
    ) -> Result<()> {
        let vector_bytes = self.vector_bytes();
        let meet = |log: &Log<'_>, found: &Located| {
            let found = found.found(vector_bytes);
            self.check(log, &found)?;
            let record = found.read(log)?;
            let Name::Vector(key) = name_in(&record, vector_bytes) else { return Ok(Continue(())) };
            let vector = bytemuck::cast_slice(&record[HEADER..HEADER + vector_bytes]);
            Ok(see(key, vector, &record[found.meta_at as usize..]))
        };
        self.walk(position, meet).map(drop)
    }

    /// The key of the next live vector from a position; moves the position behind it.
    pub(crate) fn next_key(&self, position: &mut ScanState) -> Result<Option<KeyBuf>> {
        let Some((state, found)) = self.next_live(position)? else { return Ok(None) };
        let fault = |fault| self.fault(fault);
        let log = state.log().map_err(fault)?;
        let key = if found.header.names_inline() {
            owned(found.header.name(&[], log.vector_bytes))
        } else {
            owned(found.header.name(&log.head(&found).map_err(fault)?, log.vector_bytes))
        };
        Ok(key)
    }

    fn next_live(&self, position: &mut ScanState) -> Result<Option<(Lease<'_, State>, Located)>> {
        self.walk(position, |_, found| Ok(Break(*found)))
    }

    /// Meets live vectors from a position on, until `meet` breaks; then gives what it broke with, under the lease.
    fn walk<B>(
        &self,
        position: &mut ScanState,
        mut meet: impl FnMut(&Log<'_>, &Located) -> Result<ControlFlow<B>, Fault>,
    ) -> Result<Option<(Lease<'_, State>, B)>> {
        loop {
            self.check_there()?;
            let state = self.read();
            position.catch_up(&state)?;
            let step = self.step(&state, position, &mut meet);
            if position.fresh && matches!(step, Err(Fault::Corrupt { .. })) {
                drop(state);
                if !self.begins_record(position)? {
                    return Err(Error::invalid("position", "it was not given by a scan of this database"));
                }
                // Once more, and what comes of it is the record's.
                position.fresh = false;
                continue;
            }
            position.fresh = false;
            match step.map_err(|fault| self.fault(fault))? {
                Step::At(found) => return Ok(Some((state, found))),
                Step::Pause => {}
                // Without the lease, for which the writer may be waiting.
                Step::Wait => {
                    drop(state);
                    thread::yield_now();
                }
                Step::End => return self.check_unchanged().map(|()| None),
            }
        }
    }

    /// Whether a record begins at a position that a caller named and at which none can be read: it does not lie within
    /// another one. What lies behind damage may be a record's beginning.
    fn begins_record(&self, position: &ScanState) -> Result<bool> {
        let mut offset = LOG_START;
        loop {
            let state = self.read();
            if state.era != position.era {
                return Ok(true);
            }
            if position.offset > state.end() {
                return Ok(false);
            }
            let log = state.log().map_err(|fault| self.fault(fault))?;
            for _ in 0..STRIDE {
                if offset >= position.offset {
                    return Ok(offset == position.offset);
                }
                match log.locate(offset) {
                    Ok(found) => offset += found.len,
                    Err(Fault::Corrupt { .. }) => return Ok(true),
                    Err(fault) => return Err(self.fault(fault)),
                }
                if self.state.is_change_wanted() {
                    break;
                }
            }
        }
    }

    fn step<B>(
        &self,
        state: &State,
        position: &mut ScanState,
        meet: &mut impl FnMut(&Log<'_>, &Located) -> Result<ControlFlow<B>, Fault>,
    ) -> Result<Step<B>, Fault> {
        if position.fresh && position.offset > state.end() {
            return Err(Fault::Corrupt { offset: position.offset, what: "position is beyond the end of the log" });
        }
        let mut end = state.end();
        // Asked for after the end, so that it reaches there.
        let mut log = state.log()?;
        for _ in 0..STRIDE {
            if position.offset >= end {
                (end, log) = (state.end(), state.log()?);
                if position.offset >= end {
                    // A record for which an older one was passed over may not be passed over in its turn.
                    return Ok(if position.offset < log.end { Step::Wait } else { Step::End });
                }
            }
            if position.offset + AHEAD >= position.told {
                position.told = position.told.max(position.offset);
                log.medium.will_read(position.told, AHEAD as usize);
                position.told += AHEAD;
            }
            let found = log.locate(position.offset)?;
            let live = found.header.kind == Kind::Put && self.is_live(state, &found, position.sure)?;
            if live && let Break(done) = meet(&log, &found)? {
                position.pass(&found);
                return Ok(Step::At(done));
            }
            position.pass(&found);
            if self.state.is_change_wanted() {
                break;
            }
        }
        Ok(Step::Pause)
    }

    /// Whether a record is the latest of its name. Where nothing was ever replaced or deleted, that needs no search; but
    /// what was reached from a place that a caller named must be known to the index, and so must a key that no header
    /// vouches for.
    fn is_live(&self, state: &State, found: &Located, sure: bool) -> Result<bool, Fault> {
        if sure && self.figures.dead_records.load(Relaxed) == 0 && found.header.names_inline() {
            return Ok(true);
        }
        let log = state.log()?;
        let head = log.head(found)?;
        let name = found.header.name(&head, log.vector_bytes);
        let latest = state.find(name.hash(self.identity.seed), name)?.live;
        let live = latest.is_some_and(|latest| latest.offset == found.offset);
        if !live {
            // A rotten key would make a live record look dead.
            log.check_key(found)?;
        }
        Ok(live)
    }

    /// Names of all attributes, sorted. Reads the whole index, but of the log only what it says of attributes.
    pub(crate) fn attribute_names(&self) -> Result<Vec<Vec<u8>>> {
        self.check_there()?;
        let state = self.read();
        let mut names = self.collect_attributes(&state).map_err(|fault| self.fault(fault))?;
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    fn collect_attributes(&self, state: &State) -> Result<Vec<Vec<u8>>, Fault> {
        let log = state.log()?;
        let attribute = |hash: u64| hash & 1 == 1;
        let mut places: Vec<(u64, u64)> = Vec::new();
        for delta in [&state.active, &*state.frozen] {
            let entries = delta.sorted()?;
            places.try_reserve(entries.len())?;
            let entries = entries.into_iter().filter(|entry| attribute(entry.hash));
            places.extend(entries.map(|entry| (entry.hash, entry.offset)));
        }
        for number in 0..state.table.all_buckets() {
            let bucket = read_bucket(&log, number)?;
            places.try_reserve(SLOTS)?;
            places.extend(slots_of(&bucket).filter(|slot| attribute(slot.hash)).map(|slot| (slot.hash, slot.offset)));
        }
        // Asked for again, so that it reaches to what was set meanwhile.
        let log = state.log()?;
        let mut names = Vec::new();
        for (hash, offset) in places {
            let found = log.locate(offset)?;
            let head = log.head(&found)?;
            let name = found.header.name(&head, log.vector_bytes);
            if name.hash(self.identity.seed) != hash {
                return Err(Fault::Corrupt { offset, what: "record has another name than the index says" });
            }
            if let Name::Attribute(bytes) = name
                && state.find(name.hash(self.identity.seed), name)?.live.is_some()
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
