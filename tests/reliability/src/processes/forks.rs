//! Children forked amid writes and flushes that use what their parent has open: every call is refused, none hangs, and
//! nothing of it reaches the parent or its files.

use super::{make, options};
use crate::Row;
use crate::effort::Effort;
use jvdb_core::{Database, Error, Position, Result, Storage};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, alarm, fork};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

type Failure = Box<dyn std::error::Error>;

const FORKS: u64 = 200;
/// Seconds that a child may take.
const PATIENCE: u32 = 20;
const WRITERS: u64 = 3;

pub fn run(effort: &Effort, home: &Path) -> Result<Row, Failure> {
    let mut row = Row::new("a forked child uses its parent's handle");
    let forks = effort.cases.map_or(FORKS, |cases| cases.min(10 * FORKS));
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["child", "processes", "forks"]).arg(home).arg(forks.to_string());
    let output = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?.wait_with_output()?;
    let text = String::from_utf8(output.stdout)?;
    let figures: Vec<u64> = text.split_whitespace().map_while(|word| word.parse().ok()).collect();
    match figures[..] {
        [cases, undetected, signals, stored] if output.status.success() => {
            (row.cases, row.undetected, row.signals) = (cases, undetected, signals);
            let storage = Storage::open(home, options())?;
            let there = storage.database(super::NAME)?.count();
            row.lost = stored.saturating_sub(there);
            row.torn = there.saturating_sub(stored);
        }
        _ => {
            row.signals += 1;
            eprintln!("processes: the forking process ended with {}: {text}", output.status);
        }
    }
    Ok(row)
}

/// Writes, flushes and forks at once. Prints calls refused, calls not refused, children that died or hung, and vectors.
pub fn child(arguments: &[String]) -> Result<(), Failure> {
    let [home, forks] = arguments else { return Err("usage: DIRECTORY FORKS".into()) };
    let storage = Storage::open(home, options().max_unflushed_operations(200))?;
    let db = make(&storage)?;
    let (done, stored) = (AtomicBool::new(false), AtomicU64::new(0));
    let (mut cases, mut undetected, mut signals) = (0, 0, 0);
    std::thread::scope(|scope| -> Result<(), Failure> {
        for writer in 0..WRITERS {
            let (db, storage, done, stored) = (&db, &storage, &done, &stored);
            scope.spawn(move || {
                for id in 0u64.. {
                    if done.load(Relaxed) {
                        break;
                    }
                    // Keys of its own; most are stored again and again.
                    let new = db.put((id % 5000) * WRITERS + writer, &[id as f32; 4], b"").expect("the parent goes on");
                    stored.fetch_add(u64::from(new), Relaxed);
                    if id % 500 == 0 {
                        storage.flush().expect("the parent goes on");
                    }
                }
            });
        }
        let all = (0..forks.parse::<u64>()?).try_for_each(|_| -> Result<(), Failure> {
            #[expect(unsafe_code, reason = "there is no safe fork")]
            // SAFETY: the child calls what an ordinary caller would, which is what this is about, and leaves by `_exit`.
            // glibc keeps its allocator usable in the child of a process with threads.
            match unsafe { fork() }? {
                ForkResult::Child => {
                    alarm::set(PATIENCE);
                    let wrong = not_refused(&storage, &db);
                    #[expect(unsafe_code, reason = "there is no safe _exit")]
                    // SAFETY: ends the process.
                    unsafe {
                        libc::_exit(wrong)
                    }
                }
                ForkResult::Parent { child } => match waitpid(child, None)? {
                    WaitStatus::Exited(_, wrong) => {
                        cases += CALLS as u64;
                        undetected += wrong as u64;
                    }
                    other => {
                        signals += 1;
                        eprintln!("processes: a forked child ended with {other:?}");
                    }
                },
            }
            Ok(())
        });
        done.store(true, Relaxed);
        all
    })?;
    drop(db);
    storage.close()?;
    println!("{cases} {undetected} {signals} {}", stored.into_inner());
    Ok(())
}

const CALLS: usize = 12;

/// How many calls of a forked child were not refused.
fn not_refused(storage: &Storage, db: &Database) -> i32 {
    fn refused<T>(result: Result<T>) -> bool {
        matches!(result, Err(Error::Forked { .. }))
    }
    let calls: [bool; CALLS] = [
        refused(db.put(u64::MAX, &[0.0; 4], b"")),
        refused(db.delete(0)),
        refused(db.set_attribute(b"a", b"")),
        refused(db.flush()),
        refused(db.compact()),
        refused(db.get(0)),
        refused(db.verify()),
        db.scan(Position::START).next().is_some_and(refused),
        refused(make(storage)),
        refused(storage.database(super::NAME)),
        refused(storage.drop_database(super::NAME)),
        refused(storage.flush()),
    ];
    calls.iter().filter(|refused| !**refused).count() as i32
}
