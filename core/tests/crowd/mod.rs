//! Keys that crowd one window of an index table, from the format of a file: for the tests of the engine and those of power
//! cuts. Opens nothing.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Keys in a crowd: more than the slots of their window.
pub const CROWD: usize = 60;

/// `CROWD` keys, none below `first`, that are at home in one bucket of the table as the bytes of the file say it is.
pub fn crowd(file: &[u8], first: u64) -> Vec<u64> {
    let field = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap());
    let newest = if field(40) > field(4096 + 40) { 0 } else { 4096 };
    let (seed, homes) = (field(newest + 8), field(newest + 88));
    assert!(homes > 100, "{homes}");
    let home = |key: &u64| {
        let hash = xxh3_64_with_seed(&key.to_le_bytes(), seed) >> 16 & !1;
        (u128::from(hash) * u128::from(homes)) >> 48
    };
    (first..).filter(|key| home(key) == u128::from(homes / 2)).take(CROWD).collect()
}
