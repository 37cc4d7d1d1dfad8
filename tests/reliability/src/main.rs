//! One campaign a subcommand: brings a fault about, again and again, and counts what it did.

mod crowds;
mod damage;
mod disk;
mod effort;
mod exhaustion;
mod full;
mod io_errors;
mod kernel;
mod kill;
mod oracle;
mod power;
mod processes;
mod row;
mod syscalls;
mod tracer;
mod truncation;
mod workload;
mod writer;

use clap::{Parser, Subcommand};
use effort::Effort;
use row::Row;
use std::process::ExitCode;

/// Refuses nothing unless a campaign tells it to.
#[global_allocator]
static ALLOCATOR: exhaustion::allocator::Scarce = exhaustion::allocator::Scarce;

/// What a campaign gives: its rows, or why it broke down. A broken promise is a row that is not clean, not an error.
type Outcome = Result<Vec<Row>, Box<dyn std::error::Error>>;

/// Campaigns of faults against the engine as it is shipped.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    campaign: Campaign,
}

#[derive(Subcommand)]
enum Campaign {
    /// Cuts the power of a simulated disk
    Power(Effort),
    /// Kills a writing process at random moments
    Kill(Effort),
    /// Kills a writing process at every Nth system call
    Syscalls(Effort),
    /// Shuts real file systems down under a writing process, without a flush of their journals
    Kernel(Effort),
    /// Lets every Nth call to the disk fail
    IoErrors(Effort),
    /// Fills disks
    Full(Effort),
    /// Flips every bit of a file and cuts it at every length
    Damage(Effort),
    /// Truncates files that are open
    Truncation(Effort),
    /// Opens one directory from many processes
    Processes(Effort),
    /// Many databases, many threads, few open files
    Crowds(Effort),
    /// Lets memory run out
    Exhaustion(Effort),
    /// A process that a campaign starts; not for people
    #[command(hide = true)]
    Child {
        /// Which one, and its arguments
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().campaign {
        Campaign::Power(effort) => power::run(&effort),
        Campaign::Kill(effort) => kill::run(&effort),
        Campaign::Syscalls(effort) => syscalls::run(&effort),
        Campaign::Kernel(effort) => kernel::run(&effort),
        Campaign::IoErrors(effort) => io_errors::run(&effort),
        Campaign::Full(effort) => full::run(&effort),
        Campaign::Damage(effort) => damage::run(&effort),
        Campaign::Truncation(effort) => truncation::run(&effort),
        Campaign::Processes(effort) => processes::run(&effort),
        Campaign::Crowds(effort) => crowds::run(&effort),
        Campaign::Exhaustion(effort) => exhaustion::run(&effort),
        Campaign::Child { arguments } => return child(&arguments),
    };
    match outcome {
        Ok(rows) => {
            rows.iter().for_each(Row::print);
            if rows.iter().all(Row::is_clean) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("jvdb-reliability: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The processes that campaigns start of this very program, by the campaign's name.
fn child(arguments: &[String]) -> ExitCode {
    let (name, rest) = arguments.split_first().map_or(("", arguments), |(name, rest)| (name.as_str(), rest));
    match name {
        "kill" => kill::child(rest),
        "syscalls" => syscalls::child(rest),
        "kernel" => kernel::child(rest),
        "full" => full::child(rest),
        "damage" => damage::child(rest),
        "truncation" => truncation::child(rest),
        "processes" => processes::child(rest),
        "exhaustion" => exhaustion::child(rest),
        _ => {
            eprintln!("jvdb-reliability: no child of that name: {name:?}");
            ExitCode::FAILURE
        }
    }
}
