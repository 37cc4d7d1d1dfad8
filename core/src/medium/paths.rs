//! Files by their paths: opened, made, replaced and removed in the one way that is safe beside links, pipes, low descriptors and
//! other people. Knows no database.

use std::fs::{self, DirEntry, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// Opens a file, never as one of the descriptors 0 to 2: what a program prints when it has closed those must not get into a
/// file of ours.
pub(super) fn open(path: &Path, options: &OpenOptions) -> io::Result<File> {
    // Should it be a pipe, nobody waits for its other end.
    above_standard(options.clone().custom_flags(libc::O_NONBLOCK).open(path)?)
}

/// As [`open`], but not through a link, which somebody may have planted.
pub(super) fn open_itself(path: &Path, options: &OpenOptions) -> io::Result<File> {
    above_standard(options.clone().custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW).open(path)?)
}

/// A directory, to be synced.
pub(super) fn open_directory(path: &Path) -> io::Result<File> {
    above_standard(File::open(path)?)
}

fn above_standard(file: File) -> io::Result<File> {
    const FIRST: i32 = 3;
    if file.as_raw_fd() >= FIRST {
        return Ok(file);
    }
    Ok(File::from(rustix::io::fcntl_dupfd_cloexec(&file, FIRST)?))
}

/// Makes an empty file that nobody has planted: what has the name already is removed, be it a link. It has no more than the
/// mode given, and that of the umask.
pub(super) fn create(path: &Path, mode: Option<u32>) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    // Whoever makes a file has to be able to write it, whatever its mode is.
    options.mode(mode.unwrap_or(0o666));
    above_standard(options.read(true).write(true).create_new(true).custom_flags(libc::O_NOFOLLOW).open(path)?)
}

/// Length of a file. What is none is an error that says what it is, and so is a link that leads nowhere: to take that for an
/// absence would be to replace it.
pub(super) fn length(path: &Path) -> io::Result<u64> {
    let found = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(path).is_ok() => {
            let what = "it is a link to a file that is not there; bring that back, or remove the link";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        found => found?,
    };
    let kind = found.file_type();
    let what = match () {
        () if kind.is_file() => return Ok(found.len()),
        () if kind.is_dir() => "a directory",
        () if kind.is_fifo() => "a pipe",
        () if kind.is_socket() => "a socket",
        () => "a device",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what} and not a file")))
}

/// Whether an entry is a file, or a link that leads to one or nowhere.
pub(super) fn may_be_file(entry: &DirEntry) -> io::Result<bool> {
    let kind = entry.file_type()?;
    Ok(kind.is_file() || (kind.is_symlink() && !fs::metadata(entry.path()).is_ok_and(|found| !found.is_file())))
}

/// Where a file is, if its name is a link.
pub(super) fn target(path: &Path) -> io::Result<PathBuf> {
    if is_link(path) { fs::canonicalize(path) } else { Ok(path.into()) }
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink())
}

/// Renames a file onto another name, in place of what a link of that name leads to. Who may read and write the file that is
/// replaced may do so with the new one, and nobody else.
pub(super) fn replace(from: &Path, to: &Path) -> io::Result<()> {
    let target = target(to)?;
    if let Ok(old) = fs::metadata(&target) {
        let new = fs::metadata(from)?;
        if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
            // Only some may give files away. Without that the owner is who has written it.
            let _ = chown(from, Some(old.uid()), Some(old.gid()));
        }
        if old.permissions().mode() != new.permissions().mode() {
            fs::set_permissions(from, old.permissions())?;
        }
    }
    fs::rename(from, &target)?;
    match target.parent() {
        // The volume syncs its own directory alone.
        Some(parent) if target != to => sync_directory(&open_directory(parent)?),
        _ => Ok(()),
    }
}

/// Renames a file to a name that nothing has, not even a link that leads nowhere.
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // Some file systems cannot.
            Err(Errno::INVAL | Errno::NOSYS) => {}
            renamed => return Ok(renamed?),
        }
    }
    match fs::symlink_metadata(to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::rename(from, to),
        Err(error) => Err(error),
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
    }
}

/// Removes a file, and with a link what it leads to.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    if is_link(path) {
        match fs::canonicalize(path) {
            Ok(target) => fs::remove_file(target)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    fs::remove_file(path)
}

/// Makes names in a directory durable. Some file systems have no such call, and say that it is invalid (FUSE, some network
/// mounts): there names are as durable as those systems make them.
pub(super) fn sync_directory(directory: &File) -> io::Result<()> {
    match directory.sync_all() {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            static SAID: std::sync::Once = std::sync::Once::new();
            SAID.call_once(|| {
                tracing::warn!("this file system does not sync directories: a loss of power may take new names");
            });
            Ok(())
        }
        synced => synced,
    }
}
