//! `jvdb_names_t`: a sorted list of names, copied out of a directory.

use crate::pointer::{borrow, c_string, free};
use std::ffi::{CString, c_char};
use std::ptr::null;

/// A sorted list of names. Immutable; readable from any thread until it is freed.
pub struct Names(Box<[CString]>);

impl Names {
    pub(crate) fn new(names: &[String]) -> Self {
        Self(names.iter().map(|name| c_string(name)).collect())
    }
}

/// Number of names; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_names_count(names: *const Names) -> usize {
    // SAFETY: NULL or a list not freed yet, as the header demands; so in every call of this file.
    unsafe { borrow(names) }.map_or(0, |names| names.0.len())
}

/// The name at an index, NUL-terminated UTF-8, or NULL past the end. Lives as long as the list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_names_at(names: *const Names, index: usize) -> *const c_char {
    // SAFETY: as in jvdb_names_count.
    unsafe { borrow(names) }.and_then(|names| names.0.get(index)).map_or(null(), |name| name.as_ptr())
}

/// Frees a list and every name taken from it. NULL is ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_names_free(names: *mut Names) {
    // SAFETY: NULL or a list not freed yet, which this call consumes.
    unsafe { free(names) }
}
