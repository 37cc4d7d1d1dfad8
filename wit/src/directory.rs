//! A volume over a directory that the host preopened. It reaches nothing outside it, takes no lock (WASI has none) and
//! starts no thread.

use crate::file::{File, failure};
use jvdb_core::medium::{Medium, Volume};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, DescriptorType, ErrorCode, OpenFlags, PathFlags};
use xxhash_rust::xxh3::xxh3_128;

/// Directories open for writing in this instance, each by its path and by what the host says of its identity.
static CLAIMED: Mutex<Vec<Identity>> = Mutex::new(Vec::new());

/// Two that share either part are one directory.
struct Identity {
    path: String,
    hash: Option<(u64, u64)>,
}

/// A preopened directory.
pub struct Directory {
    /// Files are named relative to this.
    preopened: Descriptor,
    /// The same directory, opened through the first: some hosts list, describe and sync only such.
    opened: Option<Descriptor>,
    path: String,
    read_only: bool,
    drawn: AtomicU64,
}

impl Directory {
    /// The preopened directory of that guest path, or the first; what the host gave instead if there is none.
    pub fn preopened(path: Option<&str>, read_only: bool) -> Result<Self, String> {
        let mut given = get_directories();
        let Some(at) = given.iter().position(|(_, name)| path.is_none_or(|path| path == name)) else {
            let given: Vec<_> = given.iter().map(|(_, name)| name.as_str()).collect();
            return Err(match path {
                Some(path) => format!("{path:?} is not among the directories the host preopened: {given:?}"),
                None => "the host preopened no directory".into(),
            });
        };
        let (preopened, path) = given.swap_remove(at);
        let opened = preopened.open_at(PathFlags::empty(), ".", OpenFlags::DIRECTORY, DescriptorFlags::READ).ok();
        Ok(Self { preopened, opened, path, read_only, drawn: AtomicU64::new(0) })
    }

    fn open_at(&self, file: &str, how: OpenFlags) -> io::Result<Box<dyn Medium>> {
        let rights =
            if self.read_only { DescriptorFlags::READ } else { DescriptorFlags::READ | DescriptorFlags::WRITE };
        let descriptor = self.preopened.open_at(PathFlags::SYMLINK_FOLLOW, file, how, rights).map_err(failure)?;
        Ok(Box::new(File::new(descriptor)?))
    }

    fn directory(&self) -> &Descriptor {
        self.opened.as_ref().unwrap_or(&self.preopened)
    }

    fn hash(&self) -> Option<(u64, u64)> {
        self.directory().metadata_hash().ok().map(|hash| (hash.lower, hash.upper))
    }
}

impl Volume for Directory {
    fn path(&self) -> &str {
        &self.path
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let entries = self.directory().read_directory().map_err(failure)?;
        let mut names = Vec::new();
        while let Some(entry) = entries.read_directory_entry().map_err(failure)? {
            if entry.type_ != DescriptorType::Directory {
                names.push(entry.name);
            }
        }
        Ok(names)
    }

    fn open(&self, file: &str) -> io::Result<Box<dyn Medium>> {
        self.open_at(file, OpenFlags::empty())
    }

    fn create(&self, file: &str) -> io::Result<Box<dyn Medium>> {
        self.open_at(file, OpenFlags::CREATE | OpenFlags::TRUNCATE)
    }

    fn size(&self, file: &str) -> io::Result<u64> {
        Ok(self.preopened.stat_at(PathFlags::SYMLINK_FOLLOW, file).map_err(failure)?.size)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.preopened.rename_at(from, &self.preopened, to).map_err(failure)
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        self.preopened.unlink_file_at(file).map_err(failure)
    }

    /// A host that cannot sync directories at all is taken at its word: nothing better can be had from it.
    fn sync(&self) -> io::Result<()> {
        match self.directory().sync() {
            Err(ErrorCode::Unsupported | ErrorCode::Invalid | ErrorCode::IsDirectory | ErrorCode::BadDescriptor) => {
                Ok(())
            }
            other => other.map_err(failure),
        }
    }

    /// No random numbers are imported. What two draws can never share: the time, how many were drawn before, and the
    /// directory with its last change.
    fn entropy(&self) -> [u8; 16] {
        let now = wall_clock::now();
        let (lower, upper) = self.hash().unwrap_or_default();
        let changed = self.directory().stat().ok().and_then(|stat| stat.data_modification_timestamp);
        let (seconds, nanoseconds) = changed.map_or((0, 0), |time| (time.seconds, time.nanoseconds));
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
        let parts = [
            now.seconds,
            now.nanoseconds.into(),
            monotonic_clock::now(),
            drawn,
            lower,
            upper,
            seconds,
            nanoseconds.into(),
        ];
        xxh3_128(&parts.map(u64::to_le_bytes).concat()).to_le_bytes()
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(monotonic_clock::now())
    }

    fn has_threads(&self) -> bool {
        false
    }

    /// Other instances and processes are the host's business, which has locks.
    fn claim(&self) -> bool {
        if self.read_only {
            return true;
        }
        let mut claimed = claimed();
        let hash = self.hash();
        let taken = |other: &Identity| other.path == self.path || hash.is_some() && other.hash == hash;
        let free = !claimed.iter().any(taken);
        if free {
            claimed.push(Identity { path: self.path.clone(), hash });
        }
        free
    }

    fn release(&self) {
        if !self.read_only {
            claimed().retain(|other| other.path != self.path);
        }
    }
}

fn claimed() -> MutexGuard<'static, Vec<Identity>> {
    CLAIMED.lock().unwrap_or_else(PoisonError::into_inner)
}
