//! Death of the host at any moment loses nothing acknowledged.

mod common;

use common::{component, entry, metadata, open, schema, vector};
use jvdb_core::Access;
use jvdb_wasmtime::{Options, Storage};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

const DIMENSION: usize = 32;

/// What the tests below start and kill; by itself it does nothing. Writes, and says after each write what is acknowledged.
#[test]
fn writer() {
    let Ok(directory) = std::env::var("JVDB_TEST_DIRECTORY") else { return };
    let options =
        Options { flush_interval_seconds: Some(0), max_unflushed_operations: Some(700), ..Options::default() };
    let storage = Storage::open(component(), directory, options).unwrap();
    let database = storage.create("d", schema(DIMENSION as u32)).unwrap();
    let mut out = std::io::stdout().lock();
    for batch in 0.. {
        let first = batch * 10;
        database.put_batch(&(first..first + 9).map(|id| entry(id, DIMENSION)).collect::<Vec<_>>()).unwrap();
        database.put(first + 9, &vector(first + 9, DIMENSION), &metadata(first + 9)).unwrap();
        writeln!(out, "acknowledged {}", first + 10).unwrap();
        out.flush().unwrap();
    }
}

/// Kills a writer that has acknowledged about `wanted` vectors; gives how many it did in the end.
fn kill_after(directory: &Path, wanted: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["writer", "--exact", "--nocapture"])
        .env("JVDB_TEST_DIRECTORY", directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = 0;
    let mut killed = false;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        if let Some((_, number)) = line.unwrap().split_once("acknowledged ") {
            acknowledged = number.parse().unwrap();
        }
        if acknowledged >= wanted && !killed {
            child.kill().unwrap();
            killed = true;
        }
    }
    assert!(killed && !child.wait().unwrap().success(), "the writer ended by itself after {acknowledged}");
    acknowledged
}

#[test]
fn killed_at_any_moment_every_acknowledged_vector_is_there() {
    component();
    for wanted in [10, 690, 1500, 4000] {
        let scratch = tempfile::tempdir().unwrap();
        let acknowledged = kill_after(scratch.path(), wanted);
        let storage = open(scratch.path());
        let database = storage.database("d").unwrap();
        for id in 0..acknowledged {
            let found = database.get(id).unwrap().unwrap_or_else(|| panic!("{id} of {acknowledged} is lost"));
            assert!(found.vector == vector(id, DIMENSION) && found.metadata == metadata(id), "{id} of {acknowledged}");
        }
        // What was under way when it died is there whole or not at all.
        let count = database.count().unwrap();
        assert!([0, 9, 10, 19].contains(&(count - acknowledged)), "{count} vectors, {acknowledged} acknowledged");
        database.put(1 << 40, &vector(1, DIMENSION), b"").unwrap();
        drop((database, storage));
        let storage = jvdb_core::Storage::open(scratch.path(), jvdb_core::Options::default().access(Access::File));
        let database = storage.unwrap().database("d").unwrap();
        assert_eq!(database.count(), count + 1);
        assert!(database.verify().unwrap().damage.is_empty());
    }
}

#[test]
fn an_instance_that_is_never_closed_loses_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("live");
    let storage = open(&directory);
    let database = storage.create("d", schema(DIMENSION as u32)).unwrap();
    for id in 0..100 {
        database.put(id, &vector(id, DIMENSION), b"").unwrap();
    }
    // What a copy of the directory holds is what a new process would find.
    let copy = scratch.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    std::fs::copy(directory.join("d.jvdb"), copy.join("d.jvdb")).unwrap();
    let database = open(&copy).database("d").unwrap();
    assert_eq!(database.count().unwrap(), 100);
    assert_eq!(database.get(99).unwrap().unwrap().vector, vector(99, DIMENSION));
}
