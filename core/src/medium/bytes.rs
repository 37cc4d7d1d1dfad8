//! Bytes of a medium as readers get them: borrowed where they lie, pinned there, or copied.

use super::mapping::MappedSlice;
use std::io;
use std::ops::Deref;

/// Sixty-four bytes on a sixty-four byte boundary: the unit in which buffers for records are allocated.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Block([u8; 64]);

/// An owned buffer that starts on a 64-byte boundary.
#[derive(Clone, Default)]
pub struct AlignedBuffer {
    blocks: Vec<Block>,
    len: usize,
}

impl AlignedBuffer {
    /// `len` zero bytes.
    ///
    /// # Errors
    /// [`io::ErrorKind::OutOfMemory`].
    pub fn zeroed(len: usize) -> io::Result<Self> {
        let mut blocks = Vec::new();
        blocks.try_reserve_exact(len.div_ceil(64))?;
        blocks.resize(len.div_ceil(64), Block([0; 64]));
        Ok(Self { blocks, len })
    }
}

impl std::fmt::Debug for AlignedBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AlignedBuffer").field("len", &self.len).finish_non_exhaustive()
    }
}

impl Deref for AlignedBuffer {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.blocks)[..self.len]
    }
}

impl std::ops::DerefMut for AlignedBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.blocks)[..self.len]
    }
}

/// Bytes of a medium, borrowed from it or copied.
#[derive(Debug)]
pub enum View<'a> {
    /// Where they lie.
    Borrowed(&'a [u8]),
    /// A copy.
    Owned(AlignedBuffer),
}

impl Deref for View<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Owned(buffer) => buffer,
        }
    }
}

/// Bytes of a medium that stay what and where they are while this lives.
#[derive(Debug)]
pub enum Pinned {
    /// In a mapping, which this keeps.
    Mapped(MappedSlice),
    /// A copy.
    Owned(AlignedBuffer),
}

impl Deref for Pinned {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(slice) => slice,
            Self::Owned(buffer) => buffer,
        }
    }
}
