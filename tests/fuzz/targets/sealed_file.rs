//! Any content of a database file, under right checksums.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| jvdb_fuzz::sealed_file(input));
