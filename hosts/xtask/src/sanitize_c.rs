//! `cargo xtask sanitize-c`: the tests of `tests/c` under AddressSanitizer with UndefinedBehaviorSanitizer, under valgrind, and under
//! ThreadSanitizer. For the first and the last the library is built with the same instrumentation, down to Rust's standard
//! library, by a compiler whose calls to the runtime are those of gcc's; valgrind looks at the library as it is shipped.

use crate::Result;
use crate::build::Workspace;
use crate::run::{output, program, run as run_command};
use crate::test::Tally;
use crate::tools;
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The programs of `tests/c`.
const PROGRAMS: [&[&str]; 3] =
    [&["smoke.c", "smoke_database.c", "smoke_batch.c", "smoke_upkeep.c"], &["handles.cpp"], &["documented.cpp"]];

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
    let mut tally = Tally::default();
    for name in ["valgrind", "address", "thread"] {
        if !wanted.only.is_empty() && wanted.only.iter().all(|only| only != name) {
            continue;
        }
        println!("=== tests/c, {name}");
        let looked = if name == "valgrind" { valgrind(&workspace) } else { instrumented(&workspace, name) };
        tally += looked.unwrap_or_else(|error| {
            println!("{name}: {error}");
            Tally::one(false)
        });
    }
    println!("{tally}");
    if tally.failed == 0 && tally.passed + tally.skipped > 0 { Ok(()) } else { Err("see above".into()) }
}

fn skipped(what: &str, why: &str) -> Result<Tally> {
    println!("SKIPPED: {what}: {why}");
    Ok(Tally { skipped: 1, ..Tally::default() })
}

/// No error and no byte lost.
fn valgrind(workspace: &Workspace) -> Result<Tally> {
    if !tools::optional(workspace, "valgrind", "valgrind --version") {
        return skipped("valgrind", "it is not here and cannot be installed");
    }
    run_command(workspace.cargo().args(["build", "--release", "--package", "jvdb-ffi"]))?;
    let scratch = tempfile::tempdir()?;
    let mut tally = Tally::default();
    for sources in PROGRAMS {
        let mut valgrind = program("valgrind", scratch.path());
        valgrind.args(["--quiet", "--error-exitcode=99", "--leak-check=full"]);
        valgrind.args([
            "--show-leak-kinds=definite,indirect,possible",
            "--errors-for-leak-kinds=definite,indirect,possible",
        ]);
        valgrind.arg(compile(workspace, sources, &[], &[workspace.artifacts()], scratch.path())?);
        tally += finish(sources[0], &mut valgrind, scratch.path());
    }
    Ok(tally)
}

fn instrumented(workspace: &Workspace, sanitizer: &str) -> Result<Tally> {
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
    let mut tally = Tally::default();
    for sources in PROGRAMS {
        let mut test = program(compile(workspace, sources, flags, &libraries, scratch.path())?, scratch.path());
        test.env("ASAN_OPTIONS", "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1");
        test.env("TSAN_OPTIONS", "halt_on_error=0:exitcode=66");
        tally += finish(sources[0], &mut test, scratch.path());
    }
    Ok(tally)
}

/// A test program, linked with a directory's shared library or with static ones, of which the second is a runtime that
/// takes the place of the compiler's.
fn compile(
    workspace: &Workspace,
    sources: &[&str],
    flags: &[&str],
    libraries: &[PathBuf],
    scratch: &Path,
) -> Result<PathBuf> {
    let is_c = sources[0].ends_with(".c");
    let (name, standard) = if is_c { ("gcc", "-std=c11") } else { ("g++", "-std=c++20") };
    let mut objects = Vec::new();
    for source in sources {
        let object = scratch.join(source).with_extension("o");
        let mut compiler = program(name, &workspace.root);
        compiler.args([standard, "-O1", "-g", "-fno-omit-frame-pointer", "-pthread", "-Iinclude"]).args(flags);
        run_command(compiler.arg("-c").arg("-o").arg(&object).arg(workspace.root.join("tests/c").join(source)))?;
        objects.push(object);
    }
    let test = scratch.join(sources[0]).with_extension("");
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
    run_command(linker.args(["-lgcc_s", "-lm", "-ldl", "-lrt"]))?;
    Ok(test)
}

fn finish(name: &str, test: &mut Command, scratch: &Path) -> Tally {
    let clean = run_command(test.arg(scratch.join(format!("{name}.storage"))));
    println!("{name}: {}", clean.as_ref().map_or_else(ToString::to_string, |()| "clean".into()));
    Tally::one(clean.is_ok())
}
