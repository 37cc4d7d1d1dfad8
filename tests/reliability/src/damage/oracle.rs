//! One damaged file, opened, read, verified and repaired, and what may come of that.
//!
//! Where nothing that matters is damaged everything must be right and stay as it is. What is damaged must be an error or
//! be missing with a notice, never a wrong or an older value; the flushed part is never taken for a torn end.

use super::anatomy::{Anatomy, Record, Value};
use super::shapes::schema;
use jvdb_core::{Database, Error, Item, Position, Repair, Storage};
use std::collections::BTreeMap;
use std::ops::Range;

/// What is wrong with the engine, if anything is.
#[derive(Debug, Default)]
pub struct Verdict {
    /// What was there and intact, and is silently gone.
    pub lost: Vec<String>,
    /// Wrong values, and old ones in the place of newer ones.
    pub torn: Vec<String>,
    /// Damage without an error, and errors without damage.
    pub undetected: Vec<String>,
}

/// A damaged file beside the sound one.
pub struct Case<'a> {
    sound: &'a Anatomy,
    image: &'a [u8],
    /// Records of which any byte is not what it was.
    hit: Vec<bool>,
    /// The superblock in force, and the other.
    superblocks: [bool; 2],
    table: bool,
    /// Records that an opening gives: all, or those before the first one that is damaged in a tail that was not flushed.
    kept: usize,
    verdict: Verdict,
}

fn is_hit(sound: &[u8], image: &[u8], range: &Range<usize>) -> bool {
    image.get(range.clone()) != Some(&sound[range.clone()])
}

impl<'a> Case<'a> {
    pub fn new(sound: &'a Anatomy, image: &'a [u8]) -> Self {
        let is_hit = |range: &Range<usize>| is_hit(&sound.image, image, range);
        let head = |record: &Record| match record.name {
            Some(_) => record.bytes.clone(),
            // The buckets of a table have sums of their own, and those of an old one are dead.
            None => record.bytes.start..record.bytes.start + 64,
        };
        let hit: Vec<bool> = sound.records.iter().map(|record| is_hit(&head(record))).collect();
        let superblocks = [0, 1].map(|index| is_hit(&sound.superblocks[index].0));
        let first = |from: usize| {
            let tail = |number: &usize| sound.records[*number].bytes.start >= from;
            (0..hit.len()).filter(tail).find(|number| hit[*number]).map(|number| sound.records[number].batch.start)
        };
        let kept = first(sound.durable_end()).unwrap_or(hit.len());
        Self { sound, image, superblocks, table: is_hit(&sound.table), hit, kept, verdict: Verdict::default() }
    }

    /// Whether anything is damaged that a reader or a flush may ever look at.
    fn matters(&self) -> bool {
        let flushed = |number: usize| self.sound.records[number].bytes.start < self.sound.durable_end();
        self.superblocks.contains(&true) || self.table || (0..self.hit.len()).any(|it| self.hit[it] && flushed(it))
    }

    /// Whether opening must fail.
    fn is_hopeless(&self) -> bool {
        let short = self.image.len() < self.sound.durable_end();
        let serving = if self.superblocks[0] { self.sound.superblocks[1].1 } else { self.sound.durable_end() };
        // One superblock is damaged, so the end of the log cannot be taken for torn.
        let doubtful = self.superblocks.contains(&true)
            && (0..self.hit.len()).any(|number| self.hit[number] && self.sound.records[number].bytes.start >= serving);
        short || self.superblocks == [true, true] || doubtful
    }

    fn lost(&mut self, what: impl Into<String>) {
        self.verdict.lost.push(what.into());
    }

    fn torn(&mut self, what: impl Into<String>) {
        self.verdict.torn.push(what.into());
    }

    fn undetected(&mut self, what: impl Into<String>) {
        self.verdict.undetected.push(what.into());
    }

    /// An error must be one of damage, and name an offset in something that is damaged.
    fn check_error(&mut self, what: &str, error: &Error, allowed: bool) {
        let named = match error {
            Error::Corrupt { offset, .. } => self.is_damage(*offset),
            // A version that is damaged in both superblocks.
            Error::UnsupportedVersion { .. } => self.superblocks == [true, true],
            _ => false,
        };
        if !named || !allowed {
            self.undetected(format!("{what}: {error}, which does not fit the damage"));
        }
    }

    /// Whether an offset is where something damaged begins or lies, or where the file ends.
    fn is_damage(&self, offset: u64) -> bool {
        let at = offset as usize;
        if at == self.image.len() || self.is_short_of(at) {
            return true;
        }
        let superblock = |index: usize| self.superblocks[index] && self.sound.superblocks[index].0.contains(&at);
        let bucket = at / 64 * 64..at / 64 * 64 + 64;
        let in_table = self.sound.table.contains(&at) && is_hit(&self.sound.image, self.image, &bucket);
        // A batch without its end ends the log where it begins.
        let batch = |record: &Record| record.batch.clone().any(|number| self.hit[number]);
        let record = |number: usize| {
            let record = &self.sound.records[number];
            self.hit[number] && record.bytes.contains(&at) || record.bytes.start == at && batch(record)
        };
        superblock(0)
            || superblock(1)
            || in_table
            || (0..self.hit.len()).any(record)
            || self.superblocks == [true, true]
    }

    /// Whether the file ends in what begins there.
    fn is_short_of(&self, at: usize) -> bool {
        at > self.image.len()
            || self.sound.records.iter().any(|record| record.bytes.start == at && record.bytes.end > self.image.len())
    }

    /// Opens and reads it as it is. `checked` tells whether bodies are checked on every read.
    pub fn read(&mut self, storage: &Storage, checked: bool) {
        let db = match storage.database(super::shapes::NAME) {
            Ok(db) => db,
            Err(error) => {
                let allowed = self.is_hopeless() || self.matters() && self.superblocks != [true, true];
                let only_one = self.superblocks.contains(&true)
                    && self.superblocks != [true, true]
                    && !self.table
                    && !self.hit.contains(&true);
                return self.check_error("opening", &error, allowed && !only_one);
            }
        };
        if self.is_hopeless() {
            return self.undetected("opened, although it cannot be known what was flushed");
        }
        for (name, numbers) in self.sound.names() {
            let newest = numbers.iter().rev().find(|number| **number < self.kept).copied();
            let got = value_of(&db, name);
            let doubt = self.table || newest.is_some_and(|number| self.hit[number]);
            // Without sums of bodies only the header and the key are sure.
            let blind = !checked && newest.is_some_and(|number| self.hit[number]);
            match got {
                Err(error) => self.check_error(&format!("reading {name}"), &error, doubt),
                Ok(got) if blind && got.is_some() == self.expected(newest).is_some() => {}
                Ok(got) => self.compare(&format!("reading {name}"), newest, got.as_ref()),
            }
        }
        self.scan(&db, checked);
        self.list(&db);
        self.verify(&db);
    }

    fn expected(&self, newest: Option<usize>) -> Option<&'a Value> {
        newest.and_then(|number| self.sound.records[number].value.as_ref())
    }

    fn compare(&mut self, what: &str, newest: Option<usize>, got: Option<&Value>) {
        match (self.expected(newest), got) {
            (Some(_), None) => self.lost(format!("{what}: nothing, without an error")),
            (expected, got) if expected != got => self.torn(format!("{what}: {got:?}, not {expected:?}")),
            _ => {}
        }
    }

    /// Names and values that are there when the first `kept` records count.
    fn content(&self, attributes: bool) -> BTreeMap<&'a Item, &'a Value> {
        let names = self.sound.names().into_iter();
        names
            .filter(|(name, _)| matches!(name, Item::Attribute(_)) == attributes)
            .filter_map(|(name, numbers)| {
                let newest = numbers.iter().rev().find(|number| **number < self.kept).copied();
                Some((name, self.expected(newest)?))
            })
            .collect()
    }

    fn scan(&mut self, db: &Database, checked: bool) {
        let mut left = self.content(false);
        if db.count() != left.len() as u64 {
            self.undetected(format!("{} vectors counted, not {}", db.count(), left.len()));
        }
        let doubt = self.table || self.hit[..self.kept].contains(&true);
        for vector in db.scan(Position::START) {
            let vector = match vector {
                Ok(vector) => vector,
                Err(error) => return self.check_error("scanning", &error, doubt),
            };
            let name = Item::Vector(vector.key().to_owned());
            let got = (bytes_of(vector.vector()), vector.metadata().to_vec());
            match left.remove(&name) {
                Some(value) if *value == got || !checked && self.is_name_hit(&name) => {}
                value => self.torn(format!("scanning: {name} with {got:?}, not {value:?}")),
            }
        }
        for name in left.into_keys() {
            self.lost(format!("scanning: {name} did not come"));
        }
        let keys: Result<Vec<_>, _> = db.keys(Position::START).collect();
        match keys {
            Err(error) => self.check_error("scanning keys", &error, doubt),
            Ok(keys) => {
                let got: Vec<_> = keys.into_iter().map(Item::Vector).collect();
                let expected = self.content(false);
                if got.len() != expected.len() || !got.iter().all(|name| expected.contains_key(name)) {
                    self.torn(format!("scanning keys: {got:?}"));
                }
            }
        }
    }

    fn is_name_hit(&self, name: &Item) -> bool {
        (0..self.kept).any(|number| self.hit[number] && self.sound.records[number].name.as_ref() == Some(name))
    }

    fn list(&mut self, db: &Database) {
        let doubt = self.table || self.hit[..self.kept].contains(&true);
        match db.attributes() {
            Err(error) => self.check_error("listing attributes", &error, doubt),
            Ok(names) => {
                let expected = self.content(true);
                let got: Vec<_> = names.into_iter().map(|name| Item::Attribute(name.into())).collect();
                if !got.iter().eq(expected.into_keys()) {
                    self.lost(format!("listing attributes: {got:?}"));
                }
            }
        }
    }

    fn verify(&mut self, db: &Database) {
        let report = match db.verify() {
            Ok(report) => report,
            Err(error) => return self.undetected(format!("verifying: {error}")),
        };
        if report.damage.is_empty() && self.matters() {
            self.undetected("verifying: nothing found");
        }
        // The first place may be the record behind the damaged one, which nothing leads to any more; one must be it.
        if !report.damage.is_empty() && !report.damage.iter().any(|damage| self.is_damage(damage.offset)) {
            self.undetected(format!("verifying: {:?} does not fit the damage", report.damage));
        }
    }

    /// Repairs it and looks at what is there then.
    pub fn repair(&mut self, storage: &Storage, file: impl Fn(&str) -> Option<Vec<u8>>) {
        let gone = self.superblocks == [true, true];
        let repair = storage.repair(super::shapes::NAME, None).or_else(|error| match gone {
            true => storage.repair(super::shapes::NAME, Some(schema())),
            false => Err(error),
        });
        let repair = match repair {
            Ok(repair) => repair,
            Err(error) => {
                let nothing_left =
                    gone && (0..self.hit.len()).all(|it| self.hit[it] || self.sound.records[it].name.is_none());
                if !nothing_left {
                    self.lost(format!("repairing: {error}"));
                }
                return;
            }
        };
        let Some(backup) = &repair.backup else {
            if self.matters() {
                self.undetected("repairing: nothing to repair");
            }
            return;
        };
        if file(backup).as_deref() != Some(self.image) {
            self.lost("the file as it was is not in the backup");
        }
        let db = match storage.database(super::shapes::NAME) {
            Ok(db) => db,
            Err(error) => return self.undetected(format!("opening after the repair: {error}")),
        };
        for (name, numbers) in self.sound.names() {
            match value_of(&db, name) {
                Ok(got) => self.check_saved(name, &numbers, got.as_ref(), &repair),
                Err(error) => self.undetected(format!("reading {name} after the repair: {error}")),
            }
        }
        match db.verify() {
            Ok(report) if report.damage.is_empty() && report.vectors == repair.vectors => {}
            other => self.undetected(format!("verifying after the repair: {other:?}")),
        }
        if db.count() != repair.vectors {
            self.undetected(format!("{} vectors counted after the repair, {} saved", db.count(), repair.vectors));
        }
    }

    fn check_saved(&mut self, name: &Item, numbers: &[usize], got: Option<&Value>, repair: &Repair) {
        let records = &self.sound.records;
        let doubtful = self.superblocks.contains(&true);
        // A torn tail is as an opening has it, unless a damaged superblock leaves open whether it was flushed.
        let kept = if doubtful { records.len() } else { self.kept };
        let Some(newest) = numbers.iter().rev().find(|number| **number < kept).copied() else {
            if got.is_some() {
                self.torn(format!("after the repair: {name} is there, of which nothing is left"));
            }
            return;
        };
        let what = format!("after the repair: {name}");
        let batch = records[newest].batch.clone();
        let open = doubtful && batch.clone().any(|number| self.hit[number]);
        if !self.hit[newest] && (!open || got.is_some()) && got == records[newest].value.as_ref() {
            return;
        }
        if !self.hit[newest] && !open {
            return self.compare(&what, Some(newest), got);
        }
        let gap = |number: usize| {
            let at = records[number].bytes.start as u64;
            repair.gaps.iter().any(|gap| gap.offset <= at && (at < gap.end || gap.records.is_none()))
        };
        match got {
            None if records[newest].value.is_none() || repair.lost.contains(name) || gap(newest) => {}
            None => self.lost(format!("{what} is gone, and not listed")),
            Some(got) => {
                let old = numbers.iter().any(|number| records[*number].value.as_ref() == Some(got));
                if !old || !repair.doubtful.contains(name) {
                    self.torn(format!("{what}: {got:?}, which is old and not listed"));
                }
            }
        }
    }

    /// Goes on with a database that was opened or repaired: what is written now is there, also when it is opened again.
    pub fn write(&mut self, db: &Database) {
        let (key, vector) = ("written after the damage", [0.5; 3]);
        // A sound part of the index is not promised here: only that nothing is acknowledged in vain.
        if db.put(key, &vector, b"new").is_err() || db.flush().is_err() {
            return;
        }
        match value_of(db, &Item::Vector(jvdb_core::Key::from(key).to_owned())) {
            Ok(Some(got)) if got == (bytes_of(&vector), b"new".to_vec()) => {}
            other => self.lost(format!("written after the damage: {other:?}")),
        }
    }

    /// What was found wrong with the engine.
    pub fn verdict(self) -> Verdict {
        self.verdict
    }
}

fn bytes_of(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|element| element.to_le_bytes()).collect()
}

fn value_of(db: &Database, name: &Item) -> Result<Option<Value>, Error> {
    match name {
        Item::Vector(key) => {
            let found = db.get(key)?;
            Ok(found.map(|vector| (bytes_of(vector.vector()), vector.metadata().to_vec())))
        }
        Item::Attribute(name) => Ok(db.attribute(name)?.map(|value| (Vec::new(), value))),
    }
}
