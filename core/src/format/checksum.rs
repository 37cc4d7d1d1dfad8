//! The one checksum of the format: XXH3-64, and its lower half where there is room for no more.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

#[inline]
pub(crate) fn sum64(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

#[inline]
pub(crate) fn sum32(bytes: &[u8], seed: u64) -> u32 {
    xxh3_64_with_seed(bytes, seed) as u32
}

/// [`sum32`] of the first 60 bytes of a bucket that is held in registers, which every read computes. Writing the bucket to memory
/// and reading it back in other pieces would stall the reads behind it.
#[inline(always)]
pub(crate) fn sum32_of_words(words: &[u64; 8], seed: u64) -> u32 {
    const LEN: u64 = 60;
    const PRIME: u64 = 0x9E37_79B1_85EB_CA87;
    // The algorithm's default secret, as the words that inputs of this length meet.
    const SECRET: [u64; 8] = [
        0xBE4B_A423_396C_FEB8,
        0x1CAD_21F7_2C81_017C,
        0xDB97_9083_E96D_D4DE,
        0x1F67_B3B7_A4A4_4072,
        0x78E5_C0CC_4EE6_79CB,
        0x2172_FFCC_7DD0_5A82,
        0x8E24_43F7_7446_08B8,
        0x4C26_3A81_E690_35E0,
    ];
    let mix = |low: u64, high: u64, at: usize| {
        let low = low ^ SECRET[at].wrapping_add(seed);
        let high = high ^ SECRET[at + 1].wrapping_sub(seed);
        let product = u128::from(low) * u128::from(high);
        product as u64 ^ (product >> 64) as u64
    };
    // Words of the last 32 bytes, which do not begin on a word.
    let astride = |word: usize| words[word] >> 32 | words[word + 1] << 32;
    let sum = LEN
        .wrapping_mul(PRIME)
        .wrapping_add(mix(words[2], words[3], 4))
        .wrapping_add(mix(astride(3), astride(4), 6))
        .wrapping_add(mix(words[0], words[1], 0))
        .wrapping_add(mix(astride(5), astride(6), 2));
    let sum = (sum ^ sum >> 37).wrapping_mul(0x1656_6791_9E37_79F9);
    (sum ^ sum >> 32) as u32
}

/// Little-endian fields out of a block whose length is known. Places are constants of the format.
pub(crate) mod field {
    #[inline(always)]
    pub(crate) fn u16(block: &[u8], at: usize) -> u16 {
        u16::from_le_bytes(array(block, at))
    }
    #[inline(always)]
    pub(crate) fn u32(block: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(array(block, at))
    }
    #[inline(always)]
    pub(crate) fn u64(block: &[u8], at: usize) -> u64 {
        u64::from_le_bytes(array(block, at))
    }
    #[inline(always)]
    pub(crate) fn array<const N: usize>(block: &[u8], at: usize) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&block[at..at + N]);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::{sum32, sum32_of_words};

    #[test]
    fn a_line_has_the_sum_of_its_bytes() {
        for seed in 0..1000_u64 {
            let words: [u64; 8] = std::array::from_fn(|i| (seed + i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            assert_eq!(sum32_of_words(&words, seed << 6), sum32(&bytes[..60], seed << 6));
        }
    }
}
