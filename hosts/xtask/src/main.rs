//! `cargo xtask`: builds, checks, shows and measures the whole. Each subcommand is a file; none knows another.

mod abi;
mod api;
mod bench;
mod build;
mod crash;
mod demo;
mod deny;
mod dist;
mod docs;
mod fuzz;
mod guard;
mod headers;
mod reliability;
mod row;
mod run;
mod sanitize;
mod sanitize_c;
mod schedules;
mod test;
mod tools;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// Builds, checks, shows and measures jvdb. Installs what it needs, and says so.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// One directory, every face: imports, kills an import half way, reads from Rust, C++ and wasmtime, compares all bits
    Demo,
    /// Everything that can fail: unit, conformance, crash, C, C++, component and doc tests, headers, examples, lints
    Test,
    /// Cuts the power of a simulated disk: `cargo xtask crash -- --images N --seed S`
    Crash {
        /// Arguments of jvdb-crash; `-- --help` lists them
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Arbitrary files, operations, documents and C calls under libFuzzer
    Fuzz(fuzz::Fuzz),
    /// The engine's tests under AddressSanitizer, ThreadSanitizer and Miri
    Sanitize(sanitize::Sanitize),
    /// Thousands of orders in which threads may run, tried one after another
    Schedules(schedules::Schedules),
    /// Every fault there is, brought about again and again, and a table of what it did
    Reliability(reliability::Reliability),
    /// What programs rely on that were linked before: symbols, types, SONAME, size; `--accept` commits to what is there
    Abi(abi::Abi),
    /// The public Rust surface of jvdb-core beside core/api.txt; `--accept` writes it
    Api(api::Api),
    /// Licences, sources and duplicates of dependencies, and their known faults where the list can be had
    Deny,
    /// The C and C++ tests under valgrind, AddressSanitizer with UndefinedBehaviorSanitizer, and ThreadSanitizer
    SanitizeC(sanitize_c::SanitizeC),
    /// An install tree: libraries, headers, pkg-config and CMake files, the command line with its man page, sums
    Dist(dist::Dist),
    /// The headers as HTML
    Docs(docs::Docs),
    /// Instructions, allocations, system calls and bytes of each operation beside benches/guard.json; `--accept` writes it
    Guard(guard::Guard),
    /// Measures the engine beside LMDB, redb, fjall, SQLite, RocksDB, a hash map and the bare system calls
    Bench {
        /// The faces of C and C++ beside a std::unordered_map instead
        #[arg(long)]
        cpp: bool,
        /// Arguments of jvdb-bench; `-- --help` lists them
        #[arg(last = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Demo => demo::run(),
        Command::Deny => deny::run(),
        Command::Test => return test::run(),
        Command::Reliability(wanted) => reliability::run(&wanted),
        Command::Crash { arguments } => crash::run(&arguments),
        Command::Fuzz(fuzz) => fuzz::run(&fuzz),
        Command::Sanitize(sanitize) => sanitize::run(&sanitize),
        Command::Schedules(schedules) => schedules::run(&schedules),
        Command::Abi(wanted) => abi::run(&wanted),
        Command::Api(wanted) => api::run(&wanted),
        Command::SanitizeC(wanted) => sanitize_c::run(&wanted),
        Command::Dist(wanted) => dist::run(&wanted),
        Command::Docs(wanted) => docs::run(&wanted),
        Command::Guard(wanted) => guard::run(&wanted),
        Command::Bench { cpp: true, arguments } => bench::cpp(&arguments),
        Command::Bench { cpp: false, arguments } => bench::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
