//! What fuzzers do to jvdb. Each target is a function of bytes that panics when a promise is broken, so that a fuzzer can
//! drive it, and a plain test can replay what one has found. Nothing here needs a fuzzer.

mod c_calls;
mod file;
mod json;
mod operations;
mod sealed_file;

pub use c_calls::c_calls;
pub use file::file;
pub use json::json;
pub use operations::operations;
pub use sealed_file::sealed_file;

/// A target: takes any bytes, panics if they break a promise.
pub type Target = fn(&[u8]);

/// All targets, by the names of their programs and of their directories in `corpus` and `found`.
pub const TARGETS: [(&str, Target); 5] =
    [("file", file), ("sealed_file", sealed_file), ("operations", operations), ("json", json), ("c_calls", c_calls)];
