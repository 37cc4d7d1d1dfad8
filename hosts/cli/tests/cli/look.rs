//! `jvdb list`, `stats`, `get` and `verify`: what they print, on sound files, damaged files, and beside a writer.

use crate::shell::{Shell, document};
use jvdb_core::{Options, Storage};
use serde_json::{Value, json};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const VECTORS: &str = r#"{"id":1,"data":[1,2],"metadata":{"a": 1}},{"id":"k\u0007","data":["NaN",4]},
                         {"id":{"hex":"ff"},"data":[5,6],"metadata":{"$base64":"/w=="}}"#;

fn shell_with_vectors() -> Shell {
    let shell = Shell::new();
    shell.import(document("d", 2, VECTORS), &[]).success();
    shell.import(document("b", 3, ""), &[]).success();
    shell
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn list_prints_sorted_names() {
    let shell = shell_with_vectors();
    assert_eq!(shell.ok("list", &[]), "b\nd\n");
    assert_eq!(json(&shell.ok("list", &["--json"])), json!({"databases": ["b", "d"]}));
}

#[test]
fn get_finds_a_vector_by_each_kind_of_key() {
    let shell = shell_with_vectors();
    let get = |key: [&str; 2]| shell.ok("get", &["--json", "--database", "d", key[0], key[1]]);
    assert_eq!(get(["--id", "1"]), "{\"id\":1,\"data\":[1.0,2.0],\"metadata\":{\"a\": 1}}\n");
    assert_eq!(get(["--key", "k\u{7}"]), "{\"id\":\"k\\u0007\",\"data\":[\"NaN\",4.0]}\n");
    let by_hex = "{\"id\":{\"hex\":\"ff\"},\"data\":[5.0,6.0],\"metadata\":{\"$base64\":\"/w==\"}}\n";
    assert_eq!(get(["--key-hex", "FF"]), by_hex);
    let text = shell.ok("get", &["--database", "d", "--id", "1"]);
    assert_eq!(text, "key        1\ndimension  2\nvector     [1.0,2.0]\nmetadata   {\"a\": 1}\n");
}

#[test]
fn get_says_what_is_not_there() {
    let shell = shell_with_vectors();
    let message = shell.fails(5, "get", &["--database", "d", "--id", "9"]);
    assert!(message.contains("key 9 does not exist in database \"d\""), "{message}");
    let message = shell.fails(5, "get", &["--database", "x", "--id", "1"]);
    assert!(message.contains("\"x\" does not exist"), "{message}");
}

#[test]
fn stats_count() {
    let shell = shell_with_vectors();
    let stats = json(&shell.ok("stats", &["--json"]));
    let size = |name: &str| fs::metadata(shell.path(name)).expect("a file").len();
    assert_eq!(stats["storage"]["databases"], 2);
    assert_eq!(stats["storage"]["vectors"], 3);
    assert_eq!(stats["storage"]["bytes_on_disk"], size("store/b.jvdb") + size("store/d.jvdb"));
    let second = &stats["databases"][1];
    assert_eq!((&second["name"], &second["vectors"], &second["dimension"]), (&json!("d"), &json!(3), &json!(2)));
    assert_eq!(second["file_bytes"], size("store/d.jvdb"));
    let text = shell.ok("stats", &[]);
    assert!(text.starts_with("2 databases, 3 vectors, "), "{text}");
    assert_eq!(json(&shell.ok("stats", &["--json", "--database", "b"]))["databases"][0]["name"], "b");
}

#[test]
fn verify_calls_sound_files_sound() {
    let shell = shell_with_vectors();
    let found = json(&shell.ok("verify", &["--json"]));
    assert_eq!(found["sound"], true);
    assert_eq!(found["databases"][1]["name"], "d");
    assert_eq!(found["databases"][1]["vectors"], 3);
    assert_eq!(found["databases"][1]["damage"], json!([]));
    let text = shell.ok("verify", &["--database", "d"]);
    assert!(text.starts_with("d: ") && text.contains(" 3 vectors, ") && text.ends_with("sound\n"), "{text}");
}

#[test]
fn damage_is_found_by_verify_and_never_exported() {
    let shell = shell_with_vectors();
    let path = shell.path("store/d.jvdb");
    let mut file = fs::read(&path).expect("a file");
    let metadata = file.windows(8).position(|bytes| bytes == b"{\"a\": 1}").expect("the metadata, as it is");
    file[metadata] ^= 1;
    fs::write(&path, file).expect("written");

    let run = shell.run("verify", &["--json"]);
    assert_eq!(run.code, 1, "{}", run.stdout);
    assert!(run.stderr.contains("1 of 2 databases"), "{}", run.stderr);
    let found = json(&run.stdout);
    assert_eq!(found["sound"], false);
    let offset = found["databases"][1]["damage"][0]["offset"].as_u64().expect("an offset") as usize;
    assert!((8192..=metadata).contains(&offset), "damage at {metadata}, reported at {offset}");
    assert!(shell.run("verify", &[]).stdout.contains("DAMAGED"));

    for (command, arguments) in
        [("export", &["--output", "-"][..]), ("get", &["--database", "d", "--id", "1"]), ("verify", &[])]
    {
        let run = shell.run(command, arguments);
        assert_eq!(run.code, 1, "{command}: {}", run.stdout);
    }
}

#[test]
fn a_foreign_file_does_not_hide_the_others() {
    let shell = shell_with_vectors();
    fs::write(shell.path("store/a.jvdb"), "not a database").expect("a file");
    let run = shell.run("stats", &["--json"]);
    assert_eq!((run.code, &json(&run.stdout)["databases"][1]["name"]), (1, &json!("d")));
    assert_eq!(json(&run.stdout)["unreadable"][0]["name"], "a");
    let run = shell.run("verify", &[]);
    assert_eq!(run.code, 1);
    let lines: Vec<_> = run.stdout.lines().collect();
    assert!(lines[0].starts_with("a: DAMAGED: ") && lines[2].ends_with("sound"), "{}", run.stdout);
}

#[test]
fn reading_works_beside_a_writer_and_importing_does_not() {
    let shell = shell_with_vectors();
    let writer = Storage::open(shell.path("store"), Options::default()).expect("the lock");
    let database = writer.database("d").expect("a database");
    database.put(2, &[7.0, 8.0], b"").expect("stored, not flushed");
    let get = ["--json", "--database", "d", "--id", "2"];
    assert_eq!(shell.ok("get", &get), "{\"id\":2,\"data\":[7.0,8.0]}\n");
    assert_eq!(shell.export().lines().count(), 7);
    assert_eq!(json(&shell.ok("stats", &["--json"]))["storage"]["vectors"], 4);
    shell.ok("verify", &[]);
    let message = shell.import(document("d", 2, ""), &[]).failure(3);
    assert!(message.contains("is in use by process"), "{message}");
}

#[test]
fn verbose_prints_what_the_engine_does() {
    let shell = shell_with_vectors();
    assert_eq!(shell.run("stats", &[]).stderr, "");
    let run = shell.run("stats", &["--verbose"]);
    assert!(run.stderr.contains("jvdb_core"), "{}", run.stderr);
}

#[test]
fn a_reader_that_goes_away_gets_no_message() {
    let shell = shell_with_vectors();
    for (command, arguments) in [("export", &["--output", "-"][..]), ("list", &[]), ("stats", &["--json"])] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = shell.command(command, arguments).stdout(writer).output().expect("jvdb runs");
        assert_eq!((output.status.code(), output.stderr), (Some(1), Vec::new()), "{command}");
    }
}

#[test]
fn reading_beside_a_writer_that_flushes_finds_no_damage() {
    let shell = shell_with_vectors();
    let writer = Storage::open(shell.path("store"), Options::default()).expect("the lock");
    let database = writer.database("d").expect("a database");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in (0_u16..).take_while(|_| !done.load(Ordering::Relaxed)) {
                for id in 0..500_u64 {
                    database.put(id, &[id as f32, f32::from(round)], b"{}").expect("stored");
                }
                database.flush().expect("flushed");
                // So that the log stays short.
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let failed = (0..10).find_map(|_| {
            let get = ["--database", "d", "--key", "k\u{7}"];
            let commands = [("verify", &[][..]), ("export", &["--output", "-"]), ("get", &get), ("stats", &[])];
            commands
                .map(|(name, arguments)| (name, shell.run(name, arguments)))
                .into_iter()
                .find(|(_, run)| run.code != 0)
        });
        done.store(true, Ordering::Relaxed);
        if let Some((command, run)) = failed {
            panic!("{command}: {}{}", run.stdout, run.stderr);
        }
    });
}
