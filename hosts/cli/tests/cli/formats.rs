//! Import and export in other formats than JSON: what a format can carry comes back bit by bit, and what it cannot is said.

use crate::roundtrip::{bits, key, metadata, store};
use crate::shell::{Content, Shell, content};
use jvdb_core::{KeyBuf, Metric, Schema};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/databases.json");

/// Content whose order does not count: rows are written by their numbers.
fn by_key(mut content: Content) -> Content {
    content.vectors.sort();
    content
}

/// Exports database `d` of a shell to a file, and imports that elsewhere.
fn there_and_back(from: &Shell, file: &str) -> Content {
    let path = from.text(file);
    from.ok("export", &["--database", "d", "--output", &path]);
    let to = Shell::new();
    to.ok("import", &["--database", "d", "--input", &path, "--batch", "3"]);
    to.content_of("d")
}

/// A shell with a database `d` of these vectors.
fn shell_of(content: &Content) -> Shell {
    let shell = Shell::new();
    let databases = BTreeMap::from([("d".to_owned(), content.clone())]);
    store(&shell.path("store"), &databases).expect("stored");
    shell
}

fn database(keys: impl Strategy<Value = BTreeMap<KeyBuf, ()>>) -> impl Strategy<Value = Content> {
    (1..6_usize, keys).prop_flat_map(|(dimension, keys)| {
        let schema = Schema::new(dimension, Metric::Cosine).expect("a schema");
        let one = prop_oneof![metadata(), Just(b"{\n \"a\": 1\r\n}".to_vec())];
        let parts = vec((vec(bits(), dimension), one), keys.len());
        parts.prop_map(move |parts| {
            let keys = keys.clone().into_keys();
            let vectors = keys.zip(parts).map(|(key, (bits, metadata))| (key, bits, metadata)).collect();
            Content { schema, attributes: BTreeMap::new(), vectors }
        })
    })
}

/// The numbers of so many rows.
fn rows() -> impl Strategy<Value = BTreeMap<KeyBuf, ()>> {
    (1..15_u64).prop_map(|count| (0..count).map(|row| (KeyBuf::Int(row), ())).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lines_and_tables_carry_any_key_any_element_and_any_metadata(content in database(btree_map(key(), Just(()), 1..12))) {
        let shell = shell_of(&content);
        for file in ["out.ndjson", "out.csv"] {
            prop_assert_eq!(there_and_back(&shell, file), content.clone(), "{}", file);
        }
        prop_assert_eq!(shell.ok("scan", &["--database", "d"]).lines().count(), content.vectors.len());
    }

    #[test]
    fn matrices_carry_any_element_and_metadata_beside_them(content in database(rows())) {
        let shell = shell_of(&content);
        for file in ["a.npy", "b.fvecs"] {
            prop_assert_eq!(by_key(there_and_back(&shell, file)), by_key(content.clone()), "{}", file);
        }
    }
}

#[test]
fn the_sample_databases_survive_every_format_that_can_carry_them() {
    let shell = Shell::new();
    shell.ok("import", &["--input", SAMPLE]);
    let found = shell.content();
    for (name, files) in [
        ("debian_packages", &["a.ndjson", "a.csv", "b.npy", "c.fvecs"][..]),
        ("digits", &["d.csv", "e.bvecs", "f.npy"]),
    ] {
        for file in files {
            let path = shell.text(file);
            let run = shell.run("export", &["--database", name, "--output", &path]);
            let begins_at_0 = found[name].vectors.iter().any(|(key, ..)| *key == KeyBuf::Int(0));
            if !file.ends_with(".csv") && !file.ends_with(".ndjson") && !begins_at_0 {
                assert!(run.failure(1).contains("are not 0..") && !shell.path(file).exists());
                continue;
            }
            run.success();
            let to = Shell::new();
            let metric = found[name].schema.metric().name();
            to.ok("import", &["--database", name, "--input", &path, "--metric", metric]);
            assert_eq!(by_key(to.content_of(name)), by_key(found[name].clone()), "{file}");
        }
    }
}

#[test]
fn a_matrix_of_numpy_comes_in_with_the_lines_beside_it() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let matrix = directory.join("packages_384.npy");
    let Ok(bytes) = fs::read(&matrix) else {
        // The project stands without it.
        return;
    };
    let shell = Shell::new();
    let input = matrix.to_str().expect("a path");
    let told = shell.ok("import", &["--database", "packages", "--input", input]);
    assert!(told.contains("10000 new, 0 replaced"), "{told}");
    let found = shell.content_of("packages");
    let lines = fs::read_to_string(directory.join("packages_384.jsonl")).expect("the lines");
    for ((key, bits, metadata), (row, line)) in found.vectors.iter().zip(lines.lines().enumerate()) {
        assert_eq!((key, &metadata[..]), (&KeyBuf::Int(row as u64), line.as_bytes()));
        let expected = bytes[128 + row * 1536..][..1536].chunks_exact(4);
        assert!(bits.iter().zip(expected).all(|(bits, bytes)| bits.to_le_bytes() == bytes), "row {row}");
    }
    // What is written is the same file, to the byte, and the lines as well.
    let output = shell.text("out.npy");
    shell.ok("export", &["--output", &output]);
    assert!(fs::read(&output).expect("the matrix") == bytes);
    assert!(fs::read_to_string(shell.path("out.jsonl")).expect("the lines") == lines);
}

/// A file of NumPy.
fn npy(kind: &str, shape: &str, numbers: &[u8]) -> Vec<u8> {
    let head = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
    [&b"\x93NUMPY\x01\0"[..], &(head.len() as u16).to_le_bytes(), head.as_bytes(), numbers].concat()
}

#[test]
fn other_kinds_of_numbers_are_read_and_what_does_not_fit_is_refused() {
    let doubles = |numbers: [f64; 2]| numbers.map(f64::to_le_bytes).concat();
    for (kind, numbers, expected) in [
        ("<f8", doubles([0.1, f64::INFINITY]), [0.1, f32::INFINITY]),
        (">f4", [1.5_f32, -0.0].map(f32::to_be_bytes).concat(), [1.5, -0.0]),
        ("<f2", vec![0x00, 0x3c, 0x01, 0x80], [1.0, -(2_f32.powi(-24))]),
        ("|u1", vec![0, 255], [0.0, 255.0]),
    ] {
        let shell = Shell::new();
        // The name does not tell, the beginning does.
        let file = shell.file("numbers.bin", npy(kind, "(1, 2)", &numbers));
        shell.ok("import", &["--database", "d", "--input", &file]);
        assert_eq!(shell.content()["d"].vectors[0].1, expected.map(f32::to_bits), "{kind}");
    }
    let four = [0; 16];
    let fortran = String::from_utf8(npy("<f4", "(2, 2)", &[])[10..].to_vec()).expect("text").replace("False", "True ");
    for (file, expected) in [
        (npy("<f8", "(1, 2)", &doubles([0.0, 1e39])), "element 1 is 1e39, which no 32-bit float can hold"),
        (npy("<i8", "(1, 2)", &four), "must be floats"),
        (npy("<f4", "(4,)", &four), "its shape is (4,)"),
        (npy("<f4", "(2, 2)", &four[..12]), "row 1"),
        (npy("<f4", "(1, 2)", &four), "goes on behind its last row"),
        (npy("<f4", "(1, 2, 2)", &four), "two sizes"),
        (
            [b"\x93NUMPY\x01\0", &(fortran.len() as u16).to_le_bytes()[..], fortran.as_bytes()].concat(),
            "ascontiguousarray",
        ),
        (b"\x93NUMPY\x01\0\xff\xff{".to_vec(), "no file of NumPy"),
    ] {
        let shell = Shell::new();
        let file = shell.file("x.npy", file);
        let message = shell.fails(1, "import", &["--database", "d", "--input", &file]);
        assert!(message.contains(expected) && message.contains("no vector was stored"), "{message}");
        assert!(!shell.path("store/d.jvdb").exists(), "{message}");
    }
    let shell = Shell::new();
    for (name, bytes, expected) in [
        ("a.fvecs", &[2, 0, 0, 0, 0, 0][..], "ends within the row"),
        ("a.fvecs", &[255, 255, 255, 255], "has -1 elements"),
        ("a.bvecs", &[2, 0, 0, 0, 1, 2, 3, 0, 0, 0, 1, 2, 3], "the vector has 3 elements"),
        ("a.npy", b"no matrix", "no file of NumPy"),
    ] {
        let file = shell.file(name, bytes);
        let message = shell.fails(1, "import", &["--database", "d", "--input", &file]);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn lines_beside_a_matrix_must_be_as_many_as_its_rows() {
    let shell = Shell::new();
    let file = shell.file("x.npy", npy("<f4", "(2, 1)", &[0; 8]));
    for (lines, expected) in [
        ("1\n", "row 1"),
        ("1\n2\n3\n", "more lines than there are rows"),
        ("1\n\u{0}{\"$base64\":\"A\"}\n3", "more lines"),
    ] {
        shell.file("x.jsonl", lines);
        let message = shell.fails(1, "import", &["--database", "d", "--input", &file]);
        assert!(message.contains("x.jsonl") && message.contains(expected), "{message}");
    }
    shell.file("x.jsonl", "\r\n{\"a\": 1}");
    shell.ok("import", &["--database", "d", "--input", &file]);
    let metadata: Vec<_> = shell.content()["d"].vectors.iter().map(|(_, _, metadata)| metadata.clone()).collect();
    assert_eq!(metadata, [&b""[..], b"{\"a\": 1}"]);
}

#[test]
fn tables_of_other_programs_are_read_and_mistakes_have_their_line() {
    let shell = Shell::new();
    let told = shell.import("name,id,x,y\r\n", &["--database", "d", "--format", "csv"]);
    assert!(told.success().contains("imported 0 vectors"));
    let table = "\u{feff}key, v0 ,v1\na,1, -2.5e-1\n\"b, \"\"c\"\"\",nan,-Inf\n7,0,0\n";
    shell.import(table, &["--database", "d", "--format", "csv"]).success();
    let keys: Vec<_> = shell.content()["d"].vectors.iter().map(|(key, ..)| key.clone()).collect();
    let text = |key: &str| KeyBuf::Bytes(key.as_bytes().into());
    assert_eq!(keys, [text("a"), text("b, \"c\""), KeyBuf::Int(7)]);
    let together = "id,note,data\n1,x,\"[1,\"\"NaN\"\"]\"\n";
    shell.import(together, &["--database", "e", "--format", "csv"]).success();
    assert_eq!(shell.content()["e"].vectors[0].1, [1.0, f32::NAN].map(f32::to_bits));
    for (table, expected) in [
        ("0.5,0.25\n1,2\n", "line 1, database \"f\", vector 0: there is no column \"id\""),
        ("id,v0\n1,2\n2,x\n", "line 3, database \"f\", vector 1: element 0 is x"),
        ("id,v0\n1,2\n2\n", "line 3, database \"f\", vector 1: it has 1 columns, and the first line has 2"),
        ("id,v0\n,2\n", "line 2, database \"f\", vector 0: the id has 0 bytes"),
    ] {
        let message = shell.import(table, &["--database", "f", "--format", "csv"]).failure(1);
        assert!(message.contains(expected), "{message}");
    }
    for (lines, expected) in [
        (
            "{\"id\":1,\"data\":[1]}\n\n{\"id\":2,\"data\":[1,2]}\n",
            "line 3, database \"f\", vector 1: the vector has 2",
        ),
        ("{\"id\":1,\"data\":[1]}\n{\"id\":2,\"data\":[1]} x", "line 2 column"),
    ] {
        let message = shell.import(lines, &["--database", "f"]).failure(1);
        assert!(message.contains(expected), "{message}");
    }
    assert!(shell.import("{\"id\":1,\"data\":[1]}", &[]).failure(1).contains("say which with --database"));
}

#[test]
fn what_a_format_has_no_place_for_is_said() {
    let shell = Shell::new();
    let schema = |name: &str, vectors: &str| {
        let (start, end) = (r#""schema":{"dimension":1},"attributes":[{"name":"x","value":1}],"vectors":["#, "]}");
        format!(r#"{{"name":"{name}",{start}{vectors}{end}"#)
    };
    let (d, e) = (schema("d", r#"{"id":0,"data":[0.5],"metadata":1}"#), schema("e", r#"{"id":5,"data":[1]}"#));
    shell.import(format!(r#"{{"databases":[{d},{e}]}}"#), &[]).success();
    let out = |name: &str| shell.text(name);
    let message = shell.fails(1, "export", &["--output", &out("a.csv")]);
    assert!(message.contains("csv holds one database, and there are 2"), "{message}");
    let run = shell.run("export", &["--database", "d", "--output", &out("a.csv")]);
    assert!(run.stderr.contains("no place for attributes"), "{}", run.stderr);
    run.success();
    let message = shell.fails(1, "export", &["--database", "e", "--output", &out("a.npy")]);
    assert!(message.contains("0 is not there; use ndjson or csv"), "{message}");
    let message = shell.fails(1, "export", &["--database", "d", "--output", &out("a.bvecs")]);
    assert!(message.contains("element 0, 0.5, of the vector 0 has no place in bvecs"), "{message}");
    assert!(!shell.path("a.npy").exists() && !shell.path("a.bvecs").exists());
    assert!(!shell.path("a.jsonl").exists());
    let message = shell.fails(1, "export", &["--database", "d", "--format", "npy", "--output", &out("a.jsonl")]);
    assert!(message.contains("belongs to a matrix of that name"), "{message}");
    // Nothing writes over lines that are there.
    shell.file("a.jsonl", "somebody's\n");
    let message = shell.fails(3, "export", &["--database", "d", "--output", &out("a.npy")]);
    assert!(message.contains("a.jsonl is there already"), "{message}");
    let message = shell.fails(1, "export", &["--database", "d", "--output", "-", "--format", "npy"]);
    assert!(message.contains("standard output has no place"), "{message}");
    let lines = shell.ok("export", &["--database", "d", "--output", "-", "--format", "ndjson"]);
    assert_eq!(lines, "{\"id\":0,\"data\":[0.5],\"metadata\":1}\n");
}

#[test]
fn conflicts_are_replaced_skipped_or_the_end() {
    let first = "{\"id\":1,\"data\":[1]}\n{\"id\":2,\"data\":[2]}\n";
    let second = "{\"id\":3,\"data\":[3]}\n{\"id\":2,\"data\":[9]}\n{\"id\":3,\"data\":[8]}\n";
    let import = |what: &str| {
        let shell = Shell::new();
        shell.import(first, &["--database", "d"]).success();
        let run = shell.import(second, &["--database", "d", "--on-conflict", what, "--batch", "10"]);
        let elements: Vec<_> =
            shell.content()["d"].vectors.iter().map(|(_, bits, _)| f32::from_bits(bits[0])).collect();
        (run, elements)
    };
    let (run, elements) = import("skip");
    let told = run.success();
    assert!(told.starts_with("d: 1 vectors: 1 new, 0 replaced, 2 skipped\n"), "{told}");
    assert_eq!(elements, [1.0, 2.0, 3.0]);
    let (run, elements) = import("fail");
    let message = run.failure(1);
    assert!(message.contains("line 2, database \"d\", vector 1: key 2 is there already"), "{message}");
    assert_eq!(elements, [1.0, 2.0]);
    let (run, elements) = import("replace");
    assert!(run.success().starts_with("d: 3 vectors: 1 new, 2 replaced\n"));
    assert_eq!(elements, [1.0, 9.0, 8.0]);
}

#[test]
fn a_dry_run_says_what_would_be_and_changes_nothing() {
    let shell = Shell::new();
    let dry = ["--database", "d", "--dry-run"];
    let told = shell.import("{\"id\":1,\"data\":[1]}\n", &dry).success();
    assert_eq!(
        told,
        "d: 1 vectors: 1 new, 0 replaced\nwould import 1 vectors into 1 databases: 1 new, 0 replaced; nothing was stored\n"
    );
    assert!(!shell.path("store").exists());
    shell.import("{\"id\":1,\"data\":[1]}\n", &["--database", "d"]).success();
    let before = fs::read(shell.path("store/d.jvdb")).expect("a file");
    let told = shell.import("{\"id\":1,\"data\":[2]}\n{\"id\":2,\"data\":[2]}\n", &[&dry[..], &["--json"]].concat());
    let told: serde_json::Value = serde_json::from_str(&told.success()).expect("JSON");
    assert_eq!((&told["vectors"], &told["replaced"], &told["dry_run"]), (&2.into(), &1.into(), &true.into()));
    let message = shell.import("{\"id\":2,\"data\":[2]}\n{\"id\":3,\"data\":[1,2]}\n", &dry).failure(1);
    assert!(
        message.contains("vector 1: the vector has 2 elements") && message.contains("no vector was stored"),
        "{message}"
    );
    let message =
        shell.import("{\"id\":1,\"data\":[2]}\n", &[&dry[..], &["--on-conflict", "fail"]].concat()).failure(1);
    assert!(message.contains("key 1 is there already"), "{message}");
    shell.import("{\"id\":1,\"data\":[2]}\n", &["--database", "a/b", "--dry-run"]).failure(1);
    assert_eq!(fs::read(shell.path("store/d.jvdb")).expect("a file"), before);
    assert_eq!(content(&shell.path("store")).len(), 1);
}
