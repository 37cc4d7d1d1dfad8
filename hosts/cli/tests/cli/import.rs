//! `jvdb import`: what it accepts, what it refuses and with which words, and what a failure leaves behind.

use crate::shell::{Shell, document};
use jvdb_core::{KeyBuf, MAX_METADATA_LEN, Metric};
use std::io::{BufRead, BufReader, Write};

fn bytes(key: &[u8]) -> KeyBuf {
    KeyBuf::Bytes(key.into())
}

fn bits(vector: &[f32]) -> Vec<u32> {
    vector.iter().map(|element| element.to_bits()).collect()
}

#[test]
fn a_bare_array_goes_into_the_database_that_is_named() {
    let shell = Shell::new();
    let text = r#" [ {"id": "a", "values": [1, 2.5], "metadata": {"k": [ 1 ]}}, {"values": [3, 4], "id": "b"} ] "#;
    shell.import(text, &["--database", "d", "--metric", "dot_product"]).success();
    let content = &shell.content()["d"];
    assert_eq!((content.schema.dimension(), content.schema.metric()), (2, Metric::DotProduct));
    let expected =
        [(bytes(b"a"), bits(&[1.0, 2.5]), br#"{"k": [ 1 ]}"#.to_vec()), (bytes(b"b"), bits(&[3.0, 4.0]), Vec::new())];
    assert_eq!(content.vectors, expected);
}

#[test]
fn a_bare_array_without_a_name_is_refused() {
    let shell = Shell::new();
    let message = shell.import("[]", &[]).failure(1);
    assert!(message.contains("--database NAME"), "{message}");
}

#[test]
fn a_bare_array_must_fit_the_database_that_is_there() {
    let shell = Shell::new();
    let import = |text| shell.import(text, &["--database", "d"]);
    import(r#"[{"id":"a","values":[1,2]}]"#).success();
    import(r#"[{"id":"a","values":[5,6]}]"#).success();
    let message = import(r#"[{"id":"b","values":[1,2,3]}]"#).failure(1);
    assert!(message.contains("3 elements") && message.contains("dimension 2"), "{message}");
    assert_eq!(shell.content()["d"].vectors, [(bytes(b"a"), bits(&[5.0, 6.0]), Vec::new())]);
}

#[test]
fn special_floats_keep_every_bit() {
    let shell = Shell::new();
    let vector = r#"{"id":1,"data":["NaN","Infinity","-Infinity",-0.0,1e-45,"NaN(ffc00001)",3.4028235e38]}"#;
    shell.import(document("d", 7, vector), &[]).success();
    let expected = [0x7fc0_0000, 0x7f80_0000, 0xff80_0000, 0x8000_0000, 1, 0xffc0_0001, 0x7f7f_ffff];
    assert_eq!(shell.content()["d"].vectors[0].1, expected);
}

#[test]
fn keys_are_integers_strings_or_hexadecimal() {
    let shell = Shell::new();
    let vectors = r#"{"id":18446744073709551615,"data":[1]},{"id":"7","data":[1]},{"id":7,"data":[1]},
                     {"id":{"hex":"fF00"},"data":[1]},{"id":"\u0000\u00e4","data":[1]}"#;
    shell.import(document("d", 1, vectors), &[]).success();
    let keys: Vec<_> = shell.content()["d"].vectors.iter().map(|(key, _, _)| key.clone()).collect();
    let expected = [KeyBuf::Int(u64::MAX), bytes(b"7"), KeyBuf::Int(7), bytes(b"\xff\x00"), bytes("\0ä".as_bytes())];
    assert_eq!(keys, expected);
}

#[test]
fn a_second_import_replaces_and_adds() {
    let shell = Shell::new();
    shell.import(document("d", 1, r#"{"id":1,"data":[1]},{"id":2,"data":[2]}"#), &[]).success();
    shell.import(document("d", 1, r#"{"id":2,"data":[3],"metadata":null}"#), &[]).success();
    let content = &shell.content()["d"].vectors;
    assert_eq!(content[0], (KeyBuf::Int(1), bits(&[1.0]), Vec::new()));
    assert_eq!(content[1], (KeyBuf::Int(2), bits(&[3.0]), b"null".to_vec()));
    assert_eq!(content.len(), 2);
}

#[test]
fn another_schema_than_the_one_that_is_there_is_refused() {
    let shell = Shell::new();
    shell.import(document("d", 2, ""), &[]).success();
    let message = shell.import(document("d", 3, ""), &[]).failure(1);
    assert!(
        message.contains("database \"d\": it exists with dimension 2") && message.contains("dimension 3"),
        "{message}"
    );
    let other_metric = document("d", 2, "").replace("cosine", "EUCLIDEAN");
    let message = shell.import(other_metric, &[]).failure(1);
    assert!(message.contains("metric cosine") && message.contains("metric euclidean"), "{message}");
}

#[test]
fn members_come_in_any_order_and_unknown_ones_are_passed_over() {
    let shell = Shell::new();
    let text = r#"{"version":[{}],"databases":[{"index":{"a":[1,{}]},"schema":{"m":16,"dimension":1},"name":"d","vectors":
        [{"metadata":{"a":1},"tags":["x"],"data":[1],"id":1}],"after":null}],"end":{}}"#;
    shell.import(text, &[]).success();
    assert_eq!(shell.content()["d"].vectors, [(KeyBuf::Int(1), bits(&[1.0]), br#"{"a":1}"#.to_vec())]);
}

#[test]
fn attributes_are_stored() {
    let shell = Shell::new();
    let attributes =
        r#""attributes":[{"value":{"m": 16},"name":"index"},{"name":{"hex":"ff"},"value":{"$base64":""}}]"#;
    let text = document("d", 1, "").replace("\"vectors\"", &format!("{attributes},\"vectors\""));
    shell.import(&text, &[]).success();
    let expected = [(b"index".to_vec(), br#"{"m": 16}"#.to_vec()), (b"\xff".to_vec(), Vec::new())];
    assert_eq!(shell.content()["d"].attributes, expected.into());
    let message = shell.import(text.replace("\"index\"", "1"), &[]).failure(1);
    assert!(message.contains("the name of an attribute is a string"), "{message}");
}

#[test]
fn only_the_database_that_is_asked_for_is_imported() {
    let shell = Shell::new();
    let one = |name: &str| {
        format!(
            r#"{{"name":"{name}","schema":{{"dimension":1}},"vectors":[{{"id":1,"data":[1]}},{{"id":2,"data":[2]}}]}}"#
        )
    };
    let text = format!(r#"{{"databases":[{},{},{}]}}"#, one("a"), one("b"), one("c"));
    shell.import(&text, &["--database", "b"]).success();
    assert_eq!(shell.ok("list", &[]), "b\n");
    let message = shell.import(&text, &["--database", "x"]).failure(5);
    assert!(message.contains("no database \"x\"") && message.contains("\"a\", \"b\", \"c\""), "{message}");
}

#[test]
fn errors_name_the_file_the_line_the_database_and_the_vector() {
    let cases = [
        ("{}", "line 1 column 2: there is no member \"databases\""),
        ("nonsense", "line 1 column 2: expected ident"),
        ("", "line 1 column 0: EOF"),
        ("3", "a bare array of vectors"),
        (r#"{"databases":[]} x"#, "trailing characters"),
        (
            &document("d", 1, "\n{\"id\":1,\"data\":[1]},\n{\"id\":2,\"data\":[1,2]}"),
            "line 3 column 22, database \"d\", vector 1:",
        ),
        (&document("d", 1, "{\"id\":1,\"data\":[1]}\n{"), "line 2 column 1, database \"d\", vector 1: expected `,`"),
        (&document("d", 1, "{\"id\":1,\"data\":[1]"), "database \"d\", vector 0"),
        (&document("d", 2, r#"{"id":1,"data":[1,null]}"#), "element 1 is null"),
        (&document("d", 1, r#"{"id":1,"data":[1e39]}"#), "element 0 is 1e39"),
        (&document("d", 1, r#"{"id":1,"data":"x"}"#), "must be an array of numbers"),
        (&document("d", 1, r#"{"id":1}"#), "no \"data\""),
        (&document("d", 1, r#"{"data":[1]}"#), "no \"id\""),
        (&document("d", 1, r#"{"id":-1,"data":[1]}"#), "integer `-1`, expected an id"),
        (&document("d", 1, r#"{"id":1.5,"data":[1]}"#), "floating point `1.5`, expected an id"),
        (&document("d", 1, r#"{"id":18446744073709551616,"data":[1]}"#), "expected an id"),
        (&document("d", 1, r#"{"id":"","data":[1]}"#), "the id has 0 bytes"),
        (&document("d", 1, r#"{"id":{"hex":"0"},"data":[1]}"#), "the id is not hexadecimal"),
        (&document("d", 1, r#"{"id":{"hex":"00","x":1},"data":[1]}"#), "the one member \"hex\""),
        (&document("d", 1, r#"{"id":{},"data":[1]}"#), "empty object"),
        (&document("d", 1, r#"{"id":1,"data":[1],"values":[1]}"#), "two members \"data\""),
        (&document("d", 1, r#"{"id":1,"data":[1],"metadata":{"$base64":"?"}}"#), "the metadata is not base64"),
        (&document("d", 0, ""), "0 is not within 1..=65536"),
        (&document("", 1, ""), "line 1"),
        (&document("d", 1, "").replace("cosine", "hamming"), "unknown distance_metric \"hamming\""),
        (r#"{"databases":[{"name":"d","schema":{}}]}"#, "missing field `dimension`"),
        (r#"{"databases":[{"name":"d"}]}"#, "missing field `schema`"),
        (r#"{"databases":[{"schema":{"dimension":1}}]}"#, "missing field `name`"),
        (r#"{"databases":[{"name":"d","name":"e"}]}"#, "two members"),
        (
            r#"{"databases":[{"name":"d","vectors":[],"schema":{"dimension":1}}]}"#,
            "must say its name and its schema first",
        ),
        (
            r#"{"databases":[{"vectors":[],"name":"d","schema":{"dimension":1}}]}"#,
            "must say its name and its schema first",
        ),
    ];
    for (text, expected) in cases {
        let shell = Shell::new();
        let path = shell.file("input.json", text);
        let message = shell.fails(1, "import", &["--input", &path]);
        assert!(message.starts_with(&format!("jvdb: cannot import {path}: ")), "{text}\n{message}");
        assert!(message.contains(expected), "{text}\nexpected {expected}\n{message}");
        assert!(message.contains("no vector was stored"), "{text}\n{message}");
    }
}

#[test]
fn a_file_that_is_not_there_leaves_no_directory() {
    let shell = Shell::new();
    let path = shell.text("missing.json");
    let message = shell.fails(5, "import", &["--input", &path]);
    assert!(message.contains(&path) && message.contains("No such file"), "{message}");
    assert!(!shell.path("store").exists());
}

#[test]
fn a_failed_import_keeps_whole_batches_and_says_how_much() {
    let shell = Shell::new();
    let vectors: Vec<_> = (0..25).map(|id| format!(r#"{{"id":{id},"data":[{id}]}}"#)).collect();
    let text = document("d", 1, &(vectors.join(",") + ",oops"));
    let run = shell.import(text, &["--batch", "10", "--acks"]);
    assert_eq!(run.stdout, "acked d 10\nacked d 20\n");
    let message = run.failure(1);
    assert!(message.contains("vector 25") && message.contains("20 in \"d\""), "{message}");
    let keys: Vec<_> = shell.content()["d"].vectors.iter().map(|(key, _, _)| key.clone()).collect();
    assert_eq!(keys, (0..20).map(KeyBuf::Int).collect::<Vec<_>>());
}

#[test]
fn a_killed_import_keeps_every_acknowledged_vector() {
    let shell = Shell::new();
    let mut process =
        shell.command("import", &["--input", "-", "--batch", "7", "--acks"]).spawn().expect("jvdb starts");
    let mut input = process.stdin.take().expect("a pipe");
    // More than the pipe and the import's own buffer hold, so that some of it is read.
    let vectors: Vec<_> = (0..20_000).map(|id| format!(r#"{{"id":{id},"data":[{id}],"metadata":"m{id}"}}"#)).collect();
    let text = document("d", 1, &vectors.join(","));
    let writer = std::thread::spawn(move || {
        let _ = input.write_all(text.as_bytes());
        input
    });
    let mut acks = BufReader::new(process.stdout.take().expect("a pipe")).lines();
    let acked = acks.by_ref().take(100).last().expect("a hundred lines").expect("a line");
    process.kill().expect("killed");
    process.wait().expect("ended");
    // Lines it had printed before it died count too.
    let acked = acks.map_while(Result::ok).filter(|line| line.starts_with("acked d ")).last().unwrap_or(acked);
    drop(writer.join().expect("the writer ends"));
    let acked: usize = acked.rsplit(' ').next().and_then(|total| total.parse().ok()).expect("a total");
    assert!((700..20_000).contains(&acked), "{acked} acknowledged: the import was not killed in the middle");

    let found = &shell.content()["d"].vectors;
    assert!(found.len() >= acked && found.len().is_multiple_of(7), "{} found, {acked} acknowledged", found.len());
    for (id, (key, vector, metadata)) in found.iter().enumerate() {
        assert_eq!((key, vector), (&KeyBuf::Int(id as u64), &bits(&[id as f32])));
        assert_eq!(metadata, format!("\"m{id}\"").as_bytes());
    }
    shell.ok("verify", &[]);
}

#[test]
fn a_large_vector_ends_a_batch() {
    let shell = Shell::new();
    let metadata = "m".repeat(5 << 20);
    let vectors: Vec<_> = (0..4).map(|id| format!(r#"{{"id":{id},"data":[1],"metadata":"{metadata}"}}"#)).collect();
    let run = shell.import(document("d", 1, &vectors.join(",")), &["--acks"]);
    assert!(run.success().starts_with("acked d 2\nacked d 4\n"));
}

#[test]
fn metadata_that_is_too_large_is_refused_with_its_place() {
    let shell = Shell::new();
    let largest = format!("\"{}\"", "m".repeat(MAX_METADATA_LEN - 2));
    let vectors = format!(r#"{{"id":1,"data":[1],"metadata":{largest}}}"#);
    shell.import(document("d", 1, &vectors), &[]).success();
    let vectors = vectors.replace("mm\"", "mmm\"") + r#",{"id":2,"data":[2]}"#;
    let message = shell.import(document("d", 1, &vectors), &[]).failure(1);
    assert!(message.contains("vector 0") && message.contains("16777217 bytes"), "{message}");
}

#[test]
fn one_endless_value_is_refused_before_it_fills_the_memory() {
    let shell = Shell::new();
    let text = document("d", 1, &format!(r#"{{"id":1,"data":[{}1]}}"#, "1,".repeat(40 << 20)));
    let message = shell.import(text, &[]).failure(1);
    assert!(message.contains("database \"d\", vector 0") && message.contains("more than 64 MiB"), "{message}");
}

#[test]
fn json_tells_what_was_stored() {
    let shell = Shell::new();
    let text = shell.import(document("d", 1, r#"{"id":1,"data":[1]}"#), &["--json"]).success();
    let done: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(done["databases"], serde_json::json!([{"name": "d", "vectors": 1, "replaced": 0}]));
    assert_eq!((&done["vectors"], &done["replaced"]), (&1.into(), &0.into()));
    assert!(done["flush_ms"].as_f64().is_some());
}
