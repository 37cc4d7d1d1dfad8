//! `cargo xtask sanitize-c`: the tests of `tests/c` and `tests/cpp` under AddressSanitizer with UndefinedBehaviorSanitizer, under valgrind, and under
//! ThreadSanitizer. For the first and the last the library is built with the same instrumentation, down to Rust's standard
//! library, by a compiler whose calls to the runtime are those of gcc's; valgrind looks at the library as it is shipped.

use crate::Result;
use crate::build::Workspace;
use crate::headers::files;
use crate::run::{output, program, run as run_command};
use crate::test::{Counts, native};
use crate::tools;
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// A test program: its sources, and arguments of its own for the compiler and the linker.
struct Program {
    sources: Vec<PathBuf>,
    arguments: &'static [&'static str],
}

/// All there are.
fn programs(workspace: &Workspace) -> Result<Vec<Program>> {
    let plain = native::programs(&files(&workspace.root.join("tests/c"), &["c", "cpp"])?);
    let adapter = files(&workspace.root.join("tests/cpp/adapter"), &["cpp"])?;
    let plain = plain.into_iter().map(|sources| Program { arguments: native::arguments(&sources), sources });
    Ok(plain.chain([Program { sources: adapter, arguments: native::ADAPTER }]).collect())
}

/// What to look with.
#[derive(Args)]
pub struct SanitizeC {
    /// Only these: address, valgrind, thread
    #[arg(long)]
    only: Vec<String>,
}

pub fn run(wanted: &SanitizeC) -> Result<()> {
    let workspace = Workspace::find()?;
    tools::native(&workspace)?;
    let mut counts = Counts::default();
    for name in ["valgrind", "address", "thread"] {
        if !wanted.only.is_empty() && wanted.only.iter().all(|only| only != name) {
            continue;
        }
        println!("=== tests/c and tests/cpp, {name}");
        let looked = if name == "valgrind" { valgrind(&workspace) } else { instrumented(&workspace, name) };
        counts += looked.unwrap_or_else(|error| {
            println!("{name}: {error}");
            Counts::one(false)
        });
    }
    println!("{counts}");
    if counts.failed == 0 && counts.passed + counts.skipped > 0 { Ok(()) } else { Err("see above".into()) }
}

fn skipped(what: &str, why: &str) -> Result<Counts> {
    println!("SKIPPED: {what}: {why}");
    Ok(Counts { skipped: 1, ..Counts::default() })
}

/// No error and no byte lost.
fn valgrind(workspace: &Workspace) -> Result<Counts> {
    if !tools::optional(workspace, "valgrind", "valgrind --version") {
        return skipped("valgrind", "it is not here and cannot be installed");
    }
    run_command(workspace.cargo().args(["build", "--release", "--package", "jvdb-ffi"]))?;
    let scratch = tempfile::tempdir()?;
    let mut counts = Counts::default();
    for tested in &programs(workspace)? {
        let mut valgrind = program("valgrind", scratch.path());
        valgrind.args(["--quiet", "--error-exitcode=99", "--leak-check=full"]);
        valgrind.args([
            "--show-leak-kinds=definite,indirect,possible",
            "--errors-for-leak-kinds=definite,indirect,possible",
        ]);
        valgrind.arg(format!("--suppressions={}", workspace.root.join("tests/valgrind.supp").display()));
        // Its processes cannot be stepped through, and what was left unset on purpose may not be stored.
        valgrind.env("JVDB_UNDER_VALGRIND", "1");
        valgrind.arg(compile(workspace, tested, &[], &[workspace.artifacts()], scratch.path())?);
        counts += finish(tested, &mut valgrind, scratch.path());
    }
    Ok(counts)
}

fn instrumented(workspace: &Workspace, sanitizer: &str) -> Result<Counts> {
    let mut rustc = program("rustup", &workspace.root);
    let sysroot = output(rustc.args(["run", "nightly", "rustc", "--print", "sysroot"])).unwrap_or_default();
    if !Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/Cargo.lock").exists() {
        return skipped(sanitizer, "it needs a nightly toolchain with rust-src");
    }
    let target = workspace.target.join(format!("sanitize-c-{sanitizer}"));
    let mut cargo = program("rustup", &workspace.root);
    cargo.args(["run", "nightly", "cargo", "rustc", "--release", "--package", "jvdb-ffi", "--crate-type", "staticlib"]);
    cargo.args(["-Zbuild-std", "--target", TARGET, "--target-dir"]).arg(&target);
    cargo
        .env("RUSTFLAGS", format!("-Zsanitizer={sanitizer} -Zexternal-clangrt"))
        .env_remove("CARGO")
        .env_remove("RUSTC");
    run_command(cargo.env_remove("RUSTUP_TOOLCHAIN"))?;
    // gcc brings a runtime for addresses that serves Rust's code as well. For threads its runtime is too old, and the
    // toolchain's own takes its place.
    let flags: &[&str] = match sanitizer {
        "address" => &["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
        _ => &["-fsanitize=thread"],
    };
    let mut libraries = vec![target.join(TARGET).join("release/libjvdb.a")];
    if sanitizer == "thread" {
        let there = |entry: std::io::Result<fs::DirEntry>| {
            entry.ok().map(|entry| entry.path()).filter(|path| path.to_string_lossy().ends_with("_rt.tsan.a"))
        };
        let runtime = fs::read_dir(Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).join("lib"))?;
        let Some(runtime) = runtime.into_iter().find_map(there) else {
            return skipped(sanitizer, "the nightly toolchain has no runtime for it");
        };
        libraries.push(runtime);
    }
    let scratch = tempfile::tempdir()?;
    let mut counts = Counts::default();
    for tested in &programs(workspace)? {
        let mut test = program(compile(workspace, tested, flags, &libraries, scratch.path())?, scratch.path());
        test.env("ASAN_OPTIONS", "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1");
        test.env("TSAN_OPTIONS", "halt_on_error=0:exitcode=66:die_after_fork=0");
        counts += finish(tested, &mut test, scratch.path());
    }
    Ok(counts)
}

/// A test program, linked with a directory's shared library or with static ones, of which the second is a runtime that
/// takes the place of the compiler's.
fn compile(
    workspace: &Workspace,
    tested: &Program,
    flags: &[&str],
    libraries: &[PathBuf],
    scratch: &Path,
) -> Result<PathBuf> {
    let is_c = tested.sources.iter().all(|source| source.extension().is_some_and(|it| it == "c"));
    let (name, standard) = if is_c { ("gcc", "-std=c11") } else { ("g++", "-std=c++20") };
    let mut objects = Vec::new();
    for source in &tested.sources {
        let object = scratch.join(source.file_name().unwrap_or_default()).with_extension("o");
        let mut compiler = program(name, &workspace.root);
        compiler.args([standard, "-O1", "-g", "-fno-omit-frame-pointer", "-pthread", "-Iinclude"]).args(flags);
        compiler.args(tested.arguments.iter().filter(|argument| !argument.starts_with("-l")));
        run_command(compiler.arg("-c").arg("-o").arg(&object).arg(source))?;
        objects.push(object);
    }
    let test = scratch.join(tested.name());
    let mut linker = program(name, &workspace.root);
    linker.args(["-pthread", "-o"]).arg(&test).args(objects);
    match libraries {
        [directory] if directory.is_dir() => {
            linker.arg("-L").arg(directory).arg("-ljvdb").arg(format!("-Wl,-rpath,{}", directory.display()));
        }
        [library] => {
            linker.arg(library).args(flags);
        }
        [library, runtime, ..] => {
            linker.arg(library).arg("-Wl,--whole-archive").arg(runtime).arg("-Wl,--no-whole-archive");
            linker.arg("-Wl,--export-dynamic");
        }
        [] => {}
    }
    linker.args(tested.arguments.iter().filter(|argument| argument.starts_with("-l")));
    run_command(linker.args(["-lgcc_s", "-lm", "-ldl", "-lrt"]))?;
    Ok(test)
}

fn finish(tested: &Program, test: &mut Command, scratch: &Path) -> Counts {
    let name = tested.name();
    let clean = run_command(test.arg(scratch.join(format!("{name}.storage"))));
    println!("{name}: {}", clean.as_ref().map_or_else(ToString::to_string, |()| "clean".into()));
    Counts::one(clean.is_ok())
}

impl Program {
    /// That of its first source.
    fn name(&self) -> String {
        let first = self.sources.first().and_then(|source| source.file_stem());
        first.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }
}
