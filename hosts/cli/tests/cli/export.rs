//! `jvdb export`: the text it writes, and the file it does or does not leave.

use crate::shell::{Run, Shell, document};
use jvdb_core::{Options, Storage};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

const VECTORS: &str = r#"{"id":1,"data":[1,0.1]},{"id":"k","data":[-0.0,1e-45],"metadata":{"a" : "b"}}"#;

fn shell_with_vectors() -> Shell {
    let shell = Shell::new();
    shell.import(document("d", 2, VECTORS), &[]).success();
    shell
}

#[test]
fn the_text_is_that_of_the_format() {
    let shell = shell_with_vectors();
    shell.import(document("e", 3, ""), &[]).success();
    let expected = r#"{"databases":[
{"name":"d","schema":{"dimension":2,"distance_metric":"cosine"},"vectors":[
{"id":1,"data":[1.0,0.1]},
{"id":"k","data":[-0.0,1e-45],"metadata":{"a" : "b"}}]},
{"name":"e","schema":{"dimension":3,"distance_metric":"cosine"},"vectors":[]}]}
"#;
    assert_eq!(shell.export(), expected);
    assert_eq!(shell.ok("export", &["--output", "-", "--database", "e"]).lines().count(), 2);
}

#[test]
fn a_storage_directory_without_databases_is_exported_too() {
    let shell = Shell::new();
    drop(Storage::open(shell.path("store"), Options::default()).expect("a storage directory"));
    let run = shell.run("export", &["--output", "-"]);
    assert!(run.stderr.contains("a storage directory without databases"), "{}", run.stderr);
    assert_eq!(run.success(), "{\"databases\":[]}\n");
}

#[test]
fn the_file_takes_the_place_of_another_and_nothing_else_is_left() {
    let shell = shell_with_vectors();
    let path = shell.file("out.json", "old");
    symlink(&path, shell.path("link")).expect("a link");
    let printed = shell.ok("export", &["--output", &shell.text("link"), "--json"]);
    assert_eq!(printed, "{\"databases\":1,\"vectors\":2}\n");
    assert_eq!(fs::read_to_string(path).expect("a file"), shell.export());
    assert!(fs::symlink_metadata(shell.path("link")).expect("a link").is_symlink());
    assert_eq!(entries(&shell), ["link", "out.json", "store"]);
}

#[test]
fn a_failed_export_leaves_the_file_that_was_there() {
    let shell = shell_with_vectors();
    fs::write(shell.path("store/z.jvdb"), "not a database").expect("a file");
    let path = shell.file("out.json", "old");
    let message = shell.fails(1, "export", &["--output", &path, "--database", "z"]);
    assert!(message.contains("z.jvdb"), "{message}");
    assert_eq!(fs::read_to_string(path).expect("a file"), "old");
    assert_eq!(entries(&shell), ["out.json", "store"]);
}

#[test]
fn an_export_never_takes_the_place_of_a_database_nor_its_name() {
    let shell = shell_with_vectors();
    let copy = shell.text("copy");
    fs::copy(shell.path("store/d.jvdb"), &copy).expect("a copy");
    symlink(shell.path("store/d.jvdb"), shell.path("link")).expect("a link");
    let before = fs::read(shell.path("store/d.jvdb")).expect("a file");
    for path in ["store/d.jvdb", "link", "copy", "store/new.jvdb"] {
        let message = shell.fails(3, "export", &["--output", &shell.text(path)]);
        assert!(message.contains("name another file"), "{path}: {message}");
    }
    assert_eq!(fs::read(shell.path("store/d.jvdb")).expect("a file"), before);
    assert!(!shell.path("store/new.jvdb").exists());
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let shell = shell_with_vectors();
    for (code, path) in [(5, shell.text("missing/out.json")), (1, shell.text("store"))] {
        let message = shell.fails(code, "export", &["--output", &path]);
        assert!(message.contains(&path), "{message}");
    }
    let message = shell.fails(4, "export", &["--output", "/dev/full"]);
    assert!(message.contains("cannot write /dev/full") && message.contains("make room on that disk"), "{message}");
    shell.ok("export", &["--output", "/dev/null"]);
}

#[test]
fn a_database_that_is_not_there_is_named() {
    let shell = shell_with_vectors();
    let message = shell.fails(5, "export", &["--output", "-", "--database", "x"]);
    assert!(message.contains("\"x\" does not exist"), "{message}");
}

fn entries(shell: &Shell) -> Vec<String> {
    let entries = fs::read_dir(shell.path("")).expect("a directory");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect();
    names.sort();
    names
}

#[test]
fn a_file_that_is_replaced_keeps_its_mode() {
    let shell = shell_with_vectors();
    let path = shell.file("out.json", "old");
    let mode = || fs::metadata(&path).expect("a file").permissions().mode() & 0o777;
    for kept in [0o600, 0o640, 0o666] {
        fs::set_permissions(&path, PermissionsExt::from_mode(kept)).expect("set");
        shell.ok("export", &["--output", &path]);
        assert_eq!(mode(), kept);
        assert_eq!(fs::read_to_string(&path).expect("a file"), shell.export());
    }
}

#[test]
fn what_an_interrupted_export_has_left_goes_and_what_another_writes_stays() {
    let shell = shell_with_vectors();
    shell.file(".jvdb-export-left.partial", "half");
    shell.file(".jvdb-export-other", "none of ours");
    let path = shell.file(".jvdb-export-used.partial", "half");
    let used = fs::File::open(path).expect("a file");
    used.lock().expect("locked");
    shell.ok("export", &["--output", &shell.text("out.json")]);
    assert_eq!(entries(&shell), [".jvdb-export-other", ".jvdb-export-used.partial", "out.json", "store"]);
}

/// Runs an export onto `out.json` after a command that changes what that is, in a name space of its own. `None` where the system
/// gives none.
fn export_after(shell: &Shell, command: &str) -> Option<Run> {
    let script = format!("{command} && exec \"$0\" export --storage store --output out.json");
    let run = |script: &str| {
        let mut process = Command::new("unshare");
        process.args(["-rm", "sh", "-c", script, env!("CARGO_BIN_EXE_jvdb")]).current_dir(shell.path(""));
        process.output()
    };
    let may = run("mount -t tmpfs none store/..").is_ok_and(|output| output.status.success());
    may.then(|| Run::of(run(&script).expect("unshare starts")))
}

#[test]
fn a_file_that_is_mounted_by_itself_is_written_over() {
    let shell = shell_with_vectors();
    let long = "an old export that is longer than the new one".repeat(100);
    shell.file("out.json", "");
    let mounted = shell.file("mounted.json", long);
    let Some(run) = export_after(&shell, "mount --bind mounted.json out.json") else { return };
    assert!(run.success().contains("exported 2 vectors"));
    assert_eq!(fs::read_to_string(mounted).expect("a file"), shell.export());
    assert_eq!(entries(&shell), ["mounted.json", "out.json", "store"]);
}

#[test]
fn a_file_in_a_directory_that_cannot_be_written_is_written_over() {
    let shell = shell_with_vectors();
    shell.file("out.json", "");
    let mounted = shell.file("mounted.json", "old");
    let command = "mount --bind . . && mount -o remount,bind,ro . && cd \"$PWD\" && mount --bind mounted.json out.json \
                   && mount -o remount,bind,rw out.json";
    let Some(run) = export_after(&shell, command) else { return };
    assert!(run.success().contains("exported 2 vectors"));
    assert_eq!(fs::read_to_string(mounted).expect("a file"), shell.export());
}
