//! A directory in which every database has a folder of its own: `<name>/vectors.jvdb` instead of `<name>.jvdb`.
//!
//! It renames and nothing else: to the engine it is a volume like any other, with the same file names. Whatever else
//! lies in a folder is not touched; a folder goes with the last file in it.

use super::medium::{FileId, Medium};
use super::native::NativeVolume;
use super::occupied::Occupied;
use super::origin::Origin;
use super::paths;
use super::volume::Volume;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Name of a database's file in its folder, less the suffix.
const STEM: &str = "vectors";
const SUFFIX: &str = ".jvdb";

/// Folders below a directory of the operating system.
#[derive(Debug)]
pub struct FolderVolume {
    below: NativeVolume,
    /// Folders in which something was made, renamed or removed, or lies that may never have been made durable.
    unsynced: Mutex<BTreeSet<String>>,
}

impl FolderVolume {
    /// Puts every file of a directory into a folder of its own.
    pub fn new(below: NativeVolume) -> Self {
        Self { below, unsynced: Mutex::default() }
    }

    fn mark_unsynced(&self, file: &str) {
        let mut unsynced = self.unsynced.lock().unwrap_or_else(PoisonError::into_inner);
        unsynced.insert(folder(file).to_owned());
    }
}

/// The folder of a file, which is the name of its database as the file names spell it, and what follows it.
fn split(file: &str) -> (&str, &str) {
    let at = match file.strip_suffix(SUFFIX) {
        Some(name) => name.len(),
        None => file.rfind(".jvdb.").unwrap_or(file.len()),
    };
    file.split_at(at)
}

fn folder(file: &str) -> &str {
    split(file).0
}

/// Whether a folder cannot be looked into, however often that is tried.
fn is_closed(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied || matches!(error.raw_os_error(), Some(libc::ELOOP | libc::EIO))
}

/// Where a file lies, below the directory.
fn path_below(file: &str) -> String {
    let (folder, ending) = split(file);
    format!("{folder}/{STEM}{ending}")
}

impl Volume for FolderVolume {
    fn path(&self) -> &str {
        self.below.path()
    }

    fn path_of(&self, file: &str) -> String {
        self.below.path_of(&path_below(file))
    }

    fn claim(&self) -> bool {
        self.below.claim()
    }

    fn release(&self) {
        self.below.release();
    }

    fn file_limit(&self) -> Option<usize> {
        self.below.file_limit()
    }

    fn origin(&self) -> Origin {
        self.below.origin()
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut files = Vec::new();
        for folder in self.below.spelled(self.below.entries()?) {
            let place = self.below.folder(&folder);
            let inside = match fs::read_dir(&place) {
                Ok(inside) => inside,
                // A file beside the folders, or a folder that is being removed.
                Err(error) if matches!(error.kind(), io::ErrorKind::NotADirectory | io::ErrorKind::NotFound) => {
                    continue;
                }
                // Nobody can say what lies in it. Taken for a database that cannot be opened, it is never made anew, and
                // hides no other. One that we would not have named so is somebody else's.
                Err(error) if is_closed(&error) => {
                    if place.ends_with(&folder) {
                        files.push(format!("{folder}{SUFFIX}"));
                    }
                    continue;
                }
                Err(error) => return Err(error),
            };
            for entry in inside {
                let entry = entry?;
                let name = entry.file_name();
                let Some(ending) = name.to_str().and_then(|name| name.strip_prefix(STEM)) else { continue };
                if ending != SUFFIX || paths::may_be_file(&entry)? {
                    files.push(format!("{folder}{ending}"));
                } else {
                    let path = entry.path();
                    tracing::warn!(path = %path.display(), "passed over: it has a database's name and is no file");
                }
            }
        }
        Ok(files)
    }

    fn open(&self, file: &str) -> io::Result<Box<dyn Medium>> {
        self.mark_unsynced(file);
        self.below.open(&path_below(file))
    }

    fn create(&self, file: &str) -> io::Result<Box<dyn Medium>> {
        self.create_copy(file, None)
    }

    fn create_copy(&self, file: &str, mode: Option<u32>) -> io::Result<Box<dyn Medium>> {
        self.below.check_here()?;
        fs::create_dir_all(self.below.folder(folder(file)))?;
        self.mark_unsynced(file);
        self.below.create_copy(&path_below(file), mode)
    }

    fn id_of(&self, file: &str) -> io::Result<Option<FileId>> {
        self.below.id_of(&path_below(file))
    }

    fn occupy(&self, file: &str, medium: &dyn Medium) -> Result<Option<Occupied>, String> {
        self.below.occupy(&path_below(file), medium)
    }

    fn size(&self, file: &str) -> io::Result<u64> {
        self.below.size(&path_below(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.mark_unsynced(to);
        self.below.rename(&path_below(from), &path_below(to))
    }

    fn rename_new(&self, from: &str, to: &str) -> io::Result<()> {
        self.mark_unsynced(to);
        self.below.rename_new(&path_below(from), &path_below(to))
    }

    fn keep(&self, file: &str, second: &str) -> io::Result<()> {
        self.mark_unsynced(second);
        self.below.keep(&path_below(file), &path_below(second))
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        self.mark_unsynced(file);
        self.below.remove(&path_below(file))?;
        // Fails while there is anything else in it.
        let _ = fs::remove_dir(self.below.folder(folder(file)));
        Ok(())
    }

    fn take_reserve(&self) {
        self.below.take_reserve();
    }

    fn give_reserve(&self) -> bool {
        self.below.give_reserve()
    }

    fn sync(&self) -> io::Result<()> {
        // Held to the end: who comes next relies on what this has taken on itself.
        let mut unsynced = self.unsynced.lock().unwrap_or_else(PoisonError::into_inner);
        for folder in &*unsynced {
            match paths::open_directory(&self.below.folder(folder)) {
                Ok(folder) => paths::sync_directory(&folder)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        self.below.sync()?;
        unsynced.clear();
        Ok(())
    }

    fn entropy(&self) -> [u8; 16] {
        self.below.entropy()
    }

    fn now(&self) -> Duration {
        self.below.now()
    }
}

#[cfg(test)]
mod tests {
    use super::path_below;

    #[test]
    fn each_file_of_a_database_lies_in_its_folder() {
        for (file, expected) in [
            ("a.jvdb", "a/vectors.jvdb"),
            ("a.jvdb.tmp", "a/vectors.jvdb.tmp"),
            ("a.jvdb.damaged-1", "a/vectors.jvdb.damaged-1"),
            ("a.jvdb.jvdb", "a.jvdb/vectors.jvdb"),
            ("a.jvdb.b.jvdb.tmp", "a.jvdb.b/vectors.jvdb.tmp"),
        ] {
            assert_eq!(path_below(file), expected);
        }
    }
}
