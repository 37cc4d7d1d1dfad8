//! The program's allocator: the system's, but for requests that it is told to refuse. It counts; it decides nothing.
#![expect(unsafe_code, reason = "an allocator cannot be had without")]

use super::THRESHOLD;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};

static ARMED: AtomicBool = AtomicBool::new(false);
static LASTING: AtomicBool = AtomicBool::new(false);
static FIRST: AtomicU64 = AtomicU64::new(u64::MAX);
static LARGE: AtomicU64 = AtomicU64::new(0);
static REFUSED: AtomicU64 = AtomicU64::new(0);
static LARGEST: AtomicUsize = AtomicUsize::new(0);

/// What was asked for while the allocator was armed.
pub struct Seen {
    /// Large requests refused.
    pub refused: u64,
    /// Bytes of the largest request.
    pub largest: usize,
}

/// Refuses the `first` large request from now on, and with `lasting` all after it.
pub fn arm(first: u64, lasting: bool) {
    FIRST.store(first, SeqCst);
    LASTING.store(lasting, SeqCst);
    for counter in [&LARGE, &REFUSED] {
        counter.store(0, SeqCst);
    }
    LARGEST.store(0, SeqCst);
    ARMED.store(true, SeqCst);
}

/// Refuses nothing any more.
pub fn disarm() -> Seen {
    ARMED.store(false, SeqCst);
    Seen { refused: REFUSED.load(SeqCst), largest: LARGEST.load(SeqCst) }
}

/// The system's allocator with a switch.
pub struct Scarce;

impl Scarce {
    fn refuses(size: usize) -> bool {
        if !ARMED.load(SeqCst) {
            return false;
        }
        LARGEST.fetch_max(size, SeqCst);
        if size < THRESHOLD {
            return false;
        }
        let (number, first) = (LARGE.fetch_add(1, SeqCst), FIRST.load(SeqCst));
        let refused = number == first || (number > first && LASTING.load(SeqCst));
        REFUSED.fetch_add(u64::from(refused), SeqCst);
        refused
    }
}

// SAFETY: every call is the system allocator's with the same arguments, or returns null, which says that there is no
// memory and leaves everything as it was.
unsafe impl GlobalAlloc for Scarce {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if Self::refuses(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if Self::refuses(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // To give memory back never fails.
        if size > layout.size() && Self::refuses(size) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promises are handed on.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}
