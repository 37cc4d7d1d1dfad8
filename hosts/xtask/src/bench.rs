//! `cargo xtask bench`: builds the benchmark and runs it in this terminal.

use crate::Result;
use crate::build::Workspace;
use crate::run::{self, program};

pub fn run(arguments: &[String]) -> Result<()> {
    let workspace = Workspace::find()?;
    // By itself: whoever measures the engine need not build wasmtime.
    run::run(workspace.cargo().args(["build", "--release", "--package", "jvdb-benches"]))?;
    run::run(program(workspace.artifacts().join("jvdb-bench"), &workspace.root).args(arguments))
}
