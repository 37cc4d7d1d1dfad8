//! Catching panics: what they said, and nothing of them goes on. Knows no status and no handle.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a body; if it panics, gives what the panic said.
#[inline]
pub(crate) fn caught<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(body)).map_err(message)
}

/// Runs what has no way to report a failure.
pub(crate) fn swallow(body: impl FnOnce()) {
    // There is nobody to tell.
    let _ = caught(body);
}

/// What a panic said. A payload of any other type is leaked: dropping it could panic again.
#[cold]
fn message(payload: Box<dyn Any + Send>) -> String {
    let payload = match payload.downcast::<String>() {
        Ok(message) => return *message,
        Err(payload) => payload,
    };
    match payload.downcast::<&str>() {
        Ok(message) => message.to_string(),
        Err(payload) => {
            std::mem::forget(payload);
            "a panic without a message".to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_whose_payload_panics_when_dropped_stays_inside() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("again");
            }
        }
        swallow(|| std::panic::panic_any(Bomb));
    }
}
