//! `jvdb_vector_t`: a vector read without a copy. The engine's guard lives inside the caller's struct, so that a pinned
//! read allocates nothing.

use crate::database::{Database, call};
use crate::error::Error;
use crate::key::Key;
use crate::panic::swallow;
use crate::pointer::present;
use crate::status::*;
use jvdb_core as core;
use std::ffi::c_void;
use std::ptr::null;

/// A vector borrowed from its database. It stays valid and unchanged until jvdb_vector_release(), whatever happens to
/// the database meanwhile, jvdb_close() included. The struct may be moved but not released twice through copies of it.
#[repr(C)]
pub struct Vector {
    /// The elements, on a 64-byte boundary. NULL when nothing is pinned.
    pub elements: *const f32,
    /// Number of elements.
    pub dimension: usize,
    /// The metadata.
    pub metadata: *const c_void,
    /// Bytes of metadata.
    pub metadata_length: usize,
    /// What keeps it valid. Private.
    pub pin: [u64; 16],
}

const _: () = assert!(
    size_of::<core::Vector>() <= size_of::<[u64; 16]>() && align_of::<core::Vector>() <= align_of::<u64>(),
    "the engine's guard does not fit into jvdb_vector_t"
);

impl Vector {
    /// Makes `to` a vector that pins nothing.
    ///
    /// # Safety
    /// `to` is valid for writing.
    pub(crate) unsafe fn clear(to: *mut Self) {
        // SAFETY: as promised by the caller. The pin means nothing while `elements` is NULL.
        unsafe {
            (&raw mut (*to).elements).write(null());
            (&raw mut (*to).dimension).write(0);
            (&raw mut (*to).metadata).write(null());
            (&raw mut (*to).metadata_length).write(0);
        }
    }

    /// Puts a guard, and what it gives access to, where nothing is pinned.
    ///
    /// # Safety
    /// `to` is valid for writing.
    pub(crate) unsafe fn pin(to: *mut Self, guard: core::Vector) {
        let (vector, metadata) = (guard.vector(), guard.metadata());
        // SAFETY: `to` is valid for writing, and `pin` large and aligned enough (asserted above). What the guard gives
        // access to lies outside of it, so the guard may be moved, here and by the caller.
        unsafe {
            (&raw mut (*to).elements).write(vector.as_ptr());
            (&raw mut (*to).dimension).write(vector.len());
            (&raw mut (*to).metadata).write(metadata.as_ptr().cast());
            (&raw mut (*to).metadata_length).write(metadata.len());
            (&raw mut (*to).pin).cast::<core::Vector>().write(guard);
        }
    }

    /// Drops the guard, if there is one.
    ///
    /// # Safety
    /// `from` was last written by [`clear`](Self::clear) or [`pin`](Self::pin), here or where it was moved from.
    unsafe fn unpin(from: *mut Self) {
        // SAFETY: `elements` is not NULL just when `pin` holds a guard, and becomes NULL before that is dropped.
        unsafe {
            if !(*from).elements.is_null() {
                Self::clear(from);
                (&raw mut (*from).pin).cast::<core::Vector>().drop_in_place();
            }
        }
    }
}

/// Reads a vector and its metadata without copying them. JVDB_ABSENT if there is none of this key.
/// Release `*vector` with jvdb_vector_release() after JVDB_OK; after any other status there is nothing to release,
/// and releasing it does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_get(
    database: *const Database,
    key: Key,
    vector: *mut Vector,
    error: *mut *mut Error,
) -> Status {
    if !vector.is_null() {
        // SAFETY: valid for writing; what was there is not read.
        unsafe { Vector::clear(vector) };
    }
    let body = |database: &core::Database| {
        present(vector, "vector")?;
        // SAFETY: the key's bytes are valid, as the header demands.
        let Some(guard) = database.get(unsafe { key.get() }?)? else { return Ok(JVDB_ABSENT) };
        // SAFETY: as above.
        unsafe { Vector::pin(vector, guard) };
        Ok(JVDB_OK)
    };
    // SAFETY: pointers are NULL or valid, as the header demands.
    unsafe { call(database, error, body) }
}

/// Releases a pinned vector and makes it an empty one, so that releasing it again does nothing. NULL and a struct of
/// zeros are ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_vector_release(vector: *mut Vector) {
    if !vector.is_null() {
        // SAFETY: a vector that jvdb_get() wrote, or zeros, and the caller has it for himself.
        swallow(|| unsafe { Vector::unpin(vector) });
    }
}
