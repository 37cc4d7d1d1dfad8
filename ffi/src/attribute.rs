//! Attributes: named bytes kept beside a database's vectors, in the same file, under the same promises.

use crate::database::{Database, call, copy_if_fits};
use crate::error::Error;
use crate::failure::Failure;
use crate::names::Names;
use crate::pointer::{bytes, c_text, give, present, set, slice};
use crate::status::*;
use std::ffi::{c_char, c_void};
use std::ptr::null_mut;

/// An attribute for jvdb_create_with(): up to 16 MiB under a name of 1 to 512 bytes. It owns nothing.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Attribute {
    /// The name, NUL-terminated.
    pub name: *const c_char,
    /// The value; NULL if it has no bytes.
    pub value: *const c_void,
    /// Bytes of the value.
    pub value_length: usize,
}

/// Name and value of an attribute.
type Pair<'a> = (&'a [u8], &'a [u8]);

/// Names and values of attributes.
///
/// # Safety
/// `attributes` is NULL or has `count` elements, whose pointers are NULL or valid, all of it for `'a`.
pub(crate) unsafe fn pairs<'a>(attributes: *const Attribute, count: usize) -> Result<Vec<Pair<'a>>, Failure> {
    // SAFETY: as promised by the caller.
    let attributes = unsafe { slice(attributes, count, "attributes") }?;
    let pair = |attribute: &Attribute| {
        // SAFETY: as promised by the caller.
        let (name, value) = unsafe {
            let name = c_text(attribute.name, "name of an attribute")?;
            (name, bytes(attribute.value, attribute.value_length, "value of an attribute")?)
        };
        Ok((name.to_bytes(), value))
    };
    attributes.iter().map(pair).collect()
}

/// Sets an attribute: up to 16 MiB under a name of 1 to 512 bytes. Durable as jvdb_put().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_attribute_set(
    database: *mut Database,
    name: *const c_char,
    value: *const c_void,
    value_length: usize,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: pointers are NULL or valid, as the header demands; so in every call of this file.
    unsafe {
        call(database, error, |database| {
            let (name, value) = (c_text(name, "name")?, bytes(value, value_length, "value")?);
            database.set_attribute(name.to_bytes(), value)?;
            Ok(JVDB_OK)
        })
    }
}

/// Copies the value of an attribute. JVDB_ABSENT if there is none of this name.
///
/// `value` has room for `value_capacity` bytes; NULL if only the length is wanted. `value_length` receives the length
/// whenever the attribute exists, also with JVDB_ERROR_BUFFER_TOO_SMALL, when nothing is copied; it may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_attribute_get(
    database: *const Database,
    name: *const c_char,
    value: *mut c_void,
    value_capacity: usize,
    value_length: *mut usize,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: as in jvdb_attribute_set.
    unsafe {
        call(database, error, |database| {
            let Some(found) = database.attribute(c_text(name, "name")?.to_bytes())? else { return Ok(JVDB_ABSENT) };
            match copy_if_fits(&found, value, value_capacity, value_length) {
                true => Ok(JVDB_OK),
                false => Err(Failure::BufferTooSmall { what: "value", needed: found.len(), given: value_capacity }),
            }
        })
    }
}

/// Removes an attribute. JVDB_ABSENT if there was none of this name. Durable as jvdb_put().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_attribute_remove(
    database: *mut Database,
    name: *const c_char,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: as in jvdb_attribute_set.
    unsafe {
        call(database, error, |database| {
            let removed = database.remove_attribute(c_text(name, "name")?.to_bytes())?;
            Ok(if removed { JVDB_OK } else { JVDB_ABSENT })
        })
    }
}

/// Lists the names of all attributes, sorted by their bytes. Free the list with jvdb_names_free(). Reads the whole index.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jvdb_attribute_list(
    database: *const Database,
    names: *mut *mut Names,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: `names` is NULL or valid for writing, and what it was is not read; as in jvdb_attribute_set.
    unsafe {
        set(names, null_mut());
        call(database, error, |database| {
            present(names, "names")?;
            set(names, give(Names::new(database.attributes()?)));
            Ok(JVDB_OK)
        })
    }
}
