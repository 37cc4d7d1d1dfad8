//! Every public header by itself: alone and twice in one file, in every standard it is for, by gcc and by clang, without a
//! warning.

use crate::Result;
use crate::build::{STAND_IN, Workspace};
use crate::run::{program, run};
use crate::test::Counts;
use crate::tools;
use std::fs;
use std::path::{Path, PathBuf};

const C: [&str; 3] = ["c99", "c11", "c17"];
const CPP: [&str; 2] = ["c++17", "c++20"];
/// The adapter is for programs in C++20.
const ADAPTER: &str = "c++20";
/// What programs without exceptions include.
const WITHOUT_EXCEPTIONS: &str = "jvdb.hpp";

/// Compiles each, and counts.
pub fn check(workspace: &Workspace) -> Result<Counts> {
    let include = workspace.root.join("include");
    let scratch = tempfile::tempdir()?;
    let source = scratch.path().join("header.txt");
    let mut counts = Counts::default();
    let clang = tools::clang(workspace, "clang");
    if clang.is_none() {
        println!("SKIPPED: headers with clang: it is not here and cannot be installed");
        counts += Counts { skipped: 1, ..Counts::default() };
    }
    for header in files(&include, &["h", "hpp"])? {
        let name = header.strip_prefix(&include)?.display().to_string();
        let c = C.iter().filter(|_| name.ends_with(".h")).map(|standard| ("c", *standard));
        let cpp = CPP.iter().filter(|standard| !name.contains("adapter") || **standard == ADAPTER);
        let all =
            c.chain(cpp.map(|standard| ("c++", *standard))).map(|(language, standard)| (language, standard, None));
        let without = CPP.iter().filter(|_| name == WITHOUT_EXCEPTIONS);
        for (language, standard, more) in all.chain(without.map(|standard| ("c++", *standard, Some("-fno-exceptions"))))
        {
            for compiler in ["gcc"].into_iter().chain(clang.as_deref()) {
                let text = format!("#include \"{name}\"\n#include \"{name}\"\nint main(void) {{ return 0; }}\n");
                fs::write(&source, text)?;
                let mut compile = program(compiler, &workspace.root);
                compile.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", STAND_IN, "-I"]);
                compile.arg(&include).arg(format!("-std={standard}")).args(more).args(["-x", language]).arg(&source);
                let compiled = run(&mut compile);
                let manner = [standard].into_iter().chain(more).collect::<Vec<_>>().join(" ");
                println!("{name}, {compiler}, {manner}: {}", if compiled.is_ok() { "ok" } else { "FAILED" });
                counts += Counts::one(compiled.is_ok());
            }
        }
    }
    Ok(counts)
}

/// Files with those extensions in a directory and below, sorted.
pub fn files(directory: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>> {
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
    if found.is_empty() { Err(format!("nothing in {}", directory.display()).into()) } else { Ok(found) }
}
