//! What may be depended on: licences, sources, duplicates, and known faults where their list can be had. Read from `deny.toml` by
//! cargo-deny, of a fixed version, which is installed where it is missing.

use crate::Result;
use crate::build::Workspace;
use crate::run::{program, run as run_command, works};
use crate::test::Steps;
use std::path::PathBuf;
use std::process::Command;

/// The version that is installed.
const VERSION: &str = "0.20.2";

pub fn run() -> Result<()> {
    let workspace = Workspace::find()?;
    install(&workspace)?;
    run_command(deny(&workspace).args(["check", "licenses", "bans", "sources"]))?;
    match has_advisories(&workspace) {
        true => run_command(deny(&workspace).args(["check", "advisories"])),
        false => {
            println!("SKIPPED: advisories: their database cannot be fetched from here");
            Ok(())
        }
    }
}

/// As steps of `cargo xtask test`.
pub fn step(workspace: &Workspace, steps: &mut Steps) {
    if !steps.whole("cargo-deny", || install(workspace)) {
        return;
    }
    let mut check = deny(workspace);
    steps.whole("licences, duplicates and sources of dependencies", || {
        run_command(check.args(["check", "licenses", "bans", "sources"]))
    });
    let advisories = "known faults of dependencies";
    if has_advisories(workspace) {
        let mut check = deny(workspace);
        steps.whole(advisories, || run_command(check.args(["check", "advisories"])));
    } else {
        steps.skip(advisories, "the database of advisories cannot be fetched from here");
    }
}

fn has_advisories(workspace: &Workspace) -> bool {
    works(deny(workspace).args(["fetch", "db"]))
}

/// In a directory of its own beside the build, so that nothing of the user's is replaced.
fn root(workspace: &Workspace) -> PathBuf {
    workspace.target.join("cargo-deny")
}

fn deny(workspace: &Workspace) -> Command {
    program(root(workspace).join("bin/cargo-deny"), &workspace.root)
}

fn install(workspace: &Workspace) -> Result<()> {
    if works(deny(workspace).arg("--version")) {
        return Ok(());
    }
    println!("installing cargo-deny {VERSION}: it is compiled, which takes some minutes");
    let mut install = workspace.cargo();
    install.args(["install", "--quiet", "--locked", "--root"]).arg(root(workspace));
    run_command(install.arg(format!("cargo-deny@{VERSION}")))
}
