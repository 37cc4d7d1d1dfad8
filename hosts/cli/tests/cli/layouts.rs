//! Databases as `NAME.jvdb`, and as `NAME/vectors.jvdb`: every command sees by itself which, and a directory that holds neither
//! is no empty backup.

use crate::shell::{Run, Shell, document};
use jvdb_core::{Layout, Metric, Options, Schema, Storage};
use std::fs;
use std::process::Command;

const VECTORS: &str = r#"{"id":"k","data":[1,2],"metadata":{"a": 1}},{"id":"l","data":[3,4]}"#;

/// A directory as the adapter lays it out.
fn shell_with_folders() -> Shell {
    let shell = Shell::new();
    let storage = Storage::open(shell.path("store"), Options::default().layout(Layout::Folders)).expect("made");
    for name in ["db-1", "x.jvdb"] {
        storage.create(name, Schema::new(2, Metric::Cosine).expect("a schema")).expect("created");
    }
    storage.close().expect("closed");
    shell.import(document("db-1", 2, VECTORS), &[]).success();
    shell
}

#[test]
fn every_command_finds_databases_in_folders() {
    let shell = shell_with_folders();
    assert!(shell.path("store/db-1/vectors.jvdb").is_file() && !shell.path("store/db-1.jvdb").exists());
    assert_eq!(shell.ok("list", &[]), "db-1\nx.jvdb\n");
    let stats = shell.ok("stats", &[]);
    assert!(stats.starts_with("2 databases, 2 vectors, "), "{stats}");
    assert_eq!(shell.ok("verify", &[]).lines().filter(|line| line.ends_with("sound")).count(), 2);
    assert!(shell.ok("get", &["--database", "db-1", "--key", "k"]).contains("[1.0,2.0]"));
    let exported = shell.export();
    assert!(exported.contains(r#""id":"k","data":[1.0,2.0],"metadata":{"a": 1}"#), "{exported}");
    assert_eq!(exported.matches("\"schema\"").count(), 2);
}

#[test]
fn a_repair_in_a_folder_names_the_file_that_it_keeps() {
    let shell = shell_with_folders();
    let path = shell.path("store/db-1/vectors.jvdb");
    let mut file = fs::read(&path).expect("a file");
    let at = file.windows(8).position(|bytes| bytes == b"{\"a\": 1}").expect("the metadata, as it is");
    file[at] ^= 1;
    fs::write(&path, file).expect("written");
    assert!(shell.fails(1, "verify", &[]).contains("damaged: 1 of 2 databases (\"db-1\")"));
    let text = shell.ok("repair", &["--database", "db-1"]);
    assert!(text.contains("the file as it was: db-1/vectors.jvdb.damaged-1\n"), "{text}");
    assert!(shell.path("store/db-1/vectors.jvdb.damaged-1").is_file());
    shell.ok("verify", &[]);
}

#[test]
fn a_directory_that_holds_no_database_looks_like_no_success() {
    let shell = Shell::new();
    fs::create_dir_all(shell.path("store/notes")).expect("directories");
    fs::write(shell.path("store/readme"), "text").expect("a file");
    for (command, arguments) in [("list", &[][..]), ("stats", &[]), ("verify", &[]), ("list", &["--json"])] {
        let run = shell.run(command, arguments);
        assert_eq!((run.code, run.stdout.as_str()), (5, ""), "{command}");
        assert!(run.stderr.contains("holds no database"), "{command}: {}", run.stderr);
    }
    let out = shell.text("out.json");
    assert!(shell.fails(5, "export", &["--output", &out]).contains("holds no database"));
    assert!(!shell.path("out.json").exists());
    assert!(shell.fails(5, "get", &["--database", "d", "--id", "1"]).contains("holds no database"));
    assert!(shell.fails(5, "repair", &["--database", "d"]).contains("holds no database"));
}

#[test]
fn an_import_makes_databases_in_the_layout_that_is_there_or_is_asked_for() {
    let shell = shell_with_folders();
    shell.import(document("new", 2, VECTORS), &[]).success();
    assert!(shell.path("store/new/vectors.jvdb").is_file());
    let shell = Shell::new();
    shell.import(document("new", 2, VECTORS), &["--layout", "folders"]).success();
    assert!(shell.path("store/new/vectors.jvdb").is_file());
    let shell = Shell::new();
    shell.import(document("new", 2, VECTORS), &[]).success();
    assert!(shell.path("store/new.jvdb").is_file());
}

#[test]
fn two_layouts_in_one_directory_are_both_read_and_not_guessed_between() {
    let shell = shell_with_folders();
    let storage = Storage::open(shell.path("store"), Options::default()).expect("opened");
    for name in ["db-1", "flat"] {
        storage.create(name, Schema::new(3, Metric::Cosine).expect("a schema")).expect("created");
    }
    storage.close().expect("closed");
    assert_eq!(shell.ok("list", &[]), "db-1\nflat\nx.jvdb\n");
    let run = shell.run("verify", &[]);
    assert!(run.stdout.contains("flat: 0 records") && run.stdout.contains("x.jvdb: 0 records"), "{}", run.stdout);
    assert!(run.failure(3).contains("1 of 3 databases"));
    assert!(shell.fails(3, "get", &["--database", "db-1", "--key", "k"]).contains("two databases \"db-1\""));
    let message = shell.import(document("new", 2, VECTORS), &[]).failure(3);
    assert!(message.contains("two layouts"), "{message}");
}

#[test]
fn the_folder_of_a_database_takes_no_import_of_its_own() {
    let shell = Shell::new();
    shell.import(document("db-1", 2, VECTORS), &["--layout", "folders"]).success();
    let input = shell.file("input.json", document("vectors", 2, VECTORS));
    let mut command = Command::new(env!("CARGO_BIN_EXE_jvdb"));
    command.args(["import", "--input", &input, "--storage", &shell.text("store/db-1")]);
    let message = Run::of(command.output().expect("jvdb starts")).failure(3);
    assert!(message.contains("folder of a database") && message.contains("store; open that one"), "{message}");
}
