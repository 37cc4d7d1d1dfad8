//! `jvdb repair`: what it saves, what it names, what it keeps, and how it ends.

use crate::shell::{Shell, document};
use jvdb_core::{Options, Storage};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

const VECTORS: &str = r#"{"id":1,"data":[1,2],"metadata":{"a": 1}},{"id":"text","data":[3,4],"metadata":{"b": 2}},
                         {"id":{"hex":"ff"},"data":[5,6],"metadata":{"c": 3}}"#;

const REPAIR: [&str; 3] = ["--json", "--database", "d"];

/// A directory with a sound database `d`, and the path of its file.
fn shell() -> (Shell, PathBuf) {
    let shell = Shell::new();
    shell.import(document("d", 2, VECTORS), &[]).success();
    let path = shell.path("store/d.jvdb");
    (shell, path)
}

/// Changes the file where these bytes are.
fn damage(path: &PathBuf, bytes: &[u8]) -> u64 {
    let mut file = fs::read(path).expect("a file");
    let at = file.windows(bytes.len()).position(|window| window == bytes).expect("the bytes, as they are");
    file[at] ^= 0x20;
    fs::write(path, file).expect("written");
    at as u64
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn a_sound_database_is_left_alone() {
    let (shell, path) = shell();
    let before = fs::read(&path).expect("a file");
    let outcome = json(&shell.ok("repair", &REPAIR));
    let none = json!({"vectors": [], "attributes": []});
    let expected = json!({"name": "d", "repaired": false, "backup": null, "vectors": 3, "attributes": 0, "damage": [],
                          "lost": none, "gaps": [], "doubtful": none});
    assert_eq!(outcome, expected);
    let text = shell.ok("repair", &["--database", "d"]);
    assert_eq!(text, "d: nothing to repair: 3 vectors, 0 attributes, all sound\n");
    assert_eq!(fs::read(&path).expect("a file"), before);
    assert_eq!(fs::read_dir(shell.path("store")).expect("a directory").count(), 2, "the file and the lock");
}

#[test]
fn what_is_damaged_is_listed_and_the_rest_is_saved() {
    let (shell, path) = shell();
    damage(&path, b"{\"b\": 2}");
    damage(&path, b"{\"c\": 3}");
    let before = fs::read(&path).expect("a file");
    let message = shell.fails(1, "export", &["--output", "-"]);
    assert!(message.contains("jvdb repair"), "{message}");
    assert!(shell.fails(1, "verify", &[]).contains("jvdb repair"));
    let outcome = json(&shell.ok("repair", &REPAIR));
    assert_eq!((&outcome["repaired"], &outcome["vectors"]), (&json!(true), &json!(1)));
    assert_eq!(outcome["lost"], json!({"vectors": ["text", {"hex": "ff"}], "attributes": []}));
    assert_eq!(outcome["damage"].as_array().expect("places").len(), 2);
    assert_eq!((&outcome["gaps"], &outcome["backup"]), (&json!([]), &json!("d.jvdb.damaged-1")));
    assert_eq!(fs::read(shell.path("store/d.jvdb.damaged-1")).expect("the backup"), before);
    shell.ok("verify", &[]);
    assert_eq!(shell.ok("list", &[]), "d\n");
    assert_eq!(shell.content()["d"].vectors.len(), 1);
    // The second time, for people.
    damage(&path, b"{\"a\": 1}");
    let text = shell.ok("repair", &["--database", "d"]);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "d: repaired: 0 vectors and 0 attributes saved, 1 lost");
    assert_eq!(lines[1], "the file as it was: d.jvdb.damaged-2");
    assert!(lines[2].starts_with("damaged at offset 8") && lines[3] == "lost: key 1", "{text}");
}

#[test]
fn a_database_without_superblocks_needs_its_schema() {
    let (shell, path) = shell();
    let mut file = fs::read(&path).expect("a file");
    file[..8192].fill(0);
    fs::write(&path, file).expect("written");
    let message = shell.fails(1, "repair", &["--database", "d"]);
    assert!(message.contains("dimension and metric"), "{message}");
    let schema = |dimension| [&REPAIR[..], &["--dimension", dimension, "--metric", "euclidean"]].concat();
    let message = shell.fails(1, "repair", &schema("700"));
    assert!(message.contains("no vector in the file is of this dimension"), "{message}");
    let outcome = json(&shell.ok("repair", &schema("2")));
    assert_eq!((&outcome["vectors"], &outcome["lost"]["vectors"]), (&json!(3), &json!([])));
    assert_eq!(shell.content()["d"].schema.metric().name(), "euclidean");
    shell.fails(5, "repair", &["--database", "e"]);
}

#[test]
fn it_keeps_away_from_a_directory_in_use() {
    let (shell, path) = shell();
    damage(&path, b"{\"b\": 2}");
    let writer = Storage::open(shell.path("store"), Options::default()).expect("the lock");
    let message = shell.fails(3, "repair", &REPAIR);
    assert!(message.contains("is in use by process"), "{message}");
    drop(writer);
    shell.ok("repair", &REPAIR);
}
