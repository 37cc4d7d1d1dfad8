//! Reads a directory beside its writer: a read-only opening takes no lock, writes nothing, and never shows a part of a change.
//! `refresh` moves it on to what the writer has flushed.
//!
//! `cargo run -p jvdb-core --example read_only_reader [DIRECTORY]`; it may be run again on the same directory.

use jvdb_core::{Error, Metric, Options, Position, Result, Schema, Storage};
use std::path::Path;

/// All of it, in a directory of the caller's choice.
pub fn run(directory: &Path) -> Result<()> {
    // The writer: usually another process.
    let writer = Storage::open(directory, Options::default())?;
    let written = writer.open_or_create("readings", Schema::new(2, Metric::Cosine)?)?;
    written.put(1, &[0.25, 0.75], b"first")?;
    written.flush()?;

    let reader = Storage::open(directory, Options::default().read_only(true))?;
    let readings = reader.database("readings")?;
    for vector in readings.scan(Position::START) {
        let vector = vector?;
        println!("{} {:?}", vector.key(), vector.vector());
    }
    written.put(2, &[0.5, 0.5], b"second")?;
    written.flush()?;
    readings.refresh()?;
    assert!(readings.contains(2)?);
    assert!(matches!(readings.put(2, &[0.0, 1.0], b""), Err(Error::ReadOnly { .. })));
    drop(written);
    writer.close()
}

#[allow(dead_code, reason = "the test of the examples calls `run`")]
fn main() -> Result<()> {
    run(Path::new(&std::env::args().nth(1).unwrap_or_else(|| "data".into())))
}
