//! Runs a campaign of power cuts of any size: `crash --images N --seed S`.

use clap::Parser;
use jvdb_crash::campaign::{Effort, Tried, run, workload};
use std::process::ExitCode;
use std::time::Instant;

/// Cuts the power of a simulated disk under the engine, again and again.
#[derive(Parser)]
struct Arguments {
    /// Images to look at, at least.
    #[arg(long, default_value_t = 1_000_000)]
    images: u64,
    /// Seed of the first workload.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Operations of a workload, at most.
    #[arg(long, default_value_t = 24)]
    operations: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let started = Instant::now();
    let parts: Vec<_> = std::thread::scope(|scope| {
        let part = |thread| {
            let (arguments, share) = (&arguments, arguments.images.div_ceil(threads));
            scope.spawn(move || campaign(arguments, thread, threads, share))
        };
        let parts: Vec<_> = (0..threads).map(part).collect();
        parts.into_iter().map(|part| part.join().expect("a campaign does not panic")).collect()
    });
    let mut all = Tried::default();
    let mut failed = false;
    for (tried, failure) in parts {
        all.workloads += tried.workloads;
        all.points += tried.points;
        all.images += tried.images;
        all.exhaustive += tried.exhaustive;
        if let Some(failure) = failure {
            failed = true;
            println!("FAILED: {failure}");
        }
    }
    println!(
        "power cuts: {} workloads, {} points, {} images ({} of them exhaustive), {:.1} s, {}",
        all.workloads,
        all.points,
        all.images,
        all.exhaustive,
        started.elapsed().as_secs_f64(),
        if failed { "promises broken" } else { "0 lost, 0 torn" },
    );
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn campaign(arguments: &Arguments, thread: u64, threads: u64, share: u64) -> (Tried, Option<String>) {
    let mut all = Tried::default();
    let mut seed = arguments.seed + thread;
    while all.images < share {
        let mut random = fastrand::Rng::with_seed(seed);
        let len = random.usize(1..=arguments.operations);
        let ops = workload(&mut random, len);
        let effort = Effort { exhaustive: if len <= 6 { 4096 } else { 64 }, sample: 12, second_life: 24 };
        // Every third workload runs on a disk whose syncs fail now and then.
        let sync_failures = if seed.is_multiple_of(3) { 5 } else { 0 };
        match run(seed, &ops, effort, sync_failures) {
            Ok(tried) => {
                all.workloads += 1;
                all.points += tried.points;
                all.images += tried.images;
                all.exhaustive += tried.exhaustive;
            }
            Err(failure) => return (all, Some(failure.to_string())),
        }
        seed += threads;
    }
    (all, None)
}
