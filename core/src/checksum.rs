//! The one checksum of the format: XXH3-64, and its lower half where there is room for no more.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

pub(crate) fn sum64(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

pub(crate) fn sum32(bytes: &[u8], seed: u64) -> u32 {
    xxh3_64_with_seed(bytes, seed) as u32
}

/// Little-endian fields out of a block whose length is known. Places are constants of the format.
pub(crate) mod field {
    pub(crate) fn u16(block: &[u8], at: usize) -> u16 {
        u16::from_le_bytes(array(block, at))
    }
    pub(crate) fn u32(block: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(array(block, at))
    }
    pub(crate) fn u64(block: &[u8], at: usize) -> u64 {
        u64::from_le_bytes(array(block, at))
    }
    pub(crate) fn array<const N: usize>(block: &[u8], at: usize) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&block[at..at + N]);
        bytes
    }
}
