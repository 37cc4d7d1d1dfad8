//! Structs that carry their size, so that a program and a library of different ages understand each other.
//!
//! What the caller passes in may be shorter than the struct known here (missing fields are zero, which always means
//! the default) or longer (what this library does not know must be zero). What is passed out is cut, or filled up
//! with zeros, to the caller's size. Not a byte beyond that size is touched.

use crate::failure::Failure;
use crate::pointer::check_extent;
use std::mem::MaybeUninit;

/// A struct whose first field is its size in bytes, as the caller knows it.
///
/// # Safety
/// The type is `repr(C)`, begins with a `usize`, and is made of integers, floats and raw pointers alone, without
/// padding, so that any bytes, zeros above all, are a value of it.
pub(crate) unsafe trait Versioned: Copy {
    /// Size it had in the first release.
    const FIRST: usize;
}

const _: () = assert!(size_of::<usize>() == 8 && size_of::<*const u8>() == 8, "no padding in any of these structs");

/// Larger than any struct will ever be: a size beyond it is an uninitialised field.
const LARGEST: usize = 4096;

/// Reads a struct of the caller's.
///
/// # Safety
/// `from` is NULL, or readable for as many bytes as its first field says.
pub(crate) unsafe fn read<T: Versioned>(from: *const T, what: &'static str) -> Result<T, Failure> {
    // SAFETY: as promised by the caller.
    let size = unsafe { size_of_caller(from, what) }?;
    let known = size.min(size_of::<T>());
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: both sides hold `known` bytes; the value is made of zeros and of bytes of the caller's, and `Versioned`
    // promises that any bytes are a value. The tail lies within the size that the caller states.
    let (value, tail) = unsafe {
        from.cast::<u8>().copy_to_nonoverlapping(value.as_mut_ptr().cast(), known);
        (value.assume_init(), std::slice::from_raw_parts(from.cast::<u8>().add(known), size - known))
    };
    if tail.iter().any(|&byte| byte != 0) {
        return Err(Failure::Argument(format!(
            "invalid {what}: it sets a field that this libjvdb does not know; the program was built for a newer one"
        )));
    }
    Ok(value)
}

/// Writes a struct of the caller's, all but its size.
///
/// # Safety
/// `to` is NULL, or writable for as many bytes as its first field says.
pub(crate) unsafe fn write<T: Versioned>(to: *mut T, value: &T, what: &'static str) -> Result<(), Failure> {
    // SAFETY: as promised by the caller.
    let size = unsafe { size_of_caller(to, what) }?;
    let known = size.min(size_of::<T>());
    // SAFETY: `size` is at least FIRST, which is at least the size of the first field; source and target hold `known`
    // bytes, the target `size`.
    unsafe {
        let (from, to) = ((value as *const T).cast::<u8>(), to.cast::<u8>());
        from.add(size_of::<usize>()).copy_to_nonoverlapping(to.add(size_of::<usize>()), known - size_of::<usize>());
        to.add(known).write_bytes(0, size - known);
    }
    Ok(())
}

/// Checks, before anything is done, that [`write_if`] will be able to write.
///
/// # Safety
/// `to` is NULL or readable for a `usize`.
pub(crate) unsafe fn check<T: Versioned>(to: *const T) -> Result<(), Failure> {
    // SAFETY: as promised by the caller.
    if to.is_null() { Ok(()) } else { unsafe { size_of_caller(to, "struct") }.map(drop) }
}

/// As [`write()`], for a struct that the caller need not want.
///
/// # Safety
/// As [`write()`].
pub(crate) unsafe fn write_if<T: Versioned>(to: *mut T, value: &T) -> Result<(), Failure> {
    // SAFETY: as promised by the caller.
    if to.is_null() { Ok(()) } else { unsafe { write(to, value, "struct") } }
}

/// # Safety
/// `pointer` is NULL or readable for a `usize`.
unsafe fn size_of_caller<T: Versioned>(pointer: *const T, what: &'static str) -> Result<usize, Failure> {
    crate::pointer::present(pointer, what)?;
    check_extent(pointer, 1, what)?;
    // SAFETY: not NULL, aligned, and begins with a usize, as promised by the caller.
    let size = unsafe { pointer.cast::<usize>().read() };
    if (T::FIRST..=LARGEST).contains(&size) {
        Ok(size)
    } else {
        Err(Failure::Argument(format!(
            "invalid {what}: struct_size is {size}; set it to sizeof of the struct, at least {}",
            T::FIRST
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    #[repr(C)]
    struct Pair {
        size: usize,
        old: u64,
        new: u64,
    }

    // SAFETY: three 8-byte integers, the first a usize.
    unsafe impl Versioned for Pair {
        const FIRST: usize = 16;
    }

    /// A caller's buffer of `words`, whose first word is its size in bytes; `guard` words lie behind it.
    fn read_words(words: &[u64]) -> Result<Pair, String> {
        // SAFETY: the tests below state no size beyond the slice.
        unsafe { read(words.as_ptr().cast::<Pair>(), "pair") }.map_err(|failure| match failure {
            Failure::Argument(message) => message,
            _ => unreachable!(),
        })
    }

    #[test]
    fn a_shorter_struct_reads_as_defaults_and_bytes_behind_it_are_not_read() {
        assert_eq!(read_words(&[16, 7, u64::MAX]), Ok(Pair { size: 16, old: 7, new: 0 }));
    }

    #[test]
    fn a_longer_struct_must_be_zero_beyond_what_is_known() {
        assert_eq!(read_words(&[32, 7, 8, 0, u64::MAX]), Ok(Pair { size: 32, old: 7, new: 8 }));
        assert!(read_words(&[32, 7, 8, 1]).unwrap_err().contains("newer"));
    }

    #[test]
    fn a_size_that_was_never_set_is_refused() {
        for size in [0, 8, 15, 4097, u64::MAX] {
            assert!(read_words(&[size, 0, 0]).unwrap_err().contains("struct_size"), "{size}");
        }
    }

    #[test]
    fn writing_fills_the_callers_size_and_not_a_byte_more() {
        let value = Pair { size: 0, old: 7, new: 8 };
        for (size, expected) in [(16, [16, 7, 9, 9, 9]), (24, [24, 7, 8, 9, 9]), (32, [32, 7, 8, 0, 9])] {
            let mut words = [size, 9, 9, 9, 9_u64];
            // SAFETY: the size stated is within the array.
            assert!(unsafe { write(words.as_mut_ptr().cast::<Pair>(), &value, "pair") }.is_ok());
            assert_eq!(words, expected);
        }
    }
}
