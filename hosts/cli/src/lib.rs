//! `jvdb`: fill, look at, move, verify and repair a storage directory from a shell. The program is this library and
//! nothing else, so that its parts can be tested and fuzzed.
//!
//! This file turns a command line into one call and an exit code, which `kind` knows. Everything a store can do is done by `jvdb-core`; nothing here reads or writes what is
//! in a `.jvdb` file itself; a backup that is restored is copied as it is.

mod absent;
mod args;
mod backup;
mod compact;
mod create;
mod delete;
mod drop_database;
mod estimate;
mod exceptions;
mod export;
mod failure;
mod file_format;
mod flat;
mod format;
mod get;
mod import;
mod interrupt;
mod kind;
mod list;
mod metrics;
mod output;
mod partial;
mod place;
mod progress;
mod put;
mod repair;
mod restore;
mod rows;
mod scan;
mod schema;
mod sight;
mod stats;
mod storage;
mod table;
mod verify;

use args::{Arguments, Command, Completions, Man};
use clap::{CommandFactory, Parser};
use failure::Failure;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

pub use import::{Imported, Sink, SinkDatabase, SinkError, import_json};

/// Writes the man pages of the program and of each of its commands into a directory.
///
/// # Errors
/// As the operating system says.
pub fn man_pages(directory: &Path) -> io::Result<()> {
    clap_mangen::generate_to(Arguments::command(), directory)
}

/// Does what the command line of this process asks for.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.verbose {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_writer(io::stderr)
            .with_ansi(io::stderr().is_terminal())
            .init();
    }
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_broken_pipe() {
                // Nothing is left to do if standard error itself is gone.
                let _ = writeln!(io::stderr(), "jvdb: {failure}");
            }
            ExitCode::from(failure.kind().code())
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let stdout = &mut io::stdout().lock();
    match &arguments.command {
        Command::Create(create) => create::run(create, arguments.json, stdout),
        Command::Drop(drop) => drop_database::run(drop, arguments.json, stdout),
        Command::Put(put) => put::run(put, arguments.json, stdout),
        Command::Delete(delete) => delete::run(delete, arguments.json, stdout),
        Command::Scan(scan) => scan::run(scan, arguments.json, stdout),
        Command::Schema(show) => schema::run(show, arguments.json, stdout),
        Command::Import(import) => import::run(import, arguments, stdout),
        Command::Export(export) => export::run(export, arguments, stdout),
        Command::List(list) => list::run(list, arguments.json, stdout),
        Command::Stats(stats) => stats::run(stats, arguments.json, stdout),
        Command::Get(get) => get::run(get, arguments.json, stdout),
        Command::Verify(verify) => verify::run(verify, arguments.json, stdout),
        Command::Repair(repair) => repair::run(repair, arguments.json, stdout),
        Command::Compact(compact) => compact::run(compact, arguments.json, stdout),
        Command::Backup(backup) => backup::run(backup, arguments.json, stdout),
        Command::Restore(restore) => restore::run(restore, arguments.json, stdout),
        Command::Estimate(estimate) => estimate::run(estimate, arguments.json, stdout),
        Command::Metrics(metrics) => metrics::run(metrics, stdout),
        Command::Completions(completions) => print_completions(completions, stdout),
        Command::Man(man) => print_man(man, stdout),
    }
}

fn print_completions(completions: &Completions, stdout: &mut impl Write) -> Result<(), Failure> {
    // Into memory first: the generator panics where it cannot write.
    let mut text = Vec::new();
    clap_complete::generate(completions.shell, &mut Arguments::command(), "jvdb", &mut text);
    stdout.write_all(&text).map_err(Failure::Stdout)
}

fn print_man(man: &Man, stdout: &mut impl Write) -> Result<(), Failure> {
    let Some(directory) = &man.output else {
        return clap_mangen::Man::new(Arguments::command()).render(stdout).map_err(Failure::Stdout);
    };
    std::fs::create_dir_all(directory).map_err(Failure::file("make directory", directory))?;
    man_pages(directory).map_err(Failure::file("write the man pages to", directory))
}
