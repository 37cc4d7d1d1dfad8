//! Campaigns of any size: workloads of all lengths, on as many threads as the machine has.

use crate::campaign::{Effort, Manner, Tried, run, workload};

/// How much to try.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Images to look at, at least.
    pub images: u64,
    /// Seed of the first workload.
    pub seed: u64,
    /// Operations of a workload, at most.
    pub operations: usize,
}

/// Tries that much. Gives what was tried, and what broke: at most one failure for each thread.
pub fn campaign(size: Size) -> (Tried, Vec<String>) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let parts: Vec<_> = std::thread::scope(|scope| {
        let part = |thread| scope.spawn(move || share(size, thread, threads));
        let parts: Vec<_> = (0..threads).map(part).collect();
        parts.into_iter().map(|part| part.join().expect("a campaign does not panic")).collect()
    });
    let mut all = Tried::default();
    let mut failures = Vec::new();
    for (tried, failure) in parts {
        all.add(&tried);
        failures.extend(failure);
    }
    (all, failures)
}

/// One thread's share: every workload whose seed is its own.
fn share(size: Size, thread: u64, threads: u64) -> (Tried, Option<String>) {
    let share = size.images.div_ceil(threads);
    let mut all = Tried::default();
    let mut seed = size.seed + thread;
    while all.images < share {
        let mut random = fastrand::Rng::with_seed(seed);
        let len = random.usize(1..=size.operations);
        let ops = workload(&mut random, len);
        let effort = Effort { exhaustive: if len <= 6 { 4096 } else { 64 }, sample: 12, second_life: 24 };
        // Every third workload runs on a disk whose syncs fail now and then.
        // The flushes of every other pair leave the index to a later call.
        let manner = Manner { sync_failures: if seed.is_multiple_of(3) { 5 } else { 0 }, deferred: seed / 2 % 2 == 1 };
        match run(seed, &ops, effort, manner) {
            Ok(tried) => all.add(&Tried { workloads: 1, ..tried }),
            Err(failure) => return (all, Some(failure.to_string())),
        }
        seed += threads;
    }
    (all, None)
}
