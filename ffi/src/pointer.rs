//! The one place where pointers of a caller become references, slices and text. Every pointer is checked for NULL, and
//! for alignment and a sane length where elements are read through it; nothing else can be known about a pointer.
//!
//! What the caller promises, and what each SAFETY comment of this crate refers to: a pointer that is not NULL points to
//! what its type says, with the number of elements the call states, for the length of the call; what is written
//! through is not read or written by anyone else meanwhile; a handle comes from this library and was not released.

use crate::failure::Failure;
use crate::panic::swallow;
use std::ffi::{CStr, CString, c_char, c_void};

/// An object of the caller's, or `None` for NULL.
///
/// # Safety
/// `pointer` is NULL or valid for reading for `'a`.
pub(crate) unsafe fn borrow<'a, T>(pointer: *const T) -> Option<&'a T> {
    // SAFETY: NULL is handled by `as_ref`, the rest is promised by the caller.
    unsafe { pointer.as_ref() }
}

/// Hands a new object to the caller, who gives it back to [`take`] or [`free`].
pub(crate) fn give<T>(value: T) -> *mut T {
    Box::into_raw(Box::new(value))
}

/// Takes back what [`give`] gave; `None` for NULL.
///
/// # Safety
/// `pointer` is NULL or came from [`give`], and is not used afterwards.
pub(crate) unsafe fn take<T>(pointer: *mut T) -> Option<Box<T>> {
    // SAFETY: not NULL, so it came from Box::into_raw in `give` and is given back once, as promised by the caller.
    (!pointer.is_null()).then(|| unsafe { Box::from_raw(pointer) })
}

/// Takes back and drops; a panic on the way is swallowed, for there is nobody to tell.
///
/// # Safety
/// As [`take`].
pub(crate) unsafe fn free<T>(pointer: *mut T) {
    // SAFETY: as promised by the caller.
    let value = unsafe { take(pointer) };
    swallow(|| drop(value));
}

/// Writes an answer to where the caller wants it; NULL means that he does not.
///
/// # Safety
/// `pointer` is NULL or valid for writing.
pub(crate) unsafe fn set<T>(pointer: *mut T, value: T) {
    if !pointer.is_null() {
        // SAFETY: not NULL, so valid for writing, as promised by the caller.
        unsafe { pointer.write(value) }
    }
}

/// Demands that an out-parameter is there.
pub(crate) fn present<T>(pointer: *const T, what: &'static str) -> Result<(), Failure> {
    if pointer.is_null() { Err(Failure::null(what)) } else { Ok(()) }
}

/// `count` elements; NULL is an empty slice if `count` is zero and an error otherwise.
///
/// # Safety
/// `pointer` is NULL or valid for reading `count` elements for `'a`.
pub(crate) unsafe fn slice<'a, T>(pointer: *const T, count: usize, what: &'static str) -> Result<&'a [T], Failure> {
    if pointer.is_null() {
        return if count == 0 { Ok(&[]) } else { Err(Failure::null(what)) };
    }
    check_extent(pointer, count, what)?;
    // SAFETY: not NULL, aligned, of a size that fits the address space; readable as promised by the caller.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}

/// Bytes of any kind. As [`slice()`].
///
/// # Safety
/// As [`slice()`].
pub(crate) unsafe fn bytes<'a>(pointer: *const c_void, length: usize, what: &'static str) -> Result<&'a [u8], Failure> {
    // SAFETY: as promised by the caller.
    unsafe { slice(pointer.cast(), length, what) }
}

/// Refuses what no array of `count` elements can be: misaligned, or larger than any object.
#[inline(always)]
pub(crate) fn check_extent<T>(pointer: *const T, count: usize, what: &'static str) -> Result<(), Failure> {
    if !pointer.is_aligned() {
        return Err(misaligned(align_of::<T>(), what));
    }
    if count.checked_mul(size_of::<T>()).is_none_or(|bytes| bytes > isize::MAX as usize) {
        return Err(too_large(count, what));
    }
    Ok(())
}

#[cold]
fn misaligned(align: usize, what: &str) -> Failure {
    Failure::Argument(format!("invalid {what}: not aligned to {align} bytes"))
}

#[cold]
fn too_large(count: usize, what: &str) -> Failure {
    Failure::Argument(format!("invalid {what}: {count} elements cannot lie in memory"))
}

/// Refuses what no matrix can be; gives the elements from one row to the next, which is `dimension` for a stride of 0.
pub(crate) fn check_rows<T>(matrix: *const T, count: usize, dimension: usize, stride: usize) -> Result<usize, Failure> {
    let stride = if stride == 0 { dimension } else { stride };
    if stride < dimension {
        return Err(Failure::Argument(format!("invalid row_stride: {stride} is less than the dimension {dimension}")));
    }
    check_extent(matrix, count.saturating_mul(stride), "matrix")?;
    Ok(stride)
}

/// A NUL-terminated string of any bytes.
///
/// # Safety
/// `pointer` is NULL or points to a NUL-terminated string that stays for `'a`.
pub(crate) unsafe fn c_text<'a>(pointer: *const c_char, what: &'static str) -> Result<&'a CStr, Failure> {
    present(pointer, what)?;
    // SAFETY: not NULL, NUL-terminated as promised by the caller.
    Ok(unsafe { CStr::from_ptr(pointer) })
}

/// A NUL-terminated string of UTF-8.
///
/// # Safety
/// As [`c_text`].
pub(crate) unsafe fn text<'a>(pointer: *const c_char, what: &'static str) -> Result<&'a str, Failure> {
    // SAFETY: as promised by the caller.
    let text = unsafe { c_text(pointer, what) }?;
    text.to_str().map_err(|error| Failure::Argument(format!("invalid {what}: {error}")))
}

/// The text for C. A NUL inside, which no name or path can hold, is printed as an escape.
pub(crate) fn c_string(text: &str) -> CString {
    CString::new(text.replace('\0', "\\0")).unwrap_or_default()
}
