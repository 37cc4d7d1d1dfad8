//! `jvdb export`: the text it writes, and the file it does or does not leave.

use crate::shell::{Shell, document};
use std::fs;
use std::os::unix::fs::symlink;

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
fn a_directory_without_databases_is_exported_too() {
    let shell = Shell::new();
    fs::create_dir(shell.path("store")).expect("a directory");
    assert_eq!(shell.export(), "{\"databases\":[]}\n");
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
    let message = shell.fails("export", &["--output", &path]);
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
        let message = shell.fails("export", &["--output", &shell.text(path)]);
        assert!(message.contains("name another file"), "{path}: {message}");
    }
    assert_eq!(fs::read(shell.path("store/d.jvdb")).expect("a file"), before);
    assert!(!shell.path("store/new.jvdb").exists());
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let shell = shell_with_vectors();
    for path in [shell.text("missing/out.json"), shell.text("store")] {
        let message = shell.fails("export", &["--output", &path]);
        assert!(message.contains(&path), "{message}");
    }
    let message = shell.fails("export", &["--output", "/dev/full"]);
    assert!(message.contains("cannot write /dev/full") && message.contains("No space left"), "{message}");
    shell.ok("export", &["--output", "/dev/null"]);
}

#[test]
fn a_database_that_is_not_there_is_named() {
    let shell = shell_with_vectors();
    let message = shell.fails("export", &["--output", "-", "--database", "x"]);
    assert!(message.contains("\"x\" does not exist"), "{message}");
}

fn entries(shell: &Shell) -> Vec<String> {
    let entries = fs::read_dir(shell.path("")).expect("a directory");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect();
    names.sort();
    names
}
