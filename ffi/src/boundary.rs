//! The one boundary no panic crosses, and the handles it guards. A panic becomes `JVDB_ERROR_PANIC`, and the handle it
//! happened in answers nothing else from then on: what it left behind cannot be trusted.

use crate::error::Error;
use crate::failure::Failure;
use crate::panic;
use crate::pointer::{give, set};
use crate::status::Status;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// What a call body gives: a status that is no error, or a failure.
pub(crate) type Outcome = Result<Status, Failure>;

/// Runs the body of a call and reports: the status to the caller, the error object to `error` unless that is NULL.
///
/// # Safety
/// `error` is NULL or valid for writing.
#[inline]
pub(crate) unsafe fn run(error: *mut *mut Error, body: impl FnOnce() -> Outcome) -> Status {
    let failure = match panic::caught(body) {
        Ok(Ok(status)) => {
            // SAFETY: as promised by the caller.
            unsafe { set(error, null_mut()) };
            return status;
        }
        Ok(Err(failure)) => failure,
        Err(message) => Failure::Panic(message),
    };
    // SAFETY: as promised by the caller.
    unsafe { report(failure, error) }
}

/// # Safety
/// `error` is NULL or valid for writing.
#[cold]
unsafe fn report(failure: Failure, error: *mut *mut Error) -> Status {
    let status = failure.status();
    if !error.is_null() {
        // SAFETY: as promised by the caller.
        unsafe { set(error, give(Error::from(failure))) };
    }
    status
}

/// An object behind an opaque C pointer, and whether it can still be trusted.
pub(crate) struct Handle<T> {
    value: T,
    panicked: AtomicBool,
}

impl<T> Handle<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value, panicked: AtomicBool::new(false) }
    }

    pub(crate) fn into_inner(self) -> T {
        self.value
    }

    /// Runs a call on a shared handle.
    ///
    /// # Safety
    /// `error` is NULL or valid for writing.
    #[inline]
    pub(crate) unsafe fn call(
        handle: Option<&Self>,
        what: &'static str,
        error: *mut *mut Error,
        body: impl FnOnce(&T) -> Outcome,
    ) -> Status {
        let body = || {
            let handle = handle.ok_or_else(|| Failure::null(what))?;
            let trust = Trust::of(&handle.panicked)?;
            let outcome = body(&handle.value);
            trust.keep();
            outcome
        };
        // SAFETY: as promised by the caller.
        unsafe { run(error, body) }
    }

    /// Runs a call on a handle that one thread has for itself.
    ///
    /// # Safety
    /// As [`call`](Self::call).
    pub(crate) unsafe fn call_mut(
        handle: Option<&mut Self>,
        what: &'static str,
        error: *mut *mut Error,
        body: impl FnOnce(&mut T) -> Outcome,
    ) -> Status {
        let body = || {
            let handle = handle.ok_or_else(|| Failure::null(what))?;
            let trust = Trust::of(&handle.panicked)?;
            let outcome = body(&mut handle.value);
            trust.keep();
            outcome
        };
        // SAFETY: as promised by the caller.
        unsafe { run(error, body) }
    }
}

#[cold]
fn distrusted() -> Failure {
    Failure::Panic("an earlier call on this handle panicked".into())
}

/// Marks the handle when a panic unwinds through it.
struct Trust<'a>(&'a AtomicBool);

impl<'a> Trust<'a> {
    #[inline(always)]
    fn of(panicked: &'a AtomicBool) -> Result<Self, Failure> {
        if panicked.load(Relaxed) {
            return Err(distrusted());
        }
        Ok(Self(panicked))
    }

    fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Trust<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{jvdb_error_code, jvdb_error_free, jvdb_error_message};
    use crate::status::{JVDB_ERROR_INVALID_ARGUMENT, JVDB_ERROR_PANIC, JVDB_OK};
    use std::ffi::CStr;

    /// Status, code and message of a call.
    fn report(call: impl FnOnce(*mut *mut Error) -> Status) -> (Status, Status, String) {
        let mut error = null_mut();
        let status = call(&mut error);
        // SAFETY: `error` is what the call made, NULL included, and is freed last.
        unsafe {
            let text = CStr::from_ptr(jvdb_error_message(error)).to_str().unwrap().to_string();
            let code = jvdb_error_code(error);
            jvdb_error_free(error);
            (status, code, text)
        }
    }

    #[test]
    fn a_panic_becomes_a_status_and_the_handle_answers_nothing_else() {
        let handle = Handle::new(7);
        // SAFETY: `error` is writable; so in every call below.
        let call =
            |body: fn(&i32) -> Outcome| report(|error| unsafe { Handle::call(Some(&handle), "handle", error, body) });
        assert_eq!(call(|value| Ok(*value)), (7, 0, String::new()));
        let (status, code, text) = call(|_| panic!("at {}", "once"));
        assert_eq!((status, code), (JVDB_ERROR_PANIC, JVDB_ERROR_PANIC));
        assert!(text.contains("at once"), "{text}");
        let (status, _, text) = call(|value| Ok(*value));
        assert_eq!(status, JVDB_ERROR_PANIC);
        assert!(text.contains("earlier call"), "{text}");
    }

    #[test]
    fn an_earlier_error_pointer_is_cleared_by_success_and_null_is_no_handle() {
        let mut error = std::ptr::dangling_mut();
        // SAFETY: `error` is writable.
        assert_eq!(unsafe { run(&mut error, || Ok(JVDB_OK)) }, JVDB_OK);
        assert!(error.is_null());
        // SAFETY: `error` is writable.
        let (status, _, text) = report(|error| unsafe { Handle::call(None, "database", error, |_: &i32| Ok(0)) });
        assert_eq!((status, text.as_str()), (JVDB_ERROR_INVALID_ARGUMENT, "invalid database: it is NULL"));
    }
}
