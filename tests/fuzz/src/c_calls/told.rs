//! What a call is told: arrays, names, keys and structs, right or wrong in each way that the face can see.

use super::DIMENSION;
use arbitrary::Arbitrary;
use jvdb::key::Key;
use std::ffi::CString;
use std::ptr::{null, null_mut};

/// An array that a call is told of.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub(super) enum Array {
    Null(Length),
    /// At an address that no element can have, of any length.
    Misaligned(Length),
    /// So many elements that no memory holds them.
    Impossible,
    /// There, with this many elements.
    Sound(u8),
    /// There, with as many as the call wants.
    Right,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
pub(super) enum Length {
    Zero,
    One,
    Dimension,
    Half,
    Most,
    Any(usize),
}

impl Length {
    pub(super) fn get(self) -> usize {
        match self {
            Self::Zero => 0,
            Self::One => 1,
            Self::Dimension => DIMENSION,
            Self::Half => isize::MAX as usize,
            Self::Most => usize::MAX,
            Self::Any(length) => length,
        }
    }
}

#[derive(Debug, Clone, Arbitrary)]
pub(super) enum Name {
    Null,
    Known(u8),
    Any(Vec<u8>),
    Long(u16),
}

#[derive(Debug, Clone, Arbitrary)]
pub(super) enum AnyKey {
    Int(u8),
    Bytes(u8, u16),
    Impossible,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
pub(super) enum Size {
    Right,
    More(u8, bool),
    Any(usize),
    Null,
}

/// What an [`Array`] stands for: where it begins, and how many elements it is said to have.
pub(super) struct Told<T> {
    pub(super) pointer: *mut T,
    pub(super) length: usize,
    /// Owns what is there. Of the very size, so that a sanitizer sees what goes beyond.
    _owned: Box<[T]>,
}

impl<T: Copy + Default> Told<T> {
    pub(super) fn new(array: Array, wanted: usize) -> Self {
        let mut owned: Box<[T]> = match array {
            Array::Sound(length) => vec![T::default(); usize::from(length)].into(),
            Array::Right => vec![T::default(); wanted].into(),
            _ => vec![T::default(); 1].into(),
        };
        let there = owned.as_mut_ptr();
        let (pointer, length) = match array {
            Array::Null(length) => (null_mut(), length.get()),
            // Bytes have no alignment to break.
            Array::Misaligned(_) if align_of::<T>() == 1 => (null_mut(), 1),
            Array::Misaligned(length) => (there.wrapping_byte_add(1), length.get()),
            Array::Impossible => (there, usize::MAX),
            Array::Sound(_) | Array::Right => (there, owned.len()),
        };
        Self { pointer, length, _owned: owned }
    }
}

impl Name {
    pub(super) fn text(&self) -> Option<CString> {
        let bytes = match self {
            Self::Null => return None,
            Self::Known(number) => format!("database {}", number % 4).into_bytes(),
            Self::Any(bytes) => bytes.iter().copied().filter(|byte| *byte != 0).collect(),
            Self::Long(length) => vec![b'x'; usize::from(*length)],
        };
        CString::new(bytes).ok()
    }
}

/// Bytes of a key, and how a call is told of them.
pub(super) struct ToldKey {
    pub(super) key: Key,
    _owned: Box<[u8]>,
}

impl AnyKey {
    pub(super) fn tell(&self) -> ToldKey {
        match self {
            Self::Int(id) => ToldKey { key: Key { bytes: null(), number: u64::from(*id) }, _owned: Box::default() },
            Self::Bytes(fill, length) => {
                let owned: Box<[u8]> = vec![*fill; usize::from(*length % 600)].into();
                ToldKey { key: Key { bytes: owned.as_ptr().cast(), number: owned.len() as u64 }, _owned: owned }
            }
            Self::Impossible => {
                ToldKey { key: Key { bytes: [0_u8; 0].as_ptr().cast(), number: u64::MAX }, _owned: Box::default() }
            }
        }
    }
}

/// A struct that carries its size, in memory of just that size where it can be.
pub(super) fn sized<T: Copy>(value: T, size: Size) -> Option<Box<[u64]>> {
    let right = size_of::<T>();
    let (bytes, stated, fill) = match size {
        Size::Null => return None,
        Size::Right => (right, right, 0),
        Size::More(more, filled) => {
            (right + usize::from(more) / 8 * 8, right + usize::from(more) / 8 * 8, u8::from(filled))
        }
        // Sizes that are taken must be there; all others are refused unread.
        Size::Any(stated) => (stated.clamp(right, 4096).next_multiple_of(8), stated, 0),
    };
    let mut words = vec![u64::from_ne_bytes([fill; 8]); bytes / 8].into_boxed_slice();
    // SAFETY: `words` holds at least `right` bytes, aligned for eight-byte fields; `T` is made of integers and pointers.
    unsafe { words.as_mut_ptr().cast::<T>().write(value) };
    words[0] = stated as u64;
    Some(words)
}

pub(super) fn pointer_of<T>(words: &mut Option<Box<[u64]>>) -> *mut T {
    words.as_mut().map_or(null_mut(), |words| words.as_mut_ptr().cast())
}
