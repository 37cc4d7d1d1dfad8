//! The lock that keeps a second writer out of a directory of the operating system.

use super::limit::Limit;
use super::origin::Origin;
use super::paths;
use crate::types::error::{Error, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Name of the lock file in a storage directory.
const LOCK_FILE: &str = ".storage.lock";
/// Length of what the lock file says. Fixed, so that one write covers what an earlier holder left.
const NOTE: usize = 20;
/// How long to wait for a lock whose holder does not say who it is, or is not there any more.
const PATIENCE: Duration = Duration::from_millis(100);
/// Bytes in reserve: a thousand deletions and more.
#[cfg(target_os = "linux")]
const RESERVE: u64 = 128 << 10;
#[cfg(target_os = "linux")]
const STEP: u64 = 8 << 10;
/// Where it begins: what is before belongs to the note.
#[cfg(target_os = "linux")]
const PAGE: u64 = 4096;

/// The storage directory that a directory is a database's folder of, if it is one: it has a database's file, and lies in a
/// directory that is locked by whoever writes there and that keeps its databases in folders.
pub(super) fn storage_of_folder(directory: &Path) -> Option<&Path> {
    let parent = directory.parent()?;
    if !directory.join("vectors.jvdb").exists() || !parent.join(LOCK_FILE).exists() {
        return None;
    }
    let mut beside = std::fs::read_dir(parent).ok()?.flatten();
    // A folder may have such a name as well: it is a database's, too.
    let is_flat = beside
        .any(|entry| entry.path().extension().is_some_and(|extension| extension == "jvdb") && !entry.path().is_dir());
    (!is_flat).then_some(parent)
}

/// The right to write to a storage directory. Held by one process at a time, and gone when that process is.
///
/// It is an advisory lock (`flock`) on `.storage.lock`, in which the holder leaves its process id. The file stays when the
/// lock is released: removing it would let two processes lock two files of one name.
///
/// A child that the holder forks has the lock too, as long as it has the file open. So it is released and not only
/// closed: a child between `fork` and `exec` keeps nobody out. In the child it can neither be released nor used. If the
/// holder is killed, a child that neither ends nor runs another program keeps the lock.
#[derive(Debug)]
#[must_use = "the lock is released when this is dropped"]
pub struct DirectoryLock {
    file: File,
    origin: Origin,
    /// Bytes of room that the file holds behind its end.
    reserve: AtomicU64,
}

impl DirectoryLock {
    /// Takes the lock of an existing directory.
    ///
    /// # Errors
    /// [`Error::Locked`] with the holder's process id if another process, or another opening in this one, has it;
    /// [`Error::Io`] if the lock file cannot be opened.
    pub fn acquire(directory: impl AsRef<Path>) -> Result<Self> {
        let directory = directory.as_ref();
        let path = directory.join(LOCK_FILE);
        let failed = |source| Error::io("lock", path.display().to_string(), source);
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let file = paths::open_itself(&path, options).map_err(failed)?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(failed(explained(source))),
                Err(TryLockError::WouldBlock) => {}
            }
            let (holder, sure) = holder(&file);
            if sure || started.elapsed() >= PATIENCE {
                return Err(Error::Locked { path: directory.display().to_string(), holder });
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let lock = Self { file, origin: Origin::here(), reserve: AtomicU64::new(0) };
        lock.note(&format!("process {}", std::process::id())).map_err(failed)?;
        Ok(lock)
    }

    /// Holds a little room behind the end of the lock file, for deletions on a full disk: as much as there is, up to a bound.
    pub(super) fn take_reserve(&self) {
        #[cfg(target_os = "linux")]
        if self.origin.is_here() {
            use rustix::fs::{FallocateFlags, fallocate};
            let held = self.reserve.load(Relaxed);
            let mut sizes = (1..=RESERVE / STEP).rev().map(|steps| steps * STEP).take_while(|size| *size > held);
            if let Some(size) = sizes.find(|size| fallocate(&self.file, FallocateFlags::KEEP_SIZE, PAGE, *size).is_ok())
            {
                self.reserve.store(size, Relaxed);
            }
        }
    }

    /// Gives it back to the disk. Returns whether there was some.
    pub(super) fn give_reserve(&self) -> bool {
        #[cfg(target_os = "linux")]
        if self.origin.is_here() && self.reserve.swap(0, Relaxed) > 0 {
            // Frees what lies behind the end. Some file systems give room to others only when that is on the disk.
            return self.file.set_len(NOTE as u64).is_ok() && self.file.sync_all().is_ok();
        }
        false
    }

    fn note(&self, holder: &str) -> io::Result<()> {
        Limit::new().check(NOTE as u64)?;
        self.file.write_all_at(format!("{holder:<0$}\n", NOTE - 1).as_bytes(), 0)
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        if self.origin.is_here() {
            // A note that stays behind misleads for a moment only; a lock that does goes with the file.
            let _ = self.note("");
            let _ = self.file.unlock();
        }
    }
}

/// Says of a file system without locks what can be done.
fn explained(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::ENOLCK | libc::ENOSYS | libc::EOPNOTSUPP) => io::Error::new(
            io::ErrorKind::Unsupported,
            format!(
                "{error}: this file system has no locks; if you see to it that one process writes, open the directory with the \
                 option `lock` off (C: JVDB_NO_LOCK)"
            ),
        ),
        _ => error,
    }
}

/// Who holds the lock, as its file says, and whether that is sure: the next holder may not have said so yet.
fn holder(file: &File) -> (String, bool) {
    let mut note = [0; NOTE];
    let _ = file.read_exact_at(&mut note, 0);
    let note = String::from_utf8_lossy(&note).trim_matches(['\0', ' ', '\n']).to_string();
    let Some(id) = note.strip_prefix("process ") else { return ("another process".into(), false) };
    if cfg!(target_os = "linux") && Path::new("/proc/self").exists() && !Path::new("/proc").join(id).exists() {
        return (format!("{note}, which has ended or is out of sight; a child that it forked may hold on"), false);
    }
    (note, true)
}

#[cfg(test)]
mod tests {
    use super::explained;
    use std::io;

    #[test]
    fn a_file_system_without_locks_is_told_from_other_failures() {
        let without = explained(io::Error::from_raw_os_error(libc::ENOLCK));
        assert_eq!(without.kind(), io::ErrorKind::Unsupported);
        assert!(without.to_string().contains("JVDB_NO_LOCK"), "{without}");
        assert_eq!(explained(io::Error::from_raw_os_error(libc::EIO)).raw_os_error(), Some(libc::EIO));
    }
}
