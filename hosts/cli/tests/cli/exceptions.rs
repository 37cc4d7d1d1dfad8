//! What cannot be read is told apart: damage, refusal, lack, the old format, no file at all. It keeps no other database from
//! being dealt with, and nobody is told to restore what is sound.

use crate::shell::{Run, Shell, document};
use serde_json::Value;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

const VECTORS: &str = r#"{"id":1,"data":[1,2],"metadata":{"a": 1}},{"id":2,"data":[3,4],"metadata":{"b": 2}}"#;

/// A directory with the databases `a`, `m` and `z`.
fn shell() -> Shell {
    let shell = Shell::new();
    for name in ["a", "m", "z"] {
        shell.import(document(name, 2, VECTORS), &[]).success();
    }
    shell
}

/// Makes a database one of format version 1, as far as anybody looks.
fn make_old(shell: &Shell, name: &str) {
    let mut file = b"BDVJ\x01\0\0\0".to_vec();
    file.resize(16 << 10, 0);
    fs::write(shell.path(name), file).expect("written");
}

/// Changes the metadata of the second vector.
fn damage(shell: &Shell, name: &str) {
    let path = shell.path(name);
    let mut file = fs::read(&path).expect("a file");
    let at = file.windows(8).position(|bytes| bytes == b"{\"b\": 2}").expect("the metadata, as it is");
    file[at] ^= 1;
    fs::write(path, file).expect("written");
}

#[test]
fn the_old_format_is_converted_and_not_repaired_nor_restored() {
    let shell = shell();
    make_old(&shell, "store/m.jvdb");
    let repair = ["--database", "m"];
    let with_schema = ["--database", "m", "--dimension", "2", "--metric", "cosine"];
    for (command, arguments) in [
        ("verify", &[][..]),
        ("stats", &[]),
        ("export", &["--output", "-"]),
        ("repair", &repair),
        ("repair", &with_schema),
    ] {
        let message = shell.fails(6, command, arguments);
        assert!(message.contains("convert"), "{command}: {message}");
        assert!(!message.contains("restore") && !message.contains("jvdb repair"), "{command}: {message}");
    }
    let found: Value = serde_json::from_str(&shell.run("verify", &["--json"]).stdout).expect("JSON");
    assert_eq!(found["databases"][1]["kind"], "old_format");
}

#[test]
fn what_is_to_be_converted_is_not_to_be_renamed_first() {
    let shell = shell();
    make_old(&shell, "store/my notes.jvdb");
    // The names are printed, and nothing is opened for that.
    assert!(shell.ok("list", &[]).contains("my notes\n"));
    for (command, arguments) in [("verify", &[][..]), ("stats", &[]), ("export", &["--output", "-"])] {
        let message = shell.fails(6, command, arguments);
        assert!(message.contains("convert") && !message.contains("rename"), "{command}: {message}");
    }
    let shell = Shell::new();
    fs::create_dir_all(shell.path("store/my notes")).expect("directories");
    make_old(&shell, "store/my notes/vectors.jvdb");
    let run = shell.run("verify", &[]);
    assert!(run.stdout.contains("my notes: OLD FORMAT") && !run.stdout.contains("rename"), "{}", run.stdout);
    assert!(run.failure(6).contains("convert"));
}

#[test]
fn a_database_that_is_dropped_meanwhile_is_no_exception() {
    let shell = Shell::new();
    let vectors: Vec<_> = (0..20_000).map(|id| format!(r#"{{"id":{id},"data":[1,2,3,4]}}"#)).collect();
    shell.import(document("a", 4, &vectors.join(",")), &[]).success();
    shell.import(document("z", 4, &vectors[0]), &[]).success();
    // It holds at the first database, as nobody reads on.
    let mut process = shell.command("export", &["--output", "-"]).spawn().expect("jvdb starts");
    let mut first = vec![0; 20];
    process.stdout.as_mut().expect("a pipe").read_exact(&mut first).expect("read");
    fs::remove_file(shell.path("store/z.jvdb")).expect("removed");
    let run = Run::of(process.wait_with_output().expect("jvdb ends"));
    assert!(!run.success().contains("\"z\""));
}

#[test]
fn a_directory_that_is_removed_meanwhile_is_one() {
    let shell = shell();
    let pipe = shell.text("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    // It holds where it opens the pipe, when it has listed the databases or before.
    let process = shell.command("export", &["--output", &pipe]).spawn().expect("jvdb starts");
    std::thread::sleep(Duration::from_millis(500));
    fs::remove_dir_all(shell.path("store")).expect("removed");
    fs::read(pipe).expect("read");
    let message = Run::of(process.wait_with_output().expect("jvdb ends")).failure(7);
    assert!(message.contains("store") && message.contains("removed"), "{message}");
}

#[test]
fn an_export_goes_on_after_a_bad_database_and_never_takes_the_place_of_a_whole_one() {
    let shell = shell();
    damage(&shell, "store/a.jvdb");
    fs::write(shell.path("store/b.jvdb"), "not a database").expect("a file");
    let out = shell.file("out.json", "the last whole export");
    let run = shell.run("export", &["--output", &out]);
    assert!(run.stdout.contains("exported 4 vectors of 2 databases") && run.stdout.contains("out.json.incomplete"));
    let message = run.failure(1);
    assert!(message.contains("damaged: 2 of 4 databases (\"a\", \"b\")"), "{message}");
    assert!(message.contains("a: DAMAGED: ") && message.contains("nothing was written to"), "{message}");
    assert_eq!(fs::read_to_string(&out).expect("a file"), "the last whole export");
    let others = fs::read_to_string(shell.path("out.json.incomplete")).expect("a file");
    // To a pipe nothing can be taken back, and the same comes out.
    let run = shell.run("export", &["--output", "-"]);
    assert_eq!((run.code, &run.stdout), (1, &others));
    let copy = Shell::new();
    copy.import(others, &[]).success();
    assert_eq!(copy.ok("list", &[]), "m\nz\n");
    assert_eq!(copy.content()["z"], shell.content_of("z"));
}

#[test]
fn an_export_of_nothing_but_bad_databases_leaves_no_file() {
    let shell = Shell::new();
    fs::create_dir(shell.path("store")).expect("a directory");
    fs::write(shell.path("store/a.jvdb"), "not a database").expect("a file");
    shell.fails(1, "export", &["--output", &shell.text("out.json")]);
    assert!(!shell.path("out.json").exists() && !shell.path("out.json.incomplete").exists());
}

#[test]
fn figures_of_the_others_are_printed_and_summed() {
    let shell = shell();
    fs::write(shell.path("store/b.jvdb"), "").expect("an empty file");
    let run = shell.run("stats", &["--json"]);
    let stats: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!((&stats["storage"]["databases"], &stats["storage"]["vectors"]), (&3.into(), &6.into()));
    assert_eq!((&stats["unreadable"][0]["name"], &stats["unreadable"][0]["kind"]), (&"b".into(), &"damaged".into()));
    run.failure(1);
}

#[test]
fn what_is_no_file_is_named_and_never_opened() {
    let shell = shell();
    // Opened for reading, the pipe would hold each command up for good.
    let made = Command::new("mkfifo").arg(shell.path("store/pipe.jvdb")).status().expect("mkfifo runs");
    assert!(made.success());
    fs::create_dir(shell.path("store/folder.jvdb")).expect("a directory");
    let _socket = UnixListener::bind(shell.path("store/socket.jvdb")).expect("a socket");
    symlink("/dev/zero", shell.path("store/device.jvdb")).expect("a link");
    for copy in ["my copy.jvdb", "my%20copy.jvdb", "a copy.jvdb"] {
        fs::copy(shell.path("store/a.jvdb"), shell.path("store").join(copy)).expect("a copy");
    }
    for (command, arguments) in [("list", &[][..]), ("verify", &[]), ("stats", &[]), ("export", &["--output", "-"])] {
        let run = shell.run(command, arguments);
        let told = format!("{}{}", run.stdout, run.stderr);
        for (name, what) in [
            ("pipe.jvdb", "a pipe"),
            ("folder.jvdb", "a folder"),
            ("socket.jvdb", "a socket"),
            ("device.jvdb", "a device"),
            ("my copy.jvdb", "my%20copy.jvdb"),
        ] {
            let line = told.lines().find(|line| line.starts_with(&format!("{name}: SKIPPED: ")));
            assert!(line.is_some_and(|line| line.contains(what)), "{command}: {told}");
        }
        let message = run.failure(3);
        assert!(message.contains("not named as one: 5 of 10 databases"), "{command}: {message}");
    }
    assert!(shell.fails(3, "get", &["--database", "pipe", "--id", "1"]).contains("a pipe"));
    assert!(shell.run("list", &[]).stdout.lines().any(|name| name == "a copy"));
    assert!(shell.ok("verify", &["--database", "a copy"]).ends_with("sound\n"));
    assert_eq!(shell.ok("verify", &["--database", "a"]).lines().count(), 1);
}

#[test]
fn a_file_that_may_not_be_read_is_not_damaged() {
    let shell = shell();
    let mode = |name: &str, mode| fs::set_permissions(shell.path(name), PermissionsExt::from_mode(mode)).expect("set");
    mode("", 0o755);
    mode("store/m.jvdb", 0o000);
    for (command, arguments) in [("verify", &[][..]), ("stats", &[]), ("export", &["--output", "-"])] {
        let run = as_nobody(shell.command(command, arguments));
        assert!(format!("{}{}", run.stdout, run.stderr).contains("m: REFUSED: "), "{command}: {}", run.stderr);
        let message = run.failure(3);
        assert!(message.contains("refused to this process: 1 of 3 databases"), "{command}: {message}");
        assert!(!message.contains("restore"), "{command}: {message}");
    }
    // A folder of the other layout, which hides nothing beside it.
    let folders = Shell::new();
    for name in ["a", "m"] {
        folders.import(document(name, 2, VECTORS), &["--layout", "folders"]).success();
    }
    let closed =
        |name: &str, mode| fs::set_permissions(folders.path(name), PermissionsExt::from_mode(mode)).expect("set");
    closed("", 0o755);
    closed("store/m", 0o000);
    let run = as_nobody(folders.command("verify", &[]));
    assert!(run.stdout.contains("bytes: sound") && run.stdout.contains("m: REFUSED: "), "{}", run.stdout);
    run.failure(3);
    closed("store/m", 0o755);
    mode("store", 0o000);
    let message = as_nobody(shell.command("list", &[])).failure(3);
    assert!(message.contains("Permission denied"), "{message}");
    mode("store", 0o755);
}

/// Runs a command as somebody who may not do everything.
fn as_nobody(mut command: Command) -> Run {
    const NOBODY: u32 = 65534;
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if is_root {
        command.uid(NOBODY).gid(NOBODY);
    }
    Run::of(command.output().expect("jvdb starts"))
}

#[test]
fn too_few_open_files_are_not_called_damage() {
    let shell = shell();
    let mut told = 0;
    for limit in 4..9 {
        let command = format!("ulimit -n {limit}; exec \"$0\" verify --storage \"$1\"");
        let run = Command::new("sh").args(["-c", &command, env!("CARGO_BIN_EXE_jvdb"), &shell.text("store")]).output();
        let run = Run::of(run.expect("sh starts"));
        // A program that cannot even be loaded ends otherwise.
        if run.code == 4 {
            assert!(run.stderr.contains("ulimit -n") && !run.stderr.contains("restore"), "{}", run.stderr);
            told += 1;
        }
        assert!([0, 4, 127].contains(&run.code), "{limit}: {} {}", run.code, run.stderr);
    }
    assert!(told > 0);
}

#[test]
fn of_several_exceptions_damage_decides_the_exit_code() {
    let shell = shell();
    make_old(&shell, "store/a.jvdb");
    damage(&shell, "store/m.jvdb");
    fs::create_dir(shell.path("store/folder.jvdb")).expect("a directory");
    let message = shell.fails(1, "verify", &[]);
    assert!(message.contains("damaged: 1 of 4 databases (\"m\"); restore"), "{message}");
    assert!(message.contains("of format version 1: 1 of 4 databases (\"a\"); convert"), "{message}");
    assert!(message.contains("not named as one: 1 of 4 databases (\"folder.jvdb\")"), "{message}");
}

#[test]
fn a_key_that_is_not_there_gets_advice_that_this_program_can_follow() {
    let shell = Shell::new();
    shell.import(document("d", 1, r#"{"id":"7","data":[1]},{"id":8,"data":[1]}"#), &[]).success();
    let get = |key: [&str; 2]| shell.fails(5, "get", &["--database", "d", key[0], key[1]]);
    let message = get(["--id", "9"]);
    assert!(message.contains("key 9 does not exist in database \"d\""), "{message}");
    assert!(!message.contains("put") && !message.contains("insert"), "{message}");
    assert!(get(["--id", "7"]).ends_with("; --key 7 does\n"));
    assert!(get(["--key", "8"]).ends_with("; --id 8 does\n"));
}
