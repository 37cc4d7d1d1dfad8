//! Any bytes as a document to import.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| jvdb_fuzz::json(input));
