//! `jvdb compact`, `backup`, `restore` and `estimate`: room comes back, copies are whole, and what is there stays.

use crate::shell::{Run, Shell, content, document};
use jvdb_core::{Options, Storage};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn vectors(count: u32, secret: &str) -> String {
    let one = |id| format!(r#"{{"id":{id},"data":[{id},"NaN(ffc00001)",-0.0],"metadata":"{secret}"}}"#);
    (0..count).map(one).collect::<Vec<_>>().join(",")
}

fn shell_with_two() -> Shell {
    let shell = Shell::new();
    shell.import(document("d", 3, &vectors(100, "first")), &[]).success();
    shell.import(document("my e", 3, &vectors(5, "first")), &[]).success();
    shell
}

/// A command without `--storage`.
fn jvdb(arguments: &[&str]) -> Run {
    Run::of(Command::new(env!("CARGO_BIN_EXE_jvdb")).args(arguments).output().expect("jvdb starts"))
}

fn holds(shell: &Shell, file: &str, text: &str) -> bool {
    fs::read(shell.path(file)).expect("a file").windows(text.len()).any(|bytes| bytes == text.as_bytes())
}

#[test]
fn a_compaction_gives_room_back_and_leaves_nothing_of_what_was_deleted() {
    let shell = shell_with_two();
    let before = fs::metadata(shell.path("store/d.jvdb")).expect("a file").len();
    for _ in 0..3 {
        shell.import(document("d", 3, &vectors(100, "second")), &[]).success();
    }
    shell.ok("put", &["--database", "d", "--key", "x", "--vector", "[1,2,3]", "--metadata", "confidential"]);
    shell.ok("delete", &["--database", "d", "--key", "x"]);
    assert!(holds(&shell, "store/d.jvdb", "confidential") && holds(&shell, "store/d.jvdb", "first"));
    let held = shell.content();

    let done = parsed(&shell.ok("compact", &["--json"]));
    let row = &done["databases"][0];
    let after = fs::metadata(shell.path("store/d.jvdb")).expect("a file").len();
    assert_eq!((&row["name"], row["bytes_after"].as_u64()), (&json!("d"), Some(after)));
    assert!(after <= before, "{after} {before}");
    let gained = row["bytes_before"].as_u64().expect("a figure") - after;
    assert_eq!((row["bytes_gained"].as_u64(), done["bytes_gained"].as_u64()), (Some(gained), Some(gained)));
    assert!(gained > 300 * 64, "{gained}");
    assert_eq!(done["databases"][1]["bytes_gained"], 0);
    assert!(!holds(&shell, "store/d.jvdb", "confidential") && !holds(&shell, "store/d.jvdb", "first"));
    assert_eq!(shell.content(), held);
    assert!(shell.ok("compact", &["--database", "d"]).ends_with("0 bytes gained in 1 databases\n"));
    let writer = Storage::open(shell.path("store"), Options::default()).expect("the lock");
    shell.fails(3, "compact", &[]);
    drop(writer);
    fs::write(shell.path("store/b.jvdb"), "not a database").expect("a file");
    let message = shell.fails(1, "compact", &[]);
    assert!(message.contains("damaged: 1 of 3 databases (\"b\")"), "{message}");
}

#[test]
fn a_backup_beside_a_writer_comes_back_as_it_was() {
    let shell = shell_with_two();
    let writer = Storage::open(shell.path("store"), Options::default()).expect("the lock");
    writer.database("d").expect("a database").put(1000, &[7.0, 8.0, 9.0], b"").expect("stored, not flushed");
    let out = shell.text("out/monday");
    let told = parsed(&shell.ok("backup", &["--output", &out, "--json"]));
    assert_eq!((&told["databases"][0]["name"], &told["databases"][0]["vectors"]), (&json!("d"), &json!(101)));
    assert_eq!(told["databases"][1]["file"], format!("{out}/my%20e.jvdb"));
    let held = shell.content();
    assert_eq!(content(&shell.path("out/monday")), held);
    drop(writer);

    // Nothing is written over, neither by a backup nor by a restore.
    let files = || fs::read(shell.path("out/monday/d.jvdb")).expect("a file");
    let first = files();
    for more in [&[][..], &["--database", "d"]] {
        let message = shell.fails(3, "backup", &[&["--output", &out], more].concat());
        assert!(message.contains("is there already"), "{message}");
    }
    assert_eq!(files(), first);
    shell.ok("put", &["--database", "d", "--id", "1", "--vector", "[0,0,0]"]);
    let message = shell.fails(3, "restore", &["--from", &out]);
    assert!(message.contains("is there already") && message.contains("--force"), "{message}");
    assert_ne!(shell.content(), held);

    fs::set_permissions(shell.path("store/d.jvdb"), fs::Permissions::from_mode(0o640)).expect("a mode");
    // What a restore has left that was killed is no database, and goes.
    fs::create_dir(shell.path("store/.jvdb-restore-old")).expect("a directory");
    fs::copy(shell.path("out/monday/d.jvdb"), shell.path("store/.jvdb-restore-old/d.jvdb")).expect("a copy");
    assert_eq!(shell.ok("list", &[]), "d\nmy e\n");
    let told = parsed(&shell.ok("restore", &["--from", &out, "--force", "--json"]));
    assert_eq!((&told["databases"][0]["replaced"], &told["databases"][0]["vectors"]), (&json!(true), &json!(101)));
    assert_eq!(shell.content(), held);
    assert_eq!(fs::metadata(shell.path("store/d.jvdb")).expect("a file").permissions().mode() & 0o777, 0o640);
    let names =
        fs::read_dir(shell.path("store")).expect("a directory").map(|entry| entry.expect("an entry").file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().contains("restore")));
}

#[test]
fn one_database_goes_to_a_file_and_back_under_another_name_in_folders() {
    let shell = shell_with_two();
    let (file, other) = (shell.text("copy.bak"), shell.text("other"));
    shell.ok("backup", &["--database", "my e", "--output", &file]);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).expect("a mode");
    jvdb(&["create", "--storage", &other, "--database", "x", "--dimension", "1", "--layout", "folders"]).success();
    let restore = ["restore", "--from", &file, "--storage", &other, "--database", "a b"];
    let told = jvdb(&restore).success();
    assert!(told.starts_with("a b: 5 vectors, ") && told.contains(": new\n"), "{told}");
    assert!(shell.path("other/a%20b/vectors.jvdb").exists());
    jvdb(&["put", "--storage", &other, "--database", "a b", "--id", "77", "--vector", "[1,2,3]"]).success();
    assert!(jvdb(&restore).failure(3).contains("is there already"));
    // A folder's backup lies flat, and a database's folder tells its name.
    let flat = shell.text("flat/");
    jvdb(&["backup", "--storage", &other, "--output", &flat]).success();
    assert!(shell.path("flat/a%20b.jvdb").exists() && shell.path("flat/x.jvdb").exists());
    let from = shell.text("other/a%20b/vectors.jvdb");
    jvdb(&["restore", "--from", &from, "--storage", &shell.text("third")]).success();
    assert_eq!(content(&shell.path("third"))["a b"].vectors.len(), 6);
}

#[test]
fn a_damaged_backup_takes_nobodys_place() {
    let shell = shell_with_two();
    let out = shell.text("out");
    shell.ok("backup", &["--output", &out]);
    let held = shell.content();
    let path = shell.path("out/d.jvdb");
    let whole = fs::read(&path).expect("a file");
    let metadata = whole.windows(7).rposition(|bytes| bytes == b"\"first\"").expect("metadata");
    let mut flipped = whole.clone();
    flipped[metadata] ^= 1;
    for damaged in [flipped, whole[..whole.len() - 64].to_vec(), b"not a database".to_vec(), Vec::new()] {
        fs::write(&path, damaged).expect("written");
        let file = path.to_str().expect("a path");
        let message = shell.fails(1, "restore", &["--from", file, "--force"]);
        assert!(message.contains("cannot restore") && message.contains("nothing was changed"), "{message}");
        assert!(!message.contains(".jvdb-restore-"), "{message}");
        assert_eq!(shell.content(), held);
        // The others are restored all the same.
        let other = shell.text("other");
        let message = jvdb(&["restore", "--from", &out, "--storage", &other, "--force"]).failure(1);
        assert!(message.contains("damaged: 1 of 2 databases (\"d\")"), "{message}");
        assert_eq!(content(&shell.path("other")).keys().collect::<Vec<_>>(), ["my e"]);
    }
    shell.fails(5, "restore", &["--from", &shell.text("nowhere")]);
    shell.fails(5, "restore", &["--from", &out, "--database", "nobody"]);
    let message = shell.fails(3, "backup", &["--output", &shell.text("store/copies")]);
    assert!(message.contains("within the storage directory"), "{message}");
}

#[test]
fn backups_of_a_database_that_is_written_all_the_time_are_sound() {
    let shell = shell_with_two();
    let writer = Storage::open(shell.path("store"), Options::default()).expect("the lock");
    let database = writer.database("d").expect("a database");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in (0_u64..).take_while(|_| !done.load(Ordering::Relaxed)) {
                for id in 0..200 {
                    database.put(id, &[round as f32; 3], b"x").expect("stored");
                }
                database.flush().expect("flushed");
                if round % 7 == 0 {
                    database.compact().expect("compacted");
                }
            }
        });
        let runs: Vec<_> = (0..8)
            .map(|round| {
                let file = shell.text(&format!("{round}.jvdb"));
                let backup = shell.run("backup", &["--database", "d", "--output", &file]);
                (backup, jvdb(&["restore", "--from", &file, "--storage", &shell.text("other")]))
            })
            .collect();
        done.store(true, Ordering::Relaxed);
        for (backup, restore) in runs {
            backup.success();
            restore.success();
        }
    });
    assert_eq!(content(&shell.path("other")).len(), 8);
}

#[test]
fn an_estimate_is_the_size_of_a_real_database() {
    for (count, dimension, metadata) in [(0_u32, 3, 0), (1, 3, 0), (1000, 3, 0), (3000, 128, 57), (700, 384, 0)] {
        let shell = Shell::new();
        let elements = "0.5,".repeat(dimension - 1);
        let text = if metadata > 0 { format!(r#","metadata":"{}""#, "x".repeat(metadata - 2)) } else { String::new() };
        let one = |id| format!(r#"{{"id":{id},"data":[{elements}1]{text}}}"#);
        let vectors: Vec<_> = (0..count).map(one).collect();
        shell.import(document("d", dimension, &vectors.join(",")), &["--batch", "100"]).success();
        let size = || fs::metadata(shell.path("store/d.jvdb")).expect("a file").len() as f64;
        let figures = [count.to_string(), dimension.to_string(), metadata.to_string()];
        let told = parsed(
            &jvdb(&[
                "estimate",
                "--vectors",
                &figures[0],
                "--dimension",
                &figures[1],
                "--metadata",
                &figures[2],
                "--databases",
                "3",
                "--json",
            ])
            .success(),
        );
        let estimated = told["database"].as_f64().expect("a figure");
        assert!((estimated / size() - 1.0).abs() < 0.01, "imported: {told} {}", size());
        for _ in 0..2 {
            shell.import(document("d", dimension, &vectors.join(",")), &["--batch", "100"]).success();
        }
        shell.ok("compact", &[]);
        assert_eq!(estimated, size(), "compacted");
        assert_eq!(told["total"].as_f64(), Some(3.0 * estimated));
    }
    assert!(jvdb(&["estimate", "--vectors", "10", "--dimension", "3"]).success().contains("1 databases  "));
    jvdb(&["estimate", "--vectors", "18446744073709551615", "--dimension", "3"]).failure(1);
}

#[test]
fn a_database_that_grew_takes_about_what_is_told() {
    let shell = Shell::new();
    let storage = Storage::open(shell.path("store"), Options::default()).expect("a directory");
    let schema = jvdb_core::Schema::new(2, jvdb_core::Metric::Cosine).expect("a schema");
    let database = storage.create("d", schema).expect("made");
    for id in 0..5000_u64 {
        database.put(id, &[1.0, 2.0], b"").expect("stored");
        if id % 10 == 0 {
            database.flush().expect("flushed");
        }
    }
    drop(database);
    storage.close().expect("closed");
    let size = fs::metadata(shell.path("store/d.jvdb")).expect("a file").len();
    let told = parsed(&jvdb(&["estimate", "--vectors", "5000", "--dimension", "2", "--json"]).success());
    let (least, most) =
        (told["database"].as_u64().expect("a figure"), told["database_grown"].as_u64().expect("a figure"));
    assert!(size * 100 <= most * 103 && size * 100 > least * 80, "{size} of {told}");
}
