//! `cargo xtask bench`: builds the benchmark and runs it in this terminal.

use crate::Result;
use crate::build::{Linked, STAND_IN, Workspace};
use crate::run::{self, program};
use crate::tools;

pub fn run(arguments: &[String]) -> Result<()> {
    let workspace = Workspace::find()?;
    // By itself: whoever measures the engine need not build wasmtime.
    run::run(workspace.cargo().args(["build", "--release", "--package", "jvdb-peers"]))?;
    run::run(program(workspace.artifacts().join("jvdb-bench"), &workspace.root).args(arguments))
}

/// Builds `benches/cpp` and runs it in a directory of its own: `-- VECTORS DIMENSION`.
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
