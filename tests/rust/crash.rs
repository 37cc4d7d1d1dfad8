//! Death of the process by SIGKILL, in the midst of writing and without any flush: nothing acknowledged is lost.

use jvdb_core::{Access, Database, Options, Storage};
use jvdb_tests::child::Process;
use jvdb_tests::{DATABASE, Order, bits, metadata, vector};
use std::path::Path;

const CHILD: &str = env!("CARGO_BIN_EXE_jvdb-child");
/// Vectors that are acknowledged before the process is killed.
const ENOUGH: u64 = 1000;
/// Kills for each way of writing, as it is chance what they interrupt.
const ROUNDS: usize = 10;

/// Has a child write until it has acknowledged enough, kills it while it goes on, and gives the last id it acknowledged.
fn killed(order: Order, directory: &Path) -> u64 {
    let mut process = Process::start(CHILD, order, directory);
    let mut last = 0;
    while last + 1 < ENOUGH {
        last = process.line().expect("it writes until it is killed").parse().unwrap();
    }
    process.kill().last().map_or(last, |line| line.parse().unwrap())
}

fn reopen(directory: &Path, access: Access) -> Database {
    let storage = Storage::open(directory, Options::default().access(access)).unwrap();
    storage.database(DATABASE).unwrap()
}

/// Ids are stored in order, so what is there is `0..count`; all of it must be right.
fn check(database: &Database, acknowledged: u64) {
    let count = database.count();
    assert!(count >= acknowledged, "{acknowledged} vectors were acknowledged, {count} are there");
    for id in 0..count {
        let found = database.get(id).unwrap().unwrap_or_else(|| panic!("vector {id} is lost"));
        assert_eq!(bits(found.vector()), bits(&vector(id)), "vector {id}");
        assert_eq!(found.metadata(), metadata(id), "vector {id}");
    }
    assert_eq!(database.verify().unwrap().damage, []);
}

#[test]
fn kill_minus_nine_loses_no_acknowledged_vector() {
    for order in [Order::Put, Order::PutFile].repeat(ROUNDS) {
        let dir = tempfile::tempdir().unwrap();
        let last = killed(order, dir.path());
        check(&reopen(dir.path(), Access::Mmap), last + 1);
        check(&reopen(dir.path(), Access::File), last + 1);
    }
}

#[test]
fn kill_minus_nine_leaves_no_part_of_a_batch() {
    for _ in 0..2 * ROUNDS {
        let dir = tempfile::tempdir().unwrap();
        let last = killed(Order::Batch, dir.path());
        let database = reopen(dir.path(), Access::Mmap);
        assert_eq!(database.count() % 10, 0, "a batch has 10 vectors");
        check(&database, last + 1);
    }
}

#[test]
fn writing_goes_on_after_kill_minus_nine() {
    let dir = tempfile::tempdir().unwrap();
    killed(Order::Put, dir.path());
    let database = reopen(dir.path(), Access::Mmap);
    let count = database.count();
    assert!(database.put(count, &vector(count), &metadata(count)).unwrap());
    database.flush().unwrap();
    drop(database);
    check(&reopen(dir.path(), Access::Mmap), count + 1);
}
