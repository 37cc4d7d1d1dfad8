//! Directories of the operating system, as volumes.
//!
//! A directory is what it was when it was opened: its path is resolved then, and once. Files in it may be links; what is done to
//! a file is done to what the link leads to, and the link stays. A file that a person has named (`my copy.jvdb`) is found where
//! there is none under the name that we would give it (`my%20copy.jvdb`), and keeps its name.

use super::directory_lock::{DirectoryLock, storage_of_folder};
use super::file::FileMedium;
use super::medium::{FileId, Medium};
use super::mmap::MmapMedium;
use super::occupied::Occupied;
use super::origin::Origin;
use super::paths;
use super::spelling::{by_hand, of_hand};
use super::volume::{self, Volume};
use crate::types::error::{Error, Result};
use crate::types::options::Access;
use rustix::process::{Resource, getrlimit};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What the names of databases' files end with.
const SUFFIX: &str = ".jvdb";

/// A directory of the operating system.
#[derive(Debug)]
pub struct NativeVolume {
    directory: PathBuf,
    /// The directory itself: to sync it takes no descriptor that there may not be.
    held: File,
    text: String,
    access: Access,
    read_only: bool,
    claimed: AtomicBool,
    origin: Origin,
    /// A file whose name is no UTF-8, and what the engine calls it.
    odd: Option<(String, OsString)>,
    lock: Option<DirectoryLock>,
}

impl NativeVolume {
    /// Opens a directory for writing, and locks it. With `create` it is made if it is missing.
    ///
    /// # Errors
    /// [`Error::Io`] if it is missing or cannot be used, [`Error::Locked`] if somebody else writes to it.
    pub fn open(directory: impl AsRef<Path>, access: Access, create: bool) -> Result<Self> {
        let mut volume = Self::open_without_lock(directory, access, create)?;
        volume.lock = Some(DirectoryLock::acquire(&volume.directory)?);
        Ok(volume)
    }

    /// As [`open`](Self::open), without the lock: the caller sees to it that nobody else writes to the directory.
    ///
    /// # Errors
    /// [`Error::Io`] if it is missing or cannot be used.
    pub fn open_without_lock(directory: impl AsRef<Path>, access: Access, create: bool) -> Result<Self> {
        let directory = directory.as_ref();
        if create {
            fs::create_dir_all(directory)
                .map_err(|source| Error::io("create directory", directory.display().to_string(), source))?;
        }
        let mut volume = Self::open_read_only(directory, access)?;
        volume.read_only = false;
        if let Some(storage) = storage_of_folder(&volume.directory) {
            let whose = storage.display();
            let reason = format!("it is the folder of a database in storage directory {whose}; open that one");
            return Err(Error::invalid("directory", reason));
        }
        Ok(volume)
    }

    /// Opens a directory for reading. No lock is taken: what a writer does meanwhile may or may not be seen.
    ///
    /// # Errors
    /// [`Error::Io`] if it is missing or is no directory.
    pub fn open_read_only(directory: impl AsRef<Path>, access: Access) -> Result<Self> {
        let given = directory.as_ref();
        let failed = |source| Error::io("open directory", given.display().to_string(), source);
        // Where the process goes from here, and where links lead later, is nothing to a directory that is open.
        let directory = fs::canonicalize(given).map_err(failed)?;
        if !fs::metadata(&directory).map_err(failed)?.is_dir() {
            return Err(failed(io::ErrorKind::NotADirectory.into()));
        }
        let held = paths::open_directory(&directory).map_err(failed)?;
        let text = if given.is_absolute() { given.display().to_string() } else { directory.display().to_string() };
        Ok(Self {
            directory,
            held,
            text,
            access,
            read_only: true,
            claimed: AtomicBool::new(false),
            origin: Origin::here(),
            odd: None,
            lock: None,
        })
    }

    /// What the engine is to call a file of this name here, be it no UTF-8.
    pub(crate) fn called(&mut self, file: &OsStr) -> String {
        let called = file.to_string_lossy().into_owned();
        self.odd = file.to_str().is_none().then(|| (called.clone(), file.to_owned()));
        called
    }

    /// Names of all that lies in it, whatever it is.
    pub(super) fn entries(&self) -> io::Result<Vec<String>> {
        self.check_here()?;
        let names = fs::read_dir(&self.directory)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(io::Result::transpose).collect()
    }

    /// The names of files or folders in it, as the engine spells them. One that a person has spelled is left out, with a warning,
    /// where there is one of the engine's spelling too; one that begins with a dot is hidden.
    pub(super) fn spelled(&self, names: Vec<String>) -> Vec<String> {
        let known: BTreeSet<_> = names.iter().cloned().collect();
        let spelled = names.into_iter().filter_map(|name| match of_hand(&name) {
            Cow::Borrowed(_) => Some(name),
            Cow::Owned(_) if name.starts_with('.') => None,
            Cow::Owned(spelled) if known.contains(&spelled) => {
                let path = self.directory.join(&name);
                tracing::warn!(?path, spelled, "passed over: another file is the database of this name");
                None
            }
            Cow::Owned(spelled) => Some(spelled),
        });
        spelled.collect()
    }

    /// Fails if the path leads to another directory by now: what is done there would be done to files of somebody else, unlocked.
    pub(super) fn check_here(&self) -> io::Result<()> {
        let (held, found) = (self.held.metadata()?, fs::metadata(&self.directory));
        match found {
            Ok(found) if FileId::of(&found) == FileId::of(&held) => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Err(io::Error::new(
                io::ErrorKind::StaleNetworkFileHandle,
                "the storage directory was moved, removed or replaced while it was open; put it back, or open it again",
            )),
        }
    }

    /// Where a file is.
    fn place(&self, file: &str) -> PathBuf {
        if let Some((_, odd)) = self.odd.as_ref().filter(|(called, _)| called == file) {
            return self.directory.join(odd);
        }
        self.directory.join(&*self.name(file))
    }

    /// Where the folder of a database is.
    pub(super) fn folder(&self, folder: &str) -> PathBuf {
        self.place(&format!("{folder}/"))
    }

    /// Where a database's file, or its folder with what lies in it, is below the directory.
    fn name<'a>(&self, file: &'a str) -> Cow<'a, str> {
        let (first, rest) = file.split_at(file.find('/').unwrap_or(file.len()));
        let is_databases = !rest.is_empty() || first.ends_with(SUFFIX);
        let Some(named) = is_databases.then(|| by_hand(first)).flatten() else { return file.into() };
        let is_there = |name: &str| fs::symlink_metadata(self.directory.join(name)).is_ok();
        if is_there(first) || !is_there(&named) { file.into() } else { (named + rest).into() }
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

    fn path_of(&self, file: &str) -> String {
        format!("{}/{}", self.text, self.name(file))
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

    fn file_limit(&self) -> Option<usize> {
        /// Descriptors left to the program, the directory with its lock, and files that are open for a moment.
        const OTHERS: u64 = 16;
        let limit = getrlimit(Resource::Nofile).current?;
        Some(usize::try_from(limit.saturating_sub(OTHERS)).unwrap_or(usize::MAX))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.check_here()?;
        let (mut names, mut others) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if !name.ends_with(SUFFIX) {
                others.push(name);
            } else if paths::may_be_file(&entry)? {
                names.push(name);
            } else {
                let path = self.directory.join(&name);
                tracing::warn!(?path, "passed over: it has a database's name and is no file");
            }
        }
        others.append(&mut self.spelled(names));
        Ok(others)
    }

    fn open(&self, file: &str) -> io::Result<Box<dyn Medium>> {
        self.check_here()?;
        let path = self.place(file);
        paths::length(&path)?;
        self.medium(paths::open(&path, OpenOptions::new().read(true).write(!self.read_only))?)
    }

    fn create(&self, file: &str) -> io::Result<Box<dyn Medium>> {
        self.create_copy(file, None)
    }

    fn create_copy(&self, file: &str, mode: Option<u32>) -> io::Result<Box<dyn Medium>> {
        self.check_here()?;
        self.medium(paths::create(&self.place(file), mode)?)
    }

    fn id_of(&self, file: &str) -> io::Result<Option<FileId>> {
        Ok(Some(FileId::of(&fs::metadata(self.place(file))?)))
    }

    fn occupy(&self, file: &str, medium: &dyn Medium) -> std::result::Result<Option<Occupied>, String> {
        let path = self.directory.join(file).display().to_string();
        medium.id().map(|id| Occupied::new(id, &path)).transpose()
    }

    fn size(&self, file: &str) -> io::Result<u64> {
        self.check_here()?;
        paths::length(&self.place(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.check_here()?;
        paths::replace(&self.place(from), &self.place(to))
    }

    fn rename_new(&self, from: &str, to: &str) -> io::Result<()> {
        self.check_here()?;
        paths::rename_new(&self.place(from), &self.place(to))
    }

    fn keep(&self, file: &str, second: &str) -> io::Result<()> {
        self.check_here()?;
        let target = paths::target(&self.place(file))?;
        match fs::hard_link(target, self.place(second)) {
            // A file system without links, or a file on another one.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported | io::ErrorKind::CrossesDevices
                ) =>
            {
                volume::copy(self, file, second)
            }
            linked => linked,
        }
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        self.check_here()?;
        paths::remove(&self.place(file))
    }

    fn take_reserve(&self) {
        self.lock.iter().for_each(DirectoryLock::take_reserve);
    }

    fn give_reserve(&self) -> bool {
        self.lock.as_ref().is_some_and(DirectoryLock::give_reserve)
    }

    fn sync(&self) -> io::Result<()> {
        paths::sync_directory(&self.held)
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
