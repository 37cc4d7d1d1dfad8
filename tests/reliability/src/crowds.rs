//! 150 databases, 8 threads, few open files: every call from every thread at once, and every byte that is read checked
//! against what its key may hold. One row for each medium and bound on open files.

mod counts;
mod descriptors;
mod life;
mod member;
mod oracle;

use crate::Outcome;
use crate::effort::Effort;
use crate::row::Row;
use counts::Counts;
use jvdb_core::{Access, Options, Storage};
use life::Crowd;
use member::Member;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

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
        let counts = Counts::new(format!("{fault}, --seed {}", effort.seed));
        gather(scratch.path(), medium, limit, whole * share / 12, seed, &counts)?;
        eprintln!("{fault}: {:.1} s, {}", begun.elapsed().as_secs_f64(), counts.report());
        rows.push(counts.row(fault));
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
    counts: &Counts,
) -> jvdb_core::Result<()> {
    let storage = open(path, medium, limit)?;
    let crowd = Crowd::new(&storage, DATABASES)?;
    let (stop, done) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| watch(&done, limit, counts));
        let members: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (storage, crowd, stop) = (&storage, &crowd, &stop);
                let rng = fastrand::Rng::with_seed(seed.wrapping_mul(1000).wrapping_add(thread));
                scope.spawn(move || Member::new(storage, crowd, counts, rng).live(stop))
            })
            .collect();
        let end = Instant::now() + time;
        while Instant::now() < end && !counts.is_hopeless() {
            std::thread::sleep(Duration::from_millis(20));
        }
        stop.store(true, Relaxed);
        for member in members {
            if member.join().is_err() {
                counts.panicked("a thread of the crowd");
            }
        }
        done.store(true, Relaxed);
        if watch.join().is_err() {
            counts.panicked("the thread that counts descriptors");
        }
    });
    crowd.check_quiet(&storage, counts);
    if let Err(error) = storage.close() {
        counts.lost(&format!("close: {error}"));
    }
    if medium != Medium::Memory {
        let storage = open(path, medium, limit)?;
        crowd.check_quiet(&storage, counts);
    }
    Ok(())
}

/// Counts descriptors, and ends the process if nothing is completed any more.
fn watch(done: &AtomicBool, limit: usize, counts: &Counts) {
    let mut moved = (Instant::now(), 0);
    while !done.load(Relaxed) {
        let open = descriptors::open_databases();
        counts.saw_descriptors(open, limit);
        if counts.operations() != moved.1 {
            moved = (Instant::now(), counts.operations());
        } else if moved.0.elapsed() > PATIENCE {
            counts.torn("nothing was completed for 60 s: it hangs");
            Row::print(&counts.row("crowd that hangs".into()));
            std::process::exit(1);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
