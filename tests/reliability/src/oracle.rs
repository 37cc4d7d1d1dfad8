//! What must be in a directory after a fault, and whether it is.
//!
//! Each database is a file of its own and has a history of its own: what was there at first, and what was acknowledged
//! since. It must come back as it was after some operation of that history, all of it or at least what was flushed.

use crate::row::Row;
use crate::workload::{Content, DATABASES, KEYS, Op, key, metadata, name, number, vector};
use jvdb_core::{Access, Error, Options, Position, Storage};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// How much of what was acknowledged a fault leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The process died: everything.
    Death,
    /// The power failed: what was flushed, and a part of the rest that is a prefix of it.
    PowerLoss,
}

/// What one database went through since it was last looked at.
#[derive(Debug, Clone, Default)]
struct History {
    base: Option<Content>,
    /// After all steps.
    now: Option<Content>,
    steps: Vec<Op>,
    /// Steps that are durable.
    durable: usize,
}

/// All databases of a directory.
#[derive(Debug, Clone, Default)]
pub struct World {
    histories: [History; DATABASES as usize],
    /// Steps that nothing had promised to keep and that the last fault left.
    pub kept: u64,
}

/// How many steps of each database there were when a flush began.
pub type Cut = [usize; DATABASES as usize];

impl World {
    /// A flush begins.
    pub fn cut(&self) -> Cut {
        std::array::from_fn(|db| self.histories[db].steps.len())
    }

    /// An operation that began at `cut` is acknowledged.
    pub fn acknowledge(&mut self, op: &Op, cut: &Cut) {
        for (db, (history, cut)) in (0u8..).zip(self.histories.iter_mut().zip(cut)) {
            if op.database().is_some_and(|only| only != db) {
                continue;
            }
            if op.flushes() {
                history.durable = history.durable.max(*cut);
            } else {
                let existed = history.now.is_some();
                op.apply(&mut history.now);
                history.steps.push(op.clone());
                if op.is_durable() && existed != history.now.is_some() {
                    history.durable = history.steps.len();
                }
            }
        }
    }

    /// Compares what is there with what must be, counts what is wrong, and goes on from what is there. `pending` are the
    /// operations that were begun and not acknowledged. Says what is wrong.
    pub fn judge(&mut self, fault: Fault, pending: &[Op], found: &Found, row: &mut Row) -> Vec<String> {
        let mut wrong = Vec::new();
        self.kept = 0;
        for (db, history) in (0u8..).zip(self.histories.iter_mut()) {
            let found = &found.0[usize::from(db)];
            let pending: Vec<_> = pending.iter().filter(|op| op.database() == Some(db)).collect();
            match history.judge(fault, &pending, found) {
                Verdict::Kept(steps) => self.kept += steps as u64,
                Verdict::Lost(steps) => {
                    row.lost += steps as u64;
                    let kinds = history.steps[..history.least(fault)].iter().map(Op::kind);
                    let last: Vec<_> = kinds.rev().take(steps.min(20)).collect();
                    wrong
                        .push(format!("{}: {steps} operations that had to be there are lost, last {last:?}", name(db)));
                }
                Verdict::Torn(how) => {
                    row.torn += 1;
                    wrong.push(format!("{}: {how}; pending: {pending:?}", name(db)));
                }
            }
            *history = History { base: found.clone(), now: found.clone(), ..History::default() };
        }
        wrong
    }
}

enum Verdict {
    /// All that had to be there is, and so many steps more.
    Kept(usize),
    Lost(usize),
    Torn(String),
}

impl History {
    /// How many steps a fault must leave.
    fn least(&self, fault: Fault) -> usize {
        match fault {
            Fault::Death => self.steps.len(),
            Fault::PowerLoss => self.durable,
        }
    }

    fn judge(&self, fault: Fault, pending: &[&Op], found: &Option<Content>) -> Verdict {
        let least = self.least(fault);
        let mut state = self.base.clone();
        // The longest history that explains what is there is the one that counts.
        let mut best = (state == *found).then_some(0);
        for (done, op) in self.steps.iter().chain(pending.iter().copied()).enumerate() {
            op.apply(&mut state);
            if state == *found {
                best = Some(done + 1);
            }
        }
        match best {
            Some(done) if done >= least => Verdict::Kept(done - least),
            Some(done) => Verdict::Lost(least - done),
            None => Verdict::Torn(difference(&self.now, found)),
        }
    }
}

/// In a few words, where two contents differ.
fn difference(expected: &Option<Content>, found: &Option<Content>) -> String {
    let (expected, found) = match (expected, found) {
        (Some(expected), Some(found)) => (expected, found),
        (expected, found) => {
            return format!("exists: {} instead of {}", found.is_some(), expected.is_some());
        }
    };
    let keys: BTreeSet<_> = expected.vectors.keys().chain(found.vectors.keys()).collect();
    let differing: Vec<_> =
        keys.into_iter().filter(|key| expected.vectors.get(key) != found.vectors.get(key)).collect();
    let first = differing.first().map(|key| (key, expected.vectors.get(key), found.vectors.get(key)));
    format!(
        "{} of {} vectors differ from those acknowledged, first (key, value, found) {first:?}; attributes {}",
        differing.len(),
        expected.vectors.len(),
        if expected.attributes == found.attributes { "agree" } else { "differ" },
    )
}

/// What a directory holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found([Option<Content>; DATABASES as usize]);

impl Found {
    /// Reads everything in every way there is. Any contradiction is an error.
    pub fn read(storage: &Storage) -> Result<Self, String> {
        let all: BTreeSet<String> = storage.list().map_err(|error| error.to_string())?.into_iter().collect();
        let mut found = Self(std::array::from_fn(|_| None));
        for db in 0..DATABASES {
            let content = read_one(storage, db).map_err(|why| format!("{}: {why}", name(db)))?;
            if content.is_some() != all.contains(&name(db)) {
                return Err(format!("{}: there is {}, but not in the list", name(db), content.is_some()));
            }
            found.0[usize::from(db)] = content;
        }
        let known: BTreeSet<String> = (0..DATABASES).map(name).collect();
        match all.difference(&known).next() {
            Some(stranger) => Err(format!("nobody made database {stranger:?}")),
            None => Ok(found),
        }
    }

    /// Reads a directory that nobody writes to through both media, and changes nothing.
    pub fn look(directory: &Path) -> Result<Self, String> {
        let look = |access| {
            let options = options(access).read_only(true);
            let storage = Storage::open(directory, options).map_err(|error| error.to_string())?;
            Self::read(&storage)
        };
        let mapped = look(Access::Mmap).map_err(|why| format!("mmap: {why}"))?;
        let copied = look(Access::File).map_err(|why| format!("file: {why}"))?;
        if mapped == copied { Ok(mapped) } else { Err("the mapping shows something else than the file".into()) }
    }
}

/// Options of every opening of these campaigns.
pub fn options(access: Access) -> Options {
    Options::default().access(access).max_open_files(5).flush_interval(Duration::ZERO).verify_checksums(true)
}

fn read_one(storage: &Storage, number: u8) -> Result<Option<Content>, String> {
    let db = match storage.database(&name(number)) {
        Ok(db) => db,
        Err(Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let fail = |error: Error| error.to_string();
    let mut content = Content::default();
    for vector in db.scan(Position::START) {
        let vector = vector.map_err(fail)?;
        let (key, value) = recognise(number, &vector)?;
        if content.vectors.insert(key, value).is_some() {
            return Err(format!("key {key} is scanned twice"));
        }
    }
    if content.vectors.len() as u64 != db.count() {
        return Err(format!("{} vectors scanned, {} counted", content.vectors.len(), db.count()));
    }
    // All that is there, and some of what is not.
    let absent = |key: &u16| key.is_multiple_of(5) && !content.vectors.contains_key(key);
    for known in content.vectors.keys().copied().chain((0..KEYS).filter(absent)) {
        let got = db.get(&key(known)).map_err(fail)?;
        let value = got.map(|vector| recognise(number, &vector)).transpose()?.map(|(_, value)| value);
        if value != content.vectors.get(&known).copied() {
            return Err(format!("the index gives another vector for key {known} than the log"));
        }
    }
    for attribute in db.attributes().map_err(fail)? {
        let value = db.attribute(&attribute).map_err(fail)?.ok_or("an attribute is listed but not there")?;
        let value =
            value.as_slice().try_into().map(u32::from_le_bytes).map_err(|_| "an attribute has a wrong value")?;
        let [attribute] = attribute[..] else { return Err("an attribute nobody set".into()) };
        content.attributes.insert(attribute, value);
    }
    match db.verify().map_err(fail)?.damage.first() {
        Some(damage) => Err(format!("verify: {} at {}", damage.what, damage.offset)),
        None => Ok(Some(content)),
    }
}

fn recognise(db: u8, found: &jvdb_core::Vector) -> Result<(u16, u32), String> {
    let key = number(found.key()).ok_or_else(|| format!("key {} was never stored", found.key()))?;
    let value = found.vector()[0].to_bits();
    let same = found.vector().iter().zip(vector(db, value)).all(|(found, stored)| found.to_bits() == stored.to_bits());
    if same && found.metadata() == metadata(value) {
        Ok((key, value))
    } else {
        Err(format!("key {key} has a wrong vector or metadata"))
    }
}
