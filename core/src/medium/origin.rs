//! Which process a thing belongs to: what `fork` copies looks alike in parent and child, and may be used in one only.
//!
//! Told by a number that the system sets to zero in every forked child: looking costs two loads and no system call.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// The process in which something was made.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// Number of the process that looks; zero if it was forked and has made nothing of its own since.
    here: &'static AtomicU64,
    /// Number of the process in which this was made.
    made: u64,
}

impl Origin {
    /// This process.
    #[cfg(unix)]
    pub fn here() -> Self {
        use super::mapping::zero_after_fork;
        use std::sync::OnceLock;
        use std::sync::atomic::Ordering::{Acquire, Release};
        static HERE: OnceLock<&'static AtomicU64> = OnceLock::new();
        // Copied to children as it is, so that no number comes twice in a line of descent.
        static LAST: AtomicU64 = AtomicU64::new(0);
        let here = *HERE.get_or_init(zero_after_fork);
        let made = match here.load(Acquire) {
            0 => {
                let number = LAST.fetch_add(1, Relaxed) + 1;
                here.compare_exchange(0, number, Release, Acquire).map_or_else(|other| other, |_| number)
            }
            number => number,
        };
        Self { here, made }
    }

    /// This process: the only one there is.
    #[cfg(not(unix))]
    pub fn here() -> Self {
        Self::everywhere()
    }

    /// Any process: what is shared with no child, because each has a copy of its own.
    pub fn everywhere() -> Self {
        static NOWHERE: AtomicU64 = AtomicU64::new(0);
        Self { here: &NOWHERE, made: 0 }
    }

    /// Whether this is the process; false in its forked children.
    #[inline]
    pub fn is_here(&self) -> bool {
        self.here.load(Relaxed) == self.made
    }
}
