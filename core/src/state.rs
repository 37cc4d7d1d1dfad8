//! What a reader sees: the table in the file, under what was written since.
//!
//! Held under a lock that readers share; changed by writers and by the flush in short steps.

use crate::compact::Moves;
use crate::delta::Delta;
use crate::key::Name;
use crate::log::{Fault, Located, Log};
use crate::medium::Medium;
use crate::table::{BUCKET, Geometry, Rotten, SLOTS, is_whole, slots};
use crate::teeth::{Mutant, broken};
use std::io;
use std::sync::Arc;

pub(crate) struct State {
    /// `None` while the store is parked, when nobody reads it.
    pub medium: Option<Arc<dyn Medium>>,
    pub vector_bytes: usize,
    /// End of what was acknowledged.
    pub end: u64,
    pub table: Geometry,
    /// What the flush under way, or one that failed, is bringing into the table.
    pub frozen: Arc<Delta>,
    /// What was written since.
    pub active: Delta,
    /// The file's number of compactions, in 16 bits.
    pub era: u64,
    /// Where the last of them put things, if it was since the file was opened.
    pub moves: Option<Arc<Moves>>,
}

/// What is known of a name.
#[derive(Default)]
pub(crate) struct Lookup {
    /// Its record, if it is there.
    pub live: Option<Located>,
    /// What the table says of it once the frozen changes are in: an offset, or 0.
    pub prior: u64,
    /// The active entry of this name, by the offset of its record, or 0.
    pub entry: u64,
}

impl State {
    /// A file whose table speaks of everything in it.
    pub(crate) fn new(medium: Arc<dyn Medium>, vector_bytes: usize, table: Geometry, end: u64) -> Self {
        Self {
            medium: Some(medium),
            vector_bytes,
            end,
            table,
            frozen: Arc::default(),
            active: Delta::default(),
            era: 0,
            moves: None,
        }
    }

    pub(crate) fn log(&self) -> Result<Log<'_>, Fault> {
        let medium = self.medium.as_deref().ok_or_else(|| Fault::Io {
            action: "read",
            offset: 0,
            source: io::Error::other("the file is closed"),
        })?;
        Ok(Log { medium, vector_bytes: self.vector_bytes, end: self.end, table: self.table })
    }

    /// Looks a name up: active changes first, then frozen ones, then the table.
    pub(crate) fn find(&self, hash: u64, name: Name<'_>) -> Result<Lookup, Fault> {
        let log = self.log()?;
        if !self.active.is_empty()
            && let Some((entry, found)) = find_in(&self.active, &log, hash, name)?
        {
            return Ok(Lookup { live: found, prior: entry.prior, entry: entry.offset });
        }
        if !self.frozen.is_empty()
            && let Some((_, found)) = find_in(&self.frozen, &log, hash, name)?
        {
            return Ok(Lookup { prior: found.map_or(0, |found| found.offset), live: found, entry: 0 });
        }
        let live = find_in_table(&log, self.table, hash, name)?;
        Ok(Lookup { prior: live.map_or(0, |found| found.offset), live, entry: 0 })
    }
}

/// The entry of a name, and its record unless that takes the name away.
fn find_in(
    delta: &Delta,
    log: &Log<'_>,
    hash: u64,
    name: Name<'_>,
) -> Result<Option<(crate::delta::Entry, Option<Located>)>, Fault> {
    let mut last = None;
    let entry = delta.find(hash, |offset| {
        log.touch(offset);
        last = log.names(offset, name)?;
        Ok::<_, Fault>(last.is_some())
    })?;
    Ok(entry.map(|entry| (entry, last.filter(|_| !entry.deleted))))
}

/// Times a bucket is read before it counts as rotten: beside a writing process it may be caught in the middle of a change.
const TRIES: u32 = 100;

/// Copies a bucket, the one thing that is changed in place, and checks it.
pub(crate) fn read_bucket(log: &Log<'_>, table: Geometry, number: u64, bucket: &mut [u8; BUCKET]) -> Result<(), Fault> {
    let place = table.place(number);
    for _ in 0..TRIES {
        log.medium.read_into(place, bucket).map_err(Fault::read(place))?;
        if is_whole(bucket, number, table) {
            return Ok(());
        }
        std::thread::yield_now();
    }
    Err(Rotten(place).into())
}

/// The record that the table knows under a name.
pub(crate) fn find_in_table(
    log: &Log<'_>,
    table: Geometry,
    hash: u64,
    name: Name<'_>,
) -> Result<Option<Located>, Fault> {
    if table.buckets == 0 {
        return Ok(None);
    }
    let mut bucket = [0; BUCKET];
    for number in table.window_of(hash) {
        read_bucket(log, table, number, &mut bucket)?;
        if broken(Mutant::StopAtGap) && slots(&bucket).all(|slot| slot.hash != hash) && slots(&bucket).count() < SLOTS {
            return Ok(None);
        }
        for slot in slots(&bucket) {
            if slot.hash != hash {
                continue;
            }
            log.touch(slot.offset);
            if let Some(found) = log.names(slot.offset, name)? {
                if !found.header.kind.stores() {
                    let offset = table.place(number);
                    return Err(Fault::Corrupt { offset, what: "index points at a record of a deletion" });
                }
                return Ok(Some(found));
            }
        }
    }
    Ok(None)
}
