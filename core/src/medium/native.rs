//! Directories of the operating system, and the lock that keeps a second writer out of one.

use super::file::FileMedium;
use super::limit::Limit;
use super::medium::{FileId, Medium};
use super::mmap::MmapMedium;
use super::origin::Origin;
use super::volume::{self, Volume};
use crate::types::error::{Error, Result};
use crate::types::options::Access;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Name of the lock file in a storage directory.
const LOCK_FILE: &str = ".jvdb.lock";
/// Length of what the lock file says. Fixed, so that one write covers what an earlier holder left.
const NOTE: usize = 20;
/// How long to wait for a lock whose holder does not say who it is, or is not there any more.
const PATIENCE: Duration = Duration::from_millis(100);

/// The right to write to a storage directory. Held by one process at a time, and gone when that process is.
///
/// It is an advisory lock (`flock`) on `.jvdb.lock`, in which the holder leaves its process id. The file stays when the
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
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(failed(source)),
                Err(TryLockError::WouldBlock) => {}
            }
            let (holder, sure) = holder(&file);
            if sure || started.elapsed() >= PATIENCE {
                return Err(Error::Locked { path: directory.display().to_string(), holder });
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let lock = Self { file, origin: Origin::here() };
        lock.note(&format!("process {}", std::process::id())).map_err(failed)?;
        Ok(lock)
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

/// A directory of the operating system.
#[derive(Debug)]
pub struct NativeVolume {
    directory: PathBuf,
    text: String,
    access: Access,
    read_only: bool,
    claimed: AtomicBool,
    origin: Origin,
    _lock: Option<DirectoryLock>,
}

impl NativeVolume {
    /// Opens a directory for writing, and locks it. With `create` it is made if it is missing.
    ///
    /// # Errors
    /// [`Error::Io`] if it is missing or cannot be used, [`Error::Locked`] if somebody else writes to it.
    pub fn open(directory: impl AsRef<Path>, access: Access, create: bool) -> Result<Self> {
        let directory = directory.as_ref();
        if create {
            fs::create_dir_all(directory)
                .map_err(|source| Error::io("create directory", directory.display().to_string(), source))?;
        }
        let mut volume = Self::open_read_only(directory, access)?;
        volume.read_only = false;
        volume._lock = Some(DirectoryLock::acquire(directory)?);
        Ok(volume)
    }

    /// Opens a directory for reading. No lock is taken: what a writer does meanwhile may or may not be seen.
    ///
    /// # Errors
    /// [`Error::Io`] if it is missing or is no directory.
    pub fn open_read_only(directory: impl AsRef<Path>, access: Access) -> Result<Self> {
        let directory = directory.as_ref();
        let text = directory.display().to_string();
        match fs::metadata(directory) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(Error::io("open directory", text, io::ErrorKind::NotADirectory.into())),
            Err(source) => return Err(Error::io("open directory", text, source)),
        }
        Ok(Self {
            directory: directory.into(),
            text,
            access,
            read_only: true,
            claimed: AtomicBool::new(false),
            origin: Origin::here(),
            _lock: None,
        })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    fn medium(&self, file: File) -> io::Result<Box<dyn Medium>> {
        Ok(match self.access {
            Access::Mmap => Box::new(MmapMedium::new(file)?),
            Access::File => Box::new(FileMedium::new(file)?),
        })
    }
}

impl Volume for NativeVolume {
    fn path(&self) -> &str {
        &self.text
    }

    fn claim(&self) -> bool {
        !self.claimed.swap(true, Ordering::AcqRel)
    }

    fn release(&self) {
        self.claimed.store(false, Ordering::Release);
    }

    fn origin(&self) -> Origin {
        self.origin
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.directory)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(io::Result::transpose).collect()
    }

    fn open(&self, file: &str) -> io::Result<Box<dyn Medium>> {
        self.medium(OpenOptions::new().read(true).write(!self.read_only).open(self.directory.join(file))?)
    }

    fn create(&self, file: &str) -> io::Result<Box<dyn Medium>> {
        let mut options = OpenOptions::new();
        self.medium(options.read(true).write(true).create(true).truncate(true).open(self.directory.join(file))?)
    }

    fn id_of(&self, file: &str) -> io::Result<Option<FileId>> {
        Ok(Some(FileId::of(&fs::metadata(self.directory.join(file))?)))
    }

    fn size(&self, file: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.directory.join(file))?.len())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.directory.join(from), self.directory.join(to))
    }

    fn keep(&self, file: &str, second: &str) -> io::Result<()> {
        match fs::hard_link(self.directory.join(file), self.directory.join(second)) {
            // A file system without links.
            Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported) => {
                volume::copy(self, file, second)
            }
            linked => linked,
        }
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        fs::remove_file(self.directory.join(file))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }

    fn entropy(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        // The system's generator has no failure that could be met any better than by stopping here.
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        bytes
    }

    fn now(&self) -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }
}
