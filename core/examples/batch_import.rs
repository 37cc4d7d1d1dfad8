//! Stores many vectors in batches, each of which is there as a whole or not at all, also after a crash.
//!
//! `cargo run --release -p jvdb-core --example batch_import [DIRECTORY]`; it may be run again on the same directory.

use jvdb_core::{Key, Metric, Operation, Options, Result, Schema, Storage};
use std::path::Path;

const VECTORS: u64 = 10_000;
const DIMENSION: usize = 128;
/// Vectors of a batch: enough that one write of some hundred kilobytes carries many.
const BATCH: u64 = 1_000;

/// All of it, in a directory of the caller's choice.
pub fn run(directory: &Path) -> Result<()> {
    let storage = Storage::open(directory, Options::default())?;
    let points = storage.open_or_create("points", Schema::new(DIMENSION, Metric::Euclidean)?)?;
    let (mut inserted, mut replaced) = (0, 0);
    for first in (0..VECTORS).step_by(BATCH as usize) {
        let vectors: Vec<_> = (first..first + BATCH).map(|id| (id, vector(id))).collect();
        let puts = vectors.iter().map(|(id, vector)| Operation::Put { key: Key::Int(*id), vector, metadata: b"" });
        let written = points.write(puts)?;
        inserted += written.inserted;
        replaced += written.replaced;
    }
    // One flush at the end makes all of them durable. Without it the flush thread does so within `flush_interval`.
    let took = points.flush()?;
    println!("{inserted} inserted, {replaced} replaced; the flush took {took:?}");
    assert_eq!(points.count(), VECTORS);
    drop(points);
    storage.close()
}

fn vector(id: u64) -> [f32; DIMENSION] {
    std::array::from_fn(|element| (id as f32 + element as f32).sin())
}

#[allow(dead_code, reason = "the test of the examples calls `run`")]
fn main() -> Result<()> {
    run(Path::new(&std::env::args().nth(1).unwrap_or_else(|| "data".into())))
}
