//! What the library has to say while it works: events of the engine, handed to one callback of the process.

use crate::boundary::run;
use crate::error::Error;
use crate::failure::Failure;
use crate::pointer::c_string;
use crate::status::*;
use std::cell::Cell;
use std::ffi::{c_char, c_void};
use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::sync::{OnceLock, PoisonError, RwLock};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Log level: nothing.
pub const JVDB_LOG_OFF: i32 = 0;
/// Log level: what went wrong and has no call to be reported by, such as a flush in the background.
pub const JVDB_LOG_ERROR: i32 = 1;
/// Log level: what somebody should look at.
pub const JVDB_LOG_WARN: i32 = 2;
/// Log level: flushes, compactions, backups, with their figures.
pub const JVDB_LOG_INFO: i32 = 3;
/// Log level: openings and closings of files.
pub const JVDB_LOG_DEBUG: i32 = 4;
/// Log level: everything.
pub const JVDB_LOG_TRACE: i32 = 5;

/// Takes one event: the pointer given to jvdb_set_log(), a JVDB_LOG_* level, and one line of UTF-8 that lives during the
/// call. It is called from any thread, several at once, in the middle of calls of this library: it must return soon, in
/// the ordinary way (no exception, no longjmp), and make no call of this library.
pub type LogCallback = Option<unsafe extern "C" fn(user: *mut c_void, level: i32, message: *const c_char)>;

struct Sink {
    callback: unsafe extern "C" fn(*mut c_void, i32, *const c_char),
    user: *mut c_void,
}

// SAFETY: the caller of jvdb_set_log() gives a function and a pointer that any thread may use.
unsafe impl Send for Sink {}
// SAFETY: as above.
unsafe impl Sync for Sink {}

static SINK: RwLock<Option<Sink>> = RwLock::new(None);
static LEVEL: AtomicI32 = AtomicI32::new(JVDB_LOG_OFF);

thread_local!(static INSIDE: Cell<bool> = const { Cell::new(false) });

/// Hands what the library has to say to a callback: everything up to `level`, a JVDB_LOG_*. One callback for the whole
/// process; NULL, or JVDB_LOG_OFF, for none, as in the beginning. When this returns the callback that was set before is
/// not running any more and will not be called again.
///
/// Fails with JVDB_ERROR_INVALID_ARGUMENT for another level, or when called from within a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_set_log(
    callback: LogCallback,
    user: *mut c_void,
    level: i32,
    error: *mut *mut Error,
) -> Status {
    let body = || {
        if !(JVDB_LOG_OFF..=JVDB_LOG_TRACE).contains(&level) {
            return Err(Failure::Argument(format!("invalid level: {level} is no JVDB_LOG_*")));
        }
        if INSIDE.get() {
            return Err(Failure::Argument("invalid call: jvdb_set_log() from within a log callback".into()));
        }
        let sink = callback.filter(|_| level > JVDB_LOG_OFF).map(|callback| Sink { callback, user });
        if sink.is_some() && !installed() {
            let what = "this process has a subscriber for events of Rust already, which gets them instead";
            return Err(Failure::Internal(what.into()));
        }
        let level = if sink.is_some() { level } else { JVDB_LOG_OFF };
        // Waits for callbacks that run now.
        *SINK.write().unwrap_or_else(PoisonError::into_inner) = sink;
        LEVEL.store(level, Relaxed);
        tracing::callsite::rebuild_interest_cache();
        Ok(JVDB_OK)
    };
    // SAFETY: `error` is NULL or valid for writing.
    unsafe { run(error, body) }
}

/// Whether events come here; the first call sees to it.
fn installed() -> bool {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    *INSTALLED.get_or_init(|| tracing::subscriber::set_global_default(Relay).is_ok())
}

/// Sees every event, and passes on those that are wanted.
struct Relay;

fn number(level: Level) -> i32 {
    match level {
        Level::ERROR => JVDB_LOG_ERROR,
        Level::WARN => JVDB_LOG_WARN,
        Level::INFO => JVDB_LOG_INFO,
        Level::DEBUG => JVDB_LOG_DEBUG,
        _ => JVDB_LOG_TRACE,
    }
}

impl Subscriber for Relay {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        number(*metadata.level()) <= LEVEL.load(Relaxed)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match LEVEL.load(Relaxed) {
            JVDB_LOG_OFF => LevelFilter::OFF,
            JVDB_LOG_ERROR => LevelFilter::ERROR,
            JVDB_LOG_WARN => LevelFilter::WARN,
            JVDB_LOG_INFO => LevelFilter::INFO,
            JVDB_LOG_DEBUG => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        })
    }

    fn event(&self, event: &Event<'_>) {
        if INSIDE.replace(true) {
            return;
        }
        let mut line = Line::default();
        event.record(&mut line);
        let message = c_string(&(line.message + &line.fields));
        if let Some(sink) = &*SINK.read().unwrap_or_else(PoisonError::into_inner) {
            // SAFETY: the function takes these, as promised by whoever set it; the text lives during the call.
            unsafe { (sink.callback)(sink.user, number(*event.metadata().level()), message.as_ptr()) };
        }
        INSIDE.set(false);
    }

    // The engine has no spans.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// An event as text: what happened, then its figures.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
