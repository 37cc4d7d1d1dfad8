//! SIGKILL at every call of the system that concerns files, and in the middle of every write: the short workload under
//! `ptrace`, from nothing and on what an earlier kill left.

use crate::effort::Effort;
use crate::kill::{mix, volatile};
use crate::oracle::{Fault, Found, World};
use crate::tracer::{Call, Ended, Stop, supported, trace};
use crate::workload::Op;
use crate::writer::{self, Listener, Plan};
use crate::{Outcome, Row};
use jvdb_core::Access;
use nix::sys::wait::WaitStatus;
use std::collections::BTreeMap;
use std::fs;
use std::process::ExitCode;
use tempfile::TempDir;

type Failure = Box<dyn std::error::Error>;

const FAULT: &str = "kill -9 at every system call";

pub fn run(effort: &Effort) -> Outcome {
    if let Err(why) = supported() {
        return Ok(vec![Row::skipped(FAULT, why)]);
    }
    // A tracer is a thread, and has its own processes.
    let both = std::thread::scope(|scope| {
        let each =
            [false, true].map(|copying| scope.spawn(move || medium(effort, copying).map_err(|why| why.to_string())));
        each.map(|thread| thread.join().expect("no campaign panics"))
    });
    let mut row = Row::new(FAULT);
    for campaign in both {
        let Campaign { row: part, calls, .. } = campaign?;
        println!("syscalls: kills by what was called: {calls:?}");
        row.cases += part.cases;
        row.lost += part.lost;
        row.torn += part.torn;
        row.signals += part.signals;
    }
    Ok(vec![row])
}

/// The campaign through one medium.
fn medium(effort: &Effort, copying: bool) -> Result<Campaign<'_>, Failure> {
    let mut campaign = Campaign { row: Row::default(), calls: BTreeMap::new(), effort };
    let nothing = Start { copying, what: "nothing", dir: volatile(effort)?, world: World::default() };
    let calls = campaign.every_call(&nothing)?;
    let left = campaign.leave(&nothing, calls * 2 / 3)?;
    campaign.every_call(&left)?;
    Ok(campaign)
}

pub fn child(arguments: &[String]) -> ExitCode {
    writer::main(arguments)
}

/// What a writer finds.
struct Start {
    copying: bool,
    what: &'static str,
    dir: TempDir,
    world: World,
}

struct Campaign<'a> {
    row: Row,
    calls: BTreeMap<&'static str, u64>,
    effort: &'a Effort,
}

/// A writer that was traced to its end.
struct Traced {
    dir: TempDir,
    world: World,
    pending: Vec<Op>,
    ended: Ended,
    errors: Vec<String>,
}

impl Campaign<'_> {
    /// Kills at one call after the other until there are no more. How many there were.
    fn every_call(&mut self, start: &Start) -> Result<u64, Failure> {
        for call in 1.. {
            let Some(Call { cuts, .. }) = self.case(start, Stop { call, written: 0 })? else { return Ok(call - 1) };
            for written in cuts {
                self.case(start, Stop { call, written })?;
            }
        }
        unreachable!("calls are counted from one on")
    }

    /// What a kill in the middle of a write leaves, of the first long write from a call on: a tail that was never flushed,
    /// and a part of a record behind it.
    fn leave(&mut self, start: &Start, from: u64) -> Result<Start, Failure> {
        for call in from.. {
            let Ended::Killed(Call { cuts, .. }) = self.traced(start, Stop { call, written: 0 })?.ended else { break };
            let Some(cut) = cuts.last() else { continue };
            let Traced { dir, mut world, pending, .. } = self.traced(start, Stop { call, written: *cut })?;
            world.judge(Fault::Death, &pending, &Found::look(dir.path())?, &mut self.row);
            return Ok(Start { copying: start.copying, what: "what was left", dir, world });
        }
        Err("the workload has no write to be killed in".into())
    }

    fn traced(&self, start: &Start, stop: Stop) -> Result<Traced, Failure> {
        let dir = volatile(self.effort)?;
        for entry in fs::read_dir(start.dir.path())? {
            let entry = entry?;
            fs::copy(entry.path(), dir.path().join(entry.file_name()))?;
        }
        let plan = Plan {
            directory: dir.path().into(),
            copying: start.copying,
            seed: self.effort.seed,
            threads: 0,
            maintenance: false,
            due: 64 << 20,
            traced: true,
        };
        let mut world = start.world.clone();
        let mut child = plan.command("syscalls")?.spawn()?;
        let mut heard = Listener::new(&plan, child.stdout.take().expect("a pipe"));
        // It is waited for in there.
        let ended = trace(child.id(), stop)?;
        heard.hear_out(&mut world)?;
        Ok(Traced { dir, world, pending: heard.pending(), ended, errors: heard.errors })
    }

    /// One kill. At which call; `None` if it was over before.
    fn case(&mut self, start: &Start, stop: Stop) -> Result<Option<Call>, Failure> {
        let Traced { dir, mut world, pending, ended, errors } = self.traced(start, stop)?;
        let mut wrong = Vec::new();
        for error in errors {
            self.row.torn += 1;
            wrong.push(format!("the writer was refused: {error}"));
        }
        let killed = match ended {
            Ended::Killed(call) => Some(call),
            Ended::Alone(WaitStatus::Exited(_, 0)) => None,
            Ended::Alone(status) => {
                self.row.signals += 1;
                wrong.push(format!("the writer ended by itself: {status:?}"));
                None
            }
        };
        self.row.cases += 1;
        *self.calls.entry(killed.as_ref().map_or("none, it had ended", |call| call.name)).or_default() += 1;
        let access = if stop.call.is_multiple_of(2) { Access::Mmap } else { Access::File };
        match Found::look(dir.path()) {
            Ok(found) => wrong.extend(world.judge(Fault::Death, &pending, &found, &mut self.row)),
            Err(why) => {
                self.row.torn += 1;
                wrong.push(why);
            }
        }
        match writer::go_on(dir.path(), access, mix(self.effort.seed, stop.call), &mut world) {
            Ok(found) => wrong.extend(world.judge(Fault::Death, &[], &found, &mut self.row)),
            Err(why) => {
                self.row.torn += 1;
                wrong.push(format!("going on: {why}"));
            }
        }
        if !wrong.is_empty() {
            let Start { copying, what, .. } = start;
            eprintln!("syscalls: seed {}, from {what}, copying: {copying}, {stop:?}, {killed:?}", self.effort.seed);
            eprintln!("    {} kept", dir.keep().display());
            wrong.iter().for_each(|what| eprintln!("    {what}"));
        }
        Ok(killed)
    }
}
