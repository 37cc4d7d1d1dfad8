//! `cargo xtask test`: every check there is, in named steps. A step that fails ends nothing; the last line is the sum.

mod native;
mod readme;
mod steps;
mod tally;

use crate::build::Workspace;
use crate::crash;
use crate::run::{program, run as run_command, works};
use crate::tools;
use std::process::ExitCode;
use steps::Steps;

pub fn run() -> ExitCode {
    let workspace = match Workspace::find() {
        Ok(workspace) => workspace,
        Err(error) => {
            println!("{error}\n0 passed, 1 failed");
            return ExitCode::FAILURE;
        }
    };
    let mut steps = Steps::default();
    lints(&workspace, &mut steps);
    let component = component(&workspace, &mut steps);
    rust(&workspace, &mut steps, component);
    steps.whole("compilers for C and C++", || tools::native(&workspace));
    native::steps(&workspace, &mut steps);
    steps.counted("the examples of README.md", || readme::examples(&workspace));
    if steps.close() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn lints(workspace: &Workspace, steps: &mut Steps) {
    steps.whole("rustfmt and clippy", || tools::lints(workspace));
    steps.whole("format", || run_command(workspace.cargo().args(["fmt", "--all", "--check"])));
    let mut clippy = workspace.cargo();
    clippy.args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    steps.whole("clippy, all targets", || run_command(&mut clippy));
    let mut doc = workspace.cargo();
    doc.args(["doc", "--workspace", "--no-deps", "--document-private-items"]).env("RUSTDOCFLAGS", "-D warnings");
    steps.whole("documentation, all links", || run_command(&mut doc));
}

/// Builds the component without a warning. Gives whether it is there.
fn component(workspace: &Workspace, steps: &mut Steps) -> bool {
    let mut toolchain = String::new();
    let found = steps.whole("toolchain for WebAssembly", || {
        toolchain = workspace.wasm_toolchain()?;
        println!("{toolchain}");
        Ok(())
    });
    if !found {
        return false;
    }
    for package in ["jvdb-core", "jvdb-component"] {
        let mut rustc = workspace.cargo_wasm(&toolchain, "rustc", package);
        rustc.args(["--lib", "--", "-D", "warnings"]);
        steps.whole(&format!("{package} for WebAssembly, without a warning"), || run_command(&mut rustc));
    }
    if works(program("rustup", &workspace.root).args(["run", &toolchain, "cargo-clippy", "--version"])) {
        let mut clippy = workspace.cargo_wasm(&toolchain, "clippy", "jvdb-component");
        steps.whole("clippy for WebAssembly", || run_command(clippy.args(["--", "-D", "warnings"])));
    } else {
        steps.skip("clippy for WebAssembly", &format!("toolchain {toolchain} has no clippy"));
    }
    steps.whole("component", || workspace.build_component(&toolchain))
}

/// Everything that `cargo test` runs: unchecked by the optimizer where logic counts, optimized where volume or speed does.
fn rust(workspace: &Workspace, steps: &mut Steps, component: bool) {
    let optimized = ["jvdb-wasmtime", "jvdb-benches", "jvdb-tests", "jvdb-crash"];
    let mut debug = workspace.cargo();
    debug.args(["test", "--workspace", "--no-fail-fast", "--exclude", "jvdb-ffi"]);
    debug.args(optimized.iter().flat_map(|package| ["--exclude", package]));
    steps.tests("engine and command line", &mut debug);
    let mut header = workspace.cargo();
    header.args(["test", "--package", "jvdb-ffi", "--no-fail-fast"]);
    steps.tests("C face, and the header is what it generates", &mut header);
    steps.whole("programs and libraries, optimized", || workspace.build_optimized());
    let mut whole = workspace.cargo();
    whole.args(["test", "--release", "--package", "jvdb-tests", "--no-fail-fast"]);
    steps.tests("restarts, kills, limits, locks, full disks", &mut whole);
    let mut teeth = workspace.cargo();
    teeth.args(["test", "--release", "--package", "jvdb-crash", "--no-fail-fast"]);
    steps.tests("power cuts: every broken protocol is noticed", &mut teeth);
    steps.whole("power cuts: a million images", || crash::run(&["--images".into(), "1000000".into()]));
    let mut bench = workspace.cargo();
    bench.args(["test", "--release", "--package", "jvdb-benches", "--no-fail-fast"]);
    steps.tests("benchmark", &mut bench);
    if component {
        let mut host = workspace.cargo();
        host.args(["test", "--release", "--package", "jvdb-wasmtime", "--no-fail-fast"]);
        steps.tests("component under wasmtime", host.env("JVDB_COMPONENT", workspace.component()));
    } else {
        steps.whole("component under wasmtime", || Err("there is no component to test".into()));
    }
}
