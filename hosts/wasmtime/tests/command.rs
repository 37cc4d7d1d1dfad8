//! The command `jvdb-wasm`: what it prints, what it writes, and how it ends.

mod common;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs the command on a storage directory.
fn jvdb_wasm(storage: &Path, arguments: &[&str]) -> Output {
    let compiled = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    common::component();
    Command::new(env!("CARGO_BIN_EXE_jvdb-wasm"))
        .arg("--component")
        .arg(common::component_file())
        .arg("--cache")
        .arg(compiled)
        .arg("--storage")
        .arg(storage)
        .args(arguments)
        .output()
        .unwrap()
}

/// The lines printed by a run that went well.
fn lines(output: Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The message of a run that failed.
fn failure(output: Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

fn export() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/databases.json")
}

/// The dump of an export, made from its JSON alone.
fn dump_of(export: &str) -> Vec<u8> {
    #[derive(serde::Deserialize)]
    struct Export<'a> {
        #[serde(borrow)]
        databases: Vec<Database<'a>>,
    }
    #[derive(serde::Deserialize)]
    struct Database<'a> {
        name: String,
        schema: Value,
        #[serde(borrow)]
        vectors: Vec<Vector<'a>>,
    }
    #[derive(serde::Deserialize)]
    struct Vector<'a> {
        id: u64,
        data: Vec<f32>,
        #[serde(borrow)]
        metadata: &'a serde_json::value::RawValue,
    }
    let mut export: Export = serde_json::from_str(export).unwrap();
    export.databases.sort_by(|a, b| a.name.cmp(&b.name));
    let mut dump = Vec::new();
    for database in &mut export.databases {
        database.vectors.sort_by_key(|vector| vector.id);
        dump.extend((database.name.len() as u32).to_le_bytes());
        dump.extend(database.name.as_bytes());
        dump.extend((database.schema["dimension"].as_u64().unwrap() as u32).to_le_bytes());
        dump.extend((database.vectors.len() as u64).to_le_bytes());
        for vector in &database.vectors {
            dump.extend(vector.id.to_le_bytes());
            dump.extend(vector.data.iter().flat_map(|element| element.to_le_bytes()));
            let metadata = vector.metadata.get();
            dump.extend((metadata.len() as u32).to_le_bytes());
            dump.extend(metadata.as_bytes());
        }
    }
    dump
}

#[test]
fn an_export_is_imported_and_dumped_bit_by_bit() {
    let scratch = tempfile::tempdir().unwrap();
    let (storage, dump) = (scratch.path().join("s"), scratch.path().join("dump"));
    let export = export();
    let imported = lines(jvdb_wasm(&storage, &["import", "--input", export.to_str().unwrap()]));
    assert_eq!(imported, [serde_json::json!({ "databases": 2, "vectors": 800 })]);
    assert_eq!(lines(jvdb_wasm(&storage, &["list"])), ["debian_packages", "digits"]);

    let said = &lines(jvdb_wasm(&storage, &["dump", "--output", dump.to_str().unwrap()]))[0];
    assert_eq!(
        (said["face"].as_str(), said["databases"].as_u64(), said["vectors"].as_u64()),
        (Some("wasmtime"), Some(2), Some(800))
    );
    assert!(said["open_us"].as_u64().unwrap() > 0 && said["get_ns"].as_u64().unwrap() > 0);
    let expected = dump_of(&std::fs::read_to_string(export).unwrap());
    assert!(std::fs::read(dump).unwrap() == expected, "the dump is not what the export says");

    let stats = &lines(jvdb_wasm(&storage, &["stats"]))[0];
    assert_eq!((stats["databases"].as_u64(), stats["vectors"].as_u64()), (Some(2), Some(800)));
    let stats = &lines(jvdb_wasm(&storage, &["stats", "--database", "digits"]))[0];
    assert_eq!((stats["dimension"].as_u64(), stats["vectors"].as_u64()), (Some(64), Some(500)));

    // Once more: everything is replaced, nothing doubled.
    lines(jvdb_wasm(&storage, &["import", "--database", "digits", "--input", self::export().to_str().unwrap()]));
    assert_eq!(lines(jvdb_wasm(&storage, &["stats"]))[0]["vectors"], 800);
}

#[test]
fn single_vectors_are_put_got_and_deleted() {
    let scratch = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| lines(jvdb_wasm(scratch.path(), arguments));
    run(&["create", "--database", "d", "--dimension", "3", "--metric", "dot_product"]);
    let put = ["put", "--database", "d", "--id", "7", "--data", "[1, 2.5, -3e-2]", "--metadata", r#"{"a": 1}"#];
    assert_eq!(run(&put), [serde_json::json!({ "inserted": true })]);
    assert_eq!(run(&put), [serde_json::json!({ "inserted": false })]);
    let raw = jvdb_wasm(scratch.path(), &["get", "--database", "d", "--id", "7"]);
    assert_eq!(String::from_utf8(raw.stdout).unwrap(), "{\"id\":7,\"data\":[1.0,2.5,-0.03],\"metadata\":{\"a\": 1}}\n");
    run(&["put", "--database", "d", "--id", "-x", "--data", "[0,0,0]", "--metadata", "plain text"]);
    assert_eq!(run(&["get", "--database", "d", "--id", "-x"])[0]["metadata"], "plain text");
    assert_eq!(run(&["delete", "--database", "d", "--id", "7"]), [serde_json::json!({ "deleted": true })]);
    assert_eq!(run(&["delete", "--database", "d", "--id", "7"]), [serde_json::json!({ "deleted": false })]);
    assert!(run(&["flush"])[0]["flush_duration_ms"].as_f64().is_some());
    run(&["drop", "--database", "d"]);
    assert!(run(&["list"]).is_empty());
}

#[test]
fn failures_end_with_1_and_say_what_is_wrong() {
    let scratch = tempfile::tempdir().unwrap();
    let fails = |arguments: &[&str], part: &str| {
        let message = failure(jvdb_wasm(scratch.path(), arguments), 1);
        assert!(message.starts_with("jvdb-wasm: ") && message.contains(part), "{message}");
    };
    lines(jvdb_wasm(scratch.path(), &["create", "--database", "d", "--dimension", "2"]));
    fails(&["get", "--database", "no", "--id", "1"], "does not exist");
    fails(&["get", "--database", "d", "--id", "1"], "no vector \"1\"");
    fails(&["put", "--database", "d", "--id", "1", "--data", "[1]"], "dimension 2");
    fails(&["create", "--database", "d", "--dimension", "2"], "exists already");
    fails(&["create", "--database", "e", "--dimension", "0"], "1..=65536");
    fails(&["import", "--input", "/no/such/file"], "/no/such/file");
    let output = failure(
        Command::new(env!("CARGO_BIN_EXE_jvdb-wasm"))
            .args(["--component", "/no/such.wasm", "--storage", ".", "list"])
            .output()
            .unwrap(),
        1,
    );
    assert!(output.contains("/no/such.wasm"), "{output}");
}

#[test]
fn exports_that_are_wrong_are_refused_with_their_place() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("export.json");
    let storage = scratch.path().join("s");
    std::fs::write(&file, r#"{"databases":[{"name":"d","schema":{"dimension":2},"vectors":[]}]}"#).unwrap();
    assert!(jvdb_wasm(&storage, &["import", "--input", file.to_str().unwrap()]).status.success());
    for (text, part) in [
        ("", "EOF"),
        ("[]", "--database NAME"),
        ("{}", "no member \"databases\""),
        (r#"{"databases":[{"name":"d","vectors":[]}]}"#, "say its name and its schema first"),
        (r#"{"databases":[{"name":"d","schema":{"dimension":2,"distance_metric":"taxi"},"vectors":[]}]}"#, "taxi"),
        (r#"{"databases":[{"name":"d","schema":{"dimension":2},"vectors":[{"id":1,"data":[1]}]}]}"#, "dimension 2"),
        (r#"{"databases":[{"name":"d","schema":{"dimension":2},"vectors":[{"id":-1,"data":[1,2]}]}]}"#, "an id"),
        (r#"{"databases":[{"name":"d","schema":{"dimension":3},"vectors":[]}]}"#, "exists with dimension 2"),
        (
            r#"{"databases":[{"name":"d","schema":{"dimension":2},"attributes":[{"name":"a","value":1}]}]}"#,
            "no attributes",
        ),
        (r#"{"databases":[{"name":"a/b","schema":{"dimension":2},"vectors":[]}]}"#, "invalid database name"),
        (r#"{"databases":[]} trailing"#, "line 1 column 18: trailing characters"),
    ] {
        std::fs::write(&file, text).unwrap();
        let message = failure(jvdb_wasm(&storage, &["import", "--input", file.to_str().unwrap()]), 1);
        assert!(message.contains("export.json") && message.contains(part), "{text}: {message}");
    }
    std::fs::write(&file, r#"{"databases":[{"name":"x","schema":{"dimension":2},"vectors":[]}]}"#).unwrap();
    let message = failure(jvdb_wasm(&storage, &["import", "--database", "y", "--input", file.to_str().unwrap()]), 1);
    assert!(message.contains("holds no database \"y\""), "{message}");
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    let scratch = tempfile::tempdir().unwrap();
    for wrong in [
        vec!["frobnicate"],
        vec![],
        vec!["get", "--database", "d"],
        vec!["put", "--database", "d", "--id", "1", "--data", "[1,"],
        vec!["create", "--database", "d", "--dimension", "2", "--metric", "taxi"],
    ] {
        failure(jvdb_wasm(scratch.path(), &wrong), 2);
    }
}
