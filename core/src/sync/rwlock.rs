//! A value that many threads read without writing to memory they share: the readers' lock of an open file.
//!
//! A reader announces itself in a slot of its own thread, with plain loads and stores; whoever wants to change the value
//! makes every running thread pass a memory barrier (membarrier on Linux) and waits until all slots are empty. So a read
//! costs next to nothing and a change some microseconds: right for what is read per operation and changed per flush.
//! Where the kernel offers no such barrier, readers issue one themselves.
//!
//! With `medium/mapping.rs` this is the only file with unsafe code. It knows nothing of what the value is.
#![allow(unsafe_code)]

use crate::sync::primitives::atomic::{AtomicBool, AtomicUsize, Ordering, compiler_fence, fence};
use crate::sync::primitives::{Mutex, MutexGuard, OnceLock, spin_loop, thread, thread_local};
use std::cell::{Cell, UnsafeCell};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;
use std::time::Duration;

/// Threads that need no block of slots.
const FIRST: usize = 8;
const BLOCKS: usize = 24;
/// Rounds in which a change only spins, and then only yields, before it sleeps between looks.
const SPINS: u32 = 64;
const YIELDS: u32 = 256;
const NAP: Duration = Duration::from_micros(50);

/// Reads that one thread holds. Only that thread writes it.
#[derive(Default)]
#[repr(align(64))]
struct Slot(AtomicUsize);

/// A value under read guards.
pub(crate) struct AsymmetricRwLock<T> {
    value: UnsafeCell<T>,
    /// Somebody changes the value, or waits to.
    writing: AtomicBool,
    /// Held by whoever does.
    turn: Mutex<()>,
    /// Slots of the first threads, by their number.
    first: [Slot; FIRST],
    /// Slots of the others: block `b` has `FIRST << b`, from thread `FIRST << b` on.
    blocks: [OnceLock<Box<[Slot]>>; BLOCKS],
}

// SAFETY: moving it moves the value, as with any container.
unsafe impl<T: Send> Send for AsymmetricRwLock<T> {}
// SAFETY: threads get `&T` by read guards, and `&mut T` one at a time while there is no read guard, as with any lock.
unsafe impl<T: Send + Sync> Sync for AsymmetricRwLock<T> {}

impl<T> AsymmetricRwLock<T> {
    pub(crate) fn new(value: T) -> Self {
        barrier::prepare();
        Self {
            value: UnsafeCell::new(value),
            writing: AtomicBool::new(false),
            turn: Mutex::new(()),
            first: Default::default(),
            blocks: [const { OnceLock::new() }; BLOCKS],
        }
    }

    /// The value, to read. Waits while it is being changed. A thread may hold several read guards.
    #[inline]
    pub(crate) fn read(&self) -> ReadGuard<'_, T> {
        let slot = self.slot(this_thread());
        let held = slot.0.load(Ordering::Relaxed);
        slot.0.store(held + 1, Ordering::Relaxed);
        barrier::light();
        // Whoever holds a read guard already keeps changes away, and must not wait for one that waits for it.
        if held == 0 && self.writing.load(Ordering::Acquire) {
            self.wait(slot);
        }
        ReadGuard { rwlock: self, slot, _of_this_thread: PhantomData }
    }

    /// Steps back until no change is wanted.
    #[cold]
    fn wait(&self, slot: &Slot) {
        loop {
            slot.0.store(0, Ordering::Release);
            drop(self.turn());
            slot.0.store(1, Ordering::Relaxed);
            barrier::light();
            if !self.writing.load(Ordering::Acquire) {
                return;
            }
        }
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value, to change. Waits for all read guards to be returned; the calling thread must hold none.
    pub(crate) fn write(&self) -> WriteGuard<'_, T> {
        let turn = self.turn();
        self.writing.store(true, Ordering::Relaxed);
        // Behind this every thread that runs has either shown its read guard or will see that a change is wanted.
        barrier::heavy();
        let blocks = self.blocks.iter().filter_map(OnceLock::get);
        for slot in self.first.iter().chain(blocks.flatten()) {
            let mut looks = 0;
            while slot.0.load(Ordering::Acquire) != 0 {
                match looks {
                    0..SPINS => spin_loop(),
                    SPINS..YIELDS => thread::yield_now(),
                    _ => thread::sleep(NAP),
                }
                looks = looks.saturating_add(1);
            }
        }
        WriteGuard { rwlock: self, _turn: turn }
    }

    /// Whether somebody waits for all read guards to be returned. Whoever holds one for long should let go in between.
    #[inline]
    pub(crate) fn is_writer_waiting(&self) -> bool {
        self.writing.load(Ordering::Relaxed)
    }

    /// Whether this thread holds a read guard: then it must not ask for a change.
    #[inline]
    pub(crate) fn is_read_here(&self) -> bool {
        self.slot(this_thread()).0.load(Ordering::Relaxed) != 0
    }

    #[inline(always)]
    fn slot(&self, thread: usize) -> &Slot {
        match self.first.get(thread) {
            Some(slot) => slot,
            None => self.further_slot(thread),
        }
    }

    fn further_slot(&self, thread: usize) -> &Slot {
        let block = (thread / FIRST).ilog2();
        let slots = self.blocks[block as usize].get_or_init(|| (0..FIRST << block).map(|_| Slot::default()).collect());
        &slots[thread - (FIRST << block)]
    }
}

/// The right to read a value, and the value.
pub(crate) struct ReadGuard<'a, T> {
    rwlock: &'a AsymmetricRwLock<T>,
    slot: &'a Slot,
    /// The slot is this thread's: a read guard stays where it was taken.
    _of_this_thread: PhantomData<*const ()>,
}

impl<T> Deref for ReadGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: while this lives the slot is not zero, and `write` gives out no `&mut T` before all slots are.
        unsafe { &*self.rwlock.value.get() }
    }
}

impl<T> Drop for ReadGuard<'_, T> {
    fn drop(&mut self) {
        self.slot.0.store(self.slot.0.load(Ordering::Relaxed) - 1, Ordering::Release);
    }
}

/// The right to change a value, and the value.
pub(crate) struct WriteGuard<'a, T> {
    rwlock: &'a AsymmetricRwLock<T>,
    _turn: MutexGuard<'a, ()>,
}

impl<T> Deref for WriteGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: as in `deref_mut`.
        unsafe { &*self.rwlock.value.get() }
    }
}

impl<T> DerefMut for WriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this holds the turn, so no other change exists; `write` saw every slot empty after it had asked for
        // the change, and a reader that comes later sees that wish behind its own announcement and steps back.
        unsafe { &mut *self.rwlock.value.get() }
    }
}

impl<T> Drop for WriteGuard<'_, T> {
    fn drop(&mut self) {
        self.rwlock.writing.store(false, Ordering::Release);
    }
}

/// A barrier that costs the frequent side nothing and the rare side a system call.
mod barrier {
    use super::{Ordering, compiler_fence, fence};
    use std::sync::atomic::AtomicBool;

    /// Whether the kernel does it; set before anybody reads.
    static ASYMMETRIC: AtomicBool = AtomicBool::new(false);

    /// Between a reader's announcement and its look at whether a change is wanted.
    #[inline(always)]
    pub(super) fn light() {
        if ASYMMETRIC.load(Ordering::Relaxed) {
            compiler_fence(Ordering::SeqCst);
        } else {
            fence(Ordering::SeqCst);
        }
    }

    #[cfg(all(target_os = "linux", not(any(miri, jvdb_shuttle))))]
    mod kernel {
        use super::{ASYMMETRIC, Ordering, fence};
        use rustix::thread::{MembarrierCommand, MembarrierQuery, membarrier, membarrier_query};
        use std::sync::OnceLock;

        pub(in super::super) fn prepare() {
            static PREPARED: OnceLock<()> = OnceLock::new();
            PREPARED.get_or_init(|| {
                let there = membarrier_query().contains(MembarrierQuery::PRIVATE_EXPEDITED);
                let ours = there && membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok();
                ASYMMETRIC.store(ours, Ordering::SeqCst);
            });
        }

        /// Between the wish to change and the look at the readers' slots.
        pub(in super::super) fn heavy() {
            fence(Ordering::SeqCst);
            if !ASYMMETRIC.load(Ordering::Relaxed) {
                return;
            }
            if membarrier(MembarrierCommand::PrivateExpedited).is_err() {
                // A kernel may forget the registration where a process was forked.
                let again = membarrier(MembarrierCommand::RegisterPrivateExpedited);
                let again = again.and_then(|()| membarrier(MembarrierCommand::PrivateExpedited));
                again.expect("a barrier that the kernel has offered is there");
            }
        }
    }

    #[cfg(not(all(target_os = "linux", not(any(miri, jvdb_shuttle)))))]
    mod kernel {
        pub(in super::super) fn prepare() {}

        pub(in super::super) fn heavy() {
            super::fence(super::Ordering::SeqCst);
        }
    }

    pub(super) use kernel::{heavy, prepare};
}

const UNKNOWN: usize = usize::MAX;

/// A number for this thread that no other running thread has. Numbers of threads that ended are given again.
#[inline]
pub(crate) fn this_thread() -> usize {
    thread_local!(static NUMBER: Cell<usize> = const { Cell::new(UNKNOWN) });
    NUMBER.with(|number| match number.get() {
        UNKNOWN => {
            number.set(threads::number(|| {
                let _ = NUMBER.try_with(|number| number.set(UNKNOWN));
            }));
            number.get()
        }
        known => known,
    })
}

mod threads {
    use super::{PoisonError, thread_local};
    // Neither waits while it is held, and both outlive every run of a scheduler.
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    static FREE: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    static NEXT: AtomicUsize = AtomicUsize::new(0);

    /// Gives a number back when its thread ends.
    struct Owned {
        number: usize,
        forget: fn(),
    }

    impl Drop for Owned {
        fn drop(&mut self) {
            // What this thread still reads, in destructors of its own, it reads under another number.
            (self.forget)();
            FREE.lock().unwrap_or_else(PoisonError::into_inner).push(self.number);
        }
    }

    #[cold]
    pub(super) fn number(forget: fn()) -> usize {
        thread_local!(static OWNED: std::cell::RefCell<Option<Owned>> = const { std::cell::RefCell::new(None) });
        let new = || NEXT.fetch_add(1, Ordering::Relaxed);
        let free = || FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        // A thread that is past its end gets a number for good: nobody is left to give it back.
        let owned = OWNED.try_with(|owned| {
            let number = free().unwrap_or_else(new);
            *owned.borrow_mut() = Some(Owned { number, forget });
            number
        });
        owned.unwrap_or_else(|_| new())
    }
}

#[cfg(test)]
mod tests {
    use super::AsymmetricRwLock;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// Two numbers that are the same whenever nobody changes them.
    type Pair = (u64, u64);

    fn step(pair: &mut Pair) {
        pair.0 += 1;
        std::hint::spin_loop();
        pair.1 += 1;
    }

    #[test]
    fn nobody_reads_what_is_being_changed() {
        const CHANGES: u64 = if cfg!(miri) { 20 } else { 200_000 };
        let rwlock = AsymmetricRwLock::new((0, 0));
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        let pair = rwlock.read();
                        assert_eq!(pair.0, pair.1);
                        // A second read guard of the same thread does not wait for a change that waits for the first.
                        assert_eq!(*rwlock.read(), *pair);
                    }
                });
            }
            let changers = [(); 2].map(|()| scope.spawn(|| (0..CHANGES).for_each(|_| step(&mut rwlock.write()))));
            changers.into_iter().for_each(|changer| changer.join().expect("changes"));
            done.store(true, Ordering::Relaxed);
        });
        assert_eq!(*rwlock.read(), (2 * CHANGES, 2 * CHANGES));
    }

    #[test]
    fn more_threads_than_there_are_slots_at_first() {
        let rwlock = AsymmetricRwLock::new((0, 0));
        let barrier = std::sync::Barrier::new(41);
        std::thread::scope(|scope| {
            for _ in 0..40 {
                scope.spawn(|| {
                    let pair = rwlock.read();
                    barrier.wait();
                    assert_eq!(*pair, (0, 0));
                    std::thread::yield_now();
                    drop(pair);
                });
            }
            barrier.wait();
            step(&mut rwlock.write());
        });
        assert_eq!(*rwlock.read(), (1, 1));
    }
}
