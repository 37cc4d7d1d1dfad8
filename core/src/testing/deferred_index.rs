//! A switch for tests: flushes leave the index to a later call although no thread waits for one, however few names have
//! changed. So what comes between the two is seen on a simulated disk, which has no threads.
//!
//! Breaks nothing, and is off until a thread turns it on. Without the feature `__deferred_index`, which only packages of tests ask for,
//! it is a constant `false`.

#[cfg(feature = "__deferred_index")]
mod switch {
    use std::cell::Cell;

    thread_local!(static DEFERRED: Cell<bool> = const { Cell::new(false) });

    /// Whether flushes of this thread leave the index from now on.
    pub fn defer_index(deferred: bool) {
        DEFERRED.set(deferred);
    }

    pub(crate) fn index_is_deferred() -> bool {
        DEFERRED.get()
    }
}

#[cfg(not(feature = "__deferred_index"))]
mod switch {
    #[inline(always)]
    pub(crate) const fn index_is_deferred() -> bool {
        false
    }
}

#[cfg(feature = "__deferred_index")]
pub use switch::defer_index;
pub(crate) use switch::index_is_deferred;
