//! Memory that runs out: wherever an allocation is as large as the input makes it, it fails once, and from then on for
//! good. The engine must say so, have done nothing, and go on when there is memory again. An abort would end the
//! process, so each scenario runs in a child.
//!
//! What a file claims must be checked against the file before memory is asked for: files that claim too much are opened
//! and read, and no request may be larger than they are.

pub mod allocator;
mod claims;
mod scenario;

use crate::effort::Effort;
use crate::{Outcome, Row};
use scenario::{SCENARIOS, Told};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, Stdio};

/// Requests below this may end the process: they are of a fixed size, whatever the input.
pub const THRESHOLD: usize = 4096;

/// What holds the files.
const MEDIA: [&str; 3] = ["mmap", "file", "memory"];

pub fn run(effort: &Effort) -> Outcome {
    let scratch = match &effort.dir {
        Some(dir) => tempfile::tempdir_in(dir)?,
        // In memory where there is a place for that: no disk is put to the test here, and syncs take their time.
        None => tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?,
    };
    let mut rows = Vec::new();
    let on = |medium: &'static str| -> Result<Row, String> {
        let mut row = Row::new(format!("memory exhausted, {medium}"));
        for name in SCENARIOS {
            let done = one_child(&["scenario", name, medium], scratch.path(), &mut row);
            done.map_err(|error| format!("{name}, {medium}: {error}"))?;
        }
        Ok(row)
    };
    std::thread::scope(|scope| {
        let media = MEDIA.map(|medium| scope.spawn(move || on(medium)));
        media.into_iter().try_for_each(|medium| {
            rows.push(medium.join().map_err(|_| "a campaign panicked")??);
            Ok::<_, Box<dyn std::error::Error>>(())
        })
    })?;
    let mut row = Row::new("sizes claimed by files");
    for access in ["mmap", "file"] {
        one_child(&["claims", access], scratch.path(), &mut row)?;
    }
    rows.push(row);
    Ok(rows)
}

fn one_child(what: &[&str], scratch: &std::path::Path, row: &mut Row) -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir_in(scratch)?;
    let mut command = Command::new(std::env::current_exe()?);
    let output = command.args(["child", "exhaustion"]).args(what).arg(dir.path()).stderr(Stdio::inherit()).output()?;
    // One line for each case, the last of them for what came of all.
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let signal =
            output.status.signal().map_or_else(|| output.status.to_string(), |signal| format!("signal {signal}"));
        eprintln!("exhaustion {what:?}: {signal} in {:?}", said.lines().last().unwrap_or("the beginning"));
        row.signals += 1;
        return Ok(());
    }
    let told: Told = serde_json::from_str(said.lines().last().ok_or("a child without a word")?)?;
    row.cases += told.cases;
    row.torn += told.torn;
    row.undetected += told.undetected;
    Ok(())
}

pub fn child(arguments: &[String]) -> ExitCode {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let told = match arguments[..] {
        ["scenario", name, medium, dir] => scenario::child(name, medium, dir.as_ref()),
        ["claims", access, dir] => claims::child(access, dir.as_ref()),
        _ => Err("no such child".into()),
    };
    match told.and_then(|told| Ok(serde_json::to_string(&told)?)) {
        Ok(told) => {
            println!("{told}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("exhaustion: {error}");
            ExitCode::FAILURE
        }
    }
}
