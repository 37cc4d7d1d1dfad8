//! What C and C++ programmers get: the test programs of `tests/c`, compiled by the system's compilers and linked with
//! both libraries, and every public header by itself.

use super::steps::{Steps, count};
use super::tally::Tally;
use crate::Result;
use crate::build::{Linked, STAND_IN, Workspace};
use crate::dist;
use crate::run::{program, run};
use std::fs;
use std::path::{Path, PathBuf};

/// Adds a step for each program and library, and one for all headers.
pub fn steps(workspace: &Workspace, steps: &mut Steps) {
    steps.counted("each header alone and twice, C99 to C++20", || headers(workspace));
    steps.whole("installed, and used by CMake, make and a plain compiler", || dist::check::projects(workspace));
    steps.counted("the adapter, tests/cpp/adapter", || adapter(workspace));
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
fn programs(sources: &[PathBuf]) -> Vec<Vec<PathBuf>> {
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

fn compile_and_run(workspace: &Workspace, sources: &[PathBuf], linked: Linked) -> Result<Tally> {
    let scratch = tempfile::tempdir()?;
    let test = scratch.path().join("test");
    workspace.compile(sources, linked, &test)?;
    count(program(&test, scratch.path()).arg(scratch.path().join("storage")), &mut Vec::new())
}

/// The adapter's tests, against a stand-in of the headers of the program it is for.
fn adapter(workspace: &Workspace) -> Result<Tally> {
    let scratch = tempfile::tempdir()?;
    let test = scratch.path().join("adapter_test");
    let sources = files(&workspace.root.join("tests/cpp/adapter"), &["cpp"])?;
    let arguments = [STAND_IN, "-lgtest", "-lgtest_main"];
    workspace.compile_with(&arguments, &sources, Linked::Shared, &test)?;
    count(&mut program(&test, scratch.path()), &mut Vec::new())
}

/// Compiles each public header, included twice and after nothing.
fn headers(workspace: &Workspace) -> Result<Tally> {
    let include = workspace.root.join("include");
    let scratch = tempfile::tempdir()?;
    let mut tally = Tally::default();
    for header in files(&include, &["h", "hpp"])? {
        let name = header.strip_prefix(&include)?.display();
        let languages = [("c", "-std=c99"), ("c", "-std=c11"), ("cpp", "-std=c++17"), ("cpp", "-std=c++20")];
        let is_c = header.extension().is_some_and(|it| it == "h");
        let is_adapter = header.components().any(|part| part.as_os_str().to_string_lossy().contains("adapter"));
        let fits = |&(language, standard): &(&str, &str)| {
            (is_c || language == "cpp") && (!is_adapter || standard == "-std=c++20")
        };
        for (language, standard) in languages.into_iter().filter(fits) {
            let source = scratch.path().join("header").with_extension(language);
            fs::write(&source, format!("#include \"{name}\"\n#include \"{name}\"\nint main(void) {{ return 0; }}\n"))?;
            let compiled = run(workspace.compiler(&source).args([standard, "-fsyntax-only", STAND_IN]).arg(&source));
            println!("{name}, {standard}: {}", if compiled.is_ok() { "ok" } else { "FAILED" });
            tally += Tally::one(compiled.is_ok());
        }
    }
    Ok(tally.ended(true))
}

/// Files with those extensions in a directory and below, sorted.
fn files(directory: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>> {
    let failed = |error| format!("cannot list {}: {error}", directory.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path, extensions)?);
        } else if path.extension().is_some_and(|it| extensions.iter().any(|extension| it == *extension)) {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() { Err(format!("nothing to test in {}", directory.display()).into()) } else { Ok(found) }
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
