//! The binary, run as a user runs it: a command line, two streams, an exit code, and files.

mod care;
mod data;
mod exceptions;
mod export;
mod formats;
mod import;
mod interrupt;
mod layouts;
mod look;
mod memory;
mod mistakes;
mod repair;
mod roundtrip;
mod shell;
mod usage;
mod watch;
