//! The process that campaigns kill or take the disk from: performs a workload, and says so as it goes.
//!
//! A line `THREAD N WHAT` on its standard output means: the first N operations of this thread are acknowledged, and the
//! next one, which is WHAT, begins. It is written before anything is done. The other side of that pipe is here as well.

use crate::oracle::{Cut, World, options};
use crate::workload::{DATABASES, Op, Stream, name, perform, short};
use jvdb_core::{Access, Error, Options, Storage};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::io::ioctl_fionread;
use rustix::process::set_parent_process_death_signal;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitCode, ExitStatus, Stdio};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

/// What a writer is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    pub directory: PathBuf,
    /// Whether it reads by positional reads rather than through a mapping.
    pub copying: bool,
    pub seed: u64,
    /// Threads that write, each to databases of its own; 0: the short workload, by one.
    pub threads: u8,
    /// Whether another thread flushes and compacts databases at random meanwhile.
    pub maintenance: bool,
    /// Bytes of unflushed records at which the flush thread begins.
    pub due: u64,
    /// Whether to wait for a tracer before anything is done.
    pub traced: bool,
}

impl Plan {
    fn options(&self) -> Options {
        let access = if self.copying { Access::File } else { Access::Mmap };
        options(access).max_unflushed_bytes(self.due)
    }

    fn stream(&self, thread: u8) -> Box<dyn Iterator<Item = Op>> {
        match self.threads {
            0 => Box::new(short().into_iter()),
            threads => Box::new(Stream::new(self.seed, thread, threads)),
        }
    }

    /// The command that starts a writer, as the child of that name.
    pub fn command(&self, child: &str) -> std::io::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["child", child]).arg(serde_json::to_string(self)?).stdin(Stdio::null()).stdout(Stdio::piped());
        Ok(command)
    }
}

/// Does what the one argument says.
pub fn main(arguments: &[String]) -> ExitCode {
    let [plan] = arguments else { return ExitCode::FAILURE };
    let plan: Plan = serde_json::from_str(plan).expect("a plan");
    // Even a writer that is stopped goes with whoever started it.
    set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).expect("a signal that exists");
    if plan.traced {
        crate::tracer::wait_for_tracer();
    }
    say("- 0 opening");
    let storage = match Storage::open(&plan.directory, plan.options()) {
        Ok(storage) => RwLock::new(Some(storage)),
        Err(error) => {
            say(&format!("- 0 ! {error}"));
            return ExitCode::FAILURE;
        }
    };
    let done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..plan.threads)
            .map(|thread| {
                scope.spawn({
                    let (plan, storage) = (&plan, &storage);
                    move || write(plan, thread, storage)
                })
            })
            .collect();
        if plan.maintenance {
            scope.spawn(|| maintain(&plan, &storage));
        }
        let first = write(&plan, 0, &storage);
        others.into_iter().all(|other| other.join().expect("no writer panics")) && first
    });
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One line. Nobody left to hear it: no more reason to be.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    if out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(1);
    }
}

/// The directory, and `None` after an error in opening it again.
type Shared = RwLock<Option<Storage>>;

/// Performs a thread's operations until one fails. Whether none did.
fn write(plan: &Plan, thread: u8, storage: &Shared) -> bool {
    let mut done = 0;
    for op in plan.stream(thread) {
        say(&format!("{thread} {done} {}", describe(&op, storage)));
        if let Err(error) = act(plan, &op, storage) {
            say(&format!("{thread} {done} ! {error}"));
            return false;
        }
        done += 1;
    }
    say(&format!("{thread} {done} ending"));
    true
}

fn act(plan: &Plan, op: &Op, storage: &Shared) -> Result<(), String> {
    let closed = || "the directory could not be opened again".to_string();
    let text = |error: Error| error.to_string();
    if *op != Op::Reopen {
        let storage = storage.read().unwrap_or_else(PoisonError::into_inner);
        return perform(storage.as_ref().ok_or_else(closed)?, op).map_err(text);
    }
    let mut storage = storage.write().unwrap_or_else(PoisonError::into_inner);
    storage.take().ok_or_else(closed)?.close().map_err(text)?;
    *storage = Some(Storage::open(&plan.directory, plan.options()).map_err(text)?);
    Ok(())
}

/// What an operation is, to those who want to interrupt it.
fn describe(op: &Op, storage: &Shared) -> &'static str {
    match op {
        Op::Flush { db } if will_grow(*db, storage) => "growth",
        op => op.kind(),
    }
}

/// Whether a flush would have to build a new index table, as far as can be told from outside.
fn will_grow(db: u8, storage: &Shared) -> bool {
    let storage = storage.read().unwrap_or_else(PoisonError::into_inner);
    let stats = storage.as_ref().and_then(|it| it.database(&name(db)).ok()).map(|it| it.stats());
    stats.is_some_and(|stats| stats.vectors * 4 > stats.index_buckets.saturating_sub(7) * 15)
}

fn maintain(plan: &Plan, storage: &Shared) {
    let mut rng = fastrand::Rng::with_seed(plan.seed);
    loop {
        let db = rng.u8(0..DATABASES);
        let op = if rng.u8(0..3) == 0 { Op::Compact { db } } else { Op::Flush { db } };
        if let Err(error) = act(plan, &op, storage) {
            say(&format!("- 0 ! {error}"));
            return;
        }
        std::thread::sleep(Duration::from_micros(rng.u64(0..2000)));
    }
}

/// What the other side of the pipe has heard of a writer.
pub struct Listener {
    lines: BufReader<ChildStdout>,
    threads: Vec<Thread>,
    /// The phase announced last, by whichever thread.
    pub phase: String,
    /// Errors it met.
    pub errors: Vec<String>,
    /// Bytes that were said before the power was cut; what comes behind them counts for nothing. All count while there is
    /// no such number.
    before: Option<usize>,
}

/// One thread of it.
struct Thread {
    stream: Box<dyn Iterator<Item = Op>>,
    /// Begun, not acknowledged: one at most, but for those in doubt.
    begun: VecDeque<(Op, Cut)>,
    done: u64,
}

impl Listener {
    pub fn new(plan: &Plan, out: ChildStdout) -> Self {
        let thread = |thread| Thread { stream: plan.stream(thread), begun: VecDeque::new(), done: 0 };
        let threads = (0..plan.threads.max(1)).map(thread).collect();
        Self { lines: BufReader::new(out), threads, phase: "starting".into(), errors: Vec::new(), before: None }
    }

    /// Takes in the next line; waits for it. False when there are no more.
    pub fn hear(&mut self, world: &mut World) -> std::io::Result<bool> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        // The last line of a process that was killed may lack its end; what it would have said has not begun.
        let doubted = self.before == Some(0);
        self.before = self.before.map(|before| before.saturating_sub(line.len()));
        let Some(line) = line.strip_suffix('\n') else { return Ok(false) };
        let mut words = line.splitn(3, ' ');
        let (Some(thread), Some(done), Some(what)) = (words.next(), words.next(), words.next()) else {
            return Err(std::io::Error::other(format!("a line that no writer writes: {line:?}")));
        };
        if let Some(error) = what.strip_prefix("! ") {
            if !doubted {
                self.errors.push(error.into());
            }
            return Ok(true);
        }
        self.phase = what.into();
        if let (Ok(thread), Ok(done)) = (thread.parse::<usize>(), done.parse::<u64>()) {
            let thread = &mut self.threads[thread];
            while thread.done < done {
                thread.done += 1;
                if !doubted {
                    let (op, cut) = thread.begun.pop_front().expect("what is acknowledged was begun");
                    world.acknowledge(&op, &cut);
                }
            }
            thread.begun.extend(thread.stream.next().map(|op| (op, world.cut())));
        }
        Ok(true)
    }

    /// What it says from now on may come too late: operations that it calls done are then among those that may or may not
    /// have been, and errors are to be expected.
    pub fn doubt(&mut self) -> std::io::Result<()> {
        // Each line is written at once: what is there ends with the end of one.
        let waiting = usize::try_from(ioctl_fionread(self.lines.get_ref())?).map_err(std::io::Error::other)?;
        self.before = Some(self.lines.buffer().len() + waiting);
        Ok(())
    }

    /// Everything it has said that was not heard yet.
    pub fn hear_out(&mut self, world: &mut World) -> std::io::Result<()> {
        while self.hear(world)? {}
        Ok(())
    }

    /// Operations acknowledged.
    pub fn done(&self) -> u64 {
        self.threads.iter().map(|thread| thread.done).sum()
    }

    /// Operations begun and not acknowledged.
    pub fn pending(&self) -> Vec<Op> {
        self.threads.iter().flat_map(|thread| &thread.begun).map(|(op, _)| op.clone()).collect()
    }
}

/// A writer and what is heard of it. Killed when dropped.
pub struct Writer {
    child: Child,
    pub heard: Listener,
}

impl Writer {
    pub fn start(plan: &Plan, child: &str) -> std::io::Result<Self> {
        let mut child = plan.command(child)?.spawn()?;
        let out = child.stdout.take().expect("a pipe");
        Ok(Self { child, heard: Listener::new(plan, out) })
    }

    /// Lets it take no further step. What it has asked of the kernel may still be done.
    pub fn stop(&self) -> std::io::Result<()> {
        Ok(kill(Pid::from_raw(self.child.id() as i32), Signal::SIGSTOP)?)
    }

    /// SIGKILL, and what it had said before. How it ended.
    pub fn kill(&mut self, world: &mut World) -> std::io::Result<ExitStatus> {
        self.child.kill()?;
        let status = self.child.wait()?;
        self.heard.hear_out(world)?;
        Ok(status)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Gone already if all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Opens a directory for writing and goes on with it: what is there is as it was, and more can be written and read.
pub fn go_on(directory: &Path, access: Access, seed: u64, world: &mut World) -> Result<crate::oracle::Found, String> {
    let storage = Storage::open(directory, options(access)).map_err(|error| error.to_string())?;
    for op in Stream::new(seed, 0, 1).skip(usize::from(DATABASES)).filter(|op| *op != Op::Reopen).take(12) {
        let cut = world.cut();
        perform(&storage, &op).map_err(|error| format!("{op:?}: {error}"))?;
        world.acknowledge(&op, &cut);
    }
    let found = crate::oracle::Found::read(&storage)?;
    storage.close().map_err(|error| error.to_string())?;
    Ok(found)
}
