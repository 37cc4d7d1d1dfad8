//! The one seam between the engine and the world: a file-like run of bytes, and the directory such runs live in.
//!
//! The engine sees nothing of an operating system but these two traits. A medium moves bytes and makes them durable; it
//! knows nothing of records, superblocks or indexes. The engine keeps one rule on its side: bytes it has borrowed or
//! pinned are never written again, except with the very same values.

#[cfg(unix)]
mod file;
#[cfg(unix)]
mod folders;
mod lease;
#[cfg(unix)]
mod limit;
mod mapping;
mod memory;
#[cfg(unix)]
mod mmap;
#[cfg(unix)]
mod native;
mod origin;

#[cfg(unix)]
pub use folders::FolderVolume;
pub(crate) use lease::{Change, Lease, Leased};
pub use mapping::{MappedSlice, Window};
pub use memory::MemoryVolume;
#[cfg(unix)]
pub use native::{DirectoryLock, NativeVolume};
pub use origin::Origin;

use crate::options::Advice;
use std::io;
use std::ops::Deref;
use std::time::Duration;

/// Proof that it is the engine that asks for a change. Only the engine makes one, so nobody else can write below a view
/// that somebody reads: this is what makes borrowed reads sound. Media that wrap others pass it on.
#[derive(Debug, Clone, Copy)]
pub struct Permit(());

impl Permit {
    pub(crate) const ENGINE: Self = Self(());
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
        self.copy(offset, len).map(View::Owned)
    }

    /// As [`read`](Self::read), valid for as long as the result lives, whatever becomes of the medium.
    ///
    /// # Errors
    /// As [`read_into`](Self::read_into).
    fn pin(&self, offset: u64, len: usize) -> io::Result<Pinned> {
        self.copy(offset, len).map(Pinned::Owned)
    }

    /// A copy of `len` bytes from `offset`.
    ///
    /// # Errors
    /// As [`read_into`](Self::read_into).
    fn copy(&self, offset: u64, len: usize) -> io::Result<Lines> {
        let mut lines = Lines::zeroed(len)?;
        self.read_into(offset, &mut lines)?;
        Ok(lines)
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
        let bytes = self.copy(offset, len)?;
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

    /// What of the medium can be read without a call for each access: all of it, where it is one run of memory.
    fn window(&self) -> Window<'_> {
        Window::NONE
    }

    /// Tells that the first of `len` bytes at `offset`, and those behind the last, are about to be read: a hint to the
    /// processor, for media that are memory.
    fn touch(&self, offset: u64, len: usize) {
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

/// A directory of media, named like files. Names hold no separators and are never empty.
pub trait Volume: Send + Sync {
    /// Where this is, for error messages: a path.
    fn path(&self) -> &str;

    /// Where a file is, for error messages.
    fn path_of(&self, file: &str) -> String {
        format!("{}/{file}", self.path())
    }

    /// Takes the volume for one engine; false if one has it already. Two engines on one volume would change bytes that
    /// the other has lent out.
    fn claim(&self) -> bool {
        true
    }

    /// Gives back what [`claim`](Self::claim) took.
    fn release(&self) {}

    /// The process that may use it. What a forked child shares with its parent is the parent's.
    fn origin(&self) -> Origin {
        Origin::everywhere()
    }

    /// Names of all files in it, in any order.
    ///
    /// # Errors
    /// As the operating system says; so do all calls below.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Opens an existing file for reading, and for writing unless the volume is read-only.
    fn open(&self, file: &str) -> io::Result<Box<dyn Medium>>;

    /// Creates an empty file, in place of one of that name.
    fn create(&self, file: &str) -> io::Result<Box<dyn Medium>>;

    /// Length of a file in bytes, without opening it.
    fn size(&self, file: &str) -> io::Result<u64>;

    /// Renames a file, in place of one that has the new name. Atomic.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Gives what a file holds now a second name, which no file has yet. A later renaming onto the first name leaves it
    /// alone. Where files cannot have two names this is a copy, made durable.
    fn keep(&self, file: &str, second: &str) -> io::Result<()> {
        copy(self, file, second)
    }

    /// Removes a file. Media opened from it go on working.
    fn remove(&self, file: &str) -> io::Result<()>;

    /// Makes creations, renames and removals before the call survive a loss of power.
    fn sync(&self) -> io::Result<()>;

    /// Bytes no other file or opening has: random, or at least never repeated.
    fn entropy(&self) -> [u8; 16];

    /// A clock that never goes back, from any origin.
    fn now(&self) -> Duration;

    /// Whether threads can be started here. Without them, due flushes run inside the next write.
    fn has_threads(&self) -> bool {
        cfg!(not(target_family = "wasm"))
    }
}

/// Copies a file within its directory.
fn copy<V: Volume + ?Sized>(volume: &V, file: &str, copy: &str) -> io::Result<()> {
    const PIECE: u64 = 1 << 20;
    let (from, to) = (volume.open(file)?, volume.create(copy)?);
    for offset in (0..from.len()).step_by(PIECE as usize) {
        let bytes = from.copy(offset, (from.len() - offset).min(PIECE) as usize)?;
        to.write(offset, &bytes, Permit::ENGINE)?;
    }
    to.sync()
}

fn file_name_missing(file: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no file {file}"))
}

/// Sixty-four bytes on a sixty-four byte boundary: the unit in which buffers for records are allocated.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// An owned buffer that starts on a 64-byte boundary.
#[derive(Clone, Default)]
pub struct Lines {
    lines: Vec<Line>,
    len: usize,
}

impl Lines {
    /// `len` zero bytes.
    ///
    /// # Errors
    /// [`io::ErrorKind::OutOfMemory`].
    pub fn zeroed(len: usize) -> io::Result<Self> {
        let mut lines = Vec::new();
        lines.try_reserve_exact(len.div_ceil(64))?;
        lines.resize(len.div_ceil(64), Line([0; 64]));
        Ok(Self { lines, len })
    }
}

impl Deref for Lines {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }
}

impl std::ops::DerefMut for Lines {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }
}

/// Bytes of a medium, borrowed from it or copied.
pub enum View<'a> {
    /// Where they lie.
    Borrowed(&'a [u8]),
    /// A copy.
    Owned(Lines),
}

impl Deref for View<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Owned(lines) => lines,
        }
    }
}

/// Bytes of a medium that stay what and where they are while this lives.
pub enum Pinned {
    /// In a mapping, which this keeps.
    Mapped(MappedSlice),
    /// A copy.
    Owned(Lines),
}

impl Deref for Pinned {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(slice) => slice,
            Self::Owned(lines) => lines,
        }
    }
}
