//! The examples of `README.md` and `include/README.md`: the very text that is printed there is compiled, and run in an
//! empty directory.

use super::counts::Counts;
use crate::Result;
use crate::build::{Linked, STAND_IN, Workspace};
use crate::run::{output, program, run};
use std::fs;
use std::path::Path;

/// A page, the marks of its examples (the text behind the opening fence), and how many lines each may have.
const PAGES: [(&str, &[&str], usize); 2] = [
    ("README.md", &["rust", "c", "cpp", "cpp,adapter", "rust,wasmtime"], 15),
    ("include/README.md", &["c", "cpp,handles", "cpp", "cpp,adapter"], 40),
];

/// Compiles and runs each of the examples.
pub fn examples(workspace: &Workspace) -> Result<Counts> {
    let mut counts = Counts::default();
    for (page, marks, most_lines) in PAGES {
        let text = fs::read_to_string(workspace.root.join(page))?;
        for mark in marks {
            let done = match &blocks(&text, mark)[..] {
                [example] if example.lines().count() > most_lines => {
                    Err(format!("{} lines, more than {most_lines}", example.lines().count()).into())
                }
                [example] => try_example(workspace, mark, example),
                found => Err(format!("{page} has {} blocks marked {mark}, not one", found.len()).into()),
            };
            match &done {
                Ok(printed) => println!("{page}, {mark}: ok, prints\n{printed}"),
                Err(error) => println!("{page}, {mark}: FAILED: {error}"),
            }
            counts += Counts::one(done.is_ok());
        }
    }
    Ok(counts)
}

/// The texts of all blocks with that mark.
fn blocks(markdown: &str, mark: &str) -> Vec<String> {
    let opening = format!("```{mark}");
    let mut lines = markdown.lines();
    let mut found = Vec::new();
    while lines.any(|line| line == opening) {
        let block: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
        found.push(block.join("\n") + "\n");
    }
    found
}

fn try_example(workspace: &Workspace, mark: &str, example: &str) -> Result<String> {
    let scratch = tempfile::tempdir()?;
    let language = mark.split(',').next().unwrap_or_default();
    let extension = if language == "rust" { "rs" } else { language };
    let source = scratch.path().join("example").with_extension(extension);
    let file = scratch.path().join("example");
    fs::write(&source, example)?;
    match mark {
        "c" | "cpp" | "cpp,handles" => workspace.compile(std::slice::from_ref(&source), Linked::Shared, &file)?,
        "cpp,adapter" => {
            workspace.compile_with(&[STAND_IN], std::slice::from_ref(&source), Linked::Shared, &file)?;
        }
        _ => compile_rust(workspace, &source, &file)?,
    }
    if mark == "rust,wasmtime" {
        fs::copy(workspace.component(), scratch.path().join("jvdb_component.wasm"))?;
    }
    let printed = output(&mut program(&file, scratch.path()))?;
    if printed.is_empty() { Err("it prints nothing".into()) } else { Ok(printed) }
}

/// Compiles one file as a crate beside ours would be: against the libraries as they were built.
fn compile_rust(workspace: &Workspace, source: &Path, file: &Path) -> Result<()> {
    let artifacts = workspace.artifacts();
    let mut rustc = program("rustc", &workspace.root);
    rustc.args(["--edition", "2024", "-D", "warnings", "-o"]).arg(file).arg(source);
    rustc.arg("-L").arg(format!("dependency={}", artifacts.join("deps").display()));
    for library in ["jvdb_core", "jvdb_wasmtime"] {
        rustc.arg("--extern").arg(format!("{library}={}", artifacts.join(format!("lib{library}.rlib")).display()));
    }
    run(&mut rustc)
}

#[cfg(test)]
mod tests {
    use super::blocks;

    #[test]
    fn blocks_are_found_by_their_exact_mark() {
        let text = "a\n```rust\none\n\ntwo\n```\n```rust,wasmtime\nthree\n```\n    ```rust\n```\nfour\n```\n";
        assert_eq!(blocks(text, "rust"), ["one\n\ntwo\n"]);
        assert_eq!(blocks(text, "rust,wasmtime"), ["three\n"]);
        assert!(blocks(text, "cpp").is_empty());
    }
}
