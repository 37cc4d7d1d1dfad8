//! `jvdb_key_t`: the key of a vector, an integer or bytes, small enough to travel in two registers.

use crate::failure::Failure;
use crate::pointer::{self, slice};
use jvdb_core::{Key as Core, KeyBuf, MAX_KEY_LEN};
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
        Self::of(key.as_key())
    }

    /// The same, of a borrowed key.
    #[inline]
    pub(crate) fn of(key: Core<'_>) -> Self {
        match key {
            Core::Int(number) => Self { bytes: null(), number },
            Core::Bytes(bytes) => Self { bytes: bytes.as_ptr().cast(), number: bytes.len() as u64 },
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
        if length.wrapping_sub(1) >= MAX_KEY_LEN {
            return Err(no_key(length));
        }
        // SAFETY: as promised by the caller.
        unsafe { pointer::bytes(self.bytes, length, "key") }.map(Core::Bytes)
    }
}

#[cold]
fn no_key(length: usize) -> Failure {
    Failure::Argument(format!("invalid key: {length} bytes, a key has 1..={MAX_KEY_LEN}"))
}

/// The keys of many rows, in one of the two forms that a caller may give them in.
#[derive(Clone, Copy)]
pub(crate) enum Keys<'a> {
    Ids(&'a [u64]),
    Any(&'a [Key]),
}

impl<'a> Keys<'a> {
    /// # Safety
    /// Both are NULL or readable for `count` elements for `'a`, and so are the bytes of each key.
    pub(crate) unsafe fn of(ids: *const u64, keys: *const Key, count: usize) -> Result<Self, Failure> {
        match (ids.is_null(), keys.is_null()) {
            // SAFETY: as promised by the caller.
            (false, true) => unsafe { slice(ids, count, "ids") }.map(Self::Ids),
            // SAFETY: as promised by the caller.
            (true, false) => unsafe { slice(keys, count, "keys") }.map(Self::Any),
            _ => Err(Failure::Argument("invalid batch: set exactly one of ids and keys".into())),
        }
    }

    pub(crate) fn check(self, index: usize) -> Result<(), Failure> {
        match self {
            Self::Ids(_) => Ok(()),
            // SAFETY: the key's bytes are readable, as promised to `of`.
            Self::Any(keys) => unsafe { keys[index].get() }.map(drop),
        }
    }

    pub(crate) fn check_all(self) -> Result<(), Failure> {
        let Self::Any(keys) = self else { return Ok(()) };
        (0..keys.len()).try_for_each(|index| self.check(index))
    }

    /// The key at an index, which was checked.
    #[inline]
    pub(crate) fn get(self, index: usize) -> Core<'a> {
        match self {
            Self::Ids(ids) => Core::Int(ids[index]),
            // SAFETY: as in `check`, which has refused what has no key.
            Self::Any(keys) => unsafe { keys[index].get() }.unwrap_or(Core::Bytes(&[])),
        }
    }
}
