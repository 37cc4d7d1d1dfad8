//! SIGKILL of the process that has the directory: the lock is gone with it, whatever programs it has started live on.

use super::{NAME, make, options};
use crate::Row;
use crate::effort::Effort;
use jvdb_core::{Error, Storage};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

type Failure = Box<dyn std::error::Error>;

const ROUNDS: u64 = 200;

pub fn run(effort: &Effort, home: &Path) -> Result<Row, Failure> {
    let mut row = Row::new("kill -9 of the process that has the lock");
    make(&Storage::open(home, options())?)?;
    for round in 0..effort.cases.map_or(ROUNDS, |cases| cases.min(10 * ROUNDS)) {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["child", "processes", "heir"]).arg(home).arg(round.to_string());
        // What it starts ends when this end of its input is closed: at the end of the round.
        let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = holder.stdin.take();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().expect("a pipe")).read_line(&mut line)?;
        let mut wrong = Vec::new();
        if line.trim_end() != "holding" {
            wrong.push(format!("the holder said {line:?}"));
        }
        match Storage::open(home, options()) {
            Err(Error::Locked { holder: told, .. }) if told == format!("process {}", holder.id()) => {}
            other => wrong.push(format!("beside process {}: {:?}", holder.id(), other.err())),
        }
        holder.kill()?;
        holder.wait()?;
        row.cases += 1;
        match Storage::open(home, options()).and_then(|storage| Ok(storage.database(NAME)?.count())) {
            Ok(count) if count == round + 1 => {}
            Ok(count) => {
                row.lost += 1;
                wrong.push(format!("{count} vectors are there, of {}", round + 1));
            }
            Err(error) => wrong.push(format!("after its death: {error}")),
        }
        drop(input);
        if !wrong.is_empty() {
            row.undetected += 1;
            eprintln!("processes: round {round}: {wrong:?}");
        }
    }
    Ok(row)
}

/// Opens the directory, writes, and waits to be killed. Every other one has started a program of its own by then.
pub fn child(arguments: &[String]) -> Result<(), Failure> {
    let [home, round] = arguments else { return Err("usage: DIRECTORY ROUND".into()) };
    let storage = Storage::open(home, options())?;
    let round: u64 = round.parse()?;
    storage.database(NAME)?.insert(round, &[round as f32; 4], b"")?;
    if round.is_multiple_of(2) {
        let mut idle = Command::new(std::env::current_exe()?);
        // Nobody waits for it: it outlives this one.
        drop(idle.args(["child", "processes", "idle"]).stdout(Stdio::null()).spawn()?);
    }
    let mut out = std::io::stdout();
    writeln!(out, "holding")?;
    out.flush()?;
    loop {
        std::thread::park();
    }
}
