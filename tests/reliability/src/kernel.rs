//! Loss of power as the kernel's own file systems bring it about: shut down under a writer without a flush of their
//! journals, mounted again, checked, and given to the next writer.

use crate::disk::{Disk, EXT4, Kind, XFS, seclude};
use crate::effort::Effort;
use crate::kill::{mix, scratch, volatile};
use crate::oracle::{Fault, Found, World};
use crate::writer::{self, Plan, Writer};
use crate::{Outcome, Row};
use fastrand::Rng;
use jvdb_core::Access;
use rustix::fs::{Advice, fadvise, fdatasync, syncfs};
use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::num::NonZeroU64;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Cycles of each file system in CI.
const CYCLES: u64 = 100;

pub fn run(effort: &Effort) -> Outcome {
    let secluded = seclude();
    [&EXT4, &XFS].into_iter().map(|kind| one(kind, effort, secluded.clone())).collect()
}

pub fn child(arguments: &[String]) -> ExitCode {
    writer::main(arguments)
}

fn one(kind: &'static Kind, effort: &Effort, secluded: Result<(), String>) -> Result<Row, Box<dyn Error>> {
    let fault = format!("loss of power, {}", kind.name);
    let home = volatile(effort)?;
    let disk = match secluded.and_then(|()| Disk::make(kind, home.path())) {
        Ok(disk) => disk,
        Err(why) => return Ok(Row::skipped(fault, why)),
    };
    let mut campaign = Campaign { disk, row: Row::new(fault), phases: BTreeMap::new(), operations: 0, kept: 0 };
    let mut world = World::default();
    for cycle in 0..effort.cases.unwrap_or(CYCLES) {
        let wrong = campaign.cycle(effort.seed, cycle, &mut world)?;
        if !wrong.is_empty() {
            let copy = scratch(effort)?.keep();
            eprintln!("kernel: {}, seed {}, cycle {cycle}, {} kept", kind.name, effort.seed, copy.display());
            wrong.iter().for_each(|what| eprintln!("    {what}"));
            campaign.give_up(&copy)?;
            world = World::default();
        }
    }
    let Campaign { row, phases, operations, kept, .. } = campaign;
    println!(
        "kernel: {}: {operations} operations acknowledged, {kept} of those after the last flush of their database survived",
        kind.name
    );
    println!("kernel: {}: power cuts by what was announced last: {phases:?}", kind.name);
    Ok(row)
}

struct Campaign {
    disk: Disk,
    row: Row,
    phases: BTreeMap<String, u64>,
    operations: u64,
    kept: u64,
}

impl Campaign {
    /// One loss of power. Says what was wrong after it, and leaves the disk unmounted.
    fn cycle(&mut self, seed: u64, cycle: u64, world: &mut World) -> Result<Vec<String>, Box<dyn Error>> {
        let mut rng = Rng::with_seed(mix(seed, cycle));
        self.disk.mount(rng.u64(..))?;
        let dir = self.disk.directory();
        let plan = Plan {
            directory: dir.clone(),
            copying: rng.bool(),
            seed: rng.u64(..),
            threads: rng.u8(1..3),
            maintenance: rng.u8(0..3) == 0,
            due: if rng.bool() { 150_000 } else { 64 << 20 },
            traced: false,
        };
        let mut writer = Writer::start(&plan, "kernel")?;
        let wanted = rng.u64(0..400);
        let mut alive = true;
        while alive && writer.heard.done() < wanted {
            alive = writer.heard.hear(world)?;
            disturb(&dir, &mut rng)?;
        }
        let (started, delay) = (Instant::now(), Duration::from_micros(rng.u64(0..3000)));
        while started.elapsed() < delay {
            std::hint::spin_loop();
        }
        // Nobody lives to see what comes after. A process that did would get a SIGBUS for a page that XFS has given up, and
        // be told that an fsync of a directory succeeded when XFS has stopped writing. A thread may take a moment to stop,
        // so what is said after this counts for nothing.
        writer.stop()?;
        writer.heard.doubt()?;
        self.disk.cut_power()?;
        let status = writer.kill(world)?;
        let mut wrong = Vec::new();
        for error in &writer.heard.errors {
            self.row.torn += 1;
            wrong.push(format!("the writer was refused: {error}"));
        }
        if status.signal().is_some_and(|signal| signal != 9) {
            self.row.signals += 1;
            wrong.push(format!("the writer died: {status}"));
        }
        self.row.cases += 1;
        self.operations += writer.heard.done();
        *self.phases.entry(writer.heard.phase.clone()).or_default() += 1;
        self.disk.unmount()?;

        self.disk.mount(rng.u64(..))?;
        let pending = writer.heard.pending();
        match Found::look(&dir) {
            Ok(found) => {
                wrong.extend(world.judge(Fault::PowerLoss, &pending, &found, &mut self.row));
                self.kept += world.kept;
            }
            Err(why) => {
                self.row.torn += 1;
                wrong.push(why);
            }
        }
        // Half of the time it is the next writer that recovers what this one left.
        if wrong.is_empty() && rng.bool() {
            let access = if rng.bool() { Access::Mmap } else { Access::File };
            match writer::go_on(&dir, access, rng.u64(..), world) {
                Ok(found) => wrong.extend(world.judge(Fault::Death, &[], &found, &mut self.row)),
                Err(why) => {
                    self.row.torn += 1;
                    wrong.push(format!("going on: {why}"));
                }
            }
        }
        self.disk.unmount()?;
        if !wrong.is_empty() {
            wrong.push(format!("{plan:?}, {} operations", writer.heard.done()));
        }
        Ok(wrong)
    }

    /// Copies what is wrong to where it can be looked at, and begins with nothing.
    fn give_up(&mut self, copy: &Path) -> Result<(), Box<dyn Error>> {
        self.disk.mount(0)?;
        for entry in fs::read_dir(self.disk.directory())? {
            let entry = entry?;
            fs::copy(entry.path(), copy.join(entry.file_name()))?;
            fs::remove_file(entry.path())?;
        }
        Ok(self.disk.unmount()?)
    }
}

/// Now and then, has some part of what is in the cache written to the disk: what the kernel does by itself within half a
/// minute, in an order of its own.
fn disturb(dir: &Path, rng: &mut Rng) -> io::Result<()> {
    let how = rng.u8(0..100);
    if how > 12 {
        return Ok(());
    }
    let entries: Vec<_> = fs::read_dir(dir)?.collect::<io::Result<_>>()?;
    let Some(entry) = rng.choice(entries) else { return Ok(()) };
    // Gone meanwhile: one may be dropped at any moment.
    let Ok(file) = OpenOptions::new().read(true).write(true).open(entry.path()) else { return Ok(()) };
    match how {
        0 => syncfs(File::open(dir)?)?,
        1..3 => fdatasync(&file)?,
        // Begins to write a range of it, and does not wait.
        _ => {
            let len = file.metadata()?.len();
            let offset = rng.u64(0..=len) & !4095;
            fadvise(&file, offset, NonZeroU64::new(rng.u64(1..=len - offset + 4096)), Advice::DontNeed)?;
        }
    }
    Ok(())
}
