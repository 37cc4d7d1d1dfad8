//! One process writes, flushes, compacts and is killed now and then; eight others read beside it. Whatever they are shown is one
//! state of the database, at least as new as what they were shown before, and no call fails.
//!
//! Each batch writes its number under the clock and under both keys of a pair, or takes the pair away. So in any state both
//! keys of a pair have one number or are both away, and no number is larger than the clock's.

use super::{NAME, options};
use crate::Row;
use crate::effort::Effort;
use crate::kill::mix;
use fastrand::Rng;
use jvdb_core::{Access, Database, Key, Metric, Operation, Position, Schema, Storage};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::ops::ControlFlow::Continue;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error>;

const READERS: u64 = 8;
/// Seconds in CI.
const SECONDS: u64 = 8;
/// A writer lives as long as that.
const LIFE: Duration = Duration::from_millis(1500);
const PAIRS: u64 = 400;
const CLOCK: u64 = u64::MAX;
/// Under these and the number of a pair: when it was taken away last, and since when it had been there.
const UNTIL: u64 = 1 << 32;
const SINCE: u64 = 1 << 33;
/// Long enough for the body of a record, and not the header, to hold it.
const LONG: &str = "a key that does not fit into a header: ";

pub fn run(effort: &Effort, home: &Path) -> Result<Row, Failure> {
    let mut row = Row::new("8 processes read beside one that writes");
    let storage = Storage::open(home.join("storage"), options())?;
    let database = storage.create(NAME, Schema::new(2, Metric::Cosine)?)?;
    put(&database, 0, 0, true)?;
    database.flush()?;
    drop((database, storage));
    fs::write(home.join("durable"), 0u64.to_le_bytes())?;
    let seconds = effort.seconds.unwrap_or(SECONDS);
    let readers = (0..READERS).map(|number| start(home, "reader", mix(effort.seed, number), seconds));
    let readers = readers.collect::<Result<Vec<_>, _>>()?;
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut lives = 0;
    while Instant::now() < end {
        lives += 1;
        let mut writer = start(home, "writer", mix(effort.seed, READERS + lives), seconds)?;
        std::thread::sleep(LIFE.min(end.saturating_duration_since(Instant::now())));
        writer.kill()?;
        let mut said = String::new();
        writer.stdout.take().ok_or("no output")?.read_to_string(&mut said)?;
        writer.wait()?;
        if !said.is_empty() {
            row.undetected += 1;
            eprintln!("processes: seed {}: writer: {said}", effort.seed);
        }
    }
    for mut reader in readers {
        let output = BufReader::new(reader.stdout.take().ok_or("no output")?);
        for line in output.lines() {
            let line = line?;
            match line.strip_prefix("! ") {
                Some(why) => {
                    row.undetected += 1;
                    eprintln!("processes: seed {}: reader: {why}", effort.seed);
                }
                None => row.cases += line.parse::<u64>()?,
            }
        }
        if !reader.wait()?.success() {
            row.signals += 1;
        }
    }
    println!("processes: {READERS} readers made {} calls beside {lives} writers", row.cases);
    Ok(row)
}

fn start(home: &Path, role: &str, seed: u64, seconds: u64) -> Result<Child, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["child", "processes", role]).arg(home).arg(seed.to_string()).arg(seconds.to_string());
    Ok(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?)
}

fn long(pair: u64) -> String {
    format!("{LONG}{pair}")
}

/// One batch. What takes a pair away says when that was, and since when the pair had been there.
fn put(database: &Database, number: u64, pair: u64, there: bool) -> Result<(), Failure> {
    let (vector, metadata, text) = ([number as f32, 1.0], number.to_le_bytes(), long(pair));
    let put = |key| Operation::Put { key, vector: &vector, metadata: &metadata };
    let (clock, keys) = (put(Key::Int(CLOCK)), [Key::Int(pair), Key::from(text.as_str())]);
    match database.get(pair)? {
        Some(before) if !there => {
            let since =
                Operation::Put { key: Key::Int(SINCE + pair), vector: before.vector(), metadata: before.metadata() };
            let away = keys.map(|key| Operation::Delete { key });
            database.write([clock, put(Key::Int(UNTIL + pair)), since].into_iter().chain(away))?
        }
        _ if !there => database.write([clock])?,
        _ => database.write([clock].into_iter().chain(keys.map(put)))?,
    };
    Ok(())
}

pub fn writer(arguments: &[String]) -> Result<(), Failure> {
    let (home, mut rng, _) = parse(arguments)?;
    let storage = Storage::open(home.join("storage"), options())?;
    let database = storage.database(NAME)?;
    let durable = File::options().write(true).open(home.join("durable"))?;
    let mut number = clock(&database)?;
    loop {
        for _ in 0..rng.u64(1..60) {
            number += 1;
            put(&database, number, rng.u64(0..PAIRS), rng.u8(0..4) > 0)?;
        }
        if rng.u8(0..40) == 0 {
            database.compact()?;
        }
        let cut = number;
        database.flush()?;
        std::os::unix::fs::FileExt::write_all_at(&durable, &cut.to_le_bytes(), 0)?;
    }
}

fn parse(arguments: &[String]) -> Result<(&Path, Rng, Duration), Failure> {
    let [home, seed, seconds] = arguments else { return Err("usage: HOME SEED SECONDS".into()) };
    Ok((Path::new(home), Rng::with_seed(seed.parse()?), Duration::from_secs(seconds.parse()?)))
}

fn clock(database: &Database) -> Result<u64, Failure> {
    let found = database.get(CLOCK)?.ok_or("the clock is gone")?;
    number_of(found.vector(), found.metadata())
}

fn number_of(vector: &[f32], metadata: &[u8]) -> Result<u64, Failure> {
    let number = u64::from_le_bytes(metadata.try_into()?);
    if vector == [number as f32, 1.0] { Ok(number) } else { Err(format!("torn: {vector:?} and {number}").into()) }
}

/// A reading process: what it was shown last.
struct Reader<'a> {
    home: &'a Path,
    database: Database,
    newest: u64,
    calls: u64,
}

pub fn reader(arguments: &[String]) -> Result<(), Failure> {
    let (home, mut rng, time) = parse(arguments)?;
    let access = if rng.bool() { Access::Mmap } else { Access::File };
    let storage = Storage::open(home.join("storage"), options().read_only(true).access(access))?;
    let mut reader = Reader { home, database: storage.database(NAME)?, newest: 0, calls: 0 };
    let end = Instant::now() + time;
    while Instant::now() < end {
        reader.step(&mut rng)?;
        reader.calls += 1;
    }
    println!("{}", reader.calls);
    Ok(())
}

impl Reader<'_> {
    fn step(&mut self, rng: &mut Rng) -> Result<(), Failure> {
        match rng.u8(0..100) {
            0..2 => {
                let report = self.database.verify()?;
                let damage = report.damage.first();
                damage.map_or(Ok(()), |damage| Err(format!("a sound file is called damaged: {damage:?}").into()))
            }
            2 => self.copy(rng.u64(..)),
            3..8 => {
                let mut found = HashMap::new();
                for vector in self.database.scan(Position::START) {
                    let vector = vector?;
                    found.insert(vector.key().to_owned(), number_of(vector.vector(), vector.metadata())?);
                }
                self.saw_all(&found)
            }
            8..12 => {
                let mut found = HashMap::new();
                let mut wrong = None;
                self.database.visit(Position::START, |key, vector, metadata| {
                    match number_of(vector, metadata) {
                        Ok(number) => drop(found.insert(key.to_owned(), number)),
                        Err(error) => wrong = Some(error),
                    }
                    Continue(())
                })?;
                wrong.map_or(Ok(()), Err)?;
                self.saw_all(&found)
            }
            12..20 => {
                let mut bytes = [0; 8];
                File::open(self.home.join("durable"))?.read_exact(&mut bytes)?;
                self.database.refresh()?;
                self.newest = self.newest.max(u64::from_le_bytes(bytes));
                self.saw_clock()
            }
            20..40 => self.saw_clock(),
            _ => {
                let (pair, before) = (rng.u64(0..PAIRS), self.newest);
                let found = if rng.bool() { self.number_at(pair)? } else { self.number_at(long(pair).as_str())? };
                self.saw_clock()?;
                if found.is_none() && rng.bool() { self.was_away(pair, before) } else { Ok(()) }
            }
        }
    }

    /// A pair was away in a state after `before`, and not after what is the newest now.
    fn was_away(&mut self, pair: u64, before: u64) -> Result<(), Failure> {
        let after = self.newest;
        self.database.refresh()?;
        let (until, since) = (self.number_at(UNTIL + pair)?, self.number_at(SINCE + pair)?);
        // The same at both ends: so they are of one batch.
        if let (Some(since), Some(until), true) = (since, until, self.number_at(UNTIL + pair)? == until)
            && since <= before
            && after < until
        {
            return Err(
                format!("pair {pair} was there from {since} to {until}, and away from {before} to {after}").into()
            );
        }
        Ok(())
    }

    fn number_at<'k>(&mut self, key: impl Into<Key<'k>>) -> Result<Option<u64>, Failure> {
        let Some(found) = self.database.get(key)? else { return Ok(None) };
        let number = number_of(found.vector(), found.metadata())?;
        self.newest = self.newest.max(number);
        Ok(Some(number))
    }

    fn saw_clock(&mut self) -> Result<(), Failure> {
        let now = clock(&self.database)?;
        if now < self.newest {
            return Err(format!("the clock shows {now} after {}", self.newest).into());
        }
        self.newest = now;
        Ok(())
    }

    fn saw_all(&mut self, found: &HashMap<jvdb_core::KeyBuf, u64>) -> Result<(), Failure> {
        let now = *found.get(&Key::Int(CLOCK).to_owned()).ok_or("a scan without the clock")?;
        if now < self.newest {
            return Err(format!("a scan shows {now} after {}", self.newest).into());
        }
        self.newest = now;
        if let Some(later) = found.values().find(|number| **number > now) {
            return Err(format!("a scan of {now} shows {later}").into());
        }
        for pair in 0..PAIRS {
            let (one, other) =
                (found.get(&Key::Int(pair).to_owned()), found.get(&Key::from(long(pair).as_str()).to_owned()));
            if one != other {
                return Err(format!("a scan of {now} shows half of batch {one:?} or {other:?} of pair {pair}").into());
            }
        }
        Ok(())
    }

    fn copy(&mut self, number: u64) -> Result<(), Failure> {
        let directory = self.home.join(format!("copy-{number:x}"));
        fs::create_dir(&directory)?;
        self.database.backup(directory.join(format!("{NAME}.jvdb")))?;
        let database = Storage::open(&directory, options().read_only(true))?.database(NAME)?;
        let report = database.verify()?;
        if let Some(damage) = report.damage.first() {
            return Err(format!("a copy is damaged: {damage:?}").into());
        }
        let mut found = HashMap::new();
        for vector in database.scan(Position::START) {
            let vector = vector?;
            found.insert(vector.key().to_owned(), number_of(vector.vector(), vector.metadata())?);
        }
        fs::remove_dir_all(&directory)?;
        self.saw_all(&found)
    }
}
