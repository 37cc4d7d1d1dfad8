//! SIGKILL at random moments: a writer is killed, its directory checked and given to the next one.

use crate::effort::Effort;
use crate::oracle::{Fault, Found, World};
use crate::writer::{self, Plan, Writer};
use crate::{Outcome, Row};
use fastrand::Rng;
use jvdb_core::Access;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Rounds in CI.
const ROUNDS: u64 = 250;
/// Rounds that one directory is taken through.
const LIFE: u64 = 10;
/// One life in so many is spent on a disk, where syncs take their time, and the rest in memory.
const ON_DISK: u64 = 5;
/// Operations at most before the kill, where the moment waited for does not come.
const PATIENCE: u64 = 2000;

/// What to wait for before the kill, and for how long at most after that.
const AIMS: [(&str, Duration); 8] = [
    ("opening", Duration::from_micros(600)),
    ("flush", Duration::from_millis(4)),
    ("growth", Duration::from_millis(4)),
    ("compaction", Duration::from_millis(6)),
    ("creation", Duration::from_millis(3)),
    ("drop", Duration::from_millis(3)),
    ("closing", Duration::from_millis(20)),
    ("batch", Duration::from_millis(1)),
];

pub fn run(effort: &Effort) -> Outcome {
    let mut campaign = Campaign { row: Row::new("kill -9 at random moments"), phases: BTreeMap::new(), operations: 0 };
    let mut dir = None;
    let mut world = World::default();
    for round in 0..effort.cases.unwrap_or(ROUNDS) {
        if round % LIFE == 0 || dir.is_none() {
            let on_disk = (round / LIFE).is_multiple_of(ON_DISK);
            (dir, world) = (Some(if on_disk { scratch(effort)? } else { volatile(effort)? }), World::default());
        }
        let path = dir.as_ref().expect("just made").path();
        let wrong = campaign.round(path, effort.seed, round, &mut world)?;
        if !wrong.is_empty() {
            let kept = dir.take().expect("just used").keep();
            eprintln!("kill: seed {}, round {round}, {} kept", effort.seed, kept.display());
            wrong.iter().for_each(|what| eprintln!("    {what}"));
        }
    }
    println!(
        "kill: {} operations acknowledged; kills by what was announced last: {:?}",
        campaign.operations, campaign.phases
    );
    Ok(vec![campaign.row])
}

pub fn child(arguments: &[String]) -> ExitCode {
    writer::main(arguments)
}

/// A directory in memory, where there is one: what a dead process wrote is read from the cache, in which all file
/// systems are alike.
pub fn volatile(effort: &Effort) -> std::io::Result<TempDir> {
    const MEMORY: &str = "/dev/shm";
    if effort.dir.is_some() || !Path::new(MEMORY).is_dir() {
        return scratch(effort);
    }
    TempDir::with_prefix_in("jvdb-", MEMORY)
}

/// A directory that goes with the campaign.
pub fn scratch(effort: &Effort) -> std::io::Result<TempDir> {
    match &effort.dir {
        Some(dir) => TempDir::with_prefix_in("jvdb-", dir),
        None => TempDir::with_prefix("jvdb-"),
    }
}

/// The seed of one round.
pub fn mix(seed: u64, round: u64) -> u64 {
    seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ round.wrapping_mul(0xD1B5_4A32_D192_ED03).rotate_left(17)
}

struct Campaign {
    row: Row,
    phases: BTreeMap<String, u64>,
    operations: u64,
}

impl Campaign {
    /// One kill. Says what was wrong after it.
    fn round(&mut self, dir: &Path, seed: u64, round: u64, world: &mut World) -> std::io::Result<Vec<String>> {
        let mut rng = Rng::with_seed(mix(seed, round));
        let plan = Plan {
            directory: dir.into(),
            copying: rng.bool(),
            seed: rng.u64(..),
            threads: rng.u8(1..3),
            maintenance: rng.u8(0..3) == 0,
            due: if rng.bool() { 150_000 } else { 64 << 20 },
            traced: false,
        };
        let mut writer = Writer::start(&plan, "kill")?;
        let (aim, within) = AIMS[rng.usize(0..AIMS.len())];
        let skipped = if aim == "opening" { 0 } else { rng.u64(0..200) };
        let mut alive = true;
        while alive && writer.heard.done() < PATIENCE {
            alive = writer.heard.hear(world)?;
            if writer.heard.phase == aim && writer.heard.done() >= skipped {
                break;
            }
        }
        let (started, delay) = (Instant::now(), within.mul_f64(rng.f64() * rng.f64()));
        while started.elapsed() < delay {
            std::hint::spin_loop();
        }
        let status = writer.kill(world)?;
        self.row.cases += 1;
        self.operations += writer.heard.done();
        *self.phases.entry(writer.heard.phase.clone()).or_default() += 1;
        let mut wrong = Vec::new();
        for error in &writer.heard.errors {
            self.row.torn += 1;
            wrong.push(format!("the writer was refused: {error}"));
        }
        if status.signal() != Some(9) {
            self.row.signals += 1;
            wrong.push(format!("the writer ended by itself: {status}"));
        }
        let pending = writer.heard.pending();
        match Found::look(dir) {
            Ok(found) => wrong.extend(world.judge(Fault::Death, &pending, &found, &mut self.row)),
            Err(why) => {
                self.row.torn += 1;
                wrong.push(why);
            }
        }
        // Most rounds leave it to the next writer to recover what this one left.
        if wrong.is_empty() && rng.u8(0..3) == 0 {
            let access = if rng.bool() { Access::Mmap } else { Access::File };
            match writer::go_on(dir, access, rng.u64(..), world) {
                Ok(found) => wrong.extend(world.judge(Fault::Death, &[], &found, &mut self.row)),
                Err(why) => {
                    self.row.torn += 1;
                    wrong.push(format!("going on: {why}"));
                }
            }
        }
        if !wrong.is_empty() {
            wrong.push(format!("{plan:?}, {} operations, killed in {}", writer.heard.done(), writer.heard.phase));
        }
        Ok(wrong)
    }
}
