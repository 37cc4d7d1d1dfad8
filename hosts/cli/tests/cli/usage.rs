//! Exit code 2: the command line itself is wrong, and nothing was touched.

use crate::shell::Shell;
use std::process::Command;

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    let cases: &[&[&str]] = &[
        &[],
        &["frobnicate"],
        &["list"],
        &["import", "--storage", "s"],
        &["import", "--storage", "s", "--input", "f", "--batch", "0"],
        &["import", "--storage", "s", "--input", "f", "--metric", "hamming"],
        &["export", "--storage", "s"],
        &["get", "--storage", "s", "--database", "d"],
        &["get", "--storage", "s", "--id", "1"],
        &["get", "--storage", "s", "--database", "d", "--id", "1", "--key", "a"],
        &["get", "--storage", "s", "--database", "d", "--id", "-1"],
        &["get", "--storage", "s", "--database", "d", "--key-hex", "abc"],
        &["create", "--storage", "s", "--database", "d"],
        &["create", "--storage", "s", "--database", "d", "--dimension", "0"],
        &["put", "--storage", "s", "--database", "d", "--id", "1"],
        &["put", "--storage", "s", "--database", "d", "--vector", "[1]"],
        &["delete", "--storage", "s", "--database", "d"],
        &["drop", "--storage", "s"],
        &["backup", "--storage", "s"],
        &["restore", "--storage", "s"],
        &["estimate", "--vectors", "1", "--dimension", "0"],
        &["stats", "--storage", "s", "--nonsense"],
        &["repair", "--storage", "s"],
        &["repair", "--storage", "s", "--database", "d", "--dimension", "3"],
        &["repair", "--storage", "s", "--database", "d", "--metric", "cosine"],
    ];
    let shell = Shell::new();
    for arguments in cases {
        let mut process = Command::new(env!("CARGO_BIN_EXE_jvdb"));
        let output = process.args(*arguments).current_dir(shell.path("")).output().expect("jvdb starts");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
    assert_eq!(std::fs::read_dir(shell.path("")).expect("a directory").count(), 0);
}

#[test]
fn help_is_exit_code_0() {
    let shell = Shell::new();
    let commands = [
        "import", "export", "list", "stats", "get", "verify", "repair", "create", "drop", "put", "delete", "scan",
        "schema", "compact", "backup", "restore", "metrics",
    ];
    for command in commands {
        let help = shell.ok(command, &["--help"]);
        assert!(help.contains("--storage <DIR>"), "{command}");
        assert!(help.contains(&format!("\n    jvdb {command} ")), "{command} has no example");
    }
}

#[test]
fn reading_does_not_create_a_directory() {
    let shell = Shell::new();
    for command in ["list", "stats", "verify"] {
        let message = shell.fails(5, command, &[]);
        assert!(message.contains(&shell.text("store")), "{command}: {message}");
    }
    shell.fails(5, "export", &["--output", "-"]);
    shell.fails(5, "get", &["--database", "d", "--id", "1"]);
    shell.fails(5, "repair", &["--database", "d"]);
    assert!(!shell.path("store").exists());
}
