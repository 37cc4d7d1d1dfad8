//! Every call to the disk fails in turn, in every way a disk fails: once, and for good. The disk is the simulated one of
//! `jvdb-crash`, which can drop pages and lose power besides.

use crate::effort::Effort;
use crate::{Outcome, Row};
use jvdb_crash::faults;

/// Faults to bring about unless told otherwise.
const CASES: u64 = 24_000;

pub fn run(effort: &Effort) -> Outcome {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let tallies = faults::campaign(effort.cases.unwrap_or(CASES), effort.seed, threads);
    let row = |(kind, counts): (faults::kind::Kind, faults::Counts)| {
        counts.failures.iter().for_each(|failure| eprintln!("{failure}"));
        Row {
            cases: counts.cases,
            lost: counts.lost,
            torn: counts.torn,
            signals: counts.panics,
            undetected: counts.undetected,
            ..Row::new(kind.to_string())
        }
    };
    Ok(tallies.into_iter().map(row).collect())
}
