//! Operations against a model.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| jvdb_fuzz::operations(input));
