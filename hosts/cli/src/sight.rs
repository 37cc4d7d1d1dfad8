//! What lies in a directory, seen from outside: which layouts its databases have, and what has a database's name without being
//! one. Opens nothing but directories and files, so that it waits for no pipe and wakes no device.

use crate::exceptions::Exception;
use crate::failure::Failure;
use crate::kind::Kind;
use jvdb_core::Layout;
use std::fs::{self, File, FileType, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// What the name of a database's file ends with.
pub const SUFFIX: &str = ".jvdb";
/// Name of a database's file in a folder of its own.
pub const IN_FOLDER: &str = "vectors.jvdb";
/// What every directory holds that was open for writing once.
const LOCK_FILE: &str = ".storage.lock";

/// What was seen.
pub struct Sight {
    /// Names of files `NAME.jvdb`, without their ending.
    flat: Vec<String>,
    /// Names of folders with a database's file.
    folders: Vec<String>,
    /// Whether there are folders that this process may not look into.
    closed: bool,
    /// Whether it was open for writing once.
    pub is_storage: bool,
    /// What has a database's name, and is no file.
    pub skipped: Vec<Exception>,
}

impl Sight {
    /// Looks at a directory.
    pub fn of(path: &Path) -> Result<Self, Failure> {
        let is_storage = fs::symlink_metadata(path.join(LOCK_FILE)).is_ok();
        let mut seen = Self { flat: Vec::new(), folders: Vec::new(), closed: false, is_storage, skipped: Vec::new() };
        for entry in fs::read_dir(path).map_err(Failure::file("open directory", path))? {
            let entry = entry.map_err(Failure::file("read directory", path))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            match fs::metadata(entry.path()) {
                Ok(found) if found.is_dir() => seen.folder(&entry.path(), name),
                found => seen.file(name, found),
            }
        }
        seen.skipped.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(seen)
    }

    fn folder(&mut self, path: &Path, name: String) {
        // A link that leads nowhere is the engine's to name.
        match fs::symlink_metadata(path.join(IN_FOLDER)) {
            Ok(_) => self.folders.push(name),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => self.closed = true,
            Err(_) if name.ends_with(SUFFIX) => self.skip(name, "it is a folder without a database in it, not a file"),
            Err(_) => {}
        }
    }

    fn file(&mut self, name: String, found: io::Result<Metadata>) {
        let Some(stem) = name.strip_suffix(SUFFIX) else { return };
        match found {
            Ok(found) if !found.is_file() => {
                let what = format!("it is {}, not a file", what_it_is(found.file_type()));
                self.skip(name, &what);
            }
            _ => self.flat.push(stem.to_owned()),
        }
    }

    fn skip(&mut self, name: String, why: &str) {
        self.skipped.push(Exception { name, kind: Kind::Skipped, error: why.to_owned() });
    }

    /// The layouts in which there may be databases. None is empty: such a directory is as good as not there.
    pub fn layouts(&self) -> Vec<Layout> {
        let mut layouts = Vec::new();
        if !self.flat.is_empty() {
            layouts.push(Layout::Flat);
        }
        // Closed folders beside files are somebody else's, as `lost+found` is.
        if !self.folders.is_empty() || (self.closed && self.flat.is_empty()) {
            layouts.push(Layout::Folders);
        }
        layouts
    }

    /// Enters what the engine, which lists these databases in this layout of the directory, passes over without a word.
    pub fn compare(&mut self, directory: &Path, layout: Layout, listed: &[String]) {
        let spellings: Vec<_> = listed.iter().map(|name| spelled(name)).collect();
        let (seen, ending) = match layout {
            Layout::Folders => (&self.folders, ""),
            _ => (&self.flat, SUFFIX),
        };
        // What is gone was dropped meanwhile.
        let is_there = |name: &str| fs::symlink_metadata(directory.join(format!("{name}{ending}"))).is_ok();
        // A file that a person has named is the database of that name, unless there is one of the engine's spelling too.
        let is_by_hand = |name: &String| listed.contains(name) && !is_there(&spelled(name));
        let is_listed = |name: &String| spellings.contains(name) || is_by_hand(name);
        let unlisted = seen.iter().filter(|name| !is_listed(name) && is_there(name)).map(|name| {
            let better = spelled(name);
            let file = match layout {
                Layout::Folders => directory.join(name).join(IN_FOLDER),
                _ => directory.join(format!("{name}{ending}")),
            };
            if is_old(&file) {
                // The conversion gives it another name.
                let (name, error) = (format!("{name}{ending}"), "it is of format version 1".to_owned());
                return Exception { name, kind: Kind::OldFormat, error };
            }
            let error = match () {
                () if better == *name => "no database can have this name; rename it".to_owned(),
                () if is_there(&better) => {
                    format!("{better}{ending} is the database of this name, too; give one of them another name")
                }
                () => format!("a database's file is not spelled so; rename it to {better}{ending}"),
            };
            Exception { name: format!("{name}{ending}"), kind: Kind::Skipped, error }
        });
        let unlisted: Vec<_> = unlisted.collect();
        self.skipped.extend(unlisted);
    }
}

/// Whether a file is one of format version 1. Nothing but a file is opened.
fn is_old(path: &Path) -> bool {
    const BEGINNING: [u8; 8] = *b"BDVJ\x01\0\0\0";
    let mut begins = [0; BEGINNING.len()];
    let is_file = fs::metadata(path).is_ok_and(|found| found.is_file());
    is_file && File::open(path).and_then(|mut file| file.read_exact(&mut begins)).is_ok() && begins == BEGINNING
}

fn what_it_is(kind: FileType) -> &'static str {
    match () {
        () if kind.is_fifo() => "a pipe",
        () if kind.is_socket() => "a socket",
        () => "a device",
    }
}

/// A database's name as names of files spell it.
pub fn spelled(name: &str) -> String {
    let one = |(at, byte): (usize, u8)| match byte {
        b'.' if at == 0 => "%2E".to_owned(),
        b'-' | b'_' | b'.' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    name.bytes().enumerate().map(one).collect()
}
