//! The bound that a process may have on the length of its files (`RLIMIT_FSIZE`).
//!
//! A write beyond it is answered with the signal SIGXFSZ, which ends the process unless the program ignores it. A library
//! must not change what signals do, so no such write is made: the bound is known beforehand. Asking for it takes a system
//! call; it is kept, and asked for again where it is reached and with each sync. A bound that is lowered below the end of
//! an open file holds from its next sync on.

use rustix::process::{Resource, getrlimit};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bound as it was when it was asked for last.
pub(super) struct Limit(AtomicU64);

impl Limit {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(now()))
    }

    /// Asks for the bound again.
    pub(super) fn refresh(&self) {
        self.0.store(now(), Ordering::Relaxed);
    }

    /// Fails if a file may not reach to `end`.
    pub(super) fn check(&self, end: u64) -> io::Result<()> {
        if end > self.0.load(Ordering::Relaxed) {
            self.refresh();
            if end > self.0.load(Ordering::Relaxed) {
                return Err(io::Error::from_raw_os_error(libc::EFBIG));
            }
        }
        Ok(())
    }
}

fn now() -> u64 {
    // Miri has no limits.
    if cfg!(miri) {
        return u64::MAX;
    }
    getrlimit(Resource::Fsize).current.unwrap_or(u64::MAX)
}
