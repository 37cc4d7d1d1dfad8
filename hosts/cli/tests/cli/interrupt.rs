//! Ctrl-C and SIGTERM: an import and an export say what they have done, keep what they promised, and end with 130.

use crate::shell::{Run, Shell, document};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command};
use std::time::Duration;

fn signal(process: &Child, signal: &str) {
    let sent = Command::new("kill").args(["-s", signal, &process.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
}

fn vectors(range: std::ops::Range<u32>) -> String {
    range.map(|id| format!(r#"{{"id":{id},"data":[{id}]}}"#)).collect::<Vec<_>>().join(",")
}

#[test]
fn an_import_that_waits_for_its_input_ends_and_says_what_is_stored() {
    for name in ["INT", "TERM"] {
        let shell = Shell::new();
        let mut process =
            shell.command("import", &["--input", "-", "--batch", "10", "--acks"]).spawn().expect("started");
        let mut input = process.stdin.take().expect("a pipe");
        let text = document("d", 1, &vectors(0..25));
        input.write_all(&text.as_bytes()[..text.len() - 4]).expect("written");
        let mut acks = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        assert_eq!(acks.by_ref().nth(1).expect("a line").expect("read"), "acked d 20");
        signal(&process, name);
        let message = Run::of(process.wait_with_output().expect("ended")).failure(130);
        assert!(message.contains("interrupted") && message.contains("database \"d\", vector 2"), "{name}: {message}");
        assert!(message.contains("20 in \"d\"") && message.contains("import the file again"), "{name}: {message}");
        assert_eq!(shell.content()["d"].vectors.len(), 20);
        drop(input);
    }
}

#[test]
fn an_import_that_stored_nothing_yet_leaves_nothing() {
    let shell = Shell::new();
    let mut process = shell.command("import", &["--input", "-", "--verbose"]).spawn().expect("started");
    let mut input = process.stdin.take().expect("a pipe");
    input.write_all(&document("d", 1, &vectors(0..25)).as_bytes()[..200]).expect("written");
    // What the engine says comes when the directory is open.
    let mut told = BufReader::new(process.stderr.take().expect("a pipe"));
    while !shell.path("store/.storage.lock").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(200));
    signal(&process, "INT");
    let mut message = String::new();
    told.read_to_string(&mut message).expect("read");
    assert_eq!(process.wait().expect("ended").code(), Some(130), "{message}");
    assert!(message.contains("no vector was stored"), "{message}");
    assert!(!shell.path("store/d.jvdb").exists());
}

#[test]
fn an_export_leaves_the_file_that_was_there_and_no_other() {
    let shell = Shell::new();
    shell.import(document("d", 1, &vectors(0..100_000)), &[]).success();
    let out = shell.file("out.json", "old");
    let partial = || {
        let names =
            fs::read_dir(shell.path("")).expect("a directory").map(|entry| entry.expect("an entry").file_name());
        names.map(|name| name.into_string().expect("a name")).find(|name| name.ends_with(".partial"))
    };
    let process = shell.command("export", &["--output", &out]).spawn().expect("started");
    while partial().is_none_or(|name| fs::metadata(shell.path(&name)).is_ok_and(|found| found.len() == 0)) {
        std::thread::sleep(Duration::from_micros(100));
    }
    signal(&process, "INT");
    let message = Run::of(process.wait_with_output().expect("ended")).failure(130);
    assert!(message.contains("interrupted after") && message.contains("nothing of it is kept"), "{message}");
    assert_eq!(fs::read_to_string(out).expect("a file"), "old");
    assert_eq!(partial(), None);
}

#[test]
fn a_second_signal_ends_what_waits() {
    let shell = Shell::new();
    shell.import(document("d", 1, &vectors(0..20_000)), &[]).success();
    // Nobody reads what it writes.
    let mut process = shell.command("export", &["--output", "-"]).spawn().expect("started");
    let mut first = [0; 1];
    process.stdout.as_mut().expect("a pipe").read_exact(&mut first).expect("read");
    // Until the pipe is full.
    std::thread::sleep(Duration::from_secs(1));
    signal(&process, "INT");
    std::thread::sleep(Duration::from_millis(100));
    assert!(process.try_wait().expect("asked").is_none());
    signal(&process, "INT");
    assert_eq!(process.wait().expect("ended").code(), Some(130));
}
