//! `cargo xtask docs`: the headers as HTML, made by doxygen. What a header offers and does not describe is a warning, and
//! a warning is an error.

use crate::Result;
use crate::build::Workspace;
use crate::run::{program, run as run_command};
use crate::tools;
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};

const CONFIGURATION: &str = include_str!("docs/Doxyfile.in");

/// Where it goes.
#[derive(Args)]
pub struct Docs {
    /// Directory for the pages; target/docs if none is given
    #[arg(long)]
    output: Option<PathBuf>,
}

pub fn run(wanted: &Docs) -> Result<()> {
    let workspace = Workspace::find()?;
    let output = wanted.output.clone().unwrap_or_else(|| workspace.target.join("docs"));
    if !is_possible(&workspace) {
        println!("SKIPPED: the reference of the headers: doxygen is not here and cannot be installed");
        return Ok(());
    }
    make(&workspace, &output)?;
    println!("{}", output.join("index.html").display());
    Ok(())
}

/// Whether doxygen is here; installs it if that can be done.
pub fn is_possible(workspace: &Workspace) -> bool {
    tools::optional(workspace, "doxygen", "doxygen --version")
}

/// Writes the pages into a directory, without a warning.
pub fn make(workspace: &Workspace, output: &Path) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let configuration = scratch.path().join("Doxyfile");
    let text = CONFIGURATION
        .replace("@VERSION@", env!("CARGO_PKG_VERSION"))
        .replace("@OUTPUT@", &scratch.path().display().to_string());
    fs::write(&configuration, text)?;
    run_command(program("doxygen", &workspace.root).arg(&configuration))?;
    let made = scratch.path().join("html");
    let pages = count(&made)?;
    for page in ["index.html", "jvdb_8h.html", "classjvdb_1_1Database.html"] {
        if !made.join(page).exists() {
            return Err(format!("the reference has {pages} pages, and no {page} among them").into());
        }
    }
    println!("{pages} pages of reference, no warning");
    copy(&made, output)
}

/// Pages in a directory.
fn count(directory: &Path) -> Result<usize> {
    let names = fs::read_dir(directory)?.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    Ok(names.filter(|path| path.extension().is_some_and(|it| it == "html")).count())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let copied = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &copied)?;
        } else {
            fs::copy(&path, copied)?;
        }
    }
    Ok(())
}
