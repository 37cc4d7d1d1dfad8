//! Where the parts of a file begin, and the sizes that all of them keep to.

/// Bytes of a page: each superblock has one to itself.
pub(crate) const PAGE: u64 = 4096;
/// Where the log begins; the superblocks take the two pages before it.
pub(crate) const LOG_START: u64 = 2 * PAGE;
/// Bytes of a superblock that are ever written.
pub(crate) const SECTOR: usize = 512;
/// Where the token of whoever writes to the file is: eight bytes beside the first superblock, and not in it, so that no
/// superblock of a writer that comes too late can wipe it out.
pub(crate) const FENCE: u64 = SECTOR as u64;
/// Records start on multiples of this many bytes.
pub(crate) const UNIT: u64 = 64;
