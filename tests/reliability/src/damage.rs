//! Every bit of a file flipped, every length it can be cut to, and sectors of it lost: nothing damaged is ever served as
//! right, nothing flushed is ever taken for a torn end, and a repair saves what is sound.
//!
//! The files are small and of all shapes; `shapes` makes them, `anatomy` takes them apart by the format alone, `fault`
//! damages them, `oracle` judges. The cases run in processes of their own, in batches.

mod anatomy;
mod batch;
mod fault;
mod oracle;
mod shapes;

use crate::effort::Effort;
use crate::{Outcome, Row};
use batch::{Batch, Counts, Place};
use fault::Kind;
use std::collections::VecDeque;
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Cases of one process.
const SIZE: u64 = 8192;
/// Cases of lost sectors for each shape, for CI.
const SECTORS: u64 = 6_000;
/// How long one case may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// On files, of which only some cases are tried: one in so many flips, cuts and lost sectors.
const SAMPLE: [u64; 3] = [101, 11, 11];

/// A batch, the row it belongs to, and what tells it from others.
struct Job {
    row: usize,
    batch: Batch,
}

pub fn run(effort: &Effort) -> Outcome {
    let shapes = shapes::all()?;
    // Files in memory where there is such a place: the page cache is the same, and nothing waits for a disk.
    let fast = std::path::Path::new("/dev/shm");
    let scratch = match &effort.dir {
        Some(dir) => tempfile::tempdir_in(dir)?,
        None if fast.is_dir() => tempfile::tempdir_in(fast)?,
        None => tempfile::tempdir()?,
    };
    let sectors = effort.cases.map_or(SECTORS, |cases| cases / shapes.len() as u64);
    let mut rows: Vec<Row> = Kind::ALL.iter().map(|kind| Row::new(format!("damage: {kind}"))).collect();
    rows.extend(
        [Place::Mmap, Place::File].map(|place| Row::new(format!("damage: sample on files, {place:?}").to_lowercase())),
    );
    let mut jobs = VecDeque::new();
    for (shape, (_, sound)) in shapes.iter().enumerate() {
        for (kind, fault) in Kind::ALL.iter().enumerate() {
            let cases = fault.cases(sound.image.len(), sectors);
            let mut add = |row, place, step: u64| {
                for from in (0..cases).step_by((SIZE * step) as usize) {
                    let to = (from + SIZE * step).min(cases);
                    let directory = scratch.path().join(jobs.len().to_string());
                    let batch = Batch { shape, kind, place, from, to, step, seed: effort.seed, directory };
                    jobs.push_back(Job { row, batch });
                }
            };
            add(kind, Place::Memory, 1);
            add(3, Place::Mmap, SAMPLE[kind]);
            add(4, Place::File, SAMPLE[kind]);
        }
    }
    let (jobs, rows) = (Mutex::new(jobs), Mutex::new(rows));
    let workers = std::thread::available_parallelism().map_or(2, |threads| threads.get());
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(job) = { lock(&jobs).pop_front() } {
                    match carry_out(&job.batch) {
                        Ok(Done { counts, left }) => {
                            add(&mut lock(&rows)[job.row], &counts);
                            lock(&jobs).extend(left.into_iter().map(|batch| Job { row: job.row, batch }));
                        }
                        Err(error) => {
                            lock(&failed).get_or_insert(error);
                            lock(&jobs).clear();
                        }
                    }
                }
            });
        }
    });
    if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error.into());
    }
    Ok(rows.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn add(row: &mut Row, counts: &Counts) {
    row.cases += counts.cases;
    row.lost += counts.lost;
    row.torn += counts.torn;
    row.signals += counts.signals;
    row.undetected += counts.undetected;
}

/// What a process did, and what it left undone because it died.
struct Done {
    counts: Counts,
    left: Vec<Batch>,
}

/// Runs a batch in a process. If that dies or hangs, the case at hand is counted, and the others are left to be tried
/// again.
fn carry_out(batch: &Batch) -> Result<Done, String> {
    let failed = |error: &dyn std::fmt::Display| format!("a process of the campaign: {error}");
    std::fs::create_dir_all(&batch.directory).map_err(|error| failed(&error))?;
    let program = std::env::current_exe().map_err(|error| failed(&error))?;
    let order = serde_json::to_string(batch).map_err(|error| failed(&error))?;
    let mut child = Command::new(program)
        .args(["child", "damage", &order])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&error))?;
    let mut seen = (None, Instant::now());
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|error| failed(&error))? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(10));
        let now = batch::progress(&batch.directory);
        if now != seen.0 {
            seen = (now, Instant::now());
        } else if seen.1.elapsed() > PATIENCE {
            eprintln!("damage: a case hangs");
            let _ = child.kill();
        }
    };
    if status.success() {
        let counts = child.stdout.take().ok_or("no output".to_owned())?;
        let counts = serde_json::from_reader(counts).map_err(|error| failed(&error))?;
        return Ok(Done { counts, left: Vec::new() });
    }
    let Some(at) = batch::progress(&batch.directory).filter(|_| status.code().is_none()) else {
        return Err(format!("a process of the campaign ended with {status}: {batch:?}"));
    };
    eprintln!("damage: {status} in case {at} of {batch:?}");
    let part = |from, to| Batch { from, to, ..batch.clone() };
    let left = [part(batch.from, at), part(at + batch.step, batch.to)].into_iter().filter(|part| part.from < part.to);
    Ok(Done { counts: Counts { cases: 1, signals: 1, ..Counts::default() }, left: left.collect() })
}

pub fn child(arguments: &[String]) -> ExitCode {
    let done = arguments
        .first()
        .ok_or_else(|| "no batch".into())
        .and_then(|order| Ok(serde_json::from_str::<Batch>(order)?))
        .and_then(|batch| batch.run())
        .and_then(|counts| Ok(serde_json::to_string(&counts)?));
    match done {
        Ok(counts) => {
            println!("{counts}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("damage: {error}");
            ExitCode::FAILURE
        }
    }
}
