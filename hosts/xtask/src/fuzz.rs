//! `cargo xtask fuzz`: the targets of `tests/fuzz` under libFuzzer and AddressSanitizer, all at once, for as long as asked.
//!
//! libFuzzer needs a compiler that takes unstable options. Any does, if it is told that it is building itself. What is
//! found lies in the target directory; it becomes a test by being copied to `tests/fuzz/found/TARGET`.

use crate::Result;
use crate::build::Workspace;
use crate::row::Row;
use crate::run::{program, run as run_command, works};
use clap::Args;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// Of cargo-fuzz.
const VERSION: &str = "0.13.1";
const TARGETS: [(&str, &str); 5] = [
    ("file", "fuzzing: any bytes as a file"),
    ("sealed_file", "fuzzing: any file under right checksums"),
    ("operations", "fuzzing: operations against a model"),
    ("json", "fuzzing: documents to import"),
    ("c_calls", "fuzzing: C calls"),
];
/// No input may take as long, in seconds, or as much memory at once, in MiB.
const LIMITS: [&str; 4] = ["-timeout=20", "-rss_limit_mb=2048", "-malloc_limit_mb=512", "-max_len=16384"];

/// How long, and what.
#[derive(Args)]
pub struct Fuzz {
    /// Seconds for each target; all run at once
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Only this target
    #[arg(long)]
    target: Option<String>,
    /// Go on from what earlier runs on this machine have learned
    #[arg(long)]
    resume: bool,
}

/// Where one target works.
struct Bench {
    /// Inputs it learns from; new ones go here.
    learned: PathBuf,
    /// Inputs that broke something.
    found: PathBuf,
    log: PathBuf,
}

/// Runs the targets. An error says that something was found, or that a target did not run.
pub fn run(fuzz: &Fuzz) -> Result<()> {
    let workspace = Workspace::find()?;
    let wanted = |name: &str| fuzz.target.as_deref().is_none_or(|target| target == name);
    let targets: Vec<_> = TARGETS.into_iter().filter(|(name, _)| wanted(name)).collect();
    if targets.is_empty() {
        return Err("there is no such target".into());
    }
    let programs = match build(&workspace) {
        Ok(programs) => programs,
        Err(Unbuilt::Impossible(why)) => {
            targets.iter().for_each(|(_, fault)| Row::skipped(*fault, &why).print());
            return Ok(());
        }
        Err(Unbuilt::Failed(error)) => return Err(error),
    };
    let mut running = Vec::new();
    for (name, fault) in targets {
        let bench = Bench::new(&workspace, name, fuzz.resume)?;
        println!("fuzzing {name} for {} s, log: {}", fuzz.seconds, bench.log.display());
        running.push((fault, bench.start(&programs.join(name), &corpus(&workspace, name), fuzz.seconds)?, bench));
    }
    let mut clean = true;
    for (fault, mut child, bench) in running {
        let row = bench.row(fault, child.wait()?.success())?;
        row.print();
        clean &= row.is_clean();
    }
    if clean { Ok(()) } else { Err("a fuzzer has found something, see above".into()) }
}

/// Why there is nothing to run.
enum Unbuilt {
    /// This machine cannot.
    Impossible(String),
    /// It can, and it did not work.
    Failed(Box<dyn std::error::Error>),
}

/// Builds all targets, with cargo-fuzz, which is installed into the target directory. Gives where they are.
fn build(workspace: &Workspace) -> Result<PathBuf, Unbuilt> {
    let (tools, target) = (workspace.target.join("tools"), workspace.target.join("fuzz"));
    let cargo_fuzz = tools.join("bin/cargo-fuzz");
    let is_there = || works(program(&cargo_fuzz, &workspace.root).arg("--version"));
    if !is_there() {
        println!("installing cargo-fuzz {VERSION} into {}", tools.display());
        let mut install = workspace.cargo();
        install.args(["install", "--locked", "--quiet", "--version", VERSION, "--root"]).arg(&tools).arg("cargo-fuzz");
        if let (Err(error), false) = (run_command(&mut install), is_there()) {
            return Err(Unbuilt::Impossible(format!("cargo-fuzz cannot be installed: {error}")));
        }
    }
    if !works(program("c++", &workspace.root).arg("--version")) {
        return Err(Unbuilt::Impossible("libFuzzer is C++, and there is no compiler for that".into()));
    }
    let mut build = program(&cargo_fuzz, &workspace.root);
    build.args(["build", "--fuzz-dir", "tests/fuzz", "--features", "libfuzzer", "--codegen-units", "16"]);
    build.arg("--target-dir").arg(&target).env("RUSTC_BOOTSTRAP", "1");
    run_command(&mut build).map_err(Unbuilt::Failed)?;
    Ok(target.join("x86_64-unknown-linux-gnu/release"))
}

fn corpus(workspace: &Workspace, target: &str) -> Vec<PathBuf> {
    let directory = |kind| workspace.root.join("tests/fuzz").join(kind).join(target);
    ["corpus", "found"].map(directory).into_iter().filter(|path| path.is_dir()).collect()
}

impl Bench {
    fn new(workspace: &Workspace, target: &str, resume: bool) -> Result<Self> {
        let place = workspace.target.join("fuzzing").join(target);
        if !resume && place.exists() {
            fs::remove_dir_all(&place)?;
        }
        let bench = Self { learned: place.join("learned"), found: place.join("found"), log: place.join("log") };
        fs::create_dir_all(&bench.learned)?;
        fs::create_dir_all(&bench.found)?;
        Ok(bench)
    }

    fn start(&self, target: &Path, corpus: &[PathBuf], seconds: u64) -> Result<Child> {
        let log = File::create(&self.log)?;
        let mut fuzzer = Command::new(target);
        fuzzer.arg(&self.learned).args(corpus).args(LIMITS).arg("-print_final_stats=1");
        fuzzer.arg(format!("-max_total_time={seconds}")).arg(format!("-artifact_prefix={}/", self.found.display()));
        fuzzer.stdout(log.try_clone()?).stderr(log);
        Ok(fuzzer.spawn().map_err(|error| format!("cannot start {}: {error}", target.display()))?)
    }

    /// What came of it. A fuzzer stops at the first thing it finds.
    fn row(&self, fault: &str, success: bool) -> Result<Row> {
        let log = String::from_utf8_lossy(&fs::read(&self.log)?).into_owned();
        let cases = executions(&log).unwrap_or(0);
        if success && cases == 0 {
            return Err(format!("{fault}: nothing was run, see {}", self.log.display()).into());
        }
        let mut row = Row { fault: fault.into(), cases, ..Row::default() };
        if !success {
            row.signals = 1;
            println!(
                "{}",
                log.lines().rev().take(60).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
            );
            println!("found: {}", self.found.display());
        }
        Ok(row)
    }
}

/// Inputs that were tried, as libFuzzer's last words say.
fn executions(log: &str) -> Option<u64> {
    let line = log.lines().rev().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::executions;

    #[test]
    fn executions_are_read_from_the_last_words() {
        let log = "INFO: Seed: 1\n#2 INITED\nstat::number_of_executed_units: 4711\nstat::peak_rss_mb:   30\n";
        assert_eq!(executions(log), Some(4711));
        assert_eq!(executions("killed"), None);
    }
}
