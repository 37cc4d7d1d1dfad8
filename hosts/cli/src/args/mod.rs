//! The command line: what can be asked, and what `--help` says about it. Nothing here does anything.

mod care;
mod common;
mod data;
mod look;
mod shell;
mod transfer;

use clap::{Parser, Subcommand};

pub use care::{Backup, Compact, Estimate, Repair, Restore};
pub use common::{LayoutName, StorageDir};
pub use data::{Create, Delete, Drop, Put, VectorArgument, elements};
pub use look::{Get, List, Metrics, Scan, ShowSchema, Stats, Verify};
pub use shell::{Completions, Man};
pub use transfer::{Export, Import, OnConflict};

/// Fill, look at, move, verify and repair a directory of .jvdb files.
///
/// list, stats, metrics, schema, get, scan, verify, export and backup take no lock and change nothing, so they also work beside a process that
/// has the directory open for writing, and see every write it had acknowledged when they opened the database. All others
/// need the directory to themselves; what they did survives a loss of power once they have ended.
///
/// A database is DIR/NAME.jvdb, or DIR/NAME/vectors.jvdb, as programs with DatabasePersistenceAdapter have it; every command
/// sees by itself which.
#[derive(Parser)]
#[command(name = "jvdb", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
    /// Print the result on standard output as one JSON document
    #[arg(long, global = true)]
    pub json: bool,
    /// Print what the engine does (opening, recovery, flushes) on standard error, instead of a progress bar
    #[arg(long, short, global = true)]
    pub verbose: bool,
}

#[derive(Subcommand)]
pub enum Command {
    Create(Create),
    Drop(Drop),
    Put(Put),
    Get(Get),
    Delete(Delete),
    Scan(Scan),
    List(List),
    Stats(Stats),
    Schema(ShowSchema),
    Import(Import),
    Export(Export),
    Verify(Verify),
    Repair(Repair),
    Compact(Compact),
    Backup(Backup),
    Restore(Restore),
    Estimate(Estimate),
    Metrics(Metrics),
    Completions(Completions),
    Man(Man),
}

const EXIT_CODES: &str = "\
Exit codes:
    0  done, and all of it is sound
    1  something is damaged, the file to import is wrong, or the disk fails
    2  the command line is wrong
    3  refused: another process writes there, the system gives no permission, or it is no file;
       or it would take the place of something that is there
    4  there is not enough disk space, memory or open files
    5  the directory, the database or the key is not there
    6  the database is of another format version: convert it
    7  another process removed or replaced it meanwhile: run the command again
  130  interrupted by Ctrl-C or SIGTERM; what was done until then is printed
Of several, that of the first in the order 1, 6, 3, 4, 7, 5. Databases that are well are dealt with all the same.";
