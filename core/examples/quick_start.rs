//! Opens a directory, stores a vector, makes it durable, and reads it back without a copy.
//!
//! `cargo run -p jvdb-core --example quick_start [DIRECTORY]`; it may be run again on the same directory.

use jvdb_core::{Metric, Options, Result, Schema, Storage};
use std::path::Path;

/// All of it, in a directory of the caller's choice.
pub fn run(directory: &Path) -> Result<()> {
    let storage = Storage::open(directory, Options::default())?;
    let colours = storage.open_or_create("colours", Schema::new(3, Metric::Cosine)?)?;
    // From here on it survives the death of the process ...
    colours.put("orange", &[1.0, 0.5, 0.0], br#"{"name":"orange"}"#)?;
    // ... and from here on a loss of power.
    colours.flush()?;
    let orange = colours.get("orange")?.expect("just stored");
    println!("{:?} {}", orange.vector(), orange.metadata().escape_ascii());
    // What was read stays valid, whatever becomes of the database.
    drop(colours);
    storage.close()?;
    assert_eq!(orange.vector(), [1.0, 0.5, 0.0]);
    Ok(())
}

#[allow(dead_code, reason = "the test of the examples calls `run`")]
fn main() -> Result<()> {
    run(Path::new(&std::env::args().nth(1).unwrap_or_else(|| "data".into())))
}
