//! Memory stays flat, whatever the length of the file: the anonymous memory of the process (what is not a mapped file) is
//! read early and late in one long run.

use crate::shell::Shell;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Child;

const DIMENSION: usize = 384;
/// Vectors, about 4 KB of text each, before the first look and in all.
const EARLY: usize = 2_000;
const ALL: usize = 12_000;
/// Bytes the process may have more at the end than at the first look. The text in between is ten times as long.
const SLACK: u64 = 4 << 20;

fn anonymous_bytes(process: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).expect("a running process");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("RssAnon");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

fn vector(id: usize) -> String {
    let elements: Vec<_> =
        (0..DIMENSION).map(|at| format!("0.{:09}", (id * DIMENSION + at) * 7919 % 1_000_000_007)).collect();
    format!("{{\"id\":{id},\"data\":[{}]}}", elements.join(","))
}

/// How vectors are written: what comes first, each of them, and what comes last.
struct Writing {
    name: &'static str,
    first: Vec<u8>,
    one: fn(usize) -> Vec<u8>,
    last: &'static [u8],
}

/// Imports them, and looks at the memory of the process early and late.
fn import(shell: &Shell, Writing { name, first, one, last }: Writing) {
    let arguments = ["--input", "-", "--database", "d", "--batch", "100", "--acks", "--format", name];
    let mut process = shell.command("import", &arguments).spawn().expect("jvdb starts");
    let mut input = process.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || {
        input.write_all(&first).expect("written");
        (0..ALL).for_each(|id| input.write_all(&one(id)).expect("written"));
        input.write_all(last).expect("written");
    });
    let mut acks = BufReader::new(process.stdout.take().expect("a pipe")).lines();
    let mut at = |process: &Child, total: usize| {
        let line = format!("acked d {total}");
        acks.by_ref()
            .find(|found| found.as_ref().is_ok_and(|found| *found == line))
            .expect("acknowledged")
            .expect("a line");
        anonymous_bytes(process)
    };
    // The last batch but one: the process is still there.
    let (early, late) = (at(&process, EARLY), at(&process, ALL - 100));
    writer.join().expect("the writer ends");
    assert!(process.wait().expect("jvdb ends").success(), "{name}");
    assert!(late <= early + SLACK, "import of {name}: {early} bytes after {EARLY} vectors, {late} bytes after {ALL}");
}

/// The bytes of a row.
fn row(id: usize) -> Vec<u8> {
    (0..DIMENSION).flat_map(|at| ((id * DIMENSION + at) as f32).to_le_bytes()).collect()
}

#[test]
fn other_formats_take_the_same_memory_for_ten_times_the_vectors() {
    let head = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({ALL}, {DIMENSION}), }}");
    let npy = [&b"\x93NUMPY\x01\0"[..], &(head.len() as u16).to_le_bytes(), head.as_bytes()].concat();
    let names = (0..DIMENSION).map(|at| format!(",v{at}")).collect::<String>();
    for writing in [
        Writing { name: "ndjson", first: Vec::new(), one: |id| (vector(id) + "\n").into_bytes(), last: b"" },
        Writing {
            name: "csv",
            first: format!("id{names}\n").into_bytes(),
            one: |id| format!("{id}{}\n", ",0.25".repeat(DIMENSION)).into_bytes(),
            last: b"",
        },
        Writing { name: "npy", first: npy, one: row, last: b"" },
    ] {
        import(&Shell::new(), writing);
    }
}

#[test]
fn import_and_export_take_the_same_memory_for_ten_times_the_vectors() {
    let shell = Shell::new();
    let one = |id| [if id == 0 { "[" } else { "," }.as_bytes(), vector(id).as_bytes()].concat();
    import(&shell, Writing { name: "json", first: Vec::new(), one, last: b"]" });

    let mut process = shell.command("export", &["--output", "-"]).spawn().expect("jvdb starts");
    let output = process.stdout.take().expect("a pipe");
    let mut lines = BufReader::new(output.take(u64::MAX)).lines();
    let mut at = |process: &Child, line: usize| {
        lines.by_ref().nth(line).expect("a line").expect("text");
        anonymous_bytes(process)
    };
    // The pipe is full and more is to come, so the process is still there.
    let (early, late) = (at(&process, EARLY / 10), at(&process, ALL - EARLY));
    lines.for_each(drop);
    assert!(process.wait().expect("jvdb ends").success());
    assert!(late <= early + SLACK, "export: {early} bytes early, {late} bytes late");
}
