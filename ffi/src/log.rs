//! What the library has to say while it works: events of the engine, handed to one callback of the process.

use crate::boundary::run;
use crate::error::Error;
use crate::failure::Failure;
use crate::pointer::{c_string, text};
use crate::status::*;
use jvdb_core::medium::Origin;
use std::cell::Cell;
use std::ffi::{CString, c_char, c_void};
use std::fmt::{Debug, Write};
use std::ptr::null_mut;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr};
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

#[derive(Clone, Copy)]
struct Sink {
    callback: unsafe extern "C" fn(*mut c_void, i32, *const c_char),
    user: *mut c_void,
}

// SAFETY: the caller of jvdb_set_log() gives a function and a pointer that any thread may use.
unsafe impl Send for Sink {}
// SAFETY: as above.
unsafe impl Sync for Sink {}

/// Where the events of one process go.
struct Outlet {
    origin: Origin,
    sink: RwLock<Option<Sink>>,
}

/// That of this process. A forked child makes one of its own, with what its parent had set: the lock of the parent's may be
/// held for ever there, by a thread that the child does not have.
fn outlet() -> &'static Outlet {
    static NEWEST: AtomicPtr<Outlet> = AtomicPtr::new(null_mut());
    let mut seen = NEWEST.load(Acquire);
    loop {
        // SAFETY: NULL, or what was leaked below.
        let before = unsafe { seen.as_ref() };
        if let Some(outlet) = before.filter(|outlet| outlet.origin.is_here()) {
            return outlet;
        }
        let sink = before.and_then(|outlet| *outlet.sink.try_read().ok()?);
        let made = Box::into_raw(Box::new(Outlet { origin: Origin::here(), sink: RwLock::new(sink) }));
        match NEWEST.compare_exchange(seen, made, AcqRel, Acquire) {
            // SAFETY: it came from a box that nobody takes back.
            Ok(_) => return unsafe { &*made },
            Err(other) => {
                // SAFETY: nobody else has seen it.
                drop(unsafe { Box::from_raw(made) });
                seen = other;
            }
        }
    }
}

/// Whether jvdb_set_log() was ever called with success.
static CHOSEN: AtomicBool = AtomicBool::new(false);
static LEVEL: AtomicI32 = AtomicI32::new(JVDB_LOG_OFF);

thread_local!(static INSIDE: Cell<bool> = const { Cell::new(false) });

/// Hands what the library has to say to a callback: everything up to `level`, a JVDB_LOG_*. One callback for the whole
/// process; NULL, or JVDB_LOG_OFF, for none, as in the beginning. When this returns the callback that was set before is
/// not running any more and will not be called again. A forked child has its parent's callback until it sets another one.
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
        *outlet().sink.write().unwrap_or_else(PoisonError::into_inner) = sink;
        LEVEL.store(level, Relaxed);
        CHOSEN.store(true, Relaxed);
        tracing::callsite::rebuild_interest_cache();
        Ok(JVDB_OK)
    };
    // SAFETY: `error` is NULL or valid for writing.
    unsafe { run(error, body) }
}

/// Hands a line of the program's own to the callback that jvdb_set_log() has set, if it takes that level: so a program, or a
/// layer over this library, has one log for both. `level` is a JVDB_LOG_* but JVDB_LOG_OFF, `message` UTF-8.
///
/// Returns JVDB_ABSENT if jvdb_set_log() was never called: nobody has said what is to become of lines. Fails with
/// JVDB_ERROR_INVALID_ARGUMENT for another level, or when called from within a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_log(level: i32, message: *const c_char, error: *mut *mut Error) -> Status {
    let body = || {
        if !(JVDB_LOG_ERROR..=JVDB_LOG_TRACE).contains(&level) {
            return Err(Failure::Argument(format!("invalid level: {level} is no JVDB_LOG_* of a line")));
        }
        // SAFETY: NULL or a NUL-terminated string, as the header demands.
        let message = c_string(unsafe { text(message, "message") }?);
        if !CHOSEN.load(Relaxed) {
            return Ok(JVDB_ABSENT);
        }
        if level > LEVEL.load(Relaxed) || hand_over(level, || message) {
            return Ok(JVDB_OK);
        }
        Err(Failure::Argument("invalid call: jvdb_log() from within a log callback".into()))
    };
    // SAFETY: `error` is NULL or valid for writing.
    unsafe { run(error, body) }
}

/// Calls the callback, if there is one. False, and it does not, from within a callback.
fn hand_over(level: i32, message: impl FnOnce() -> CString) -> bool {
    if INSIDE.replace(true) {
        return false;
    }
    let message = message();
    if let Some(sink) = &*outlet().sink.read().unwrap_or_else(PoisonError::into_inner) {
        // SAFETY: the function takes these, as promised by whoever set it; the text lives during the call.
        unsafe { (sink.callback)(sink.user, level, message.as_ptr()) };
    }
    INSIDE.set(false);
    true
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
        let message = || {
            let mut line = Line::default();
            event.record(&mut line);
            c_string(&(line.message + &line.fields))
        };
        // What happens within a callback is not told.
        let _ = hand_over(number(*event.metadata().level()), message);
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
