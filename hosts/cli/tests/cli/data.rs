//! `jvdb create`, `drop`, `put`, `delete`, `scan` and `schema`: one database, one vector at a time.

use crate::shell::{Run, Shell, document};
use jvdb_core::{Options, Storage};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn a_database_is_made_filled_read_and_dropped() {
    let shell = Shell::new();
    let d = ["--database", "d"];
    let with = |more: &[&'static str]| [&d, more].concat();
    let told = shell.ok("create", &with(&["--dimension", "2", "--metric", "dot"]));
    assert_eq!(told, "created d: dimension 2, metric dot_product\n");
    assert_eq!(shell.ok("put", &with(&["--id", "1", "--vector", "[1, 2]"])), "stored 1 in d\n");
    shell.ok("put", &with(&["--key", "a", "--vector", r#"["NaN(ffc00001)",-0.0]"#, "--metadata", r#"{"x": 1}"#]));
    shell.ok("put", &with(&["--key-hex", "ff", "--vector", "[1e-45,0]", "--metadata", r#"{"$base64":"/w=="}"#]));
    let put = with(&["--id", "1", "--vector", "[3,4]", "--metadata", "no JSON", "--json"]);
    assert_eq!(parsed(&shell.ok("put", &put)), json!({"database": "d", "replaced": true, "vectors": 3}));

    // What a flush covers survives a loss of power.
    assert_eq!(parsed(&shell.ok("stats", &["--json"]))["storage"]["unflushed_bytes"], 0);

    let lines = "{\"id\":\"a\",\"data\":[\"NaN(ffc00001)\",-0.0],\"metadata\":{\"x\": 1}}\n\
                 {\"id\":{\"hex\":\"ff\"},\"data\":[1e-45,0.0],\"metadata\":{\"$base64\":\"/w==\"}}\n\
                 {\"id\":1,\"data\":[3.0,4.0],\"metadata\":{\"$base64\":\"bm8gSlNPTg==\"}}\n";
    assert_eq!(shell.ok("scan", &d), lines);
    assert_eq!(shell.ok("scan", &with(&["--keys"])), "\"a\"\n{\"hex\":\"ff\"}\n1\n");

    assert_eq!(shell.ok("delete", &with(&["--key", "a"])), "deleted \"a\" from d; 2 vectors are left\n");
    let message = shell.fails(5, "delete", &with(&["--key", "1"]));
    assert!(message.contains("key \"1\" does not exist in database \"d\"; --id 1 does"), "{message}");
    assert_eq!(parsed(&shell.ok("delete", &with(&["--id", "1", "--json"]))), json!({"database": "d", "vectors": 1}));
    shell.ok("verify", &[]);

    assert_eq!(parsed(&shell.ok("drop", &with(&["--json"]))), json!({"dropped": "d"}));
    assert!(!shell.path("store/d.jvdb").exists());
    shell.fails(5, "drop", &d);
}

#[test]
fn a_scan_goes_on_where_another_has_ended() {
    let shell = Shell::new();
    let vectors: Vec<_> = (0..5).map(|id| format!(r#"{{"id":{id},"data":[{id}]}}"#)).collect();
    shell.import(document("d", 1, &vectors.join(",")), &[]).success();
    let first = parsed(&shell.ok("scan", &["--database", "d", "--limit", "2", "--json", "--keys"]));
    assert_eq!(first["vectors"], json!([0, 1]));
    let from = first["position"].to_string();
    let rest = parsed(&shell.ok("scan", &["--database", "d", "--from", &from, "--json"]));
    assert_eq!(rest["vectors"][2], json!({"id": 4, "data": [4.0]}));
    let run = shell.run("scan", &["--database", "d", "--limit", "2"]);
    assert_eq!((run.code, run.stdout.lines().count()), (0, 2));
    assert!(run.stderr.contains(&format!("--from {from}")), "{}", run.stderr);
    // What is stored meanwhile comes later; a compaction takes the position away.
    shell.ok("put", &["--database", "d", "--id", "0", "--vector", "[9]"]);
    let rest = shell.ok("scan", &["--database", "d", "--from", &from, "--keys"]);
    assert_eq!(rest, "2\n3\n4\n0\n");
    shell.ok("compact", &[]);
    let message = shell.fails(1, "scan", &["--database", "d", "--from", &from]);
    assert!(message.contains("from before a compaction; begin again"), "{message}");
    let none = shell.ok("scan", &["--database", "d", "--limit", "0", "--json"]);
    assert_eq!(parsed(&none)["vectors"], json!([]));
}

#[test]
fn what_is_there_is_not_made_again_and_wrong_vectors_change_nothing() {
    let shell = Shell::new();
    let create = ["--database", "d", "--dimension", "2"];
    shell.ok("create", &create);
    shell.ok("put", &["--database", "d", "--id", "1", "--vector", "[1,2]"]);
    let message = shell.fails(3, "create", &create);
    assert!(message.contains("\"d\" exists already"), "{message}");
    for (code, vector, expected) in [
        (2, "[1,x]", "expected value"),
        (2, "[1,\"2\"]", "element 1 is"),
        (2, "[1,1e39]", "no 32-bit float"),
        (1, "[1]", "dimension 2, this one has 1"),
    ] {
        let message = shell.fails(code, "put", &["--database", "d", "--id", "1", "--vector", vector]);
        assert!(message.contains(expected), "{vector}: {message}");
    }
    assert_eq!(shell.content()["d"].vectors[0].1, [1_f32, 2.0].map(f32::to_bits));
    shell.fails(5, "put", &["--database", "x", "--id", "1", "--vector", "[1]"]);
    assert!(!shell.path("store/x.jvdb").exists());
    let writer = Storage::open(shell.path("store"), Options::default()).expect("the lock");
    for (command, more) in [("put", &["--id", "1", "--vector", "[1,2]"][..]), ("delete", &["--id", "1"]), ("drop", &[])]
    {
        let message = shell.fails(3, command, &[&["--database", "d"], more].concat());
        assert!(message.contains("is in use by process"), "{message}");
    }
    drop(writer);
}

#[test]
fn a_long_vector_comes_through_standard_input() {
    let shell = Shell::new();
    shell.ok("create", &["--database", "d", "--dimension", "40000"]);
    let put = ["--database", "d", "--id", "1", "--vector", "-"];
    let mut process = shell.command("put", &put).spawn().expect("jvdb starts");
    let text = format!("[{}0.25]\n", "0.5,".repeat(39_999));
    process.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("written");
    Run::of(process.wait_with_output().expect("jvdb ends")).success();
    assert_eq!(shell.content()["d"].vectors[0].1[39_999], 0.25_f32.to_bits());
}

#[test]
fn schema_has_the_attributes_and_folders_stay_folders() {
    let shell = Shell::new();
    shell.ok("create", &["--database", "d", "--dimension", "2", "--layout", "folders"]);
    shell.ok("create", &["--database", "e", "--dimension", "3", "--metric", "euclidean"]);
    assert!(shell.path("store/e/vectors.jvdb").exists());
    shell.ok("put", &["--database", "e", "--id", "1", "--vector", "[1,2,3]"]);
    shell.ok("drop", &["--database", "d"]);
    assert!(!shell.path("store/d").exists());
    let schema = r#"{"name":"a","schema":{"dimension":2},"attributes":[{"name":"x","value":{"y": 1}}],"vectors":[]}"#;
    shell.import(format!(r#"{{"databases":[{schema}]}}"#), &[]).success();
    let told = shell.ok("schema", &["--database", "a"]);
    assert_eq!(told, "database   a\ndimension  2\nmetric     cosine\nattribute  \"x\" = {\"y\": 1}\n");
    let told = parsed(&shell.ok("schema", &["--database", "a", "--json"]));
    assert_eq!(told["attributes"], json!([{"name": "x", "value": {"y": 1}}]));
    assert_eq!(told["schema"], json!({"dimension": 2, "distance_metric": "cosine"}));
}

#[test]
fn a_database_that_cannot_be_opened_can_be_dropped() {
    let shell = Shell::new();
    shell.ok("create", &["--database", "d", "--dimension", "2"]);
    fs::write(shell.path("store/e.jvdb"), "not a database").expect("a file");
    shell.ok("drop", &["--database", "e"]);
    assert_eq!(shell.ok("list", &[]), "d\n");
}
