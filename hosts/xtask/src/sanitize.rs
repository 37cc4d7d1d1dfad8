//! `cargo xtask sanitize`: the tests of the engine, and a crowd, under AddressSanitizer, ThreadSanitizer and Miri. What
//! this machine has no tools for is left out, visibly.
//!
//! Sanitizers are unstable options of the compiler, which any compiler takes that is told it is building itself.
//! ThreadSanitizer must see the synchronisation inside of std, or it reports races that are none: it needs a toolchain
//! with std's sources, which may be the one that `.ci/wasm-toolchain.sh` makes, and any toolchain's runtime library.

use crate::Result;
use crate::build::Workspace;
use crate::row::Row;
use crate::run::{output, program, watched, works};
use clap::{Args, ValueEnum};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "x86_64-unknown-linux-gnu";
/// Packages whose tests run under a sanitizer.
const PACKAGES: [&str; 2] = ["jvdb-core", "jvdb-tests"];
/// And of those that have one thread, for what sees more than races.
const MORE: &str = "jvdb-ffi";
/// Seconds of a crowd, all configurations together.
const CROWD_SECONDS: &str = "12";
/// What Miri runs: it is some thousand times slower, so only what is about memory, and a small life of a database.
const MIRI: [&str; 5] = ["medium::", "sync::", "delta::", "in_memory", "on_files"];

/// Which.
#[derive(Args)]
pub struct Sanitize {
    /// Only these
    #[arg(value_enum)]
    tools: Vec<Tool>,
}

/// A tool that watches a program while it runs.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Tool {
    /// Memory that is not there, or not any more
    Address,
    /// Data races
    Thread,
    /// Undefined behaviour of any kind
    Miri,
}

/// Runs the tools, and prints a row for each. An error says that one has found something, or did not run.
pub fn run(sanitize: &Sanitize) -> Result<()> {
    let workspace = Workspace::find()?;
    let mut clean = true;
    for tool in Tool::value_variants() {
        if !sanitize.tools.is_empty() && !sanitize.tools.contains(tool) {
            continue;
        }
        let row = match tool {
            Tool::Address => address(&workspace)?,
            Tool::Thread => thread(&workspace)?,
            Tool::Miri => miri(&workspace)?,
        };
        row.print();
        clean &= row.is_clean();
    }
    if clean { Ok(()) } else { Err("a sanitizer has found something, see above".into()) }
}

/// The engine's tests and a crowd under AddressSanitizer, which also looks for leaks.
pub fn address(workspace: &Workspace) -> Result<Row> {
    let fault = "AddressSanitizer";
    let Some(_) = runtime(&sysroot(workspace, None)?, "asan") else {
        return Ok(Row::skipped(fault, "the active toolchain brings no runtime library for it"));
    };
    Watch {
        fault,
        directory: workspace.target.join("sanitize-address"),
        toolchain: None,
        flags: "-Zsanitizer=address".into(),
        build_std: false,
        options: ("ASAN_OPTIONS", ""),
    }
    .all(workspace)
}

/// The same under ThreadSanitizer.
pub fn thread(workspace: &Workspace) -> Result<Row> {
    let fault = "ThreadSanitizer";
    let active = sysroot(workspace, None)?;
    let Some(toolchain) = toolchain_with_sources(workspace) else {
        return Ok(Row::skipped(fault, "no toolchain has the sources of std (rustup component add rust-src)"));
    };
    let own = runtime(&sysroot(workspace, Some(&toolchain))?, "tsan");
    let Some(runtime) = own.or_else(|| runtime(&active, "tsan")) else {
        return Ok(Row::skipped(fault, "no toolchain brings a runtime library for it"));
    };
    let before = ["-Wl,--whole-archive", &runtime.display().to_string(), "-Wl,--no-whole-archive"];
    let mut flags = "-Zsanitizer=thread -Zexternal-clangrt".to_owned();
    before.iter().for_each(|argument| flags += &format!(" -Zpre-link-arg={argument}"));
    ["m", "pthread", "rt", "dl", "resolv"].iter().for_each(|library| flags += &format!(" -Clink-arg=-l{library}"));
    println!("ThreadSanitizer with std compiled by toolchain {toolchain}, runtime library {}", runtime.display());
    Watch {
        fault,
        directory: workspace.target.join("sanitize-thread"),
        toolchain: Some(toolchain),
        flags,
        build_std: true,
        // Children that are forked beside threads go on: that they may is what some tests are about.
        options: ("TSAN_OPTIONS", "die_after_fork=0:"),
    }
    .all(workspace)
}

/// What of the engine's tests is small, on files and in memory, under Miri.
pub fn miri(workspace: &Workspace) -> Result<Row> {
    let fault = "Miri";
    let has_miri = |toolchain: &&str| works(rustup(workspace, toolchain).args(["cargo", "miri", "--version"]));
    let Some(toolchain) = ["nightly", "stable"].into_iter().find(has_miri) else {
        return Ok(Row::skipped(fault, "no toolchain has it (rustup component add --toolchain nightly miri rust-src)"));
    };
    let mut cargo = rustup(workspace, toolchain);
    cargo.args(["cargo", "miri", "test", "--package", "jvdb-core", "--lib", "--test", "small", "--"]).args(MIRI);
    cargo.env("MIRIFLAGS", "-Zmiri-disable-isolation").env("CARGO_TARGET_DIR", workspace.target.join("miri"));
    let mut cases = 0;
    let success = watched(&mut cargo, |line| cases += tests_of(line))?;
    if success && cases == 0 {
        return Err("Miri has run no test".into());
    }
    Ok(Row { fault: fault.into(), cases, undetected: u64::from(!success), ..Row::default() })
}

/// One sanitizer, and how programs are built for it.
struct Watch {
    fault: &'static str,
    directory: PathBuf,
    /// The active one, if none is named.
    toolchain: Option<String>,
    flags: String,
    build_std: bool,
    /// The environment variable by which its runtime library is told what to do, and what it is told.
    options: (&'static str, &'static str),
}

impl Watch {
    /// Tests and crowd. Cases are tests, and one for the crowd.
    fn all(&self, workspace: &Workspace) -> Result<Row> {
        let reports = self.directory.join("reports");
        if reports.exists() {
            fs::remove_dir_all(&reports)?;
        }
        fs::create_dir_all(&reports)?;
        let mut test = self.cargo(workspace, "test", &reports);
        // Not the examples in documentation, which another compiler driver builds.
        test.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
        test.args(["--lib", "--bins", "--tests", "--no-fail-fast"]);
        if !self.build_std {
            test.args(["--package", MORE]);
        }
        let mut cases = 0;
        let mut success = watched(&mut test, |line| cases += tests_of(line))?;
        if cases == 0 {
            return Err(format!("{}: no test was run", self.fault).into());
        }
        let mut crowd = self.cargo(workspace, "run", &reports);
        crowd.args(["--package", "jvdb-reliability", "--", "crowds", "--seconds", CROWD_SECONDS]);
        // Its rows are those of another check.
        success &= crowd.stdout(std::process::Stdio::null()).status()?.success();
        cases += 1;
        let found = show(&reports)?;
        if !success && found == 0 {
            return Err(format!("{}: a test fails, and not of what it looks for; see above", self.fault).into());
        }
        Ok(Row { fault: self.fault.into(), cases, undetected: found, ..Row::default() })
    }

    fn cargo(&self, workspace: &Workspace, subcommand: &str, reports: &Path) -> Command {
        let mut cargo = match &self.toolchain {
            Some(toolchain) => {
                let mut cargo = rustup(workspace, toolchain);
                cargo.arg("cargo");
                cargo
            }
            None => workspace.cargo(),
        };
        cargo.args([subcommand, "--release", "--target", TARGET]);
        if self.build_std {
            cargo.arg("-Zbuild-std");
        }
        cargo.env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_DIR", &self.directory).env("RUSTFLAGS", &self.flags);
        let (variable, options) = self.options;
        cargo.env(variable, format!("{options}log_path={}", reports.join("report").display()));
        cargo
    }
}

/// Rustup with a toolchain; what follows is run by it.
fn rustup(workspace: &Workspace, toolchain: &str) -> Command {
    let mut rustup = program("rustup", &workspace.root);
    rustup.args(["run", toolchain]);
    for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        rustup.env_remove(variable);
    }
    rustup
}

fn sysroot(workspace: &Workspace, toolchain: Option<&str>) -> Result<PathBuf> {
    let mut rustc = match toolchain {
        Some(toolchain) => {
            let mut rustc = rustup(workspace, toolchain);
            rustc.arg("rustc");
            rustc
        }
        None => program("rustc", &workspace.root),
    };
    Ok(PathBuf::from(output(rustc.args(["--print", "sysroot"]))?.trim()))
}

/// The runtime library of a sanitizer in a toolchain. Its name says which channel the toolchain is of.
fn runtime(sysroot: &Path, sanitizer: &str) -> Option<PathBuf> {
    let libraries = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    let paths = fs::read_dir(libraries).ok()?.flatten().map(|entry| entry.path());
    let end = format!("_rt.{sanitizer}.a");
    paths.into_iter().find(|path| path.to_string_lossy().ends_with(&end))
}

/// A toolchain that can compile std.
fn toolchain_with_sources(workspace: &Workspace) -> Option<String> {
    let has_sources = |toolchain: &String| {
        let sources = |sysroot: PathBuf| sysroot.join("lib/rustlib/src/rust/library/Cargo.lock").is_file();
        works(rustup(workspace, toolchain).args(["rustc", "--version"]))
            && sysroot(workspace, Some(toolchain)).is_ok_and(sources)
    };
    let known = ["stable", "nightly"].map(str::to_owned).into_iter().find(has_sources);
    known.or_else(|| workspace.wasm_toolchain().ok().filter(has_sources))
}

/// Prints the reports that were written, and counts them.
fn show(reports: &Path) -> Result<u64> {
    let mut count = 0;
    for entry in fs::read_dir(reports)? {
        let report = String::from_utf8_lossy(&fs::read(entry?.path())?).into_owned();
        println!("{report}");
        count += reports_of(&report).max(1);
    }
    Ok(count)
}

fn reports_of(report: &str) -> u64 {
    let begins =
        |line: &&str| ["ERROR: ", "WARNING: "].iter().any(|mark| line.contains(mark)) && line.contains("Sanitizer");
    report.lines().filter(begins).count() as u64
}

/// Tests that a test program says it ran.
fn tests_of(line: &str) -> u64 {
    let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|result| result.split_once(". ")) else {
        return 0;
    };
    let count = |what: &str| counts.split("; ").find_map(|part| part.strip_suffix(what)?.trim().parse::<u64>().ok());
    count("passed").unwrap_or(0) + count("failed").unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{reports_of, tests_of};

    #[test]
    fn reports_and_tests_are_counted() {
        let report = "=====\nWARNING: ThreadSanitizer: data race (pid=1)\n  Read of size 8\n=====\nSUMMARY: ThreadSanitizer: x\n";
        assert_eq!(reports_of(report), 1);
        assert_eq!(reports_of("==7==ERROR: AddressSanitizer: heap-use-after-free"), 1);
        assert_eq!(tests_of("test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out"), 15);
        assert_eq!(tests_of("test a ... ok"), 0);
    }
}
