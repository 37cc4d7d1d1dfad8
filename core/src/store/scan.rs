//! Walking over the vectors that were alive where the log ended when the walk began, in the order of the log. Between two steps
//! nothing is held.

use crate::format::layout::LOG_START;
use crate::format::record::{HEADER, Kind, name_in};
use crate::format::table::{SLOTS, slots_of};
use crate::log::reader::{Located, Log};
use crate::store::follow::Held;
use crate::store::lookup::{AsOf, read_bucket};
use crate::store::moves::moved;
use crate::store::postponed::Postponed;
use crate::store::read::PinnedRecord;
use crate::store::store::Store;
use crate::store::view::ReadView;
use crate::testing::mutants::{Mutant, broken};
use crate::types::error::{Error, Result};
use crate::types::fault::Fault;
use crate::types::key::{Key, KeyBuf, Name, NameBuf};
use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Bytes that the medium is asked to read ahead of a scan, at least; at most twice as many.
const AHEAD: u64 = 2 << 20;

/// A scan: where it is in the log, and where it ends.
pub(crate) struct ScanState {
    offset: u64,
    epoch: u64,
    /// Up to where the medium was asked to read ahead.
    announced_to: u64,
    reached: Reached,
    /// Where the log ended at the first step.
    end: Option<u64>,
    postponed: Postponed,
    /// What a file that another process writes was like then.
    kept: Option<Arc<ReadView>>,
    gives: Gives,
}

/// What a scan gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gives {
    Vectors,
    /// Attributes as well.
    Everything,
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
    End,
}

/// What becomes of a record that a scan meets.
enum Fate {
    /// It is the latest of its name.
    Live,
    /// A later one of its name comes before the end, or a deletion.
    Dead,
    /// Its name was written again behind the end.
    Postponed(NameBuf),
    /// Its name is not in the index, and what was deleted behind the end is not known yet.
    Unknown,
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
            end: None,
            postponed: Postponed::default(),
            kept: None,
            gives: Gives::Vectors,
        }
    }

    /// From the start of the log, of attributes as well as vectors.
    pub(crate) fn of_everything() -> Self {
        Self { gives: Gives::Everything, ..Self::from_number(0) }
    }

    pub(crate) fn number(&self) -> u64 {
        // The start is the start in every epoch.
        if self.is_start() { 0 } else { (self.epoch << OFFSET_BITS) | (self.offset >> 6) }
    }

    fn is_start(&self) -> bool {
        self.reached == Reached::FromStart && self.offset == LOG_START
    }

    /// Goes on behind a record.
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

    /// Sets the end, at the first step. After a compaction it goes on where that has put things, at the same place or a little
    /// before it, and ends where the log ends now; it fails if that place is not known.
    fn fit_to(&mut self, view: &ReadView) -> Result<()> {
        let other_epoch = self.epoch != view.epoch;
        if other_epoch && !self.is_start() {
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
        if other_epoch || self.end.is_none() {
            self.end = Some(view.end());
            // What was written since lies before the end now.
            self.postponed = Postponed::default();
        }
        self.epoch = view.epoch;
        Ok(())
    }
}

impl Store {
    /// The next vector of a scan, pinned in place.
    pub(crate) fn next_vector(&self, scan: &mut ScanState) -> Result<Option<PinnedRecord>> {
        let vector_bytes = self.vector_bytes();
        self.walk(scan, |log, found| Ok(Break(self.pin(log, &found.found(vector_bytes))?)))
    }

    /// Gives the vectors of a scan to `f`, until it breaks. The scan is behind the last one given then.
    pub(crate) fn visit_from(
        &self,
        scan: &mut ScanState,
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
        self.walk(scan, visit).map(drop)
    }

    /// The key of the next vector of a scan.
    pub(crate) fn next_key(&self, scan: &mut ScanState) -> Result<Option<KeyBuf>> {
        self.walk(scan, |log, found| Ok(key_of(log, found)?.map_or(Continue(()), Break)))
    }

    /// Visits the vectors of a scan, until `visit` breaks; then gives what it broke with.
    pub(crate) fn walk<B>(
        &self,
        scan: &mut ScanState,
        mut visit: impl FnMut(&Log<'_>, &Located) -> Result<ControlFlow<B>, Fault>,
    ) -> Result<Option<B>> {
        loop {
            self.check_there()?;
            let view = self.view_of(scan);
            scan.fit_to(&view)?;
            let step = self.step(&view, scan, &mut visit);
            if scan.reached == Reached::Named && matches!(step, Err(Fault::Corrupt { .. })) {
                drop(view);
                if !self.begins_record(scan)? {
                    return Err(Error::invalid("position", "it was not given by a scan of this database"));
                }
                // Once more, and what comes of it is the record's.
                scan.read_here();
                continue;
            }
            scan.read_here();
            match step.map_err(|fault| self.fault(fault))? {
                Step::At(found) => return Ok(Some(found)),
                Step::Pause => {}
                Step::End => return Ok(None),
            }
        }
    }

    /// What a scan looks at: the store's own view, or where another process writes the file, what that was at the first step.
    fn view_of(&self, scan: &mut ScanState) -> Held<'_> {
        if !self.settings.read_only {
            return Held::Shared(self.view());
        }
        let kept = scan.kept.get_or_insert_with(|| Arc::new(self.view().kept()));
        Held::Kept(Arc::clone(kept))
    }

    /// Whether a record may begin at a position that a caller named and at which none can be read. It does not if the position
    /// lies within another record. Behind damage this cannot be told, and it may.
    fn begins_record(&self, position: &mut ScanState) -> Result<bool> {
        let mut offset = LOG_START;
        loop {
            let view = self.view_of(position);
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
        scan: &mut ScanState,
        visit: &mut impl FnMut(&Log<'_>, &Located) -> Result<ControlFlow<B>, Fault>,
    ) -> Result<Step<B>, Fault> {
        let end = scan.end.unwrap_or_default();
        if scan.reached == Reached::Named && scan.offset > end {
            return Err(Fault::Corrupt { offset: scan.offset, what: "position is beyond the end of the log" });
        }
        let log = view.log()?;
        for _ in 0..STRIDE {
            if scan.offset >= end {
                return self.step_behind(view, scan, visit);
            }
            if scan.offset + AHEAD >= scan.announced_to {
                scan.announced_to = scan.announced_to.max(scan.offset);
                log.medium.will_read(scan.announced_to, AHEAD as usize);
                scan.announced_to += AHEAD;
            }
            let found = log.locate(scan.offset)?;
            let kind = found.header.kind;
            if kind == Kind::Put || (scan.gives == Gives::Everything && kind.stores()) {
                match self.fate(view, &log, scan, end, &found)? {
                    Fate::Live => {
                        if let Break(done) = visit(&log, &found)? {
                            scan.pass(&found);
                            return Ok(Step::At(done));
                        }
                    }
                    Fate::Dead => {}
                    Fate::Postponed(name) => scan.postponed.add(name, found.offset)?,
                    Fate::Unknown => return Ok(Step::Pause),
                }
            } else if kind.removes() && !scan.postponed.is_empty() {
                scan.postponed.remove(&log.named(&found)?.name().to_owned());
            }
            scan.pass(&found);
            if self.view.is_writer_waiting() {
                break;
            }
        }
        Ok(Step::Pause)
    }

    /// Gives what was postponed. Where a caller named the place at which the scan began, nothing proves that the records met
    /// were records; so it gives what the index knows under their keys.
    #[cold]
    fn step_behind<B>(
        &self,
        view: &ReadView,
        scan: &mut ScanState,
        visit: &mut impl FnMut(&Log<'_>, &Located) -> Result<ControlFlow<B>, Fault>,
    ) -> Result<Step<B>, Fault> {
        while let Some((offset, name)) = scan.postponed.next() {
            let offset = match scan.reached {
                Reached::FromStart => Some(offset),
                _ => {
                    let name = name.as_name();
                    view.find(name.hash(self.identity.seed), name)?.live.map(|live| live.offset)
                }
            };
            let Some(offset) = offset else { continue };
            // Asked for now: what the index knows may have been written a moment ago.
            let log = view.log()?;
            if let Break(done) = visit(&log, &log.locate(offset)?)? {
                return Ok(Step::At(done));
            }
        }
        Ok(Step::End)
    }

    /// What becomes of a record. Where nothing was ever replaced or deleted, that needs no search; but what was reached from a
    /// place that a caller named must be known to the index, and so must a key that the checksum of the header does not cover.
    #[inline]
    fn fate(
        &self,
        view: &ReadView,
        log: &Log<'_>,
        scan: &mut ScanState,
        end: u64,
        found: &Located,
    ) -> Result<Fate, Fault> {
        if scan.reached == Reached::FromStart && self.is_all_live(view) && found.header.names_inline() {
            return Ok(Fate::Live);
        }
        let named = log.named(found)?;
        let name = named.name();
        let known = view.find_as_of(name.hash(self.identity.seed), name, end)?;
        if known == AsOf::At(found.offset) {
            return Ok(Fate::Live);
        }
        // A damaged key would make a live record look dead.
        log.check_key(found)?;
        match known {
            AsOf::At(_) => Ok(Fate::Dead),
            AsOf::Behind if broken(Mutant::PostponedPassedOver) => Ok(Fate::Dead),
            AsOf::Nothing if broken(Mutant::DeletionsUnread) => Ok(Fate::Dead),
            AsOf::Behind => Ok(Fate::Postponed(name.to_owned())),
            // Whoever deletes writes so into the log before the index forgets.
            AsOf::Nothing if !look_behind(&mut scan.postponed, view, end)? => Ok(Fate::Unknown),
            AsOf::Nothing => {
                let name = name.to_owned();
                Ok(if scan.postponed.was_deleted(&name) { Fate::Postponed(name) } else { Fate::Dead })
            }
        }
    }

    /// Whether nothing before the end of a view was ever replaced or deleted.
    #[inline]
    fn is_all_live(&self, view: &ReadView) -> bool {
        let dead = match &view.followed {
            None => self.figures.dead_records.load(Relaxed),
            Some(followed) => followed.counts.dead_records,
        };
        dead == 0
    }

    /// Names of all attributes, sorted. Reads the whole index, but of the log only what it says of attributes.
    pub(crate) fn attribute_names(&self) -> Result<Vec<Vec<u8>>> {
        self.check_there()?;
        let mut view = Held::Shared(self.view());
        loop {
            let fault = |fault| self.fault(fault);
            let names = self.collect_attributes(&view);
            let counted = view.followed.map(|followed| followed.counts.attributes);
            let in_doubt = counted.is_some_and(|counted| names.as_ref().map_or(true, |it| it.len() as u64 != counted));
            if !in_doubt || !view.is_outdated().map_err(fault)? {
                return names.map_err(fault);
            }
            // The index is ahead of the view.
            view = match self.moved_on(view)? {
                Some(newer) => newer,
                None => return names.map_err(fault),
            };
        }
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
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }
}

/// Looks for what was deleted behind the end of a scan, in part. Returns whether all of it is known.
pub(crate) fn look_behind(postponed: &mut Postponed, view: &ReadView, end: u64) -> Result<bool, Fault> {
    if view.followed.is_none() {
        let log_end = view.end();
        // Asked for after the end, so that it reaches there.
        return postponed.look(&view.log()?, end, log_end);
    }
    let Some((log, stamp)) = view.durable_log(postponed.stamp)? else { return Ok(true) };
    let done = postponed.look(&log, end, log.end)?;
    if done {
        postponed.stamp = Some(stamp);
    }
    Ok(done)
}

/// The key of a record of a vector.
fn key_of(log: &Log<'_>, found: &Located) -> Result<Option<KeyBuf>, Fault> {
    let owned = |name: Name<'_>| match name {
        Name::Vector(key) => Some(key.to_owned()),
        Name::Attribute(_) => None,
    };
    match found.header.names_inline() {
        true => Ok(owned(found.header.name(&[], log.vector_bytes))),
        false => Ok(owned(log.named(found)?.name())),
    }
}
