//! `cargo xtask bench`: builds the benchmark and runs it in this terminal.

use crate::Result;
use crate::build::{Linked, STAND_IN, Workspace};
use crate::run::{self, output, program};
use crate::tools;
use std::process::Command;

const PEERS: [&str; 3] = ["--release", "--package", "jvdb-peers"];

pub fn run(arguments: &[String]) -> Result<()> {
    let workspace = Workspace::find()?;
    build(&workspace)?;
    run::run(program(workspace.artifacts().join("jvdb-bench"), &workspace.root).args(arguments))
}

/// Builds the benchmark by itself: whoever measures the engine need not build wasmtime.
fn build(workspace: &Workspace) -> Result<()> {
    let built = match with_rocksdb(workspace, "build") {
        Ok(mut build) => run::run(&mut build),
        Err(why) => Err(why),
    };
    built.or_else(|why| {
        println!("SKIPPED: RocksDB: {why}");
        run::run(workspace.cargo().arg("build").args(PEERS))
    })
}

/// Cargo with a subcommand for the stores that the engine is measured beside, RocksDB among them if it can be.
pub fn peers(workspace: &Workspace, subcommand: &str) -> Command {
    with_rocksdb(workspace, subcommand).unwrap_or_else(|why| {
        println!("SKIPPED: RocksDB: {why}");
        let mut cargo = workspace.cargo();
        cargo.arg(subcommand).args(PEERS);
        cargo
    })
}

/// The same with RocksDB: Debian's, since its crate would take half an hour to build its own.
fn with_rocksdb(workspace: &Workspace, subcommand: &str) -> Result<Command> {
    // What reads its header needs libclang, and not libclang-cpp, which is another library.
    let libclang = "find /usr/lib /usr/local/lib -name 'libclang.so*' -o -name 'libclang-[0-9]*.so*' | grep -q .";
    for (package, probe) in [("librocksdb-dev", "pkg-config --exists rocksdb"), ("libclang-dev", libclang)] {
        if !tools::optional(workspace, package, probe) {
            return Err(format!("{package} is missing and cannot be installed here").into());
        }
    }
    let directory = |variable: &str| {
        let found =
            output(program("pkg-config", &workspace.root).arg(format!("--variable={variable}")).arg("rocksdb"))?;
        Ok::<_, Box<dyn std::error::Error>>(found.trim().to_owned())
    };
    let mut cargo = workspace.cargo();
    cargo.arg(subcommand).args(PEERS).args(["--features", "rocksdb"]);
    cargo.env("ROCKSDB_LIB_DIR", directory("libdir")?).env("ROCKSDB_INCLUDE_DIR", directory("includedir")?);
    Ok(cargo)
}

/// Builds `benches/cpp` and runs it in a directory of its own: `-- VECTORS DIMENSION ROUNDS`.
pub fn cpp(arguments: &[String]) -> Result<()> {
    let workspace = Workspace::find()?;
    tools::native(&workspace)?;
    run::run(workspace.cargo().args(["build", "--release", "--package", "jvdb-ffi"]))?;
    let file = workspace.artifacts().join("bench_cpp");
    let source = workspace.root.join("benches/cpp/main.cpp");
    workspace.compile_with(&[STAND_IN, "-O2"], &[source], Linked::Shared, &file)?;
    let scratch = tempfile::tempdir_in(&workspace.target)?;
    run::run(program(file, &workspace.root).arg(scratch.path()).args(arguments))
}
