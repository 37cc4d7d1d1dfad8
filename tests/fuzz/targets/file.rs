//! Any bytes as a database file.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| jvdb_fuzz::file(input));
