//! Gives the shared library its SONAME, `libjvdb.so.MAJOR`, and puts a link of that name beside it, so that programs that
//! are linked with it where cargo built it also start there.

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let soname = format!("libjvdb.so.{}", env::var("CARGO_PKG_VERSION_MAJOR").expect("cargo gives the version"));
    println!("cargo::rustc-env=JVDB_SONAME={soname}");
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,{soname}");
        link(&soname);
    }
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
