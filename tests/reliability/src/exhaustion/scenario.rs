//! Calls whose memory is as large as their input, each on a database made for it: every large request in turn is refused.

use super::allocator::{arm, disarm};
use jvdb_core::{Access, Database, Error, Key, Metric, Operation, Options, Position, Schema, Storage};
use serde::{Deserialize, Serialize};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

const NAME: &str = "d";
const DIMENSION: usize = 16;
/// Operations of what is many.
const MANY: u64 = 4000;
/// Changes in memory that fill their table.
const ROOM: u64 = 1536;
/// Bytes of what is large.
const LARGE: usize = 1 << 20;

type Failure = Box<dyn std::error::Error>;

/// What can be asked for.
pub const SCENARIOS: [&str; 15] = [
    "put of large metadata",
    "put that makes the changes in memory grow",
    "batch of many",
    "batch of many, half of them twice",
    "batch of large ones",
    "flush that builds an index",
    "flush that changes an index",
    "compact",
    "get of large metadata",
    "get into a buffer",
    "attribute",
    "scan",
    "list of attributes",
    "verify",
    "open after a crash",
];

/// What a child found.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Told {
    /// Requests refused, each with everything checked that followed.
    pub cases: u64,
    pub torn: u64,
    pub undetected: u64,
}

/// A database made for one scenario.
struct World {
    name: &'static str,
    dir: PathBuf,
    medium: String,
    storage: Storage,
    db: Database,
}

pub fn child(name: &str, medium: &str, dir: &Path) -> Result<Told, Failure> {
    let name = *SCENARIOS.iter().find(|known| **known == name).ok_or("no such scenario")?;
    let mut told = Told::default();
    if name == "open after a crash" && medium == "memory" {
        return Ok(told);
    }
    // What comes of it when there is memory enough.
    let world = World::make(name, medium, &dir.join("whole"))?;
    let expected = world.act()?;
    let after = world.content()?;
    drop(world);
    for lasting in [false, true] {
        for first in 0.. {
            println!(
                "{name}, {medium}: request {first} refused, {}",
                if lasting { "and all after it" } else { "once" }
            );
            let world = World::make(name, medium, &dir.join(format!("{first}-{lasting}")))?;
            let before = world.content()?;
            arm(first, lasting);
            let result = world.act();
            let seen = disarm();
            let mut wrong = |what: String| {
                eprintln!("exhaustion: {name}, {medium}, request {first}, lasting {lasting}: {what}");
                told.undetected += 1;
            };
            let is_memory = |error: &Error| matches!(error, Error::Io { source, .. } if source.kind() == io::ErrorKind::OutOfMemory);
            match result {
                // Done without what was refused.
                Ok(found) if found != expected => wrong("it passed for a success, with another result".into()),
                Ok(_) if world.content()? != after => wrong("it passed for a success, and is not done".into()),
                Ok(_) => {}
                Err(error) if !is_memory(&error) => wrong(format!("the wrong error: {error}")),
                Err(_) if world.content()? != before => {
                    eprintln!("exhaustion: {name}, {medium}, request {first}: it failed and yet did something");
                    told.torn += 1;
                }
                // With memory again it is done.
                Err(_) => match world.act() {
                    Ok(found) if found == expected && world.content()? == after => {}
                    Ok(_) => wrong("it has another result after it failed once".into()),
                    Err(error) => wrong(format!("it fails although there is memory again: {error}")),
                },
            }
            let damage = world.db.verify()?.damage;
            if !damage.is_empty() {
                eprintln!("exhaustion: {name}, {medium}, request {first}: damage: {damage:?}");
                told.torn += 1;
            }
            world.remove()?;
            if seen.refused == 0 {
                break;
            }
            told.cases += 1;
        }
    }
    Ok(told)
}

/// A database whose content says nothing of what is large.
fn small(id: u64, version: u64) -> [f32; DIMENSION] {
    std::array::from_fn(|at| (id * 31 + version * 7 + at as u64) as f32)
}

fn options(medium: &str) -> Options {
    let access = if medium == "file" { Access::File } else { Access::Mmap };
    Options::default().access(access).flush_interval(Duration::ZERO)
}

fn large() -> Vec<u8> {
    (0..LARGE).map(|at| (at / 3) as u8).collect()
}

fn digest(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

impl World {
    fn make(name: &'static str, medium: &str, dir: &Path) -> Result<Self, Failure> {
        let storage = match medium {
            "memory" => Storage::in_memory(options(medium))?,
            _ => Storage::open(dir.join("data"), options(medium))?,
        };
        let db = storage.create(NAME, Schema::new(DIMENSION, Metric::Cosine)?)?;
        let world = Self { name, dir: dir.into(), medium: medium.into(), storage, db };
        world.prepare()?;
        Ok(world)
    }

    fn remove(self) -> Result<(), Failure> {
        drop((self.db, self.storage));
        if self.medium != "memory" {
            fs::remove_dir_all(&self.dir)?;
        }
        Ok(())
    }

    fn put(&self, ids: std::ops::Range<u64>, version: u64) -> Result<(), Error> {
        let vectors: Vec<_> = ids.map(|id| (id, small(id, version))).collect();
        vectors.chunks(400).try_for_each(|part| {
            let puts = part.iter().map(|(id, vector)| Operation::Put { key: Key::Int(*id), vector, metadata: b"m" });
            self.db.write(puts).map(drop)
        })
    }

    fn prepare(&self) -> Result<(), Failure> {
        match self.name {
            "put that makes the changes in memory grow" => self.put(0..ROOM, 1)?,
            "flush that builds an index" | "open after a crash" => self.put(0..MANY, 1)?,
            "flush that changes an index" | "compact" => {
                let many = if self.name == "compact" { MANY / 4 } else { MANY };
                self.put(0..many, 1)?;
                self.db.flush()?;
                self.put(0..many / 2, 2)?;
                // What lies in the index, and beyond one buffer, in the file.
                self.db.put(MANY, &small(MANY, 1), &large())?;
            }
            "get of large metadata" | "get into a buffer" => drop(self.db.put(1, &small(1, 1), &large())?),
            "attribute" => self.db.set_attribute(b"a", &large())?,
            "scan" | "verify" => {
                self.put(0..100, 1)?;
                self.db.put(200, &small(200, 1), &large())?;
                self.db.flush()?;
            }
            "list of attributes" => {
                (0..3000_u64).try_for_each(|number| self.db.set_attribute(&number.to_le_bytes(), b"v"))?;
            }
            _ => self.put(0..10, 1)?,
        }
        if self.name == "open after a crash" {
            fs::create_dir_all(self.dir.join("copy"))?;
            fs::copy(self.dir.join("data/d.jvdb"), self.dir.join("copy/d.jvdb"))?;
        }
        Ok(())
    }

    /// The call. Its result, in a number.
    fn act(&self) -> Result<u64, Error> {
        let db = &self.db;
        Ok(match self.name {
            "put of large metadata" => {
                static BYTES: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
                u64::from(db.put(1, &small(1, 2), BYTES.get_or_init(large))?)
            }
            "put that makes the changes in memory grow" => u64::from(db.put(ROOM, &small(ROOM, 1), b"m")?),
            "batch of many" | "batch of many, half of them twice" => {
                let twice = self.name.ends_with("twice");
                let vector = small(0, 3);
                let id = |nth: u64| if twice { nth % (MANY * 2 / 3) } else { nth };
                let put = |nth| Operation::Put { key: Key::Int(id(nth)), vector: &vector, metadata: b"batch" };
                digest(format!("{:?}", db.write((0..MANY).map(put))?))
            }
            "batch of large ones" => {
                static BYTES: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
                let (vector, bytes) = (small(0, 4), BYTES.get_or_init(large));
                let put = |id| Operation::Put { key: Key::Int(id), vector: &vector, metadata: &bytes[..LARGE / 4] };
                digest(format!("{:?}", db.write((0..6).map(put))?))
            }
            "flush that builds an index" | "flush that changes an index" => db.flush().map(|_| 0)?,
            "compact" => db.compact().map(|_| 0)?,
            "get of large metadata" => digest(db.get(1)?.map(|found| digest(found.metadata()))),
            "get into a buffer" => {
                let (mut vector, mut metadata) = ([0.0; DIMENSION], Vec::new());
                db.get_into(1, &mut vector, &mut metadata)?;
                digest((vector.map(f32::to_bits), metadata))
            }
            "attribute" => digest(db.attribute(b"a")?),
            "scan" => {
                let mut sum = 0;
                for found in db.scan(Position::START) {
                    sum ^= digest(found?.metadata());
                }
                sum
            }
            "list of attributes" => digest(db.attributes()?),
            "verify" => db.verify().map(|report| report.damage.len() as u64)?,
            _ => {
                let storage = Storage::open(self.dir.join("copy"), options(&self.medium))?;
                let count = storage.database(NAME)?.count();
                // Not closed: that would flush, and nothing here opens it again.
                std::mem::forget(storage);
                count
            }
        })
    }

    /// Everything in it, in a number.
    fn content(&self) -> Result<u64, Error> {
        let mut sum = self.db.count();
        for found in self.db.scan(Position::START) {
            let found = found?;
            let elements: Vec<u32> = found.vector().iter().map(|element| element.to_bits()).collect();
            sum = sum.wrapping_add(digest((found.key(), elements, found.metadata())));
            let got = self.db.get(found.key())?.map(|got| got.metadata() == found.metadata());
            sum = sum.wrapping_add(u64::from(got != Some(true)));
        }
        Ok(sum.wrapping_add(digest(self.db.attributes()?)))
    }
}
