//! A directory of media: the part of the world that names files.

use super::medium::{FileId, Medium, Permit};
use super::occupied::Occupied;
use super::origin::Origin;
use std::io;
use std::time::Duration;

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

    /// How many files may be open in it at once; `None` where nobody limits that.
    fn file_limit(&self) -> Option<usize> {
        None
    }

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

    /// As [`create`](Self::create), for a copy of what is in another file: nobody may read it who may not read that one, whose
    /// [`mode`](Medium::mode) this is.
    fn create_copy(&self, file: &str, mode: Option<u32>) -> io::Result<Box<dyn Medium>> {
        let _ = mode;
        self.create(file)
    }

    /// Length of a file in bytes, without opening it.
    fn size(&self, file: &str) -> io::Result<u64>;

    /// Which file has that name now; `None` where nobody can tell.
    fn id_of(&self, file: &str) -> io::Result<Option<FileId>> {
        let _ = file;
        Ok(None)
    }

    /// Says that a file is written by this name from now on, until what is returned is dropped; `None` where a file has only one
    /// name.
    ///
    /// # Errors
    /// The other path by which this process writes the same file.
    fn occupy(&self, file: &str, medium: &dyn Medium) -> Result<Option<Occupied>, String> {
        let _ = (file, medium);
        Ok(None)
    }

    /// Renames a file, in place of one that has the new name. Atomic.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Renames a file to a name that no file has. Where the system can say so in one call it fails if one has got it meanwhile.
    fn rename_new(&self, from: &str, to: &str) -> io::Result<()> {
        match self.size(to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.rename(from, to),
            Err(error) => Err(error),
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        }
    }

    /// Gives what a file holds now a second name, which no file has yet. A later renaming onto the first name leaves it
    /// alone. Where files cannot have two names this is a copy, made durable.
    fn keep(&self, file: &str, second: &str) -> io::Result<()> {
        copy(self, file, second)
    }

    /// Removes a file. Media opened from it go on working.
    fn remove(&self, file: &str) -> io::Result<()>;

    /// Holds a little room of the disk in reserve, as far as there is some.
    fn take_reserve(&self) {}

    /// Gives the reserve back to the disk, for what makes room. Returns whether there was one.
    fn give_reserve(&self) -> bool {
        false
    }

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
pub(super) fn copy<V: Volume + ?Sized>(volume: &V, file: &str, copy: &str) -> io::Result<()> {
    const PIECE: u64 = 1 << 20;
    let from = volume.open(file)?;
    let to = volume.create_copy(copy, from.mode())?;
    for offset in (0..from.len()).step_by(PIECE as usize) {
        let bytes = from.read_copy(offset, (from.len() - offset).min(PIECE) as usize)?;
        to.write(offset, &bytes, Permit::ENGINE)?;
    }
    to.sync()
}

pub(super) fn file_name_missing(file: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no file {file}"))
}
