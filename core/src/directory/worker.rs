//! Flushes nobody asked for: every `flush_interval`, and when too much is unflushed. And what a flush leaves for later.
//!
//! A thread of its own where there are threads, started by the first write; elsewhere the next write does what is due.
//! Holds no lock of its own while it flushes, and keeps no directory open that its user has let go.

use crate::directory::catalog::Shelf;
use crate::medium::Origin;
use crate::store::store::{Pressure, Store};
use crate::sync::lock::{self, lock};
use crate::sync::primitives::atomic::{AtomicU64, Ordering::Relaxed};
use crate::sync::primitives::thread::{self, JoinHandle};
use crate::sync::primitives::{Condvar, Mutex, OnceLock, wait_for};
use crate::types::error::Result;
use std::io;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// An open directory: what all handles share. When the last one goes, everything is flushed and closed.
pub(crate) struct House {
    pub shelf: Arc<Shelf>,
    /// The process that has the thread.
    origin: Origin,
    bell: Arc<Bell>,
    /// Started by the first write; `None` if there can be none.
    thread: OnceLock<Option<JoinHandle<()>>>,
    /// When the last periodic flush was, in microseconds of the volume's clock. For houses without a thread.
    flushed_us: AtomicU64,
}

#[derive(Default)]
struct Bell {
    calls: Mutex<Calls>,
    rung: Condvar,
}

#[derive(Default)]
struct Calls {
    stop: bool,
    due: bool,
}

impl House {
    pub(crate) fn new(shelf: Shelf) -> Self {
        let flushed_us = AtomicU64::new(micros(shelf.volume.now()));
        let origin = Origin::here();
        Self { shelf: Arc::new(shelf), origin, bell: Arc::default(), thread: OnceLock::new(), flushed_us }
    }

    /// Whether a thread sees to what time makes due. Starts it if there can be one.
    pub(crate) fn has_thread(&self) -> bool {
        let thread = self.thread.get_or_init(|| {
            let started = self.shelf.volume.has_threads().then(|| start(&self.shelf, &self.bell));
            started.transpose().unwrap_or_else(|error| {
                tracing::warn!(%error, "no flush thread could be started: due flushes run inside the next write");
                None
            })
        });
        thread.is_some() && self.origin.is_here()
    }

    /// Whether the thread is there already.
    pub(crate) fn is_attended(&self) -> bool {
        matches!(self.thread.get(), Some(Some(_))) && self.origin.is_here()
    }

    /// Calls the thread.
    pub(crate) fn ring(&self) {
        self.bell.ring();
    }

    /// Sees to a store under pressure, and without a thread to what time has made due.
    pub(crate) fn relieve(&self, store: &Store, pressure: Pressure) {
        let threaded = self.has_thread();
        match (pressure, threaded) {
            (Pressure::Overdue, _) | (Pressure::Due, false) => note(store.flush().map(drop)),
            (Pressure::Due, true) => self.ring(),
            (Pressure::None, _) => {}
        }
        let interval = self.shelf.options.flush_interval;
        if !threaded && !interval.is_zero() {
            let now = micros(self.shelf.volume.now());
            if now.saturating_sub(self.flushed_us.load(Relaxed)) >= micros(interval) {
                self.flushed_us.store(now, Relaxed);
                note(self.shelf.flush());
            }
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if !self.origin.is_here() {
            // A forked child has neither the thread nor a say in the files.
            std::mem::forget(self.thread.take());
            return;
        }
        lock(&self.bell.calls).stop = true;
        self.bell.rung.notify_all();
        if let Some(Some(thread)) = self.thread.take() {
            // A thread that panicked has said so itself.
            let _ = thread.join();
        }
        // Errors are logged where they happen; who wants to see them calls `close`.
        let _ = self.shelf.settle();
        tracing::info!(path = self.shelf.volume.path(), "storage directory closed");
    }
}

impl Bell {
    fn ring(&self) {
        let mut calls = lock(&self.calls);
        if !calls.due {
            calls.due = true;
            self.rung.notify_all();
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// A failed flush is told by whatever the caller does next: here it can only be logged.
fn note(flushed: Result<()>) {
    if let Err(error) = flushed {
        tracing::error!(%error, "flush failed");
    }
}

fn start(shelf: &Arc<Shelf>, bell: &Arc<Bell>) -> io::Result<JoinHandle<()>> {
    let interval = shelf.options.flush_interval;
    let (shelf, bell) = (Arc::downgrade(shelf), Arc::clone(bell));
    let thread = thread::Builder::new().name("jvdb-flush".into());
    thread.spawn(move || run(&shelf, &bell, interval))
}

fn run(shelf: &Weak<Shelf>, bell: &Bell, interval: Duration) {
    let mut last = Instant::now();
    loop {
        let periodic = match wait(bell, last, interval) {
            Wake::Stop => return,
            Wake::Due => false,
            Wake::Time => true,
        };
        let Some(shelf) = shelf.upgrade() else { return };
        note(if periodic { shelf.settle_idle() } else { shelf.flush_due() });
        if periodic {
            last = Instant::now();
        }
    }
}

enum Wake {
    Stop,
    Due,
    Time,
}

fn wait(bell: &Bell, last: Instant, interval: Duration) -> Wake {
    let mut calls = lock(&bell.calls);
    loop {
        if calls.stop {
            return Wake::Stop;
        }
        // Time comes first: whoever calls again and again must not keep the others waiting.
        if !interval.is_zero() && last.elapsed() >= interval {
            return Wake::Time;
        }
        if std::mem::take(&mut calls.due) {
            return Wake::Due;
        }
        if interval.is_zero() {
            calls = lock::wait(&bell.rung, calls);
            continue;
        }
        let left = interval.saturating_sub(last.elapsed());
        if left.is_zero() {
            return Wake::Time;
        }
        calls = wait_for(&bell.rung, &bell.calls, calls, left);
    }
}
