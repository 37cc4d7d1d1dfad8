//! Looking a name up in the table of the file, whose buckets may be changed in place meanwhile.

use crate::format::record::Kind;
use crate::format::table::{BadBucket, BucketWords, SLOTS, are_words_whole as is_whole, may_know, slots_of};
use crate::log::reader::{Found, Log};
use crate::sync::lock::lock;
use crate::sync::primitives::thread;
use crate::testing::mutants::{Mutant, broken};
use crate::types::fault::Fault;
use crate::types::key::Name;

/// Times a bucket is read before it counts as damaged: a reader beside a writing process may meet it in the middle of a change.
const TRIES: u32 = 100;

/// Reads a bucket and checks it. Buckets are the only bytes that are changed in place.
#[inline(always)]
pub(crate) fn read_bucket(log: &Log<'_>, number: u64) -> Result<BucketWords, Fault> {
    let bucket = log.bucket_words(log.table.bucket_offset(number))?;
    if is_whole(&bucket, number, log.table) { Ok(bucket) } else { read_again(log, number) }
}

/// Buckets that were read by one call, where each read is a call.
#[derive(Default)]
struct ReadAhead {
    first: u64,
    len: usize,
    lines: [BucketWords; AT_ONCE],
}

/// As many as an ordinary probe window has.
const AT_ONCE: usize = 8;

impl ReadAhead {
    /// As [`read_bucket`], of a bucket of a probe window that ends at `end`.
    fn bucket(&mut self, log: &Log<'_>, number: u64, end: u64) -> Result<BucketWords, Fault> {
        if number >= self.first + self.len as u64 {
            self.first = number;
            self.len = (end - number).min(AT_ONCE as u64) as usize;
            let place = log.table.bucket_offset(number);
            let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut self.lines[..self.len]);
            log.medium.read_into(place, bytes).map_err(Fault::read(place))?;
        }
        let bucket = self.lines[(number - self.first) as usize];
        if is_whole(&bucket, number, log.table) { Ok(bucket) } else { read_again(log, number) }
    }
}

#[cold]
fn read_again(log: &Log<'_>, number: u64) -> Result<BucketWords, Fault> {
    let place = log.table.bucket_offset(number);
    for _ in 0..TRIES {
        let bucket = {
            // This process's own change of it is over by now.
            let _no_change = lock(log.in_place);
            log.bucket_words(place)?
        };
        if is_whole(&bucket, number, log.table) {
            return Ok(bucket);
        }
        thread::yield_now();
    }
    Err(BadBucket(place).into())
}

/// The record that the table knows under a name.
#[inline]
pub(crate) fn find_in_table(log: &Log<'_>, hash: u64, name: Name<'_>) -> Result<Option<Found>, Fault> {
    if log.table.buckets == 0 {
        return Ok(None);
    }
    let window = log.table.window_of(hash);
    let mut ahead = None;
    for number in window.clone() {
        let bucket = match log.mapped.is_empty() {
            true => ahead.get_or_insert_with(ReadAhead::default).bucket(log, number, window.end)?,
            false => read_bucket(log, number)?,
        };
        if broken(Mutant::StopAtGap)
            && slots_of(&bucket).all(|slot| slot.hash != hash)
            && slots_of(&bucket).count() < SLOTS
        {
            return Ok(None);
        }
        if !may_know(&bucket, hash) {
            continue;
        }
        for slot in slots_of(&bucket) {
            if slot.hash != hash {
                continue;
            }
            log.prefetch(slot.offset);
            if let Some(found) = log.find(slot.offset, name)? {
                return stored(log, number, found.kind).map(|()| Some(found));
            }
        }
    }
    Ok(None)
}

/// What the index knows of a name, seen from an earlier end of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AsOf {
    /// Its latest record, which was there then.
    At(u64),
    /// Its latest record lies behind that end, or that of another name with the same hash does.
    Behind,
    /// Nothing: it was not there then, or was deleted since.
    Nothing,
}

/// What the table knows of a name, seen from where the log ended at `end`. Reads nothing behind that. It goes over the window by
/// itself: a loop shared with [`find_in_table`] through a closure makes a miss cost a sixth more.
pub(crate) fn find_in_table_as_of(log: &Log<'_>, hash: u64, name: Name<'_>, end: u64) -> Result<AsOf, Fault> {
    let mut otherwise = AsOf::Nothing;
    if log.table.buckets == 0 {
        return Ok(otherwise);
    }
    let window = log.table.window_of(hash);
    let mut ahead = None;
    for number in window.clone() {
        let bucket = match log.mapped.is_empty() {
            true => ahead.get_or_insert_with(ReadAhead::default).bucket(log, number, window.end)?,
            false => read_bucket(log, number)?,
        };
        if !may_know(&bucket, hash) {
            continue;
        }
        for slot in slots_of(&bucket).filter(|slot| slot.hash == hash) {
            if slot.offset >= end {
                otherwise = AsOf::Behind;
            } else if let Some(found) = log.find(slot.offset, name)? {
                return stored(log, number, found.kind).map(|()| AsOf::At(found.offset));
            }
        }
    }
    Ok(otherwise)
}

/// Fails unless a record that the index knows leaves something to be found.
fn stored(log: &Log<'_>, number: u64, kind: Kind) -> Result<(), Fault> {
    if kind.stores() {
        return Ok(());
    }
    let offset = log.table.bucket_offset(number);
    Err(Fault::Corrupt { offset, what: "index points at a record of a deletion" })
}
