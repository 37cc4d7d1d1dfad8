//! Copies a database while it is in use, and reads the copy: it is a file like any other, and durable when the call returns.
//!
//! `cargo run -p jvdb-core --example backup [DIRECTORY]`; it may be run again on the same directory.

use jvdb_core::{Metric, Options, Result, Schema, Storage};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// All of it, in a directory of the caller's choice.
pub fn run(directory: &Path) -> Result<()> {
    let storage = Storage::open(directory, Options::default())?;
    let notes = storage.open_or_create("notes", Schema::new(2, Metric::Cosine)?)?;
    notes.put(7, &[0.5, 0.5], b"a note")?;

    // A backup never overwrites a file, so each has a name of its own.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    let copies = directory.join("backups");
    // Opening a directory makes it.
    Storage::open(&copies, Options::default())?.close()?;
    let bytes = notes.backup(copies.join(format!("notes-{now}.jvdb")))?;
    println!("{bytes} bytes copied");

    let restored = Storage::open(&copies, Options::default().read_only(true))?;
    let copy = restored.database(&format!("notes-{now}"))?;
    assert_eq!(copy.get(7)?.expect("it was copied").metadata(), b"a note");
    drop(notes);
    storage.close()
}

#[allow(dead_code, reason = "the test of the examples calls `run`")]
fn main() -> Result<()> {
    run(Path::new(&std::env::args().nth(1).unwrap_or_else(|| "data".into())))
}
