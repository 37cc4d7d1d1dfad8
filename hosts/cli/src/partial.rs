//! The file of an export until it is complete: made beside the file whose place it takes, seen by no more people than that, and
//! removed if it never gets there. What an interrupted export has left is removed by the next.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Seek};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;
use tempfile::NamedTempFile;

const PREFIX: &str = ".jvdb-export-";
const SUFFIX: &str = ".partial";

/// Makes one for the file of this name, which may be there already.
pub fn create_for(path: &Path) -> io::Result<NamedTempFile> {
    let directory = directory_of(path);
    remove_leftovers(directory);
    let old = fs::metadata(path).ok();
    let partial = create_in(directory, old.as_ref()).or_else(|error| match in_place(&error) && old.is_some() {
        // What may be changed is the file alone, and not its directory.
        true => create_in(&std::env::temp_dir(), old.as_ref()),
        false => Err(error),
    })?;
    if let Some(old) = old {
        let new = partial.as_file().metadata()?;
        if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
            // Only some may give files away. Without that the owner is who writes it.
            let _ = fchown(partial.as_file(), Some(old.uid()), Some(old.gid()));
        }
        partial.as_file().set_permissions(Permissions::from_mode(old.mode() & 0o777))?;
    }
    Ok(partial)
}

fn create_in(directory: &Path, old: Option<&Metadata>) -> io::Result<NamedTempFile> {
    loop {
        let partial = tempfile::Builder::new()
            .prefix(PREFIX)
            .suffix(SUFFIX)
            .permissions(Permissions::from_mode(if old.is_some() { 0o600 } else { 0o666 }))
            .tempfile_in(directory)?;
        // Says that somebody writes it. Where there are no locks nobody takes it for a leftover.
        let _ = partial.as_file().try_lock();
        // Somebody may have looked between the two.
        if partial.as_file().metadata()?.nlink() > 0 {
            return Ok(partial);
        }
    }
}

/// Gives it its name, durably.
///
/// A file that is mounted where it lies takes no other in its place; nor may a directory be changed by everybody who may change
/// a file in it. There the file is written over, which a crash can catch half way.
pub fn keep(partial: NamedTempFile, path: &Path) -> io::Result<()> {
    partial.as_file().sync_all()?;
    match partial.persist(path) {
        Ok(_) => sync(directory_of(path)),
        Err(refused) if in_place(&refused.error) && path.is_file() => write_over(refused.file, path),
        Err(refused) => Err(refused.error),
    }
}

fn write_over(mut partial: NamedTempFile, path: &Path) -> io::Result<()> {
    let copied = (|| {
        let mut to = OpenOptions::new().write(true).open(path)?;
        partial.rewind()?;
        let length = io::copy(partial.as_file_mut(), &mut to)?;
        to.set_len(length)?;
        to.sync_all()
    })();
    copied.or_else(|error| {
        let (_, whole) = partial.keep()?;
        Err(io::Error::new(error.kind(), format!("{error}; all of the export is in {}", whole.display())))
    })
}

/// Whether a file cannot be replaced and may still be written.
fn in_place(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ResourceBusy
            | ErrorKind::CrossesDevices
            | ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
    )
}

/// Removes what killed exports have left. That is never worth a failure.
fn remove_leftovers(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        if !ours || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        let unused = File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
        if unused {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Where a file lies.
pub fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a directory, and those above it, if they are missing; durably.
pub fn make_directory(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let above = directory_of(directory);
    make_directory(above)?;
    fs::create_dir(directory)?;
    sync(above)
}

/// Makes the names in a directory durable.
pub fn sync(directory: &Path) -> io::Result<()> {
    match File::open(directory)?.sync_all() {
        // A file system that does not sync directories.
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}
