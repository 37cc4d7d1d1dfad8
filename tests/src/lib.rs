//! What the tests and the process they start agree on: which vector has which id, and how the process is asked.
//!
//! A vector is a function of its id, so that whoever finds one can tell whether it is the right one, bit by bit.

pub mod child;
pub mod history;

use jvdb_core::{Access, Options};
use std::time::Duration;

/// Elements of every vector that [`vector`] makes.
pub const DIMENSION: usize = 48;
/// Name of the database the child process writes to.
pub const DATABASE: &str = "vectors";

/// The vector of an id: every bit pattern may occur, NaNs and denormals included.
pub fn vector(id: u64) -> Vec<f32> {
    let mut state = id.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..DIMENSION).map(|_| f32::from_bits((next() >> 32) as u32)).collect()
}

/// The metadata of an id; its length differs from id to id, and is 0 for some.
pub fn metadata(id: u64) -> Vec<u8> {
    match id % 7 {
        0 => Vec::new(),
        extra => format!("{{\"id\":{id},\"text\":\"{}\"}}", "ä".repeat(extra as usize * 9)).into_bytes(),
    }
}

/// The bits of a vector: unlike floats, they are equal to themselves.
pub fn bits(vector: &[f32]) -> Vec<u32> {
    vector.iter().map(|element| element.to_bits()).collect()
}

/// Options under which nothing is flushed unless somebody asks for it.
pub fn never_flushing(access: Access) -> Options {
    Options::default()
        .access(access)
        .flush_interval(Duration::ZERO)
        .max_unflushed_bytes(u64::MAX)
        .max_unflushed_operations(u64::MAX)
}

/// What the child process is to do. It is its first argument; the directory is the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Store 100 vectors, flush, end.
    Flush,
    /// Store vectors one by one, printing the id of each when it is stored, without a flush and without an end.
    Put,
    /// The same, by positional reads and writes instead of a mapping.
    PutFile,
    /// Store batches of 10 vectors, printing the last id of each.
    Batch,
    /// Open the directory for writing, say so, and wait for ever.
    Hold,
    /// Make twelve databases and go round them, with hardly any descriptors; see `src/main.rs`.
    FewDescriptors,
    /// Open a directory by a relative path, go elsewhere, and use it there; see `src/main.rs`.
    GoElsewhere,
    /// Store vectors until the soft limit on file sizes stops it, then lift the limit and go on; see `src/main.rs`.
    Fill,
}

impl Order {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Flush,
        Self::Put,
        Self::PutFile,
        Self::Batch,
        Self::Hold,
        Self::FewDescriptors,
        Self::GoElsewhere,
        Self::Fill,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flush => "flush",
            Self::Put => "put",
            Self::PutFile => "put-file",
            Self::Batch => "batch",
            Self::GoElsewhere => "go-elsewhere",
            Self::Hold => "hold",
            Self::FewDescriptors => "few-descriptors",
            Self::Fill => "fill",
        }
    }
}
