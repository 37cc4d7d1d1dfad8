//! Another program truncates a file that is open: a read that copies gives the right bytes or an error, and a flush does
//! not call durable what is gone.
//!
//! With positional reads that holds at every moment. A mapping gives a signal where its file has been cut off, which no
//! check can rule out; there it holds from the first flush on that finds the file shorter than it was. The writer is a
//! process of its own, so that its signals are counted and not the campaign's.

use crate::effort::Effort;
use crate::{Outcome, Row};
use jvdb_core::{Access, Database, Metric, Options, Position, Schema, Storage};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

const NAME: &str = "d";
const DIMENSION: usize = 16;
/// Vectors that are flushed, and vectors behind them that are not.
const FLUSHED: u64 = 300;
const UNFLUSHED: u64 = 30;
/// Times a file is truncated, for CI: each takes two processes' time of about 5 ms.
const ROUNDS: u64 = 200;
/// How long a process may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// Exit codes of the child.
const WRONG: u8 = 10;
const UNNOTICED: u8 = 11;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

pub fn run(effort: &Effort) -> Outcome {
    let rounds = effort.cases.unwrap_or(ROUNDS);
    let mut rows = Vec::new();
    for access in ["file", "mmap"] {
        let mut random = fastrand::Rng::with_seed(effort.seed);
        let mut row = Row::new(format!("truncated while open: {access}"));
        for round in 0..rounds {
            let directory = match &effort.dir {
                Some(dir) => tempfile::tempdir_in(dir)?,
                None => tempfile::tempdir()?,
            };
            row.cases += 1;
            let what = truncate(directory.path(), access, &mut random, &mut row)?;
            if let Some(what) = what {
                eprintln!("truncated while open, {access}, --seed {}, round {round}: {what}", effort.seed);
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

/// One round: a process works, its file is cut, and it says how that went.
fn truncate(directory: &Path, access: &str, random: &mut fastrand::Rng, row: &mut Row) -> Fallible<Option<String>> {
    let path = directory.join(format!("{NAME}.jvdb"));
    let mut child = Command::new(std::env::current_exe()?)
        .args(["child", "truncation", access])
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    let flushed: u64 = lines.next().ok_or("the process has ended")??.parse()?;
    // Positional reads go on meanwhile.
    std::thread::sleep(Duration::from_micros(random.u64(..3000)));
    let len = random.u64(..flushed);
    std::fs::OpenOptions::new().write(true).open(&path)?.set_len(len)?;
    writeln!(child.stdin.take().ok_or("no input")?, "cut")?;
    let Some(status) = wait(&mut child)? else {
        row.signals += 1;
        return Ok(Some(format!("cut to {len} of {flushed}: it hangs")));
    };
    match status.code() {
        Some(0) => return Ok(None),
        Some(code) if code == i32::from(WRONG) => row.torn += 1,
        Some(code) if code == i32::from(UNNOTICED) => row.undetected += 1,
        // A panic, or a signal.
        _ => row.signals += 1,
    }
    Ok(Some(format!("cut to {len} of {flushed}: {status}")))
}

/// How a process ended; `None`, and it is ended, if it does not.
fn wait(child: &mut Child) -> Fallible<Option<std::process::ExitStatus>> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

pub fn child(arguments: &[String]) -> ExitCode {
    let [access, directory] = arguments else { return ExitCode::FAILURE };
    let access = if access == "file" { Access::File } else { Access::Mmap };
    match work(access, Path::new(directory)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Found::Wrong(what)) => {
            eprintln!("truncation: wrong: {what}");
            ExitCode::from(WRONG)
        }
        Err(Found::Unnoticed(what)) => {
            eprintln!("truncation: unnoticed: {what}");
            ExitCode::from(UNNOTICED)
        }
        Err(Found::Broken(error)) => {
            eprintln!("truncation: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What is found wrong with the engine, or with the campaign.
enum Found {
    Wrong(String),
    Unnoticed(&'static str),
    Broken(Box<dyn std::error::Error>),
}

impl<E: Into<Box<dyn std::error::Error>>> From<E> for Found {
    fn from(error: E) -> Self {
        Self::Broken(error.into())
    }
}

fn vector(id: u64) -> [f32; DIMENSION] {
    std::array::from_fn(|i| id as f32 + i as f32 / 16.0)
}

fn metadata(id: u64) -> Vec<u8> {
    vec![id as u8; (id % 97) as usize]
}

fn work(access: Access, directory: &Path) -> Result<(), Found> {
    let options = Options::default().access(access).flush_interval(Duration::ZERO);
    let storage = Storage::open(directory, options)?;
    let db = storage.create(NAME, Schema::new(DIMENSION, Metric::Cosine)?)?;
    (0..FLUSHED).try_for_each(|id| db.put(id, &vector(id), &metadata(id)).map(drop))?;
    db.set_attribute(b"name", b"value")?;
    db.flush()?;
    let flushed = db.stats().file_bytes;
    (FLUSHED..FLUSHED + UNFLUSHED).try_for_each(|id| db.put(id, &vector(id), &metadata(id)).map(drop))?;
    println!("{flushed}");
    std::io::stdout().flush()?;
    let cut = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _ = std::io::stdin().lines().next();
            cut.store(true, Relaxed);
        });
        // Through a mapping nobody may look while it is cut.
        while !cut.load(Relaxed) {
            if access == Access::File {
                read_all(&db)?;
            } else {
                std::thread::sleep(Duration::from_micros(100));
            }
        }
        Ok::<_, Found>(())
    })?;
    if db.flush().is_ok() {
        return Err(Found::Unnoticed("a flush succeeds although data is gone"));
    }
    if read_all(&db)? == 0 {
        return Err(Found::Unnoticed("everything can be read that was cut off"));
    }
    if db.verify().is_ok_and(|report| report.damage.is_empty()) {
        return Err(Found::Unnoticed("verified"));
    }
    // Nothing that is written now may be acknowledged as durable.
    if db.put(0, &vector(0), b"").is_ok() && db.flush().is_ok() {
        return Err(Found::Unnoticed("a later flush succeeds although data is gone"));
    }
    Ok(())
}

/// Reads by every call that copies. What comes must be right; how many calls failed.
fn read_all(db: &Database) -> Result<u64, Found> {
    let mut failed = 0;
    let mut found = ([0.0; DIMENSION], Vec::new());
    for id in 0..FLUSHED + UNFLUSHED {
        match db.get_into(id, &mut found.0, &mut found.1) {
            Ok(true) if found == (vector(id), metadata(id)) => {}
            Ok(there) => return Err(Found::Wrong(format!("key {id}: {there}, {found:?}"))),
            Err(_) => failed += 1,
        }
    }
    match db.attribute(b"name") {
        Ok(Some(value)) if value == b"value" => {}
        Ok(value) => return Err(Found::Wrong(format!("attribute: {value:?}"))),
        Err(_) => failed += 1,
    }
    for (id, key) in (0..).zip(db.keys(Position::START)) {
        match key {
            Ok(key) if key == jvdb_core::KeyBuf::Int(id) => {}
            Ok(key) => return Err(Found::Wrong(format!("key {key} in place of {id}"))),
            Err(_) => failed += 1,
        }
    }
    Ok(failed)
}
