//! What programs rely on that were linked with the library before: its symbols, their types, its SONAME, what it needs to
//! be loaded. `cargo xtask abi` compares it with what is committed; `--accept` commits to what is there now.
//!
//! The types are compared as the header declares them, with libabigail, through a library of empty functions that is
//! compiled from it: what Rust writes into its debug information is the engine's inside and changes with it. That the
//! header says what the library does is the business of cbindgen, and of `ffi/tests/header.rs`.

use crate::Result;
use crate::build::Workspace;
use crate::headers;
use crate::run::{output, program, run as run_command};
use crate::test::Counts;
use crate::tools;
use clap::Args;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Bytes that the library may have without debug information.
const LARGEST: u64 = 1_500_000;
/// What it may need: the C library, its loader, the mathematical library, the unwinder.
const NEEDED: [&str; 4] = ["libc.so.6", "ld-linux-x86-64.so.2", "libm.so.6", "libgcc_s.so.1"];
const SONAME: &str = "libjvdb.so.0";

/// What to do.
#[derive(Args)]
pub struct Abi {
    /// Writes ffi/symbols.txt and ffi/abi.xml anew from what is there now. Before, raise JVDB_ABI_VERSION in
    /// ffi/src/version.rs when something was added: new symbols get that version, and others keep theirs. When something
    /// was taken away or changed, raise the major version, and with it the SONAME
    #[arg(long)]
    accept: bool,
}

pub fn run(wanted: &Abi) -> Result<()> {
    let workspace = Workspace::find()?;
    tools::native(&workspace)?;
    run_command(workspace.cargo().args(["build", "--release", "--package", "jvdb-ffi"]))?;
    if wanted.accept {
        return accept(&workspace);
    }
    let counts = check(&workspace)? + headers::check(&workspace)?;
    println!("{counts}");
    if counts.failed == 0 { Ok(()) } else { Err("the ABI is not what it was; see `cargo xtask abi --help`".into()) }
}

fn accept(workspace: &Workspace) -> Result<()> {
    let header = header(workspace)?;
    let number = |name: &str| {
        let line = header.lines().find_map(|line| line.strip_prefix("#define ")?.strip_prefix(name)?.strip_prefix(' '));
        line.ok_or_else(|| format!("include/jvdb.h does not define {name}"))
    };
    let new = match (number("JVDB_VERSION_MAJOR")?, number("JVDB_ABI_VERSION")?) {
        (major, "1") => format!("JVDB_{major}"),
        (major, abi) => format!("JVDB_{major}.{abi}"),
    };
    let before = listed(workspace)?;
    let versioned = |name: String| {
        let version = before.get(&name).unwrap_or(&new);
        format!("{name}@@{version}\n")
    };
    let symbols: Vec<_> = declared(&header)?.into_iter().map(versioned).collect();
    fs::write(workspace.root.join("ffi/symbols.txt"), symbols.concat())?;
    if !tools::optional(workspace, "abigail-tools", "abidw --version") {
        return Err("abidw is missing: ffi/symbols.txt is new, ffi/abi.xml is not".into());
    }
    let scratch = tempfile::tempdir()?;
    let stub = stub(workspace, scratch.path())?;
    let mut abidw = program("abidw", scratch.path());
    abidw.args(["--no-show-locs", "--no-corpus-path", "--no-comp-dir-path", "--out-file"]);
    run_command(abidw.arg(workspace.root.join("ffi/abi.xml")).arg(stub))?;
    println!("accepted: {} symbols", symbols.len());
    Ok(())
}

/// Everything about the optimized library, which is there already.
pub fn check(workspace: &Workspace) -> Result<Counts> {
    check_library(workspace, &workspace.artifacts().join("libjvdb.so"))
}

/// The same about a library anywhere.
pub fn check_library(workspace: &Workspace, library: &Path) -> Result<Counts> {
    let mut counts = Counts::default();
    let mut one = |what: &str, passed: bool, found: String| {
        println!("{what}: {}{found}", if passed { "ok" } else { "FAILED" });
        counts += Counts::one(passed);
    };
    let differences = |found: &BTreeSet<String>, expected: &BTreeSet<String>| {
        let missing = expected.difference(found).map(|name| format!(" missing: {name}"));
        missing.chain(found.difference(expected).map(|name| format!(" new: {name}"))).collect::<String>()
    };

    let listed = listed(workspace)?;
    let versioned: BTreeSet<_> = listed.iter().map(|(name, version)| format!("{name}@@{version}")).collect();
    let mut nm = program("nm", &workspace.root);
    let exported = output(nm.args(["-D", "--defined-only", "--with-symbol-versions"]).arg(library))?;
    let exported: BTreeSet<_> =
        exported.lines().filter_map(|line| line.rsplit(' ').next()).map(str::to_owned).collect();
    one(
        "exported symbols and their versions are those of ffi/symbols.txt",
        exported == versioned,
        format!(" {} symbols{}", exported.len(), differences(&exported, &versioned)),
    );
    let declared = declared(&header(workspace)?)?;
    let names: BTreeSet<_> = listed.into_keys().collect();
    one("declared functions are those of ffi/symbols.txt", declared == names, differences(&declared, &names));

    let dynamic = output(program("readelf", &workspace.root).args(["-d", "--wide"]).arg(library))?;
    let named = |tag: &str| {
        let lines = dynamic.lines().filter(|line| line.contains(tag)).collect::<Vec<_>>();
        let inside = |line: &&str| Some(line.split_once('[')?.1.split_once(']')?.0.to_owned());
        lines.iter().filter_map(inside).collect::<Vec<_>>()
    };
    one("SONAME", named("(SONAME)") == [SONAME], format!(" {:?}", named("(SONAME)")));
    let needed = named("(NEEDED)");
    let known = needed.iter().all(|library| NEEDED.contains(&library.as_str()));
    one("needs the C library and the unwinder alone", known && !needed.is_empty(), format!(" {needed:?}"));

    let scratch = tempfile::tempdir()?;
    let stripped = scratch.path().join("stripped.so");
    run_command(program("strip", &workspace.root).arg("-o").arg(&stripped).arg(library))?;
    let size = fs::metadata(&stripped)?.len();
    one("size without debug information", size < LARGEST, format!(" {size} bytes, fewer than {LARGEST}"));

    if tools::optional(workspace, "abigail-tools", "abidiff --version") {
        let stub = stub(workspace, scratch.path())?;
        let mut abidiff = program("abidiff", scratch.path());
        let same = run_command(abidiff.arg(workspace.root.join("ffi/abi.xml")).arg(stub));
        one("types are those of ffi/abi.xml (abidiff)", same.is_ok(), String::new());
    } else {
        println!("SKIPPED: types are those of ffi/abi.xml: abidiff is not here and cannot be installed");
        counts += Counts { skipped: 1, ..Counts::default() };
    }
    Ok(counts)
}

/// The functions of the header, with their declarations: it is generated, so each begins at the start of a line and ends
/// with a semicolon, which the inline ones do not.
fn declarations(header: &str) -> Vec<(String, String)> {
    let code: Vec<_> = header.lines().filter(|line| !line.trim_start().starts_with(['*', '/', '#'])).collect();
    let mut found = Vec::new();
    let mut lines = code.iter();
    while let Some(line) = lines.next() {
        let begins = !line.starts_with([' ', '}']) && !line.starts_with("typedef") && !line.starts_with("static");
        let Some((before, _)) = line.split_once('(').filter(|_| begins) else { continue };
        let mut declaration = (*line).to_owned();
        while !declaration.ends_with(';') {
            let Some(line) = lines.next() else { break };
            declaration += line;
        }
        let name = before.rsplit([' ', '*']).next().unwrap_or_default().to_owned();
        found.push((name, declaration.trim_end_matches(';').to_owned()));
    }
    found
}

fn header(workspace: &Workspace) -> Result<String> {
    Ok(fs::read_to_string(workspace.root.join("include/jvdb.h"))?)
}

fn declared(header: &str) -> Result<BTreeSet<String>> {
    let found: BTreeSet<_> = declarations(header).into_iter().map(|(name, _)| name).collect();
    if found.is_empty() { Err("include/jvdb.h declares nothing".into()) } else { Ok(found) }
}

/// What ffi/symbols.txt says: the version of each symbol.
fn listed(workspace: &Workspace) -> Result<BTreeMap<String, String>> {
    let text = fs::read_to_string(workspace.root.join("ffi/symbols.txt"))?;
    let one = |line: &str| {
        let found = line.split_once("@@").map(|(name, version)| (name.to_owned(), version.to_owned()));
        found.ok_or_else(|| format!("ffi/symbols.txt: no version in {line:?}").into())
    };
    text.lines().map(one).collect()
}

/// A library with every function of the header and nothing in them, and with the versions of ffi/symbols.txt.
fn stub(workspace: &Workspace, scratch: &Path) -> Result<PathBuf> {
    let bodies =
        declarations(&header(workspace)?).into_iter().map(|(_, text)| format!("{text} {{ __builtin_trap(); }}\n"));
    let (source, script, library) = (scratch.join("stub.c"), scratch.join("stub.map"), scratch.join(SONAME));
    fs::write(&source, format!("#include \"jvdb.h\"\n{}", bodies.collect::<String>()))?;
    let mut versions = BTreeMap::<_, String>::new();
    for (name, version) in listed(workspace)? {
        *versions.entry(version).or_default() += &format!(" {name};");
    }
    let versions = versions.into_iter().map(|(version, names)| format!("{version} {{ global:{names} }};\n"));
    fs::write(&script, versions.collect::<String>())?;
    let mut cc = program("cc", scratch);
    cc.args(["-std=c11", "-g", "-O0", "-fPIC", "-shared", "-I"]).arg(workspace.root.join("include"));
    cc.arg(format!("-Wl,-soname,{SONAME}")).arg(format!("-Wl,--version-script={}", script.display()));
    run_command(cc.arg("-o").arg(&library).arg(&source))?;
    Ok(library)
}

#[cfg(test)]
mod tests {
    use super::declarations;

    #[test]
    fn declarations_are_found_and_nothing_else() {
        let header = "/**\n * int not_this(void);\n */\n#define A(b) b\ntypedef void (*jvdb_callback_t)(int32_t level);\n\
                      const char *jvdb_a(const struct x *x);\n\njvdb_status_t jvdb_b(int32_t a,\n                     int b);\n\
                      static inline int jvdb_c(void)\n{\n    call(1);\n}\n";
        let found = declarations(header);
        let expected = [
            ("jvdb_a", "const char *jvdb_a(const struct x *x)"),
            ("jvdb_b", "jvdb_status_t jvdb_b(int32_t a,                     int b)"),
        ];
        assert_eq!(found, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }
}
