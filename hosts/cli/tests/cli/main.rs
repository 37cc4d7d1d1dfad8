//! The binary, run as a user runs it: a command line, two streams, an exit code, and files.

mod exceptions;
mod export;
mod import;
mod layouts;
mod look;
mod memory;
mod repair;
mod roundtrip;
mod shell;
mod usage;
