//! 150 databases, 8 threads, few open files: every call from every thread at once, and every byte that is read checked
//! against what its key may hold. One row for each medium and bound on open files.

mod descriptors;
mod life;
mod member;
mod oracle;
mod tally;

use crate::Outcome;
use crate::effort::Effort;
use crate::row::Row;
use jvdb_core::{Access, Options, Storage};
use life::Crowd;
use member::Member;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tally::Tally;

const DATABASES: usize = 150;
const THREADS: u64 = 8;
/// Seconds of all configurations together, for CI.
const SECONDS: u64 = 60;
/// A crowd that completes nothing for as long as this hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the databases live.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Medium {
    Mmap,
    File,
    Memory,
}

/// Medium, `max_open_files`, and the share of the time in twelfths.
const CONFIGURATIONS: [(Medium, usize, u32); 6] = [
    (Medium::Mmap, 100, 4),
    (Medium::Mmap, 5, 2),
    (Medium::File, 100, 2),
    (Medium::File, 5, 1),
    (Medium::Memory, 100, 2),
    (Medium::Memory, 5, 1),
];

pub fn run(effort: &Effort) -> Outcome {
    let whole = Duration::from_secs(effort.seconds.unwrap_or(SECONDS));
    let mut rows = Vec::new();
    for (number, (medium, limit, share)) in (0..).zip(CONFIGURATIONS) {
        let scratch = match &effort.dir {
            Some(dir) => tempfile::tempdir_in(dir)?,
            None => tempfile::tempdir()?,
        };
        let seed = effort.seed.wrapping_mul(0x9e37_79b9).wrapping_add(number);
        let fault = format!("{DATABASES} databases, {THREADS} threads, {limit} open files: {medium:?}").to_lowercase();
        let begun = Instant::now();
        let tally = Tally::new(format!("{fault}, --seed {}", effort.seed));
        gather(scratch.path(), medium, limit, whole * share / 12, seed, &tally)?;
        eprintln!("{fault}: {:.1} s, {}", begun.elapsed().as_secs_f64(), tally.report());
        rows.push(tally.row(fault));
    }
    Ok(rows)
}

fn options(medium: Medium, limit: usize) -> Options {
    Options::default()
        .access(if medium == Medium::File { Access::File } else { Access::Mmap })
        .max_open_files(limit)
        // Often enough that the flush thread meets everything else.
        .flush_interval(Duration::from_secs(1))
        .max_unflushed_operations(200)
        .pin_timeout(Duration::from_secs(30))
}

fn open(path: &Path, medium: Medium, limit: usize) -> jvdb_core::Result<Storage> {
    match medium {
        Medium::Memory => Storage::in_memory(options(medium, limit)),
        Medium::Mmap | Medium::File => Storage::open(path, options(medium, limit)),
    }
}

/// One configuration: the threads run for the time given, then everything is counted, closed, opened and counted again.
fn gather(
    path: &Path,
    medium: Medium,
    limit: usize,
    time: Duration,
    seed: u64,
    tally: &Tally,
) -> jvdb_core::Result<()> {
    let storage = open(path, medium, limit)?;
    let crowd = Crowd::new(&storage, DATABASES)?;
    let (stop, done) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| watch(&done, limit, tally));
        let members: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (storage, crowd, stop) = (&storage, &crowd, &stop);
                let rng = fastrand::Rng::with_seed(seed.wrapping_mul(1000).wrapping_add(thread));
                scope.spawn(move || Member::new(storage, crowd, tally, rng).live(stop))
            })
            .collect();
        let end = Instant::now() + time;
        while Instant::now() < end && !tally.is_hopeless() {
            std::thread::sleep(Duration::from_millis(20));
        }
        stop.store(true, Relaxed);
        for member in members {
            if member.join().is_err() {
                tally.panicked("a thread of the crowd");
            }
        }
        done.store(true, Relaxed);
        if watch.join().is_err() {
            tally.panicked("the thread that counts descriptors");
        }
    });
    crowd.check_quiet(&storage, tally);
    if let Err(error) = storage.close() {
        tally.lost(&format!("close: {error}"));
    }
    if medium != Medium::Memory {
        let storage = open(path, medium, limit)?;
        crowd.check_quiet(&storage, tally);
    }
    Ok(())
}

/// Counts descriptors, and ends the process if nothing is completed any more.
fn watch(done: &AtomicBool, limit: usize, tally: &Tally) {
    let mut moved = (Instant::now(), 0);
    while !done.load(Relaxed) {
        let open = descriptors::open_databases();
        tally.saw_descriptors(open, limit);
        if tally.operations() != moved.1 {
            moved = (Instant::now(), tally.operations());
        } else if moved.0.elapsed() > PATIENCE {
            tally.torn("nothing was completed for 60 s: it hangs");
            Row::print(&tally.row("crowd that hangs".into()));
            std::process::exit(1);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
