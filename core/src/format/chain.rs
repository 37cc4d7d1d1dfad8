//! How records follow one another: each carries the sequence, and the checksum of the header before it.

/// A place in the chain of records: where the next one is, and what it must carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    pub offset: u64,
    pub sequence: u64,
    pub link: u64,
}
