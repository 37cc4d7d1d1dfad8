//! To be written.

use crate::effort::Effort;
use crate::{Outcome, Row};
use std::process::ExitCode;

pub fn run(_: &Effort) -> Outcome {
    Ok(vec![Row::skipped("damage", "not written yet")])
}

pub fn child(_: &[String]) -> ExitCode {
    ExitCode::FAILURE
}
