//! `jvdb_key_t`: the key of a vector, an integer or bytes, small enough to travel in two registers.

use crate::error::Failure;
use crate::pointer;
use jvdb_core::{Key as Core, KeyBuf};
use std::ffi::c_void;
use std::ptr::null;

/// Key of a vector: a 64-bit integer, or 1 to 512 bytes of any value. The integer 7 and the byte '7' are two keys.
/// Make one with jvdb_key() or jvdb_key_bytes(). It owns nothing; the bytes are read during the call that takes it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Key {
    /// The bytes of a byte key; NULL in an integer key.
    pub bytes: *const c_void,
    /// The integer of an integer key; the number of bytes of a byte key.
    pub number: u64,
}

impl Key {
    pub(crate) const NONE: Self = Self { bytes: null(), number: 0 };

    /// A key that points into `key`.
    pub(crate) fn to(key: &KeyBuf) -> Self {
        match key {
            KeyBuf::Int(number) => Self { bytes: null(), number: *number },
            KeyBuf::Bytes(bytes) => Self { bytes: bytes.as_ptr().cast(), number: bytes.len() as u64 },
        }
    }

    /// The key as the engine knows it.
    ///
    /// # Safety
    /// `bytes` is NULL or readable for `number` bytes for `'a`.
    #[inline]
    pub(crate) unsafe fn get<'a>(self) -> Result<Core<'a>, Failure> {
        if self.bytes.is_null() {
            return Ok(Core::Int(self.number));
        }
        let length = usize::try_from(self.number).unwrap_or(usize::MAX);
        // SAFETY: as promised by the caller.
        unsafe { pointer::bytes(self.bytes, length, "key") }.map(Core::Bytes)
    }
}
