//! The flush thread: it flushes every `flush_interval` and when too much is unflushed, and applies what a flush has deferred.
//!
//! The first write starts it. Where there are no threads the next write does what is due. It holds no lock of its own while it
//! flushes, and keeps no directory open whose handles are gone.

use crate::directory::catalog::Catalog;
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
pub(crate) struct OpenDirectory {
    pub catalog: Arc<Catalog>,
    /// The process that has the thread.
    origin: Origin,
    signal: Arc<FlushSignal>,
    /// Started by the first write; `None` if there can be none.
    thread: OnceLock<Option<JoinHandle<()>>>,
    /// When the last periodic flush was, in microseconds of the volume's clock. For directories without a thread.
    flushed_us: AtomicU64,
}

#[derive(Default)]
struct FlushSignal {
    requests: Mutex<Requests>,
    changed: Condvar,
}

#[derive(Default)]
struct Requests {
    stop: bool,
    due: bool,
}

impl OpenDirectory {
    pub(crate) fn new(catalog: Catalog) -> Self {
        let flushed_us = AtomicU64::new(micros(catalog.volume.now()));
        let origin = Origin::here();
        Self { catalog: Arc::new(catalog), origin, signal: Arc::default(), thread: OnceLock::new(), flushed_us }
    }

    /// Whether there is a flush thread. Starts it if there can be one.
    pub(crate) fn has_thread(&self) -> bool {
        let thread = self.thread.get_or_init(|| {
            let started = self.catalog.volume.has_threads().then(|| start(&self.catalog, &self.signal));
            started.transpose().unwrap_or_else(|error| {
                tracing::warn!(%error, "no flush thread could be started: due flushes run inside the next write");
                None
            })
        });
        thread.is_some() && self.origin.is_here()
    }

    /// Whether the thread is there already.
    pub(crate) fn has_running_thread(&self) -> bool {
        matches!(self.thread.get(), Some(Some(_))) && self.origin.is_here()
    }

    /// Wakes the thread.
    pub(crate) fn notify(&self) {
        self.signal.notify();
    }

    /// Flushes a store under pressure, or has the thread do it; without a thread, also what the interval makes due.
    pub(crate) fn throttle(&self, store: &Store, pressure: Pressure) {
        let threaded = self.has_thread();
        match (pressure, threaded) {
            (Pressure::Overdue, _) | (Pressure::Due, false) => note(store.flush().map(drop)),
            (Pressure::Due, true) => self.notify(),
            (Pressure::None, _) => {}
        }
        let interval = self.catalog.options.flush_interval;
        if !threaded && !interval.is_zero() {
            let now = micros(self.catalog.volume.now());
            if now.saturating_sub(self.flushed_us.load(Relaxed)) >= micros(interval) {
                self.flushed_us.store(now, Relaxed);
                note(self.catalog.flush().map(drop));
            }
        }
    }
}

impl Drop for OpenDirectory {
    fn drop(&mut self) {
        if !self.origin.is_here() {
            // A forked child has no thread, and must not touch the files.
            std::mem::forget(self.thread.take());
            return;
        }
        lock(&self.signal.requests).stop = true;
        self.signal.changed.notify_all();
        if let Some(Some(thread)) = self.thread.take() {
            // A thread that panicked has said so itself.
            let _ = thread.join();
        }
        // Errors are logged where they happen; who wants to see them calls `close`.
        let _ = self.catalog.flush_clean();
        tracing::info!(path = self.catalog.volume.path(), "storage directory closed");
    }
}

impl FlushSignal {
    fn notify(&self) {
        let mut requests = lock(&self.requests);
        if !requests.due {
            requests.due = true;
            self.changed.notify_all();
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Logs a flush that failed. The next call on the database reports it.
fn note(flushed: Result<()>) {
    if let Err(error) = flushed {
        tracing::error!(%error, "flush failed");
    }
}

fn start(catalog: &Arc<Catalog>, signal: &Arc<FlushSignal>) -> io::Result<JoinHandle<()>> {
    let interval = catalog.options.flush_interval;
    let (catalog, signal) = (Arc::downgrade(catalog), Arc::clone(signal));
    let thread = thread::Builder::new().name("jvdb-flush".into());
    thread.spawn(move || run(&catalog, &signal, interval))
}

fn run(catalog: &Weak<Catalog>, signal: &FlushSignal, interval: Duration) {
    let mut last = Instant::now();
    loop {
        let periodic = match wait(signal, last, interval) {
            Wake::Stop => return,
            Wake::Due => false,
            Wake::Time => true,
        };
        let Some(catalog) = catalog.upgrade() else { return };
        note(if periodic { catalog.flush_clean_idle() } else { catalog.flush_due() });
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

fn wait(signal: &FlushSignal, last: Instant, interval: Duration) -> Wake {
    let mut requests = lock(&signal.requests);
    loop {
        if requests.stop {
            return Wake::Stop;
        }
        // The interval comes first: one database that is due again and again must not keep the others waiting.
        if !interval.is_zero() && last.elapsed() >= interval {
            return Wake::Time;
        }
        if std::mem::take(&mut requests.due) {
            return Wake::Due;
        }
        if interval.is_zero() {
            requests = lock::wait(&signal.changed, requests);
            continue;
        }
        let left = interval.saturating_sub(last.elapsed());
        if left.is_zero() {
            return Wake::Time;
        }
        requests = wait_for(&signal.changed, &signal.requests, requests, left);
    }
}
