//! Many processes on one directory: one writes, the others are told who; the lock goes with its holder; and a forked
//! child is refused what its parent has open. And many read beside the one that writes.

mod crowd;
mod followers;
mod forks;
mod heirs;

use crate::Outcome;
use crate::effort::Effort;
use crate::kill::volatile;
use jvdb_core::{Database, Metric, Options, Result, Schema, Storage};
use std::process::ExitCode;
use std::time::Duration;

pub fn run(effort: &Effort) -> Outcome {
    let rows = [crowd::run(effort, volatile(effort)?.path())?, heirs::run(effort, volatile(effort)?.path())?];
    let forks = forks::run(effort, volatile(effort)?.path())?;
    let followers = followers::run(effort, volatile(effort)?.path())?;
    Ok(rows.into_iter().chain([forks, followers]).collect())
}

/// What they are told: which one, and its arguments.
pub fn child(arguments: &[String]) -> ExitCode {
    let done = match arguments.split_first() {
        Some((name, rest)) if name == "crowd" => crowd::child(rest),
        Some((name, rest)) if name == "heir" => heirs::child(rest),
        Some((name, rest)) if name == "forks" => forks::child(rest),
        Some((name, rest)) if name == "writer" => followers::writer(rest),
        Some((name, rest)) if name == "reader" => followers::reader(rest),
        // What a holder leaves behind: it does nothing until whoever started the holder closes its end.
        Some((name, _)) if name == "idle" => {
            std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).map(drop).map_err(Into::into)
        }
        _ => Err("there is no such child".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("! {error}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Options {
    Options::default().flush_interval(Duration::ZERO)
}

/// Makes the one database of a directory.
fn make(storage: &Storage) -> Result<Database> {
    storage.create(NAME, Schema::new(4, Metric::Cosine)?)
}

const NAME: &str = "shared";
