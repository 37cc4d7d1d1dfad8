//! Calls of the C face with arguments that must be refused, and some that must not.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| jvdb_fuzz::c_calls(input));
