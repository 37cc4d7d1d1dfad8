//! Locks, atomics and threads, as the rest of the engine imports them: the standard library's; or, under
//! `--cfg jvdb_shuttle`, those of a scheduler that runs one thread at a time and tries which (`core/tests/schedules.rs`).
//! Nothing outside of this file knows which. What is left with the standard library never waits for another thread.

#[cfg(not(jvdb_shuttle))]
mod chosen {
    pub(crate) use std::hint::spin_loop;
    pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, atomic};
    pub(crate) use std::{thread, thread_local};

    use std::sync::PoisonError;
    use std::time::Duration;

    /// Lets go of a lock until somebody tells, or some time has passed.
    pub(crate) fn wait_for<'a, T>(
        told: &Condvar,
        _: &'a Mutex<T>,
        guard: MutexGuard<'a, T>,
        time: Duration,
    ) -> MutexGuard<'a, T> {
        told.wait_timeout(guard, time).unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(jvdb_shuttle)]
mod chosen {
    pub(crate) use shuttle::hint::spin_loop;
    pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard, atomic};
    pub(crate) use shuttle::{thread, thread_local};

    use std::sync::PoisonError;
    use std::time::Duration;

    /// Here time passes at once: whoever waits for it has waited.
    pub(crate) fn wait_for<'a, T>(
        _: &Condvar,
        lock: &'a Mutex<T>,
        guard: MutexGuard<'a, T>,
        _: Duration,
    ) -> MutexGuard<'a, T> {
        drop(guard);
        thread::yield_now();
        lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The standard library's would stop the one thread that all threads share here.
    pub(crate) struct OnceLock<T> {
        once: shuttle::sync::Once,
        value: std::sync::OnceLock<T>,
    }

    impl<T> OnceLock<T> {
        pub(crate) const fn new() -> Self {
            Self { once: shuttle::sync::Once::new(), value: std::sync::OnceLock::new() }
        }

        pub(crate) fn get(&self) -> Option<&T> {
            self.value.get()
        }

        pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
            self.once.call_once(|| {
                let _ = self.value.set(make());
            });
            self.value.get().expect("it was set just now")
        }

        pub(crate) fn set(&self, value: T) -> Result<(), T> {
            self.value.set(value)
        }

        pub(crate) fn take(&mut self) -> Option<T> {
            self.value.take()
        }
    }
}

pub(crate) use chosen::*;
