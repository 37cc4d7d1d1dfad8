//! What can be saved of a damaged log: the newest whole record of each name, and what is known of those that are lost.
//!
//! A record whose header is sound says where the next one begins, and usually its name, even if its body is damaged. Where
//! a header is not sound, the next one is searched for: at every 64 bytes, sound in header and body, of a sequence that
//! the distance allows, and of an opening that the log or the index knows, so that bytes which a caller stored to look
//! like a record are not taken for one. What was lost in between is known by number from the sequence, and as far as the index
//! is sound, by the hash of its name. Nothing here writes.

use crate::format::chain::Link;
use crate::format::head::Other;
use crate::format::layout::{LOG_START, UNIT};
use crate::format::record::{Batch, HEADER, Header, Kind};
use crate::format::superblock::Superblock;
use crate::format::table::{BUCKET, Slot, is_whole, slots};
use crate::index::delta::{Delta, Entry};
use crate::log::reader::{Located, Log};
use crate::maintenance::findings::{Gap, Item};
use crate::types::fault::Fault;
use crate::types::key::Name;
use std::cell::OnceCell;
use std::collections::BTreeSet;

/// What the operating system says where the disk does not give the bytes back.
const EIO: i32 = 5;

/// A damaged file, as far as its superblocks tell.
pub(crate) struct DamagedFile<'a> {
    /// The whole file.
    pub log: Log<'a>,
    /// Seeds the hash of names.
    pub seed: u64,
    /// The newest superblock that is sound.
    pub superblock: Option<Superblock>,
    /// The superblock beside that.
    pub other: Other,
    /// Salts of the records that the index points at, if it is whole.
    known_salts: OnceCell<Option<BTreeSet<u32>>>,
}

/// What was saved.
#[derive(Default)]
pub(crate) struct Salvage {
    /// Offset and hash of the record of each name, in the order of the log.
    pub survivors: Vec<(u64, u64)>,
    pub lost: Vec<Item>,
    pub gaps: Vec<Gap>,
    pub doubtful: Vec<Item>,
    /// Whether any record of a vector is whole: only then the dimension is surely right.
    pub vectors: bool,
}

/// Where the next record is expected, and what it must carry.
#[derive(Clone, Copy)]
struct Expected {
    offset: u64,
    sequence: u64,
    /// Not known before the first record of a file without superblocks.
    link: Option<u64>,
}

impl From<Link> for Expected {
    fn from(link: Link) -> Self {
        Self { offset: link.offset, sequence: link.sequence, link: Some(link.link) }
    }
}

/// What the index says of a name.
#[derive(PartialEq)]
enum Indexed {
    /// It is there, and in this record.
    There,
    /// It is not there any more.
    Gone,
    /// The index is damaged where it would be.
    Unknown,
}

/// What the checksum says of a record's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    Whole,
    Damaged,
}

/// What is damaged is not there; everything else that goes wrong is an error.
fn sound<T>(result: Result<T, Fault>) -> Result<Option<T>, Fault> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(Fault::Corrupt { .. }) => Ok(None),
        Err(Fault::Io { source, .. }) if source.raw_os_error() == Some(EIO) => Ok(None),
        Err(fault) => Err(fault),
    }
}

impl<'a> DamagedFile<'a> {
    pub(crate) fn new(log: Log<'a>, seed: u64, superblock: Option<Superblock>, other: Other) -> Self {
        Self { log, seed, superblock, other, known_salts: OnceCell::new() }
    }

    /// Everything before this was flushed.
    fn durable_end(&self) -> u64 {
        self.superblock.map_or(LOG_START, |superblock| superblock.durable_end)
    }

    /// Whether what begins at `offset` was surely never flushed: the first thing there that does not fit ends the log.
    fn is_tail(&self, offset: u64) -> bool {
        self.other == Other::Sound && offset >= self.durable_end()
    }

    fn start(&self) -> Expected {
        let link = self.superblock.map(|superblock| Superblock::first(superblock.uuid, superblock.schema).link);
        Expected { offset: LOG_START, sequence: 1, link }
    }

    /// The expected record, if it is there.
    fn follow(&self, place: &Expected) -> Result<Option<Located>, Fault> {
        let found = sound(self.log.locate(place.offset))?;
        Ok(found.filter(|found| {
            found.header.sequence == place.sequence && place.link.is_none_or(|link| link == found.header.link)
        }))
    }

    fn body(&self, found: &Located) -> Result<Body, Fault> {
        Ok(if sound(self.log.check_body(found))?.is_some() { Body::Whole } else { Body::Damaged })
    }

    /// Where the log goes on behind an offset at which there is no sound record.
    fn resume(&self, at: &Expected, salts: &BTreeSet<u32>) -> Result<Option<Expected>, Fault> {
        let anchor = self.superblock.as_ref().map(Link::from);
        let anchor = anchor.filter(|anchor| at.offset < anchor.offset && anchor.offset <= self.log.end);
        let limit = anchor.map_or(self.log.end, |anchor| anchor.offset);
        let table = self.log.table;
        let mut offset = at.offset + UNIT;
        while offset + HEADER as u64 <= limit {
            if table.overlaps(offset, offset + UNIT) {
                offset = table.bucket_offset(table.all_buckets());
                continue;
            }
            if let Some(found) = sound(self.log.locate(offset))?
                && found.offset + found.len <= limit
                && is_plausible(at, &found, anchor)
                && self.is_genuine(&found, salts)?
            {
                return Ok(Some(Expected { offset, sequence: found.header.sequence, link: Some(found.header.link) }));
            }
            offset += UNIT;
        }
        Ok(anchor.map(Expected::from))
    }

    /// Whether the engine wrote this as a record, and not a caller as part of a value.
    fn is_genuine(&self, found: &Located, salts: &BTreeSet<u32>) -> Result<bool, Fault> {
        let salt = found.header.salt;
        if self.body(found)? == Body::Damaged {
            return Ok(false);
        }
        if salts.contains(&salt) || self.runs_through(found)? {
            return Ok(true);
        }
        // Only an index that is whole, and speaks of this part of the log, can tell that there was no such opening.
        let told = self.superblock.is_some_and(|superblock| found.offset < superblock.applied_end);
        Ok(!told || self.known_salts()?.is_none_or(|salts| salts.contains(&salt)))
    }

    /// Whether an unbroken chain leads from a record to the end of what was flushed, or of the file.
    fn runs_through(&self, found: &Located) -> Result<bool, Fault> {
        let end = self.superblock.as_ref().map(Link::from);
        let mut link = Link::after(found);
        while end.is_none_or(|end| link.offset != end.offset) {
            if link.offset == self.log.end {
                return Ok(true);
            }
            let Some(next) = sound(link.follow(&self.log))? else { return Ok(false) };
            link = Link::after(&next);
        }
        Ok(end == Some(link))
    }

    fn known_salts(&self) -> Result<Option<&BTreeSet<u32>>, Fault> {
        if let Some(known) = self.known_salts.get() {
            return Ok(known.as_ref());
        }
        let mut salts = BTreeSet::new();
        let whole = self.each_slot(|slot| {
            if let Some(found) = sound(self.log.locate(slot.offset))?
                && let Some(named) = sound(self.log.named(&found))?
                && found.header.kind != Kind::Table
                && named.name().hash(self.seed) == slot.hash
            {
                salts.insert(found.header.salt);
            }
            Ok(())
        })?;
        Ok(self.known_salts.get_or_init(|| whole.then_some(salts)).as_ref())
    }

    /// A bucket of the index, if it is sound.
    fn bucket(&self, number: u64) -> Result<Option<[u8; BUCKET]>, Fault> {
        let table = self.log.table;
        let place = table.bucket_offset(number);
        if place + BUCKET as u64 > self.log.end {
            return Ok(None);
        }
        let mut bucket = [0; BUCKET];
        let read = sound(self.log.medium.read_into(place, &mut bucket).map_err(Fault::read(place)))?;
        Ok(read.map(|()| bucket).filter(|bucket| is_whole(bucket, number, table)))
    }

    /// Calls `each` for every slot of a sound bucket. Whether all buckets are.
    fn each_slot(&self, mut each: impl FnMut(Slot) -> Result<(), Fault>) -> Result<bool, Fault> {
        let table = self.log.table;
        // The superblock may speak of a table that was never there, or is cut off.
        let there = self.log.end.saturating_sub(table.offset) / BUCKET as u64;
        let mut whole = table.all_buckets() <= there;
        for number in 0..table.all_buckets().min(there) {
            match self.bucket(number)? {
                Some(bucket) => slots(&bucket).try_for_each(&mut each)?,
                None => whole = false,
            }
        }
        Ok(whole)
    }

    /// Whether the index knows a name of that hash at that record.
    fn indexed(&self, hash: u64, offset: u64) -> Result<Indexed, Fault> {
        let mut indexed = Indexed::Gone;
        if self.log.table.buckets == 0 {
            return Ok(Indexed::Unknown);
        }
        for number in self.log.table.window_of(hash) {
            match self.bucket(number)? {
                Some(bucket) if slots(&bucket).any(|slot| slot == Slot { hash, offset }) => return Ok(Indexed::There),
                Some(_) => {}
                None => indexed = Indexed::Unknown,
            }
        }
        Ok(indexed)
    }

    /// Whether there is a header of a vector's record anywhere, whatever its dimension.
    pub(crate) fn has_vectors(&self) -> Result<bool, Fault> {
        let mut block = [0; HEADER];
        let mut offset = LOG_START;
        while offset + HEADER as u64 <= self.log.end {
            let read = sound(self.log.medium.read_into(offset, &mut block).map_err(Fault::read(offset)))?;
            if read.and_then(|()| Header::decode(&block)).is_some_and(|header| header.kind == Kind::Put) {
                return Ok(true);
            }
            offset += UNIT;
        }
        Ok(false)
    }

    /// Reads all of it.
    pub(crate) fn salvage(&self) -> Result<Salvage, Fault> {
        let mut scan =
            SalvageScan { damaged: self, latest: Delta::default(), lost: Vec::new(), found: Salvage::default() };
        scan.walk()?;
        scan.finish()
    }
}

/// Whether a record may be one that comes after `at`, by number: each that was lost took 64 bytes at least.
fn is_plausible(at: &Expected, found: &Located, anchor: Option<Link>) -> bool {
    let fits = |lost: Option<u64>, bytes: u64| lost.is_some_and(|lost| 0 < lost && lost <= bytes / UNIT);
    let sequence = found.header.sequence;
    fits(sequence.checked_sub(at.sequence), found.offset - at.offset)
        && anchor.is_none_or(|anchor| fits(anchor.sequence.checked_sub(sequence), anchor.offset - found.offset))
}

/// A salvage under way.
struct SalvageScan<'w, 'a> {
    damaged: &'w DamagedFile<'a>,
    /// The newest record of each name; marked as deleted if it takes the name away or is damaged.
    latest: Delta,
    /// Damaged records of known names, with hash and offset.
    lost: Vec<(Item, u64, u64)>,
    found: Salvage,
}

impl SalvageScan<'_, '_> {
    fn walk(&mut self) -> Result<(), Fault> {
        let damaged = self.damaged;
        let mut salts = BTreeSet::new();
        let mut at = damaged.start();
        // Records of a batch that may never have been acknowledged.
        let mut batch: Vec<(Located, Body)> = Vec::new();
        while at.offset < damaged.log.end {
            if let Some(found) = damaged.follow(&at)? {
                let body = damaged.body(&found)?;
                if body == Body::Damaged && damaged.is_tail(at.offset) {
                    break;
                }
                if body == Body::Whole {
                    salts.insert(found.header.salt);
                }
                at = Link::after(&found).into();
                batch.try_reserve(1)?;
                batch.push((found, body));
                if found.header.batch() == Batch::Ends || found.offset < damaged.durable_end() {
                    self.take_all(&mut batch)?;
                }
                continue;
            }
            if damaged.is_tail(at.offset) {
                break;
            }
            let Some(next) = damaged.resume(&at, &salts)? else { break };
            // Something comes after the batch, so it was complete once.
            self.take_all(&mut batch)?;
            self.found.gaps.push(Gap {
                offset: at.offset,
                end: next.offset,
                records: next.sequence.checked_sub(at.sequence),
            });
            at = next;
        }
        self.end(at, &batch)
    }

    /// What is missing behind the last record that was found.
    fn end(&mut self, at: Expected, batch: &[(Located, Body)]) -> Result<(), Fault> {
        let damaged = self.damaged;
        if let Some(superblock) = damaged.superblock
            && at.offset < superblock.durable_end
        {
            // A newer superblock may have covered more.
            let records = superblock.sequence.checked_sub(at.sequence).filter(|_| damaged.other == Other::Sound);
            self.found.gaps.push(Gap { offset: at.offset, end: superblock.durable_end, records });
        } else if damaged.other == Other::Damaged && (at.offset < damaged.log.end || !batch.is_empty()) {
            let offset = batch.first().map_or(at.offset, |(found, _)| found.offset);
            self.found.gaps.push(Gap { offset, end: damaged.log.end, records: None });
        }
        Ok(())
    }

    fn take_all(&mut self, batch: &mut Vec<(Located, Body)>) -> Result<(), Fault> {
        batch.drain(..).try_for_each(|(found, body)| self.take(&found, body))
    }

    /// Enters a record into what is known of its name.
    fn take(&mut self, found: &Located, body: Body) -> Result<(), Fault> {
        let log = &self.damaged.log;
        let Located { offset, header, .. } = *found;
        if header.kind == Kind::Table {
            return Ok(());
        }
        self.found.vectors |= body == Body::Whole && header.kind == Kind::Put;
        let Some(named) = sound(log.named(found))? else {
            self.lose_nameless(found);
            return Ok(());
        };
        let name = named.name();
        let hash = name.hash(self.damaged.seed);
        // A long key lies in the damaged body: it counts only if the index says so.
        if body == Body::Damaged && !header.names_inline() && self.damaged.indexed(hash, offset)? != Indexed::There {
            self.lose_nameless(found);
            return Ok(());
        }
        let before = self.latest_of(hash, name)?;
        let entry = Entry { hash, offset, prior: 0, deleted: body == Body::Damaged || !header.kind.stores() };
        self.latest.set(entry, before.map_or(0, |before| before.offset))?;
        if body == Body::Damaged && header.kind.stores() {
            self.lost.try_reserve(1)?;
            self.lost.push((name.into(), hash, offset));
        }
        Ok(())
    }

    fn lose_nameless(&mut self, found: &Located) {
        let end = found.offset + found.len;
        self.found.gaps.push(Gap { offset: found.offset, end, records: Some(1) });
    }

    fn latest_of(&self, hash: u64, name: Name<'_>) -> Result<Option<Entry>, Fault> {
        let log = &self.damaged.log;
        self.latest.find(hash, |offset| Ok(sound(log.find(offset, name))?.flatten().is_some()))
    }

    /// Decides what survives and what is lost.
    fn finish(mut self) -> Result<Salvage, Fault> {
        for (item, hash, offset) in std::mem::take(&mut self.lost) {
            // What was stored again later is not lost.
            if self.latest_of(hash, item.name())?.is_some_and(|latest| latest.offset == offset) {
                self.found.lost.push(item);
            }
        }
        let unaccounted = self.ask_index()?;
        let mut entries = self.latest.sorted()?;
        entries.sort_unstable_by_key(|entry| entry.offset);
        for entry in entries.iter().filter(|entry| !entry.deleted) {
            if self.survives(entry, &unaccounted)? {
                self.found.survivors.try_reserve(1)?;
                self.found.survivors.push((entry.offset, entry.hash));
            }
        }
        self.found.lost.sort_unstable();
        let table = self.damaged.log.table;
        // The loss of an index that is built anew is none.
        self.found
            .gaps
            .retain(|gap| gap.records != Some(0) || !table.overlaps(gap.offset, gap.end.max(gap.offset + 1)));
        Ok(self.found)
    }

    /// Finds in the index the names whose newest record is in a gap: what there is of them is older, and must not take
    /// its place. Returns the gaps that may hold more than the index tells.
    fn ask_index(&mut self) -> Result<Vec<Gap>, Fault> {
        let table = self.damaged.log.table;
        self.found.gaps.sort_unstable_by_key(|gap| gap.offset);
        let mut gaps = self.found.gaps.clone();
        if gaps.is_empty() {
            return Ok(gaps);
        }
        let mut missing: Vec<Slot> = Vec::new();
        self.damaged.each_slot(|slot| {
            let behind = gaps.partition_point(|gap| gap.end <= slot.offset);
            if let Some(gap) = gaps.get_mut(behind).filter(|gap| gap.offset <= slot.offset) {
                gap.records = gap.records.map(|records| records.saturating_sub(1));
                missing.try_reserve(1)?;
                missing.push(slot);
            }
            Ok(())
        })?;
        for (gap, shown) in gaps.iter_mut().zip(&mut self.found.gaps) {
            if table.buckets > 0 && (gap.offset..gap.end).contains(&(table.offset - UNIT)) {
                gap.records = gap.records.map(|records| records.saturating_sub(1));
                shown.records = shown.records.map(|records| records.saturating_sub(1));
            }
        }
        for Slot { hash, offset } in missing {
            let older = self.latest.find(hash, |at| Ok::<_, Fault>(at < offset))?;
            if let Some(older) = older.filter(|older| !older.deleted)
                && self.damaged.indexed(hash, older.offset)? != Indexed::There
            {
                self.latest.set(Entry { deleted: true, ..older }, older.offset)?;
                let item = self.item_at(older.offset)?;
                self.found.lost.push(item);
            }
        }
        gaps.retain(|gap| gap.records != Some(0));
        Ok(gaps)
    }

    /// Whether a record is kept. If something that was lost behind it may have been of its name, the index decides; if
    /// that cannot tell, it is kept and noted.
    fn survives(&mut self, entry: &Entry, gaps: &[Gap]) -> Result<bool, Fault> {
        let applied_end = self.damaged.superblock.map_or(0, |superblock| superblock.applied_end);
        let Some(last) = gaps.last().filter(|last| last.offset > entry.offset) else { return Ok(true) };
        let indexed = match entry.offset < applied_end {
            true => self.damaged.indexed(entry.hash, entry.offset)?,
            false => Indexed::Unknown,
        };
        match indexed {
            Indexed::Gone => return Ok(false),
            Indexed::There if last.end <= applied_end => {}
            _ => {
                let item = self.item_at(entry.offset)?;
                self.found.doubtful.push(item);
            }
        }
        Ok(true)
    }

    fn item_at(&self, offset: u64) -> Result<Item, Fault> {
        let log = &self.damaged.log;
        let found = log.locate(offset)?;
        Ok(log.named(&found)?.name().into())
    }
}
