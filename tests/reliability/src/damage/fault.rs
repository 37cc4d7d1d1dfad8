//! What is done to a file: one bit, one length, or some sectors. Numbered, so that a number and a seed give it again.

use std::fmt;

/// Kinds of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Every bit, one after the other.
    Flips,
    /// Every length that is shorter.
    Cuts,
    /// One to four sectors, zeroed or filled with anything; drawn from the seed.
    Sectors,
}

/// Bytes that a disk loses as one.
const SECTOR: usize = 512;

impl Kind {
    pub const ALL: [Self; 3] = [Self::Flips, Self::Cuts, Self::Sectors];

    /// How many cases there are for a file of this length, if the kind does not take a number.
    pub fn cases(self, len: usize, sectors: u64) -> u64 {
        match self {
            Self::Flips => len as u64 * 8,
            Self::Cuts => len as u64,
            Self::Sectors => sectors,
        }
    }

    /// The file of a case.
    pub fn apply(self, sound: &[u8], case: u64, seed: u64) -> Vec<u8> {
        let mut image = sound.to_vec();
        match self {
            Self::Flips => image[case as usize / 8] ^= 1 << (case % 8),
            Self::Cuts => image.truncate(case as usize),
            Self::Sectors => {
                let mut random = fastrand::Rng::with_seed(seed ^ case.wrapping_mul(0x9E37_79B9_7F4A_7C15));
                for _ in 0..random.usize(1..=4) {
                    // The zeros between the superblocks are hit less often than they are long.
                    let sector = match random.usize(..8) {
                        0 => random.usize(..2) * 8,
                        _ => random.usize(16..image.len().div_ceil(SECTOR)),
                    };
                    let end = (sector * SECTOR + SECTOR).min(image.len());
                    let bytes = &mut image[sector * SECTOR..end];
                    if random.bool() { bytes.fill(0) } else { random.fill(bytes) }
                }
            }
        }
        image
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flips => "flipped bits",
            Self::Cuts => "truncations",
            Self::Sectors => "lost sectors",
        })
    }
}
