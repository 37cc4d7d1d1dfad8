//! Eight processes that open one directory again and again. Whoever gets it shows that it is alone, and counts one up;
//! whoever does not is told a process that really had it then.

use super::{NAME, make, options};
use crate::Row;
use crate::effort::Effort;
use crate::kill::mix;
use fastrand::Rng;
use jvdb_core::{Access, Error, Storage};
use nix::time::{ClockId, clock_gettime};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

type Failure = Box<dyn std::error::Error>;

const PROCESSES: u64 = 8;
/// Openings tried by each.
const OPENINGS: u64 = 500;

/// One opening, as the process that tried it saw it.
struct Attempt {
    process: u32,
    /// From before it was tried to after it was refused, or given back. Nanoseconds of the clock all processes share.
    from: u64,
    to: u64,
    what: What,
}

enum What {
    /// It had the directory.
    Held,
    /// It was told that this one has it.
    Refused(String),
    /// Anything else.
    Wrong(String),
}

pub fn run(effort: &Effort, home: &Path) -> Result<Row, Failure> {
    let mut row = Row::new("8 processes open one directory");
    let directory = home.join("storage");
    make(&Storage::open(&directory, options())?)?;
    let openings = effort.cases.map_or(OPENINGS, |cases| cases.div_ceil(PROCESSES));
    let program = std::env::current_exe()?;
    let children = (0..PROCESSES).map(|number| {
        let mut command = Command::new(&program);
        command.args(["child", "processes", "crowd"]).arg(home);
        command.arg(openings.to_string()).arg(mix(effort.seed, number).to_string());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()
    });
    // All of them run before the first is waited for.
    let children = children.collect::<io::Result<Vec<_>>>()?;
    let readers: Vec<_> =
        children.into_iter().map(|child| std::thread::spawn(move || (child.id(), child.wait_with_output()))).collect();
    let mut attempts = Vec::new();
    for reader in readers {
        let (process, output) = reader.join().expect("no reader panics");
        let output = output?;
        if !output.status.success() {
            row.signals += 1;
            eprintln!("processes: process {process} ended with {}", output.status);
        }
        for line in String::from_utf8(output.stdout)?.lines() {
            attempts.push(Attempt::parse(process, line).ok_or_else(|| format!("a strange line: {line:?}"))?);
        }
    }
    row.cases = attempts.len() as u64;
    let mut wrong = |why: String| {
        row.undetected += 1;
        eprintln!("processes: seed {}: {why}", effort.seed);
    };
    let held: Vec<_> = attempts.iter().filter(|attempt| matches!(attempt.what, What::Held)).collect();
    for attempt in &attempts {
        match &attempt.what {
            What::Held => {}
            What::Wrong(why) => wrong(format!("process {}: {why}", attempt.process)),
            What::Refused(holder) => {
                // It had it at some moment of the time in which the other was refused.
                let had = |held: &&&Attempt| {
                    *holder == format!("process {}", held.process) && held.from <= attempt.to && attempt.from <= held.to
                };
                if !held.iter().any(|held| had(&held)) {
                    wrong(format!("process {} was told that {holder:?} has it, which had not", attempt.process));
                }
            }
        }
    }
    let storage = Storage::open(&directory, options())?;
    let db = storage.database(NAME)?;
    let counted = db.attribute(COUNT)?.map_or(0, |bytes| number(&bytes));
    if counted != held.len() as u64 || db.count() != counted {
        let vectors = db.count();
        wrong(format!("{} openings, but {counted} are counted and {vectors} stored", held.len()));
    }
    if let Some(damage) = db.verify()?.damage.first() {
        wrong(format!("{damage:?}"));
    }
    println!("processes: {} openings held the directory, {} were refused", held.len(), attempts.len() - held.len());
    Ok(row)
}

const COUNT: &[u8] = b"count";

fn number(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_le_bytes)
}

impl Attempt {
    fn parse(process: u32, line: &str) -> Option<Self> {
        if let Some(why) = line.strip_prefix("! ") {
            return Some(Self { process, from: 0, to: 0, what: What::Wrong(why.into()) });
        }
        let mut words = line.splitn(4, ' ');
        let (kind, from, to) = (words.next()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let what = match kind {
            "held" => What::Held,
            "refused" => What::Refused(words.next()?.into()),
            _ => return None,
        };
        Some(Self { process, from, to, what })
    }
}

fn now() -> Result<u64, Failure> {
    Ok(u64::try_from(Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC)?).as_nanos())?)
}

pub fn child(arguments: &[String]) -> Result<(), Failure> {
    let [home, openings, seed] = arguments else { return Err("usage: HOME OPENINGS SEED".into()) };
    let home = Path::new(home);
    let mut rng = Rng::with_seed(seed.parse()?);
    let mut lines = Vec::new();
    for _ in 0..openings.parse::<u64>()? {
        let from = now()?;
        let access = if rng.bool() { Access::Mmap } else { Access::File };
        let what = match Storage::open(home.join("storage"), options().access(access)) {
            Ok(storage) => {
                hold(storage, home, &mut rng)?;
                format!("held {from} {}", now()?)
            }
            Err(Error::Locked { holder, .. }) => format!("refused {from} {} {holder}", now()?),
            Err(error) => format!("! {error}"),
        };
        writeln!(lines, "{what}")?;
        // Somebody else's turn.
        std::thread::sleep(Duration::from_micros(rng.u64(0..1000)));
    }
    Ok(io::stdout().write_all(&lines)?)
}

/// Shows that nobody else has it: a file that must not be there, and a number that only one may count up.
fn hold(storage: Storage, home: &Path, rng: &mut Rng) -> Result<(), Failure> {
    let sign = home.join("held");
    OpenOptions::new().write(true).create_new(true).open(&sign).map_err(|error| format!("not alone: {error}"))?;
    let db = storage.database(NAME)?;
    let count = db.attribute(COUNT)?.map_or(0, |bytes| number(&bytes));
    db.insert(count, &[count as f32; 4], b"")?;
    std::thread::sleep(Duration::from_micros(rng.u64(0..200)));
    db.set_attribute(COUNT, &(count + 1).to_le_bytes())?;
    fs::remove_file(&sign)?;
    drop(db);
    match rng.bool() {
        true => storage.close()?,
        false => drop(storage),
    }
    Ok(())
}
