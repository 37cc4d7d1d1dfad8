//! `jvdb_names_t`: a sorted list of names, copied out of a directory or a database.

use crate::pointer::{borrow, free};
use std::ffi::c_char;
use std::ptr::null;

/// A sorted list of names. Immutable; readable from any thread until it is freed.
pub struct Names(Box<[Box<[u8]>]>);

impl Names {
    /// Each name gets a NUL behind it.
    pub(crate) fn new(names: Vec<Vec<u8>>) -> Self {
        let ended = |mut name: Vec<u8>| {
            name.push(0);
            name.into_boxed_slice()
        };
        Self(names.into_iter().map(ended).collect())
    }
}

/// Number of names; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_names_count(names: *const Names) -> usize {
    // SAFETY: NULL or a list not freed yet, as the header demands; so in every call of this file.
    unsafe { borrow(names) }.map_or(0, |names| names.0.len())
}

/// The name at an index, NUL-terminated, or NULL past the end. Lives as long as the list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_names_at(names: *const Names, index: usize) -> *const c_char {
    // SAFETY: as in jvdb_names_count.
    unsafe { borrow(names) }.and_then(|names| names.0.get(index)).map_or(null(), |name| name.as_ptr().cast())
}

/// Bytes of the name at an index, without the NUL behind it; 0 past the end. More than strlen() says only for an attribute
/// that was named from another language with a NUL inside.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_names_length(names: *const Names, index: usize) -> usize {
    // SAFETY: as in jvdb_names_count.
    unsafe { borrow(names) }.and_then(|names| names.0.get(index)).map_or(0, |name| name.len() - 1)
}

/// Frees a list and every name taken from it. NULL is ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_names_free(names: *mut Names) {
    // SAFETY: NULL or a list not freed yet, which this call consumes.
    unsafe { free(names) }
}
