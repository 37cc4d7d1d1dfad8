//! How long writers and flushes wait while a database is backed up or compacted, beside what they wait when nothing is.
//!
//!     cargo run --release --package jvdb-benches --example copies -- --gib 4 --rate 20000
//!
//! One thread puts single vectors, one flushes twice a second, with default options. A copy should cost no put more than
//! 50 ms, or 2 % of the time that it takes, whichever is more.

use clap::Parser;
use jvdb_benches::{Result, machine};
use jvdb_core::{Database, Metric, Operation, Options, Schema, Storage};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

const DIMENSION: usize = 384;
const METADATA: [u8; 100] = [b'm'; 100];
const BATCH: u64 = 1_000;
/// Longest put that a copy may cause, unless 2 % of its own time is more.
const GOAL: Duration = Duration::from_millis(50);

#[derive(Parser)]
struct Arguments {
    /// Size of the database, in GiB.
    #[arg(long, default_value_t = 4.0)]
    gib: f64,
    /// Puts a second; 0: as many as there can be.
    #[arg(long, default_value_t = 20_000)]
    rate: u64,
    /// Where the database is made. It is removed afterwards.
    #[arg(long, default_value = "target")]
    directory: PathBuf,
}

/// What a thread waited.
#[derive(Default)]
struct Waits {
    calls: u64,
    longest: Duration,
    /// Calls that took longer than a millisecond.
    slow: u64,
}

impl Waits {
    fn time<R>(&mut self, call: impl FnOnce() -> R) -> R {
        let started = Instant::now();
        let result = call();
        let took = started.elapsed();
        self.calls += 1;
        self.longest = self.longest.max(took);
        self.slow += u64::from(took > Duration::from_millis(1));
        result
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let directory = machine::directory(&arguments.directory)?;
    let storage = Storage::open(directory.path(), Options::default())?;
    let db = storage.create("copied", Schema::new(DIMENSION, Metric::Cosine)?)?;
    let vectors = (arguments.gib * f64::from(1 << 30)) as u64 / 1_728;
    println!("{vectors} vectors of {DIMENSION} dimensions, {} puts/s; {}", arguments.rate, machine::load());
    fill(&db, vectors)?;
    println!("while          took      puts   longest put  puts > 1 ms  longest flush");
    let alone = || {
        std::thread::sleep(Duration::from_secs(10));
        Ok(())
    };
    beside("nothing", &db, vectors, arguments.rate, alone)?;
    beside("backup", &db, vectors, arguments.rate, || Ok(db.backup(directory.path().join("backup")).map(drop)?))?;
    std::fs::remove_file(directory.path().join("backup"))?;
    beside("compaction", &db, vectors, arguments.rate, || Ok(db.compact().map(drop)?))?;
    Ok(storage.close()?)
}

fn fill(db: &Database, vectors: u64) -> Result<()> {
    let vector = [0.5; DIMENSION];
    for start in (0..vectors).step_by(BATCH as usize) {
        let keys = start..vectors.min(start + BATCH);
        db.write(keys.map(|key| Operation::Put { key: key.into(), vector: &vector, metadata: &METADATA }))?;
    }
    db.flush()?;
    machine::wait_until_quiet();
    Ok(())
}

/// Does `copy` beside a thread that replaces vectors and one that flushes, and prints what these waited.
fn beside(name: &str, db: &Database, vectors: u64, rate: u64, copy: impl FnOnce() -> Result<()>) -> Result<()> {
    let done = AtomicBool::new(false);
    let started = Instant::now();
    let (puts, flushes, copied) = std::thread::scope(|scope| {
        let puts = scope.spawn(|| put_until(&done, db, vectors, rate));
        let flushes = scope.spawn(|| flush_until(&done, db));
        let copied = copy();
        let took = started.elapsed();
        done.store(true, Relaxed);
        (puts.join().expect("no panic"), flushes.join().expect("no panic"), copied.map(|()| took))
    });
    let (puts, flushes, took) = (puts?, flushes?, copied?);
    let goal = GOAL.max(took / 50);
    let verdict = if puts.longest <= goal { "met" } else { "MISSED" };
    println!(
        "{name:<12} {:>6.1} s {:>9} {:>10.1} ms {:>12} {:>11.1} ms   goal {:.0} ms: {verdict}",
        took.as_secs_f64(),
        puts.calls,
        puts.longest.as_secs_f64() * 1e3,
        puts.slow,
        flushes.longest.as_secs_f64() * 1e3,
        goal.as_secs_f64() * 1e3,
    );
    Ok(())
}

fn put_until(done: &AtomicBool, db: &Database, vectors: u64, rate: u64) -> Result<Waits> {
    let vector = [0.25; DIMENSION];
    let mut waits = Waits::default();
    let started = Instant::now();
    while !done.load(Relaxed) {
        // A prime steps through all keys without their order.
        let key = waits.calls.wrapping_mul(1_000_003) % vectors;
        waits.time(|| db.put(key, &vector, &METADATA))?;
        if rate > 0 && waits.calls.is_multiple_of(100) {
            let due = Duration::from_secs_f64(waits.calls as f64 / rate as f64);
            std::thread::sleep(due.saturating_sub(started.elapsed()));
        }
    }
    Ok(waits)
}

fn flush_until(done: &AtomicBool, db: &Database) -> Result<Waits> {
    let mut waits = Waits::default();
    while !done.load(Relaxed) {
        waits.time(|| db.flush())?;
        std::thread::sleep(Duration::from_millis(500));
    }
    Ok(waits)
}
