//! A run of bytes that can be read and written at any offset, and made durable.

use super::bytes::{AlignedBuffer, Pinned, View};
use super::mapping::Mapped;
use crate::types::options::Advice;
use std::io;

/// Proof that it is the engine that asks for a change. Only the engine makes one, so nobody else can write below a view
/// that somebody reads: this is what makes borrowed reads sound. Media that wrap others pass it on.
#[derive(Debug, Clone, Copy)]
pub struct Permit(());

impl Permit {
    pub(crate) const ENGINE: Self = Self(());
}

/// A file as the system knows it: its device, and its number there. Two names of one file have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    /// The device it lies on.
    pub device: u64,
    /// Its number on that device.
    pub number: u64,
}

/// A run of bytes that can be read and written at any offset, and made durable: a file, or memory that plays one.
///
/// All calls take `&self` and may come from several threads. Short reads and writes are the implementation's business:
/// each call does all of its work or fails. Errors are the operating system's own; the engine adds the path.
pub trait Medium: Send + Sync {
    /// Length in bytes. Constant time, no system call.
    fn len(&self) -> u64;

    /// Whether nothing was ever written.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies `into.len()` bytes from `offset`.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] past the end.
    fn read_into(&self, offset: u64, into: &mut [u8]) -> io::Result<()>;

    /// Gives `len` bytes from `offset`, without a copy where the medium can.
    ///
    /// # Errors
    /// As [`read_into`](Self::read_into).
    fn read(&self, offset: u64, len: usize) -> io::Result<View<'_>> {
        self.read_copy(offset, len).map(View::Owned)
    }

    /// As [`read`](Self::read), valid for as long as the result lives, whatever becomes of the medium.
    ///
    /// # Errors
    /// As [`read_into`](Self::read_into).
    fn pin(&self, offset: u64, len: usize) -> io::Result<Pinned> {
        self.read_copy(offset, len).map(Pinned::Owned)
    }

    /// A copy of `len` bytes from `offset`.
    ///
    /// # Errors
    /// As [`read_into`](Self::read_into).
    fn read_copy(&self, offset: u64, len: usize) -> io::Result<AlignedBuffer> {
        let mut buffer = AlignedBuffer::zeroed(len)?;
        self.read_into(offset, &mut buffer)?;
        Ok(buffer)
    }

    /// Writes all of `bytes` at `offset`, growing the medium as needed. A gap left before `offset` reads as zeros. When
    /// this returns the bytes survive the death of the process, not yet a loss of power.
    ///
    /// # Errors
    /// As the operating system says. Any part of the bytes may have been written.
    fn write(&self, offset: u64, bytes: &[u8], permit: Permit) -> io::Result<()>;

    /// Writes bytes again that are there already, so that the next sync covers them whatever the one before came to.
    ///
    /// # Errors
    /// As [`read_into`](Self::read_into) and [`write`](Self::write).
    fn rewrite(&self, offset: u64, len: usize, permit: Permit) -> io::Result<()> {
        let bytes = self.read_copy(offset, len)?;
        self.write(offset, &bytes, permit)
    }

    /// Makes everything written or truncated before the call survive a loss of power.
    ///
    /// # Errors
    /// After an error nothing is known about what is durable; calling again proves nothing.
    fn sync(&self) -> io::Result<()>;

    /// Cuts the medium to `len` bytes. `len` is never beyond the end, and may be the end: then, too, nothing may be left on the
    /// disk behind it, once this is synced.
    ///
    /// # Errors
    /// As the operating system says; and if somebody else has made the medium shorter than it was known to be.
    fn truncate(&self, len: u64, permit: Permit) -> io::Result<()>;

    /// The eight bytes at a multiple of eight, as a little-endian number, as they are at this moment, whoever wrote them; `None`
    /// where that takes a system call, or where nobody else can write.
    fn peek(&self, offset: u64) -> Option<u64> {
        let _ = offset;
        None
    }

    /// Takes note of how long it is now, where another process writes it. From then on it may become longer and shorter.
    ///
    /// # Errors
    /// As the operating system says.
    fn measure(&self) -> io::Result<()> {
        Ok(())
    }

    /// Which file it is, whatever names it has; `None` where nobody can tell.
    fn id(&self) -> Option<FileId> {
        None
    }

    /// Who may read and write it, as the lowest nine bits of a Unix mode; `None` where there is no such thing.
    fn mode(&self) -> Option<u32> {
        None
    }

    /// What of the medium can be read without a call for each access: all of it, where it is one run of memory.
    fn mapped(&self) -> Mapped<'_> {
        Mapped::NONE
    }

    /// Tells that the first of `len` bytes at `offset`, and those behind the last, are about to be read: a hint to the
    /// processor, for media that are memory.
    fn prefetch(&self, offset: u64, len: usize) {
        let _ = (offset, len);
    }

    /// Tells how all of it will be read from now on. Does nothing where that means nothing.
    ///
    /// # Errors
    /// As the operating system says.
    fn advise(&self, advice: Advice) -> io::Result<()> {
        let _ = advice;
        Ok(())
    }

    /// Tells that `len` bytes from `offset` will be read soon, in order. Does nothing where that means nothing.
    fn will_read(&self, offset: u64, len: usize) {
        let _ = (offset, len);
    }
}
