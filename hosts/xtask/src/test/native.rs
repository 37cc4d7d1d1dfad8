//! What C and C++ programmers get: the test programs of `tests/c`, compiled by the system's compilers and linked with
//! both libraries.

use super::counts::Counts;
use super::steps::{Steps, count};
use crate::Result;
use crate::build::{Linked, STAND_IN, Workspace};
use crate::dist;
use crate::headers::files;
use crate::run::program;
use crate::tools;
use std::path::PathBuf;
use std::process::Command;

/// What the compiler and the linker are told for the adapter's tests.
pub const ADAPTER: &[&str] = &[STAND_IN, "-lgtest", "-lgtest_main"];

/// Adds a step for each program and library.
pub fn steps(workspace: &Workspace, steps: &mut Steps) {
    steps.whole("installed, and used by CMake, make and a plain compiler", || dist::check::projects(workspace));
    steps.counted("the adapter, tests/cpp/adapter, g++, libjvdb.so", || {
        adapter(workspace, workspace.compiler_named("c++", "-std=c++20"), Linked::Shared)
    });
    let by_clang = "the adapter, tests/cpp/adapter, clang++, libjvdb.a";
    match tools::clang(workspace, "clang++") {
        Some(clang) => steps
            .counted(by_clang, || adapter(workspace, workspace.compiler_named(&clang, "-std=c++20"), Linked::Static)),
        None => steps.skip(by_clang, "clang++ is not here and cannot be installed"),
    }
    let programs = match files(&workspace.root.join("tests/c"), &["c", "cpp"]) {
        Ok(sources) => programs(&sources),
        Err(error) => {
            steps.whole("tests/c", || Err(error));
            return;
        }
    };
    for sources in &programs {
        for linked in [Linked::Shared, Linked::Static] {
            let name = sources[0].strip_prefix(&workspace.root).unwrap_or(&sources[0]).display();
            steps.counted(&format!("{name} with {}", linked.library()), || compile_and_run(workspace, sources, linked));
        }
    }
}

/// Sources by program: `name.c` with every `name_*.c`. Sorted, so that a program's first file comes before the others.
pub fn programs(sources: &[PathBuf]) -> Vec<Vec<PathBuf>> {
    let mut programs: Vec<Vec<PathBuf>> = Vec::new();
    for source in sources {
        let part_of = |program: &&mut Vec<PathBuf>| {
            let (first, stem) = (program[0].with_extension(""), source.with_extension(""));
            let rest = stem.to_str().zip(first.to_str()).and_then(|(stem, first)| stem.strip_prefix(first));
            program[0].extension() == source.extension() && rest.is_some_and(|rest| rest.starts_with('_'))
        };
        match programs.iter_mut().find(part_of) {
            Some(program) => program.push(source.clone()),
            None => programs.push(vec![source.clone()]),
        }
    }
    programs
}

/// What the compiler is told for a program of `tests/c`.
pub fn arguments(sources: &[PathBuf]) -> &'static [&'static str] {
    match sources.first().and_then(|source| source.file_stem()?.to_str()) {
        Some("no_exceptions") => &["-fno-exceptions"],
        _ => &[],
    }
}

fn compile_and_run(workspace: &Workspace, sources: &[PathBuf], linked: Linked) -> Result<Counts> {
    let scratch = tempfile::tempdir()?;
    let test = scratch.path().join("test");
    workspace.compile_with(arguments(sources), sources, linked, &test)?;
    count(program(&test, scratch.path()).arg(scratch.path().join("storage")), &mut Vec::new())
}

/// The adapter's tests, against a stand-in of the headers of the program it is for.
fn adapter(workspace: &Workspace, compiler: Command, linked: Linked) -> Result<Counts> {
    let scratch = tempfile::tempdir()?;
    let test = scratch.path().join("adapter_test");
    let sources = files(&workspace.root.join("tests/cpp/adapter"), &["cpp"])?;
    workspace.compile_by(compiler, ADAPTER, &sources, linked, &test)?;
    count(&mut program(&test, scratch.path()), &mut Vec::new())
}

#[cfg(test)]
mod tests {
    use super::programs;
    use std::path::PathBuf;

    #[test]
    fn files_of_one_program_go_together() {
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        let all = paths(&["t/a.c", "t/a.cpp", "t/a_more.c", "t/ab.c", "t/b_c.c"]);
        let expected = [&["t/a.c", "t/a_more.c"][..], &["t/a.cpp"], &["t/ab.c"], &["t/b_c.c"]];
        assert_eq!(programs(&all), expected.map(paths));
    }
}
