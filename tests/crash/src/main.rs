//! Runs a campaign of power cuts of any size: `crash --images N --seed S`.

use clap::Parser;
use jvdb_crash::many::{Size, campaign};
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
    let Arguments { images, seed, operations } = Arguments::parse();
    let started = Instant::now();
    let (tried, failures) = campaign(Size { images, seed, operations });
    failures.iter().for_each(|failure| println!("FAILED: {failure}"));
    println!(
        "power cuts: {} workloads, {} points, {} images ({} of them exhaustive, {} with the index left to later calls), {:.1} s, {}",
        tried.workloads,
        tried.points,
        tried.images,
        tried.exhaustive,
        tried.deferred,
        started.elapsed().as_secs_f64(),
        if failures.is_empty() { "0 lost, 0 torn" } else { "promises broken" },
    );
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
