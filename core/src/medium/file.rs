//! Files read and written at positions: every access is a system call and a copy.

use super::bytes::AlignedBuffer;
use super::limit::Limit;
use super::medium::{FileId, Medium, Permit};
use crate::types::options::Advice;
use std::fs::{File, Metadata};
use std::io;
#[cfg(target_os = "linux")]
use std::num::NonZeroU64;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

impl FileId {
    pub(super) fn of(found: &Metadata) -> Self {
        Self { device: found.dev(), number: found.ino() }
    }
}

/// An open file and its length, which nobody else changes unless that was said.
pub(super) struct OpenFile {
    file: File,
    id: FileId,
    len: AtomicU64,
    /// Whether another process writes it, and may make it shorter.
    followed: AtomicBool,
    limit: Limit,
    /// Held while the engine itself cuts the file, and while it looks whether somebody else did.
    cutting: Mutex<()>,
}

impl OpenFile {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let found = file.metadata()?;
        let (id, len) = (FileId::of(&found), AtomicU64::new(found.len()));
        let followed = AtomicBool::new(false);
        Ok(Self { file, id, len, followed, limit: Limit::new(), cutting: Mutex::default() })
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn id(&self) -> FileId {
        self.id
    }

    pub(super) fn len(&self) -> u64 {
        self.len.load(Ordering::Acquire)
    }

    pub(super) fn mode(&self) -> Option<u32> {
        self.file.metadata().ok().map(|found| found.mode() & 0o777)
    }

    /// End of a range that lies within the file.
    pub(super) fn check(&self, offset: u64, len: usize) -> io::Result<usize> {
        offset
            .checked_add(len as u64)
            .filter(|end| *end <= self.len())
            .and_then(|end| usize::try_from(end).ok())
            .ok_or_else(|| past_the_end(offset, len))
    }

    pub(super) fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.limit.check(offset.saturating_add(bytes.len() as u64))?;
        let written = self.file.write_all_at(bytes, offset);
        let end = match &written {
            Ok(()) => offset + bytes.len() as u64,
            // A part may be there; what cannot be told is taken for the whole.
            Err(_) => self.file.metadata().map_or(offset + bytes.len() as u64, |found| found.len()),
        };
        self.len.fetch_max(end, Ordering::AcqRel);
        written
    }

    /// Reads by a system call, whatever else there is: to read a hole through a mapping of a full tmpfs is a signal, because
    /// a page is taken for it.
    pub(super) fn rewrite(&self, offset: u64, len: usize) -> io::Result<()> {
        self.check(offset, len)?;
        let mut bytes = AlignedBuffer::zeroed(len)?;
        self.file.read_exact_at(&mut bytes, offset)?;
        self.write(offset, &bytes)
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.limit.refresh();
        self.file.sync_data()?;
        self.check_length()
    }

    /// Fails if somebody has cut the file off. From then on what is gone is past the end, and not read through a mapping.
    pub(super) fn check_length(&self) -> io::Result<()> {
        let _not_now = self.cutting.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_uncut()
    }

    /// As [`check_length`](Self::check_length), for whoever keeps others from cutting.
    fn check_uncut(&self) -> io::Result<()> {
        let known = self.len();
        let found = self.file.metadata()?.len();
        if found >= known {
            return Ok(());
        }
        self.len.store(found, Ordering::Release);
        if self.followed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let what = format!("another program has truncated the file, from {known} to {found} bytes");
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, what))
    }

    /// Takes note of the length that another process has given the file.
    pub(super) fn measure(&self) -> io::Result<()> {
        let _no_look = self.cutting.lock().unwrap_or_else(PoisonError::into_inner);
        self.followed.store(true, Ordering::Relaxed);
        self.len.store(self.file.metadata()?.len(), Ordering::Release);
        Ok(())
    }

    /// Asks for a range to be read into the page cache, in the background.
    pub(super) fn will_read(&self, offset: u64, len: u64) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{Advice, fadvise};
            // Of one request the kernel reads no more than the disk's read-ahead, 128 KiB where nobody has set it.
            const PIECE: u64 = 128 << 10;
            for at in (offset..offset.saturating_add(len)).step_by(PIECE as usize) {
                fadvise(&self.file, at, NonZeroU64::new(PIECE), Advice::WillNeed)?;
            }
        }
        let _ = (offset, len);
        Ok(())
    }

    /// Tells the kernel whether positional reads will come in order; otherwise it sees for itself.
    fn read_in_order(&self, in_order: bool) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{Advice, fadvise};
            fadvise(&self.file, 0, None, if in_order { Advice::Sequential } else { Advice::Normal })?;
        }
        let _ = in_order;
        Ok(())
    }

    pub(super) fn truncate(&self, len: u64) -> io::Result<()> {
        let _no_look = self.cutting.lock().unwrap_or_else(PoisonError::into_inner);
        // What somebody else has cut off must not come back as zeros.
        self.check_uncut()?;
        if len > self.len() {
            return Err(past_the_end(self.len(), (len - self.len()) as usize));
        }
        self.len.store(len, Ordering::Release);
        self.file.set_len(len)
    }
}

pub(super) fn past_the_end(offset: u64, len: usize) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, format!("{len} bytes at {offset} reach past the end of the file"))
}

/// A file without a mapping.
pub(crate) struct FileMedium(OpenFile);

impl FileMedium {
    /// Takes over an open file.
    ///
    /// # Errors
    /// If its length cannot be read.
    pub(crate) fn new(file: File) -> io::Result<Self> {
        OpenFile::new(file).map(Self)
    }
}

impl Medium for FileMedium {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn id(&self) -> Option<FileId> {
        Some(self.0.id())
    }

    fn measure(&self) -> io::Result<()> {
        self.0.measure()
    }

    fn mode(&self) -> Option<u32> {
        self.0.mode()
    }

    fn read_into(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.0.check(offset, into.len())?;
        self.0.file.read_exact_at(into, offset)
    }

    fn write(&self, offset: u64, bytes: &[u8], _: Permit) -> io::Result<()> {
        self.0.write(offset, bytes)
    }

    fn rewrite(&self, offset: u64, len: usize, _: Permit) -> io::Result<()> {
        self.0.rewrite(offset, len)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn truncate(&self, len: u64, _: Permit) -> io::Result<()> {
        self.0.truncate(len)
    }

    fn advise(&self, advice: Advice) -> io::Result<()> {
        match advice {
            Advice::Random | Advice::Sequential => self.0.read_in_order(advice == Advice::Sequential),
            Advice::WillNeed => self.0.will_read(0, self.0.len()),
            // Nothing of it is in this process's memory. What is in the page cache may be all that there is of it: after a
            // sync has failed nothing else tells what the disk holds.
            Advice::DontNeed => Ok(()),
        }
    }
}
