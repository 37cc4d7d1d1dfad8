//! What must be on the machine, and how it gets there. Nothing is installed without a line that says so.

use crate::Result;
use crate::build::Workspace;
use crate::run::{program, run, works};

/// Something from a Debian package, and a shell command that succeeds where it is there.
struct Package {
    name: &'static str,
    probe: &'static str,
}

const NATIVE: [Package; 8] = [
    Package { name: "gcc", probe: "cc --version" },
    Package { name: "g++", probe: "c++ --version" },
    Package { name: "cmake", probe: "cmake --version" },
    Package { name: "make", probe: "make --version" },
    Package { name: "pkg-config", probe: "pkg-config --version" },
    Package {
        name: "nlohmann-json3-dev",
        probe: "echo '#include <nlohmann/json.hpp>' | c++ -std=c++20 -fsyntax-only -x c++ -",
    },
    Package {
        name: "libexpected-dev",
        probe: "echo '#include <tl/expected.hpp>' | c++ -std=c++20 -fsyntax-only -x c++ -",
    },
    Package { name: "libgtest-dev", probe: "echo '#include <gtest/gtest.h>' | c++ -std=c++20 -fsyntax-only -x c++ -" },
];

const FILE_SYSTEMS: [Package; 2] = [
    Package { name: "e2fsprogs", probe: "command -v mkfs.ext4" },
    Package { name: "xfsprogs", probe: "command -v mkfs.xfs" },
];

/// Compilers for C and C++, the JSON library the C++ host reads its input with, and what the adapter's tests need.
pub fn native(workspace: &Workspace) -> Result<()> {
    install(workspace, &NATIVE)
}

/// What makes file systems whose power is to be cut.
pub fn file_systems(workspace: &Workspace) -> Result<()> {
    install(workspace, &FILE_SYSTEMS)
}

fn install(workspace: &Workspace, packages: &[Package]) -> Result<()> {
    let missing = || {
        let there = |probe| works(program("sh", &workspace.root).args(["-c", probe]));
        packages.iter().filter(|package| !there(package.probe)).map(|package| package.name).collect::<Vec<_>>()
    };
    let wanted = missing();
    if wanted.is_empty() {
        return Ok(());
    }
    let list = wanted.join(" ");
    println!("installing Debian packages: {list}");
    let by_hand = format!("{list} missing here; install what provides it and run this again");
    if !works(program("sh", &workspace.root).args(["-c", "command -v apt-get && test \"$(id -u)\" = 0"])) {
        return Err(format!("{by_hand} (as root: apt-get install {list})").into());
    }
    let mut install = program("sh", &workspace.root);
    install.env("DEBIAN_FRONTEND", "noninteractive");
    install.args(["-c", "apt-get update -qq && apt-get install -y -qq --no-install-recommends \"$@\"", "sh"]);
    run(install.args(&wanted)).map_err(|error| format!("{by_hand}: {error}"))?;
    if missing().is_empty() { Ok(()) } else { Err(by_hand.into()) }
}

/// rustfmt and clippy.
pub fn lints(workspace: &Workspace) -> Result<()> {
    for (subcommand, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if !works(workspace.cargo().args([subcommand, "--version"])) {
            println!("installing the Rust component: {component}");
            run(program("rustup", &workspace.root).args(["component", "add", component]))
                .map_err(|error| format!("cargo {subcommand} is missing and cannot be installed: {error}"))?;
        }
    }
    Ok(())
}

/// Something that a check can do without, though it is then left out: gives whether it is there, and installs it if that
/// can be done.
pub fn optional(workspace: &Workspace, package: &str, probe: &str) -> bool {
    let there = || works(program("sh", &workspace.root).args(["-c", probe]));
    let root = || works(program("sh", &workspace.root).args(["-c", "command -v apt-get && test \"$(id -u)\" = 0"]));
    if !there() && root() {
        println!("installing a Debian package: {package}");
        let mut install = program("sh", &workspace.root);
        install.env("DEBIAN_FRONTEND", "noninteractive");
        // What comes of it is seen below.
        let _ = run(install.args([
            "-c",
            "apt-get update -qq && apt-get install -y -qq --no-install-recommends \"$1\"",
            "sh",
            package,
        ]));
    }
    there()
}

/// `clang` or `clang++`, by whichever of its names it has here.
pub fn clang(workspace: &Workspace, name: &str) -> Option<String> {
    let newest = (14..=21).rev().map(|version| format!("{name}-{version}"));
    let mut names = std::iter::once(name.to_owned()).chain(newest);
    let found = names.find(|name| works(program(name, &workspace.root).arg("--version")));
    found.or_else(|| optional(workspace, "clang", &format!("{name} --version")).then(|| name.to_owned()))
}
