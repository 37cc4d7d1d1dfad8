//! `cargo xtask test`: every check there is, in named steps. A step that fails ends nothing; the last line is the sum.

mod counts;
pub mod native;
mod readme;
mod steps;

pub use counts::Counts;
pub use steps::Steps;

use crate::build::Workspace;
use crate::docs;
use crate::run::{program, run as run_command, works};
use crate::tools;
use std::path::PathBuf;
use std::process::ExitCode;

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
    steps.counted("ABI: symbols, types, SONAME, dependencies, size", || crate::abi::check(&workspace));
    steps.counted("each header alone and twice, gcc and clang, C99 to C++20", || crate::headers::check(&workspace));
    let reference = "the reference of the headers, without a warning";
    if docs::is_possible(&workspace) {
        steps.whole(reference, || docs::make(&workspace, &workspace.target.join("docs")));
    } else {
        steps.skip(reference, "doxygen is not here and cannot be installed");
    }
    steps.counted("the examples of README.md", || readme::examples(&workspace));
    if steps.close() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn lints(workspace: &Workspace, steps: &mut Steps) {
    steps.whole("rustfmt and clippy", || tools::lints(workspace));
    steps.whole("format", || run_command(workspace.cargo().args(["fmt", "--all", "--check"])));
    let mut clippy = workspace.cargo();
    clippy.args(["clippy", "--workspace", "--exclude", "jvdb-peers", "--all-targets", "--", "-D", "warnings"]);
    steps.whole("clippy, all targets", || run_command(&mut clippy));
    // Apart: what they ask of common dependencies would have wasmtime checked once more.
    let mut peers = crate::bench::peers(workspace, "clippy");
    steps.whole("clippy, the stores that the engine is measured beside", || {
        run_command(peers.args(["--all-targets", "--", "-D", "warnings"]))
    });
    let mut doc = workspace.cargo();
    // Its documentation would have wasmtime checked once more, with other features.
    doc.args([
        "doc",
        "--workspace",
        "--exclude",
        "jvdb-wasmtime",
        "--exclude",
        "jvdb-peers",
        "--no-deps",
        "--document-private-items",
    ]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    steps.whole("documentation, all links", || run_command(&mut doc));
    steps.whole("the public surface of jvdb-core", || crate::api::check(workspace));
    oldest_compiler(workspace, steps);
    let mut package = workspace.cargo();
    package.args(["package", "--allow-dirty"]).args(PUBLISHED.iter().flat_map(|name| ["--package", name]));
    steps.whole("packages as they would be published, compiled", || {
        forget_earlier_packages(workspace);
        run_command(&mut package)
    });
    crate::deny::step(workspace, steps);
}

/// The crates that others would get from a registry.
const PUBLISHED: [&str; 3] = ["jvdb-core", "jvdb-ffi", "jvdb-cli"];

/// Cargo keeps what it has unpacked and compiled of a package by name and version alone, and would take an earlier state of it for
/// this one.
fn forget_earlier_packages(workspace: &Workspace) {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo"))).unwrap_or_default();
    let registries = std::fs::read_dir(home.join("registry/src")).into_iter().flatten().flatten();
    // Those of packages that are not published begin with a dash.
    let registries = registries.filter(|registry| registry.file_name().to_string_lossy().starts_with('-'));
    let kept = registries.map(|registry| registry.path()).chain([workspace.target.join("debug/.fingerprint")]);
    for entry in kept.flat_map(std::fs::read_dir).flatten().flatten() {
        let name = entry.file_name();
        if PUBLISHED.iter().any(|package| name.to_string_lossy().starts_with(&format!("{package}-"))) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// What `rust-version` promises: the compiler of that version takes the code. Where the tests run with that one they show it.
fn oldest_compiler(workspace: &Workspace, steps: &mut Steps) {
    let name = "the oldest compiler that is supported";
    let manifest = std::fs::read_to_string(workspace.root.join("Cargo.toml")).unwrap_or_default();
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = \"")?.strip_suffix('"'));
    let Some(version) = version else {
        return steps.skip(name, "Cargo.toml has no rust-version");
    };
    let active = crate::run::output(program("rustc", &workspace.root).arg("--version")).unwrap_or_default();
    if active.starts_with(&format!("rustc {version}.")) {
        steps.whole(name, || {
            println!("{} compiles all of this", active.trim());
            Ok(())
        });
        return;
    }
    let full = format!("{version}.0");
    if works(program("rustup", &workspace.root).args(["run", &full, "rustc", "--version"])) {
        let mut check = program("rustup", &workspace.root);
        check.args(["run", &full, "cargo", "check", "--target-dir", "target/oldest"]);
        steps.whole(name, || run_command(&mut check));
    } else {
        steps.skip(name, &format!("toolchain {full} is not here: rustup toolchain install {full}"));
    }
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

/// Everything that `cargo test` runs: the engine with the compiler's own checks, then all of it as it is shipped.
fn rust(workspace: &Workspace, steps: &mut Steps, component: bool) {
    let mut debug = workspace.cargo();
    debug.args(["test", "--package", "jvdb-core", "--package", "jvdb-ffi", "--no-fail-fast"]);
    steps.tests("engine and C face, with overflow checks", &mut debug);
    steps.whole("programs and libraries, optimized", || workspace.build_optimized());
    let mut whole = workspace.cargo_optimized("test");
    if component {
        whole.env("JVDB_COMPONENT", workspace.component());
    }
    steps.tests("all packages, optimized: faces, kills, limits, locks, full disks", whole.arg("--no-fail-fast"));
    let mut peers = crate::bench::peers(workspace, "test");
    steps.tests("the stores that the engine is measured beside", peers.arg("--no-fail-fast"));
    let mut mutants = workspace.cargo();
    mutants.args(["test", "--release", "--package", "jvdb-crash", "--no-fail-fast"]);
    steps.tests("power cuts: every broken protocol is noticed", &mut mutants);
}
