//! The install tree as outside projects meet it: one with CMake, one with pkg-config and make, one with a plain call of
//! the compiler, each of which finds jvdb in a prefix and nowhere else.

use super::{SUMS, install, system_libraries};
use crate::Result;
use crate::build::{SYSTEM_LIBRARIES, Workspace};
use crate::run::{output, program, run, works};
use std::path::Path;
use std::process::Command;

/// Installs into a temporary prefix, builds the projects of `hosts/c` and `hosts/cpp` against it, and runs them.
pub fn projects(workspace: &Workspace) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let prefix = scratch.path().join("prefix");
    install(workspace, &prefix)?;
    run(program("sha256sum", &prefix).args(["--check", "--quiet", SUMS]))?;
    let abi = crate::abi::check_library(workspace, &prefix.join("lib/libjvdb.so"))?;
    if abi.failed > 0 {
        return Err("the library that is installed has another ABI, see above".into());
    }
    let told = system_libraries(workspace)?;
    if told != SYSTEM_LIBRARIES.join(" ") {
        return Err(format!("the compiler says that the archive needs {told}, and tests link it with others").into());
    }
    let page = std::fs::read_to_string(prefix.join("share/man/man1/jvdb.1"))?;
    if !page.contains("import") {
        return Err("the man page does not know import".into());
    }
    cmake(workspace, &prefix, scratch.path())?;
    make(workspace, &prefix, scratch.path())?;
    plain(workspace, &prefix, scratch.path())?;
    archive(workspace, &prefix, scratch.path())
}

/// The C++ host, with each of the two targets.
fn cmake(workspace: &Workspace, prefix: &Path, scratch: &Path) -> Result<()> {
    let root = &workspace.root;
    for target in ["shared", "static"] {
        let build = scratch.join(format!("cmake-{target}"));
        let mut configure = program("cmake", root);
        configure.args(["-S", "hosts/cpp", "-B"]).arg(&build).arg(format!("-DJVDB_LINK={target}"));
        run(configure.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display())))?;
        run(program("cmake", root).arg("--build").arg(&build))?;
        let storage = scratch.join(format!("storage-{target}"));
        let mut host = program(build.join("jvdb_host"), root);
        run(host.args(["import", "--input", "tests/data/databases.json", "--storage"]).arg(storage))?;
    }
    let other = scratch.join("other");
    std::fs::create_dir(&other)?;
    let project = "cmake_minimum_required(VERSION 3.16)\nproject(other C)\nfind_package(jvdb 99 REQUIRED)\n";
    std::fs::write(other.join("CMakeLists.txt"), project)?;
    let mut configure = program("cmake", &other);
    configure.args(["-S", ".", "-B", "build"]).arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display()));
    if works(&mut configure) { Err("version 99 was found".into()) } else { Ok(()) }
}

/// The C host, with pkg-config and its Makefile, which is told the prefix in each of the two ways.
fn make(workspace: &Workspace, prefix: &Path, scratch: &Path) -> Result<()> {
    let directory = scratch.join("make");
    std::fs::create_dir(&directory)?;
    for file in ["main.c", "Makefile"] {
        std::fs::copy(workspace.root.join("hosts/c").join(file), directory.join(file))?;
    }
    let path = prefix.join("lib/pkgconfig");
    for in_environment in [true, false] {
        let mut make = program("make", &directory);
        make.args(["--always-make", "CFLAGS=-O2"]).env_remove("PKG_CONFIG_PATH");
        match in_environment {
            true => make.env("PKG_CONFIG_PATH", &path),
            false => make.arg(format!("PKG_CONFIG_PATH={}", path.display())),
        };
        run(&mut make)?;
        says(program(directory.join("jvdb_c"), scratch).arg(scratch.join("storage-make")))?;
    }
    Ok(())
}

/// The C host again, by the lines that README.md gives: what pkg-config says, and nothing else.
fn plain(workspace: &Workspace, prefix: &Path, scratch: &Path) -> Result<()> {
    let file = scratch.join("jvdb_c_plain");
    let mut compiler = program("cc", &workspace.root);
    compiler.args(["-std=c11", "hosts/c/main.c", "-o"]).arg(&file);
    for wanted in [&["--cflags", "--libs"][..], &["--variable=rpath"]] {
        compiler.args(pkg_config(workspace, prefix, wanted)?);
    }
    run(&mut compiler)?;
    says(program(&file, scratch).arg(scratch.join("storage-make")))
}

/// The C host again, with the archive and the libraries that pkg-config says it needs; and fully static, with no other file to
/// run it.
fn archive(workspace: &Workspace, prefix: &Path, scratch: &Path) -> Result<()> {
    let libraries = pkg_config(workspace, prefix, &["--static", "--libs-only-l"])?;
    for fully in [false, true] {
        let file = scratch.join(if fully { "jvdb_c_fully_static" } else { "jvdb_c_static" });
        let mut compiler = program("cc", &workspace.root);
        compiler.args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o"]).arg(&file).arg("hosts/c/main.c");
        compiler.args(fully.then_some("-static"));
        compiler.arg("-I").arg(prefix.join("include")).arg(prefix.join("lib/libjvdb.a"));
        run(compiler.args(libraries.iter().filter(|library| *library != "-ljvdb")))?;
        let needed = output(program("readelf", scratch).arg("-d").arg(&file))?;
        if needed.contains("libjvdb") || (fully && needed.contains("(NEEDED)")) {
            return Err(format!("{} needs a library to run: {needed}", file.display()).into());
        }
        // What is there is opened again.
        says(program(&file, scratch).arg(scratch.join("storage-make")))?;
    }
    Ok(())
}

/// What pkg-config says of the library in that prefix.
fn pkg_config(workspace: &Workspace, prefix: &Path, wanted: &[&str]) -> Result<Vec<String>> {
    let mut config = program("pkg-config", &workspace.root);
    config.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")).args(wanted).arg("jvdb");
    Ok(output(&mut config)?.split_whitespace().map(str::to_owned).collect())
}

fn says(host: &mut Command) -> Result<()> {
    let said = output(host)?;
    if said == "1 0.5 0\n" { Ok(()) } else { Err(format!("the C host says {said:?}").into()) }
}
