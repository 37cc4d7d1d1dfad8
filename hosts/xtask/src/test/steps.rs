//! Named steps, run one after another whatever becomes of them, and what is said at the end.

use super::counts::Counts;
use crate::Result;
use crate::run::{shown, watched};
use std::process::Command;
use std::time::{Duration, Instant};

/// What has been run so far.
#[derive(Default)]
pub struct Steps {
    done: Vec<Step>,
}

struct Step {
    name: String,
    counts: Counts,
    took: Duration,
    /// Why it failed or was left out.
    why: Option<String>,
}

impl Steps {
    /// Runs a step that counts its tests itself. An error makes it one failure.
    pub fn counted(&mut self, name: &str, work: impl FnOnce() -> Result<Counts>) {
        println!("\n=== {name}");
        let begun = Instant::now();
        let (counts, why) = match work() {
            Ok(counts) => (counts, None),
            Err(error) => {
                println!("{name}: {error}");
                (Counts::one(false), Some(error.to_string()))
            }
        };
        self.done.push(Step { name: name.into(), counts, took: begun.elapsed(), why });
    }

    /// Runs a step that passes or fails as a whole. Gives whether it passed.
    pub fn whole(&mut self, name: &str, work: impl FnOnce() -> Result<()>) -> bool {
        self.counted(name, || work().map(|()| Counts::one(true)));
        self.done.last().is_some_and(|step| step.counts.failed == 0)
    }

    /// Runs a test program, and counts what it says it ran.
    pub fn tests(&mut self, name: &str, command: &mut Command) {
        let mut ignored = Vec::new();
        self.counted(name, || count(command, &mut ignored));
        if let (Some(step), false) = (self.done.last_mut(), ignored.is_empty()) {
            step.why = Some(format!("left out: {}", ignored.join("; ")));
        }
    }

    /// Leaves a step out, visibly.
    pub fn skip(&mut self, name: &str, why: &str) {
        println!("\n=== {name}\nSKIPPED: {why}");
        let counts = Counts { skipped: 1, ..Counts::default() };
        self.done.push(Step { name: name.into(), counts, took: Duration::ZERO, why: Some(why.into()) });
    }

    /// Prints the summary and, last, the sum on a line of its own. Gives whether all passed.
    pub fn close(self) -> bool {
        let width = self.done.iter().map(|step| step.name.chars().count()).max().unwrap_or(0);
        let mut sum = Counts::default();
        println!("\n=== summary");
        for Step { name, counts, took, why } in &self.done {
            sum += *counts;
            let verdict = match counts {
                Counts { failed: 1.., .. } => "FAILED",
                Counts { passed: 0, .. } => "SKIPPED",
                _ => "ok",
            };
            println!("{name:<width$}  {:>6.1} s  {verdict:<7}  {counts}", took.as_secs_f64());
            let why = why.as_deref().and_then(|why| why.lines().next());
            why.iter().for_each(|why| println!("{:width$}  {why}", ""));
        }
        println!("\n{sum}");
        sum.failed == 0 && sum.passed > 0
    }
}

/// Runs a test program, and counts what it says it ran. Tests it left out come with the reason it gives.
pub fn count(command: &mut Command, ignored: &mut Vec<String>) -> Result<Counts> {
    println!("$ {}", shown(command));
    let mut counts = Counts::default();
    let success = watched(command, |line| {
        if let Some(counted) = Counts::of_line(line) {
            counts += counted;
        }
        if let Some((test, reason)) = line.split_once(" ... ignored") {
            ignored.push(format!("{}{reason}", test.trim_start_matches("test ")));
        }
    })?;
    Ok(counts.ended(success))
}
