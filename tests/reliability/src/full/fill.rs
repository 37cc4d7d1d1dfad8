//! The processes on a small disk: one that fills it and one that goes on with what it left.

use super::oracle::{DIMENSION, Model, Wrong, check_all, check_keys, is_version, metadata, vector};
use jvdb_core::{Access, Database, Error, Key, Metric, Operation, Options, Schema, Storage, Vector};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

const NAME: &str = "d";
/// A database whose index has to grow when the disk is full to the brim.
const BRIM: &str = "brim";
/// Its flushed vectors; a number that its index has no more room for; and how many of those are deleted later, so that it
/// has: there is just room for that in the last page of the log.
const NARROW: u64 = 1000;
const WIDE: u64 = 2004;
const DELETED: u64 = 4;
/// Bytes left for its new index, which needs more.
const SCARCE: u64 = 48 << 10;
/// Keys are below this.
const KEYS: u64 = 12_000;
/// Refused calls after which a disk counts as full in every way.
const REFUSED: u64 = 120;
/// Bytes kept from the database at first.
const BALLAST: usize = 1 << 20;
/// Deletions each time that nothing fits.
const DELETIONS: usize = 150;
/// Vectors held without a copy throughout.
const HELD: usize = 200;

type Failure = Box<dyn std::error::Error>;

/// Which of the two processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Fill,
    GoOn,
}

impl Phase {
    pub fn name(self) -> &'static str {
        match self {
            Self::Fill => "fill",
            Self::GoOn => "go-on",
        }
    }
}

/// What a process tells before it ends.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Told {
    /// Calls that were refused, each with its outcome checked.
    pub cases: u64,
    pub lost: u64,
    pub torn: u64,
    pub undetected: u64,
    /// What is acknowledged.
    pub model: Model,
}

/// Arguments as the parent gives them, and the model on the standard input.
pub fn child(phase: &str, access: &str, seed: &str, limit: &str, dir: &Path) -> Result<(), Failure> {
    let access = if access == "mmap" { Access::Mmap } else { Access::File };
    let (seed, limit): (u64, u64) = (seed.parse()?, limit.parse()?);
    let mut model = String::new();
    io::stdin().read_to_string(&mut model)?;
    let told = Told { model: serde_json::from_str(&model)?, ..Told::default() };
    let random = fastrand::Rng::with_seed(seed);
    let dir = dir.to_path_buf();
    let mut process = Process { told, random, access, dir, limit, version: 1, held: Vec::new() };
    process.limit_files(limit)?;
    if phase == Phase::Fill.name() {
        process.fill()?;
    } else {
        process.version = 1 << 20;
        process.go_on()?;
    }
    io::stdout().write_all(&serde_json::to_vec(&process.told)?)?;
    io::stdout().flush()?;
    // Nothing is closed, and nothing flushed.
    std::process::exit(0)
}

struct Process {
    told: Told,
    random: fastrand::Rng,
    access: Access,
    dir: PathBuf,
    /// Of files, in bytes; 0 for none.
    limit: u64,
    version: u64,
    held: Vec<(Vector, u64, u64)>,
}

/// What a call came to.
enum Came {
    Done,
    Refused,
}

impl Process {
    fn limit_files(&self, limit: u64) -> Result<(), Failure> {
        if self.limit > 0 {
            let maximum = getrlimit(Resource::Fsize).maximum;
            setrlimit(Resource::Fsize, Rlimit { current: Some(limit), maximum })?;
        }
        Ok(())
    }

    fn ballast(&self) -> PathBuf {
        self.dir.join("ballast")
    }

    /// Gives the database room.
    fn make_room(&self) -> Result<(), Failure> {
        fs::remove_file(self.ballast())?;
        self.limit_files(self.limit + BALLAST as u64)
    }

    fn open(&self) -> jvdb_core::Result<Storage> {
        Storage::open(self.dir.join("data"), Options::default().access(self.access).flush_interval(Duration::ZERO))
    }

    fn fill(&mut self) -> Result<(), Failure> {
        fs::write(self.ballast(), vec![1; BALLAST])?;
        if self.limit > 0 {
            self.refuse_at_once()?;
        }
        let storage = self.open()?;
        let brim = storage.create(BRIM, Schema::new(DIMENSION, Metric::Cosine)?)?;
        for id in 0..WIDE {
            if id == NARROW {
                brim.flush()?;
            }
            brim.put(id, &vector(id, 1), b"")?;
        }
        let db = storage.create(NAME, Schema::new(DIMENSION, Metric::Cosine)?)?;
        while self.told.cases < REFUSED {
            if let Came::Refused = self.call(&db) {
                self.check(check_keys(&db, &self.told.model, KEYS, 101));
            }
            self.hold(&db)?;
        }
        self.check(check_all(&db, &self.told.model, KEYS));
        self.check_held();
        if self.limit == 0 {
            self.delete_where_nothing_fits(&db)?;
            self.fill_to_the_brim(&brim)?;
        }
        // Neither the databases nor the directory are closed.
        std::mem::forget((brim, db, storage));
        Ok(())
    }

    /// People delete when a disk is full: that has room, whatever others took.
    fn delete_where_nothing_fits(&mut self, db: &Database) -> Result<(), Failure> {
        let more = self.dir.join("more");
        for round in 0..3 {
            let mut filler = fs::OpenOptions::new().append(true).create(true).open(&more)?;
            while filler.write_all(&[1; 4096]).is_ok() {}
            let ids: Vec<u64> = self.told.model.keys().copied().skip(round).step_by(7).take(DELETIONS).collect();
            for id in ids {
                self.told.cases += 1;
                match db.delete(id) {
                    Ok(true) => drop(self.told.model.remove(&id)),
                    Ok(false) => self.told.lost += 1,
                    Err(error) => self.wrong(&format!("a deletion on a full disk: {error}")),
                }
            }
            if let Err(error) = db.flush() {
                self.wrong(&format!("the flush of deletions on a full disk: {error}"));
            }
        }
        // The reserve is small: once it is used up a deletion says what any call says.
        let mut filler = fs::OpenOptions::new().append(true).open(&more)?;
        while filler.write_all(&[1; 4096]).is_ok() {}
        let ids: Vec<u64> = self.told.model.keys().copied().collect();
        for id in ids {
            let came = db.delete(id).map(drop);
            if let Came::Refused = self.come("deletion", came, &[(id, None)]) {
                break;
            }
        }
        fs::remove_file(&more)?;
        Ok(())
    }

    /// A flush finds room for the header of a new index and not for the index: what it leaves in the file is a hole. Then
    /// the last page of the disk is taken, and with it the room to read a hole through a mapping of a tmpfs.
    fn fill_to_the_brim(&mut self, brim: &Database) -> Result<(), Failure> {
        let mut ballast = fs::OpenOptions::new().append(true).open(self.ballast())?;
        ballast.set_len(BALLAST as u64 - SCARCE)?;
        if let Came::Done = self.judge("flush of a growing index", brim.flush().map(drop)) {
            eprintln!("full: note: the index found room to grow");
        }
        for size in [4096, 1] {
            while ballast.write_all(&vec![1; size]).is_ok() {}
        }
        self.check_brim(brim, 0);
        Ok(())
    }

    fn check_brim(&mut self, brim: &Database, deleted: u64) {
        let there = |id| matches!(brim.read(id, |found, _| found == vector(id, 1)), Ok(Some(true)));
        let there = brim.count() == WIDE - deleted && (deleted..WIDE).all(there);
        let damage = brim.verify().map(|report| report.damage);
        if !there || !matches!(&damage, Ok(damage) if damage.is_empty()) {
            eprintln!("full: LOST: vectors of a database whose index did not grow; {damage:?}");
            self.told.lost += 1;
        }
    }

    /// Limits that leave no room for the first byte, nor for a whole header: nothing is made, and nobody is killed.
    fn refuse_at_once(&mut self) -> Result<(), Failure> {
        for limit in [0, 10, 100, 8191] {
            self.limit_files(limit)?;
            let made = self.open().and_then(|storage| storage.create(NAME, Schema::new(DIMENSION, Metric::Cosine)?));
            self.judge("create under a limit", made.map(drop));
            self.limit_files(self.limit)?;
            if self.open()?.exists(NAME)? {
                self.wrong("a database that was refused is there");
            }
        }
        Ok(())
    }

    /// Keeps vectors without a copy: they must stay what they are, whatever the disk says.
    fn hold(&mut self, db: &Database) -> Result<(), Failure> {
        let id = self.random.u64(..KEYS);
        if let (Some(version), true) = (self.told.model.get(&id), self.held.len() < HELD)
            && let Some(vector) = db.get(id)?
        {
            self.held.push((vector, id, *version));
        }
        Ok(())
    }

    fn check_held(&mut self) {
        if let Some((_, id, version)) = self.held.iter().find(|(found, id, version)| !is_version(found, *id, *version))
        {
            eprintln!("full: key {id}, version {version}, changed while it was held");
            self.told.torn += 1;
        }
    }

    fn check(&mut self, checked: Result<(), Wrong>) {
        match checked {
            Ok(()) => {}
            Err(Wrong::Lost(what)) => {
                eprintln!("full: LOST: {what}");
                self.told.lost += 1;
            }
            Err(Wrong::Torn(what)) => {
                eprintln!("full: TORN: {what}");
                self.told.torn += 1;
            }
        }
    }

    fn wrong(&mut self, what: &str) {
        eprintln!("full: UNDETECTED: {what}");
        self.told.undetected += 1;
    }

    /// A call was refused, with an error that says why, or it was done.
    fn judge(&mut self, what: &str, result: jvdb_core::Result<()>) -> Came {
        let Err(error) = result else { return Came::Done };
        self.told.cases += 1;
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::FileTooLarge];
        let fits = matches!(&error, Error::Io { source, .. } if full.contains(&source.kind()));
        if !fits {
            self.wrong(&format!("{what}: the wrong error: {error}"));
        }
        Came::Refused
    }

    /// One call of any kind, and the model with it.
    fn call(&mut self, db: &Database) -> Came {
        self.version += 1;
        let (version, id) = (self.version, self.random.u64(..KEYS));
        match self.random.u8(..100) {
            0..60 => {
                let came = db.put(id, &vector(id, version), &metadata(id, version)).map(drop);
                self.come("put", came, &[(id, Some(version))])
            }
            60..65 => {
                let came = db.delete(id).map(drop);
                self.come("delete", came, &[(id, None)])
            }
            65..92 => {
                let len = self.random.usize(1..150);
                self.batch(db, version, len)
            }
            92..94 => {
                let came = db.set_attribute(b"a", &metadata(id, version));
                self.judge("attribute", came)
            }
            94..99 => self.judge("flush", db.flush().map(drop)),
            _ => self.judge("compact", db.compact().map(drop)),
        }
    }

    fn batch(&mut self, db: &Database, version: u64, len: usize) -> Came {
        let first = self.random.u64(..KEYS);
        let parts: Vec<_> = (0..len as u64)
            .map(|nth| {
                let id = (first + nth * 7) % KEYS;
                let put = (!nth.is_multiple_of(9)).then(|| (vector(id, version), metadata(id, version)));
                (id, put)
            })
            .collect();
        let came = db.write(parts.iter().map(|(id, put)| match put {
            Some((vector, metadata)) => Operation::Put { key: Key::Int(*id), vector, metadata },
            None => Operation::Delete { key: Key::Int(*id) },
        }));
        let changes: Vec<_> = parts.iter().map(|(id, put)| (*id, put.as_ref().map(|_| version))).collect();
        self.come("batch", came.map(drop), &changes)
    }

    fn come(&mut self, what: &str, result: jvdb_core::Result<()>, changes: &[(u64, Option<u64>)]) -> Came {
        let came = self.judge(what, result);
        if let Came::Done = came {
            for (id, version) in changes {
                match version {
                    Some(version) => drop(self.told.model.insert(*id, *version)),
                    None => drop(self.told.model.remove(id)),
                }
            }
        }
        came
    }

    fn go_on(&mut self) -> Result<(), Failure> {
        // On the full disk: everything is there, and is refused or done.
        let storage = self.open()?;
        let brim = storage.database(BRIM)?;
        self.check_brim(&brim, 0);
        let mut deleted = 0;
        while deleted < DELETED && matches!(self.judge("delete", brim.delete(deleted).map(drop)), Came::Done) {
            deleted += 1;
        }
        self.judge("flush of an index that need not grow", brim.flush().map(drop));
        self.check_brim(&brim, deleted);
        let db = storage.database(NAME)?;
        self.check(check_all(&db, &self.told.model, KEYS));
        self.judge("flush", db.flush().map(drop));
        for _ in 0..40 {
            self.call(&db);
            self.hold(&db)?;
        }
        self.check(check_all(&db, &self.told.model, KEYS));
        // With room again everything is done.
        self.make_room()?;
        let refused = self.told.cases;
        for _ in 0..20 {
            self.version += 1;
            let (id, version) = (self.random.u64(..KEYS), self.version);
            let came = db.put(id, &vector(id, version), b"");
            if let Came::Done = self.judge("put", came.map(drop)) {
                // The metadata is not that of the version: what follows puts it right.
                let came = db.put(id, &vector(id, version), &metadata(id, version));
                self.come("put", came.map(drop), &[(id, Some(version))]);
            }
        }
        self.judge("flush", storage.flush().map(drop));
        self.check_brim(&brim, deleted);
        if self.told.cases > refused {
            self.wrong("a call is refused although there is room again");
            self.told.cases = refused;
        }
        self.check(check_all(&db, &self.told.model, KEYS));
        self.check_held();
        drop((brim, db));
        storage.close()?;
        let storage = self.open()?;
        self.check(check_all(&storage.database(NAME)?, &self.told.model, KEYS));
        Ok(())
    }
}
