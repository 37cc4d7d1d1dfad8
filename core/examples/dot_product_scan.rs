//! Looks at every vector where it lies and finds the one with the largest inner product: what a program does that needs
//! neighbours and has no index of its own. The engine has none; it stores vectors and gives them back.
//!
//! `cargo run --release -p jvdb-core --example dot_product_scan [DIRECTORY]`; it may be run again on the same directory.

use jvdb_core::{Metric, Options, Position, Result, Schema, Storage};
use std::ops::ControlFlow::Continue;
use std::path::Path;

const DIMENSION: usize = 64;

/// All of it, in a directory of the caller's choice.
pub fn run(directory: &Path) -> Result<()> {
    let storage = Storage::open(directory, Options::default())?;
    let words = storage.open_or_create("words", Schema::new(DIMENSION, Metric::DotProduct)?)?;
    for id in 0..1_000_u64 {
        let vector: [f32; DIMENSION] = std::array::from_fn(|element| ((id * 31 + element as u64) % 97) as f32);
        words.put(id, &vector, b"")?;
    }
    let query = [1.0_f32; DIMENSION];
    let mut best = None;
    // Nothing is copied and nothing is pinned; what is kept of a vector is copied by the callback.
    words.visit(Position::START, |key, vector, _metadata| {
        let product: f32 = vector.iter().zip(query).map(|(a, b)| a * b).sum();
        if best.as_ref().is_none_or(|(_, largest)| product > *largest) {
            best = Some((key.to_owned(), product));
        }
        Continue(())
    })?;
    let (key, product) = best.expect("there are vectors");
    println!("key {key} has the largest inner product, {product}");
    drop(words);
    storage.close()
}

#[allow(dead_code, reason = "the test of the examples calls `run`")]
fn main() -> Result<()> {
    run(Path::new(&std::env::args().nth(1).unwrap_or_else(|| "data".into())))
}
