//! Mistakes that people make with files to import: each is named for what it is, and leaves nothing that is in the way of the
//! corrected file.

use crate::shell::{Run, Shell, document};
use std::fs;
use std::process::Command;

const VECTOR: &str = r#"{"id":1,"data":[1,2]}"#;

#[test]
fn a_byte_order_mark_is_passed_over() {
    let shell = Shell::new();
    shell.import(format!("\u{feff}{}", document("d", 2, VECTOR)), &[]).success();
    shell.import(format!("\u{feff}[{}]", VECTOR.replace("data", "values")), &["--database", "e"]).success();
    assert_eq!(shell.ok("list", &[]), "d\ne\n");
}

#[test]
fn what_is_no_text_in_utf_8_is_named() {
    let text = document("d", 2, VECTOR);
    let utf_16 = |order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    let (little, big) = (utf_16(u16::to_le_bytes), utf_16(u16::to_be_bytes));
    let utf_32: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    for (input, expected) in [
        ([&b"\xff\xfe"[..], &little].concat(), "in UTF-16"),
        ([&b"\xfe\xff"[..], &big].concat(), "in UTF-16"),
        (little, "in UTF-16"),
        (big, "in UTF-16"),
        ([&b"\xff\xfe\0\0"[..], &utf_32].concat(), "in UTF-32"),
        (b"\x1f\x8b\x08\0rest".to_vec(), "gzip -dc"),
        (b"\x28\xb5\x2f\xfdrest".to_vec(), "zstd -dc"),
        (b"BDVJ\x02\0\0\0".to_vec(), "a database, not JSON"),
    ] {
        let shell = Shell::new();
        let message = shell.import(&input, &[]).failure(1);
        assert!(message.contains("byte 0: ") && message.contains(expected), "{message}");
        assert!(message.contains("no vector was stored"), "{message}");
    }
}

#[test]
fn numbers_that_json_does_not_have_are_named_with_their_place() {
    for (word, quoted) in [
        ("NaN", "\"NaN\""),
        ("nan", "\"NaN\""),
        ("Infinity", "\"Infinity\""),
        ("-Infinity", "\"-Infinity\""),
        ("inf", "\"Infinity\""),
        ("-inf", "\"-Infinity\""),
    ] {
        // Long before it, so that it lies where the reader's buffer ends.
        for spaces in [0, (256 << 10) - 112, (256 << 10) - 108, 256 << 10] {
            let shell = Shell::new();
            let vectors = format!("\n{}{{\"id\":1,\"data\":[1,{word}]}}", " ".repeat(spaces));
            let message = shell.import(document("d", 2, &vectors), &[]).failure(1);
            assert!(message.contains(&format!("a bare {word} is no JSON")), "{spaces}: {message}");
            assert!(message.contains(quoted) && message.contains("line 2 column "), "{message}");
            assert!(message.contains("database \"d\", vector 0"), "{message}");
        }
    }
    let shell = Shell::new();
    let message = shell.import(document("d", 2, r#"{"id":1,"data":[1,2],"metadata":{"score":NaN}}"#), &[]).failure(1);
    assert!(message.contains("a bare NaN is no JSON"), "{message}");
    let message = shell.import(document("d", 2, "{\"id\":1,\"data\":[1,!NaN]}"), &[]).failure(1);
    assert!(message.contains("expected value"), "{message}");
}

#[test]
fn an_import_that_stored_nothing_leaves_no_database_that_refuses_the_corrected_file() {
    let attributes =
        document("d", 2, "oops").replace("\"vectors\"", r#""attributes":[{"name":"a","value":1}],"vectors""#);
    for wrong in [document("d", 2, "oops"), document("d", 2, r#"{"id":1,"data":[1,2,3]}"#), attributes] {
        let shell = Shell::new();
        shell.import(&wrong, &[]).failure(1);
        assert!(!shell.path("store/d.jvdb").exists(), "{wrong}");
        shell.import(document("d", 3, r#"{"id":1,"data":[1,2,3]}"#), &[]).success();
    }
    let shell = Shell::new();
    shell.import(r#"[{"id":"a","values":[1]},{"id":"b","values":[1,2]}]"#, &["--database", "d"]).failure(1);
    assert!(!shell.path("store/d.jvdb").exists());
    // What was there before stays, with the schema that it has.
    shell.import(document("d", 2, ""), &[]).success();
    shell.import(document("d", 2, "oops"), &[]).failure(1);
    assert_eq!(shell.content()["d"].schema.dimension(), 2);
}

#[test]
fn ids_that_were_there_already_are_counted() {
    let shell = Shell::new();
    let first = r#"{"id":1,"data":[1,2]},{"id":2,"data":[1,2]},{"id":1,"data":[3,4]}"#;
    let told = shell.import(document("d", 2, first), &[]).success();
    assert!(told.starts_with("d: 3 vectors: 2 new, 1 replaced\n"), "{told}");
    let second = r#"{"id":2,"data":[1,2]},{"id":3,"data":[1,2]},{"id":1,"data":[3,4]}"#;
    let told = shell.import(document("d", 2, second), &["--batch", "1"]).success();
    assert!(told.contains("imported 3 vectors into 1 databases: 1 new, 2 replaced"), "{told}");
}

#[test]
fn a_full_disk_is_not_the_fault_of_the_file() {
    let shell = Shell::new();
    fs::create_dir(shell.path("store")).expect("a directory");
    let vectors: Vec<_> = (0..4000).map(|id| format!(r#"{{"id":{id},"data":[{}0]}}"#, "0,".repeat(63))).collect();
    shell.file("input.json", document("d", 64, &vectors.join(",")));
    let run = |script: &str| {
        let mut process = Command::new("unshare");
        process.args(["-rm", "sh", "-c", script, env!("CARGO_BIN_EXE_jvdb")]).current_dir(shell.path(""));
        process.output()
    };
    let mount = "mount -t tmpfs -o size=512k none store";
    if !run(mount).is_ok_and(|output| output.status.success()) {
        // The system lets nobody make a small disk.
        return;
    }
    let script = format!("{mount} && exec \"$0\" import --storage store --input input.json --batch 100");
    let message = Run::of(run(&script).expect("unshare starts")).failure(4);
    assert!(message.contains("No space left") && message.contains("make room"), "{message}");
    assert!(message.contains("stay stored") && message.contains("import the file again"), "{message}");
    assert!(!message.contains("correct the file"), "{message}");
}
