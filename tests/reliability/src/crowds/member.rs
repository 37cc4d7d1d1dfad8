//! One thread of a crowd: does one thing after another to databases picked at random, and checks all it is told.

use super::counts::{Counts, Deed};
use super::life::{Crowd, Guest, name_of};
use super::oracle::{Content, Life, Name, TWINS, operation};
use jvdb_core::{Error, Key, Position, Result, Storage, Vector};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed, Ordering::SeqCst};

/// Vectors that are held while other things happen.
const KEPT: usize = 32;
/// Databases that everybody goes to.
const HOT: usize = 3;

pub struct Member<'a> {
    storage: &'a Storage,
    crowd: &'a Crowd,
    counts: &'a Counts,
    random: fastrand::Rng,
    kept: VecDeque<Kept>,
    vector: Vec<f32>,
    metadata: Vec<u8>,
}

/// A vector read without a copy, and what it held then.
struct Kept {
    held: Vector,
    content: Content,
}

impl<'a> Member<'a> {
    pub fn new(storage: &'a Storage, crowd: &'a Crowd, counts: &'a Counts, random: fastrand::Rng) -> Self {
        Self { storage, crowd, counts, random, kept: VecDeque::new(), vector: Vec::new(), metadata: Vec::new() }
    }

    pub fn live(mut self, stop: &AtomicBool) {
        while !stop.load(Relaxed) {
            // Half of all visits meet in a few places, so that threads also meet in one database.
            let among = if self.random.bool() { HOT } else { self.crowd.len() };
            let database = self.random.usize(..among);
            match self.random.u32(..4000) {
                0..20 => self.recreate(database),
                20..40 => self.survey(),
                _ => self.visit(database),
            }
        }
        while let Some(kept) = self.kept.pop_front() {
            self.let_go(kept);
        }
    }

    fn recreate(&self, database: usize) {
        match self.crowd.recreate(self.storage, database) {
            Ok(true) => self.counts.did(Deed::Recreate),
            Ok(false) => {}
            Err(error) => self.counts.lost(&format!("making {} anew: {error}", name_of(database))),
        }
    }

    /// Asks the directory, and flushes it.
    fn survey(&mut self) {
        let asked = match self.random.u8(..4) {
            0 => self.storage.flush().map(drop),
            1 => self.storage.list().map(drop),
            2 => self.storage.exists(&name_of(0)).map(drop),
            _ => self.storage.stats().map(|stats| {
                if stats.open_files > stats.max_open_files {
                    self.counts.undetected(&format!("stats tell of {} open files", stats.open_files));
                }
            }),
        };
        match asked {
            Ok(()) => self.counts.did(Deed::Survey),
            Err(error) => self.counts.lost(&format!("asking the directory: {error}")),
        }
    }

    /// Opens a database, does a few things to it, and lets it go.
    fn visit(&mut self, database: usize) {
        let guest = match self.crowd.enter(self.storage, database) {
            Ok(Some(guest)) => guest,
            Ok(None) => return,
            Err(error) => return self.counts.lost(&format!("opening {}: {error}", name_of(database))),
        };
        for _ in 0..self.random.u32(1..20) {
            let done = match self.random.u32(..1000) {
                0..280 => self.write_one(&guest),
                280..340 => self.write_batch(&guest),
                340..390 => self.write_twins(&guest),
                390..430 => self.refuse(&guest),
                430..580 => self.copy(&guest),
                580..730 => self.view(&guest),
                730..880 => self.pin(&guest),
                880..940 => self.read_twins(&guest),
                940..970 => self.scan(&guest),
                970..985 => self.attributes(&guest),
                985..993 => self.flush(&guest),
                _ => self.compact(&guest),
            };
            match done {
                Ok(()) => {}
                Err(Error::Dropped { .. }) if self.crowd.is_over(&guest.life) => break,
                Err(error) => self.counts.lost(&format!("{}: {error}", guest.handle.name())),
            }
        }
    }

    /// Any key but those of the twins.
    fn any(&mut self, life: &Life) -> usize {
        self.random.usize(TWINS..life.keys())
    }

    fn any_vector<'l>(&mut self, life: &'l Life) -> (usize, Key<'l>) {
        loop {
            let key = self.any(life);
            if let Some(name) = life.name(key).key() {
                return (key, name);
            }
        }
    }

    fn check(&self, life: &Life, key: usize, floor: u64, found: Option<(&[f32], &[u8])>) -> Option<u64> {
        life.check(key, floor, found).map_err(|wrong| self.counts.torn(&wrong)).ok()
    }

    /// Whether a call said what it had to say.
    fn agree(&self, what: &str, guest: &Guest, said: bool, expected: bool) {
        if said != expected {
            self.counts.torn(&format!("{}: {what} said {said}, not {expected}", guest.handle.name()));
        }
    }

    /// The next version of one key, by the call that suits it.
    fn write_one(&mut self, guest: &Guest) -> Result<()> {
        let (life, handle) = (&guest.life, &guest.handle);
        let key = self.any(life);
        let mut turn = life.turn(key);
        let there = turn.is_there();
        let content = turn.begin();
        match (life.name(key), &content) {
            (Name::Attribute(name), Some(content)) => handle.set_attribute(name, &content.metadata)?,
            (Name::Attribute(name), None) => {
                self.agree("remove_attribute", guest, handle.remove_attribute(name)?, there);
            }
            (name, Some(Content { vector, metadata })) => {
                let Some(name) = name.key() else { return Ok(()) };
                match self.random.u8(..3) {
                    0 => self.agree("put", guest, handle.put(name, vector, metadata)?, !there),
                    _ if there => handle.replace(name, vector, metadata)?,
                    _ => handle.insert(name, vector, metadata)?,
                }
            }
            (name, None) => {
                let Some(name) = name.key() else { return Ok(()) };
                self.agree("delete", guest, handle.delete(name)?, there);
            }
        }
        turn.acknowledge();
        self.counts.did(Deed::Write);
        Ok(())
    }

    fn write_batch(&mut self, guest: &Guest) -> Result<()> {
        let count = self.random.usize(1..30);
        // In order, so that two batches never wait for each other.
        let keys: std::collections::BTreeSet<usize> = (0..count).map(|_| self.any_vector(&guest.life).0).collect();
        self.write_all(guest, keys)
    }

    fn write_twins(&mut self, guest: &Guest) -> Result<()> {
        self.write_all(guest, 0..TWINS)
    }

    fn write_all(&self, guest: &Guest, keys: impl IntoIterator<Item = usize>) -> Result<()> {
        let life = &guest.life;
        let mut turns: Vec<_> = keys.into_iter().map(|key| (key, life.turn(key))).collect();
        let there = turns.iter().filter(|(_, turn)| turn.is_there()).count() as u64;
        let contents: Vec<_> = turns.iter_mut().map(|(key, turn)| (*key, turn.begin())).collect();
        let operations = contents
            .iter()
            .filter_map(|(key, content)| life.name(*key).key().map(|name| operation(name, content.as_ref())));
        let written = guest.handle.write(operations)?;
        self.agree("a batch", guest, written.replaced + written.deleted == there, true);
        turns.into_iter().for_each(|(_, turn)| turn.acknowledge());
        self.counts.did(Deed::Batch);
        Ok(())
    }

    /// Writes that must be refused and change nothing, also at the end of a batch.
    fn refuse(&mut self, guest: &Guest) -> Result<()> {
        let (life, handle) = (&guest.life, &guest.handle);
        let (key, name) = self.any_vector(life);
        let turn = life.turn(key);
        let vector = vec![0.5; Life::dimension(life.database)];
        let refused = match turn.is_there() {
            true => matches!(never(handle.insert(name, &vector, b""))?, Error::KeyExists { .. }),
            false => matches!(never(handle.replace(name, &vector, b""))?, Error::KeyNotFound { .. }),
        };
        self.agree("a refusal", guest, refused, true);
        let (good, bad) = (Content { vector, metadata: vec![1] }, Content { vector: vec![], metadata: vec![] });
        let batch = [operation(name, Some(&good)), operation(name, Some(&bad))];
        let error = never(handle.write(batch))?;
        self.agree("a bad batch", guest, matches!(error, Error::DimensionMismatch { .. }), true);
        self.counts.did(Deed::Refusal);
        Ok(())
    }

    fn copy(&mut self, guest: &Guest) -> Result<()> {
        let life = &guest.life;
        let (key, name) = self.any_vector(life);
        self.vector.resize(Life::dimension(life.database), 0.0);
        let floor = life.floor(key);
        let found = guest.handle.get_into(name, &mut self.vector, &mut self.metadata)?;
        self.check(life, key, floor, found.then_some((&self.vector, &self.metadata)));
        let floor = life.floor(key);
        let there = guest.handle.contains(name)?;
        self.agree("contains", guest, life.may_be(key, floor, there), true);
        self.counts.did(Deed::Copy);
        Ok(())
    }

    fn view(&mut self, guest: &Guest) -> Result<()> {
        let life = &guest.life;
        let (key, name) = self.any_vector(life);
        let floor = life.floor(key);
        let seen = guest.handle.read(name, |vector, metadata| {
            self.check(life, key, floor, Some((vector, metadata)));
        })?;
        if seen.is_none() {
            self.check(life, key, floor, None);
        }
        self.counts.did(Deed::View);
        Ok(())
    }

    fn pin(&mut self, guest: &Guest) -> Result<()> {
        let life = &guest.life;
        let (key, name) = self.any_vector(life);
        let floor = life.floor(key);
        let found = guest.handle.get(name)?;
        let version = self.check(life, key, floor, found.as_ref().map(|found| (found.vector(), found.metadata())));
        self.counts.did(Deed::Pin);
        if let (Some(held), Some(content)) = (found, version.and_then(|version| life.content(key, version))) {
            self.agree("alignment", guest, (held.vector().as_ptr() as usize).is_multiple_of(64), true);
            self.agree("a key", guest, held.key() == name, true);
            self.kept.push_back(Kept { held, content });
        }
        if self.kept.len() > KEPT {
            let at = self.random.usize(..KEPT);
            if let Some(kept) = self.kept.swap_remove_back(at) {
                self.let_go(kept);
            }
        }
        Ok(())
    }

    /// What was held must be what it was, whatever has become of its database.
    fn let_go(&self, Kept { held, content }: Kept) {
        if held.vector() != content.vector || held.metadata() != content.metadata {
            self.counts.torn(&format!("{held:?} changed while it was held; it was {content:?}"));
        }
        self.counts.did(Deed::Keep);
    }

    /// Whoever sees one twin sees the other at least as new.
    fn read_twins(&mut self, guest: &Guest) -> Result<()> {
        let life = &guest.life;
        let first = self.random.usize(..TWINS);
        let mut floor = life.floor(first);
        for key in [first, 1 - first] {
            let Some(name) = life.name(key).key() else { continue };
            let found = guest.handle.get(name)?;
            let found = found.as_ref().map(|found| (found.vector(), found.metadata()));
            match self.check(life, key, floor, found) {
                Some(version) => floor = version,
                None => break,
            }
            self.counts.did(Deed::Pin);
        }
        Ok(())
    }

    fn scan(&mut self, guest: &Guest) -> Result<()> {
        let life = &guest.life;
        let floors: Vec<u64> = (0..life.keys()).map(|key| life.floor(key)).collect();
        let compacted = life.compactions_done.load(SeqCst);
        let mut seen = vec![false; life.keys()];
        let only_keys = self.random.bool();
        let walked = if only_keys {
            guest.handle.keys(Position::START).try_for_each(|name| {
                match life.find(name?.as_key()) {
                    Some(key) => seen[key] = true,
                    None => self.counts.torn(&format!("{}: a key that nobody wrote", guest.handle.name())),
                }
                Ok(())
            })
        } else {
            guest.handle.scan(Position::START).try_for_each(|held| {
                let held = held?;
                match life.find(held.key()) {
                    Some(key) => {
                        seen[key] = true;
                        self.check(life, key, floors[key], Some((held.vector(), held.metadata())));
                    }
                    None => self.counts.torn(&format!("{}: a key that nobody wrote", guest.handle.name())),
                }
                Ok(())
            })
        };
        match walked {
            Ok(()) => {}
            // Two compactions since a step: the place is lost, and the error says so.
            Err(Error::InvalidArgument { what: "position", .. })
                if life.compactions_begun.load(SeqCst) >= compacted + 2 =>
            {
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        for (key, seen) in seen.into_iter().enumerate() {
            if !seen && life.name(key).key().is_some() && life.was_there(key, floors[key]) {
                self.counts.lost(&format!("{}: a scan left key {key} out", guest.handle.name()));
            }
        }
        self.counts.did(Deed::Scan);
        Ok(())
    }

    fn attributes(&mut self, guest: &Guest) -> Result<()> {
        let life = &guest.life;
        let floors: Vec<u64> = (0..life.keys()).map(|key| life.floor(key)).collect();
        let listed = guest.handle.attributes()?;
        for (key, floor) in floors.into_iter().enumerate() {
            let Name::Attribute(name) = life.name(key) else { continue };
            if !listed.contains(name) && life.was_there(key, floor) {
                self.counts.lost(&format!("{}: attribute {key} is not listed", guest.handle.name()));
            }
            let floor = life.floor(key);
            let found = guest.handle.attribute(name)?;
            self.check(life, key, floor, found.as_deref().map(|value| (&[][..], value)));
        }
        self.counts.did(Deed::Survey);
        Ok(())
    }

    fn flush(&self, guest: &Guest) -> Result<()> {
        guest.handle.flush()?;
        self.counts.did(Deed::Flush);
        Ok(())
    }

    fn compact(&self, guest: &Guest) -> Result<()> {
        let Ok(_alone) = self.crowd.compacting.try_lock() else { return Ok(()) };
        let life: &Arc<Life> = &guest.life;
        life.compactions_begun.fetch_add(1, SeqCst);
        let compacted = guest.handle.compact();
        life.compactions_done.fetch_add(1, SeqCst);
        compacted?;
        self.counts.did(Deed::Compact);
        Ok(())
    }
}

/// The error of a call that must fail. Its success is an error of another kind, unless the database is gone.
fn never<T>(done: Result<T>) -> Result<Error> {
    match done {
        Ok(_) => Err(Error::InvalidArgument { what: "write", reason: "it was to be refused, and was done".into() }),
        Err(error @ Error::Dropped { .. }) => Err(error),
        Err(error) => Ok(error),
    }
}
