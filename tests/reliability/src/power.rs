//! Power cuts of the simulated disk of `jvdb-crash`: every image that a cut may leave is opened and looked at.

use crate::effort::Effort;
use crate::{Outcome, Row};
use jvdb_crash::many::{Size, campaign};

/// Images to look at unless told otherwise.
const IMAGES: u64 = 1_000_000;
/// Operations of a workload, at most.
const OPERATIONS: usize = 24;

pub fn run(effort: &Effort) -> Outcome {
    let images = effort.cases.unwrap_or(IMAGES);
    let (tried, failures) = campaign(Size { images, seed: effort.seed, operations: OPERATIONS });
    failures.iter().for_each(|failure| eprintln!("{failure}"));
    // An image that is not what it must be has lost something, or holds something that nobody wrote.
    let lost = failures.len() as u64;
    Ok(vec![Row { cases: tried.images, lost, ..Row::new("power cut, simulated disk") }])
}
