//! Gives the shared library its SONAME, `libjvdb.so.MAJOR`, and its symbols their versions; and puts a link of that name
//! beside it, so that programs that are linked with it where cargo built it also start there.
//!
//! Which symbol has which version is in `symbols.txt`, as `nm -D` prints it: `jvdb_get_into@@JVDB_0`. rustc gives the linker a
//! version script of its own, without versions and with no way to leave it out. GNU ld takes no second one beside it. lld
//! does, in which the versions are declared and no symbols named; each symbol is then asked for under its versioned name,
//! which is the name it keeps. So lld links the library where the toolchain brings it, as rustup's do. Elsewhere the
//! library has no versions, works all the same, and `cargo xtask abi` fails.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=symbols.txt");
    let soname = format!("libjvdb.so.{}", env::var("CARGO_PKG_VERSION_MAJOR").expect("cargo gives the version"));
    println!("cargo::rustc-env=JVDB_SONAME={soname}");
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,{soname}");
        link(&soname);
        match lld() {
            Some(directory) => versions(&directory),
            None => println!("cargo::warning=the toolchain brings no lld: libjvdb.so gets no symbol versions"),
        }
    }
}

/// Where the toolchain has `ld.lld` for compilers to find.
fn lld() -> Option<PathBuf> {
    let rustc = env::var_os("RUSTC").expect("cargo gives the compiler");
    let told = Command::new(rustc).args(["--print", "sysroot"]).output().ok()?;
    let sysroot = PathBuf::from(String::from_utf8(told.stdout).ok()?.trim());
    let host = env::var("HOST").expect("cargo gives the host");
    let directory = sysroot.join("lib/rustlib").join(host).join("bin/gcc-ld");
    directory.join("ld.lld").exists().then_some(directory)
}

fn versions(lld: &Path) {
    let symbols = fs::read_to_string("symbols.txt").expect("symbols.txt can be read");
    let mut versions = BTreeSet::new();
    for symbol in symbols.lines() {
        if let Some((name, version)) = symbol.split_once("@@") {
            println!("cargo::rustc-cdylib-link-arg=-Wl,-u,{name}@@{version}");
            versions.insert(version);
        }
    }
    let script: String = versions.iter().map(|version| format!("{version} {{ }};\n")).collect();
    let file = PathBuf::from(env::var_os("OUT_DIR").expect("cargo gives a directory")).join("versions.map");
    fs::write(&file, script).expect("OUT_DIR can be written");
    println!("cargo::rustc-cdylib-link-arg=-Wl,--version-script={}", file.display());
    println!("cargo::rustc-cdylib-link-arg=-B{}", lld.display());
    println!("cargo::rustc-cdylib-link-arg=-fuse-ld=lld");
}

/// `OUT_DIR` is PROFILE/build/PACKAGE/out. Where it is not, there is no link, and the library is no worse.
#[cfg(unix)]
fn link(soname: &str) {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo gives a directory"));
    let Some(profile) = out.ancestors().nth(3) else { return };
    if profile.join("build").is_dir() {
        // It may be there already.
        let _ = std::os::unix::fs::symlink("libjvdb.so", profile.join(soname));
    }
}

#[cfg(not(unix))]
fn link(_: &str) {}
