//! The claim of an opening to write to a file: its token, and what it knows of the claims of others. Looks at nothing by itself.

use crate::format::layout::FENCE;
use crate::format::record::HEADER;
use crate::medium::{Medium, Permit};
use crate::sync::primitives::atomic::{AtomicBool, Ordering::Relaxed};
use crate::types::fault::Fault;

/// What an opening knows of its own right to write.
pub(crate) struct Claim {
    pub token: u64,
    /// What lay behind the end of the log when the file was opened.
    pub behind: [u8; HEADER],
    /// Whether the token is in the file.
    made: AtomicBool,
    /// Whether another one was found there. That stays so: what this opening knows of the file's end is not true any more.
    lost: AtomicBool,
}

impl Claim {
    /// Of an opening with that token, which nobody else has, and which is not zero. The log ends at `end`.
    pub(crate) fn new(token: u64, medium: &dyn Medium, end: u64) -> Self {
        Self { token, behind: behind(medium, end), made: AtomicBool::new(false), lost: AtomicBool::new(false) }
    }

    #[inline]
    pub(crate) fn is_made(&self) -> bool {
        self.made.load(Relaxed)
    }

    #[inline]
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Relaxed)
    }

    pub(crate) fn make(&self) {
        self.made.store(true, Relaxed);
    }

    /// Returns whether that is news.
    pub(crate) fn lose(&self) -> bool {
        !self.lost.swap(true, Relaxed)
    }
}

/// The bytes at the end of the log, where the next record would begin; zeros where there are not so many.
pub(crate) fn behind(medium: &dyn Medium, end: u64) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    if medium.len() >= end + HEADER as u64 && medium.read_into(end, &mut bytes).is_err() {
        // What cannot be read twice is no record that anybody has written meanwhile.
        return [0; HEADER];
    }
    bytes
}

/// The token of whoever claimed the file last; zero if nobody did.
pub(crate) fn token_in(medium: &dyn Medium) -> Result<u64, Fault> {
    if let Some(word) = medium.peek(FENCE) {
        return Ok(word);
    }
    let mut bytes = [0; 8];
    medium.read_into(FENCE, &mut bytes).map_err(Fault::read(FENCE))?;
    Ok(u64::from_le_bytes(bytes))
}

pub(crate) fn put_token(medium: &dyn Medium, token: u64) -> Result<(), Fault> {
    let written = medium.write(FENCE, &token.to_le_bytes(), Permit::ENGINE);
    written.map_err(|source| Fault::Io { action: "write", offset: FENCE, source })
}
