//! Disks that are full: a small tmpfs, an ext4 image on a loop device, and a limit on the length of files.
//!
//! One process fills a database until nothing goes in any more, tries everything, reads everything, and leaves without a
//! goodbye. The next one opens the directory on the full disk, reads everything again, gets room, and goes on. Both are
//! children, so that a signal is seen and not suffered.

mod disk;
mod fill;
mod oracle;

use crate::effort::Effort;
use crate::{Outcome, Row};
use disk::Disk;
use fill::{Phase, Told};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, Stdio};

/// Rounds for each disk and way of reading, unless told otherwise; a round is some hundreds of refused calls.
const ROUNDS: u64 = 3;

pub fn run(effort: &Effort) -> Outcome {
    let scratch = match &effort.dir {
        Some(dir) => tempfile::tempdir_in(dir)?,
        None => tempfile::tempdir()?,
    };
    let mut rows = Vec::new();
    for kind in disk::KINDS {
        for access in ["mmap", "file"] {
            let mut row = Row::new(format!("disk full: {kind}, {access}"));
            let mut round = 0;
            while effort.cases.map_or(round < ROUNDS, |cases| row.cases < cases) {
                match Disk::make(kind, scratch.path())? {
                    Ok(disk) => one_round(&disk, access, effort.seed + round, &mut row)?,
                    Err(why) => {
                        row = Row::skipped(row.fault, why);
                        break;
                    }
                }
                round += 1;
            }
            rows.push(row);
        }
    }
    Ok(rows)
}

/// Fills a disk, and goes on with it.
fn one_round(disk: &Disk, access: &str, seed: u64, row: &mut Row) -> Result<(), Box<dyn std::error::Error>> {
    let mut model = String::from("{}");
    for phase in [Phase::Fill, Phase::GoOn] {
        let Some(told) = one_process(disk, access, seed, phase, &model, row)? else { return Ok(()) };
        row.cases += told.cases;
        row.lost += told.lost;
        row.torn += told.torn;
        row.undetected += told.undetected;
        model = serde_json::to_string(&told.model)?;
    }
    Ok(())
}

/// What a process tells of itself; `None` if it died of a signal.
fn one_process(
    disk: &Disk,
    access: &str,
    seed: u64,
    phase: Phase,
    model: &str,
    row: &mut Row,
) -> Result<Option<Told>, Box<dyn std::error::Error>> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["child", "full", phase.name(), access, &seed.to_string(), &disk.limit().to_string()])
        .arg(disk.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    child.stdin.take().ok_or("no pipe")?.write_all(model.as_bytes())?;
    let output = child.wait_with_output()?;
    let what = format!("{} ({}, seed {seed}, {access})", row.fault, phase.name());
    if let Some(signal) = output.status.signal() {
        eprintln!("{what}: died of signal {signal}");
        row.signals += 1;
        return Ok(None);
    }
    if !output.status.success() {
        // A panic; it has said so itself.
        eprintln!("{what}: {}", output.status);
        row.signals += 1;
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&output.stdout)?))
}

pub fn child(arguments: &[String]) -> ExitCode {
    let [phase, access, seed, limit, dir] = arguments else { return ExitCode::FAILURE };
    match fill::child(phase, access, seed, limit, dir.as_ref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("full: {error}");
            ExitCode::FAILURE
        }
    }
}
