//! Where an export goes: standard output, or a file that appears under its name when it is complete and durable.

use crate::failure::Failure;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Bytes gathered before they are written.
const BUFFER: usize = 256 << 10;

/// What an export writes to.
pub type Out<'a> = BufWriter<&'a mut dyn Write>;

/// Calls `write` with the destination `path` names, and keeps what it wrote if it succeeded.
///
/// A regular file is written under a temporary name in the same directory, synced and renamed; on failure it is removed,
/// and a file of that name stays as it was. A pipe or a device is written as it is.
pub fn write_to<W: Write>(
    path: &Path,
    stdout: &mut W,
    write: impl FnOnce(&mut Out) -> Result<(), Error>,
) -> Result<(), Failure> {
    if path == Path::new("-") {
        let mut out = Out::with_capacity(BUFFER, stdout);
        let written = write(&mut out).and_then(|()| Ok(out.flush()?));
        // Whatever is still buffered belongs to a failed export: it must not be written when `out` is dropped.
        let _ = out.into_parts();
        return written.map_err(|error| error.on(Failure::Stdout));
    }
    // A symbolic link stays, and what it points to is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let refused = |error: Error| error.on(Failure::file("write", &path));
    match fs::metadata(&path) {
        Ok(found) if !found.is_file() => {
            let mut file = OpenOptions::new().write(true).open(&path).map_err(Failure::file("open", &path))?;
            let mut out = Out::with_capacity(BUFFER, &mut file);
            write(&mut out).and_then(|()| Ok(out.flush()?)).map_err(refused)
        }
        _ => replace(&path, write).map_err(refused),
    }
}

fn replace(path: &Path, write: impl FnOnce(&mut Out) -> Result<(), Error>) -> Result<(), Error> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let partial: NamedTempFile = tempfile::Builder::new()
        .prefix(".jvdb-export-")
        .suffix(".partial")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(&directory)?;
    let mut file = partial.as_file();
    let mut out = Out::with_capacity(BUFFER, &mut file);
    write(&mut out)?;
    out.flush()?;
    drop(out);
    partial.as_file().sync_all()?;
    partial.persist(path).map_err(|error| error.error)?;
    Ok(File::open(directory)?.sync_all()?)
}

/// What stops an export: the store it reads from, or the file it writes to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading failed.
    #[error(transparent)]
    Core(#[from] jvdb_core::Error),
    /// Writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Error {
    fn on(self, refused: impl FnOnce(io::Error) -> Failure) -> Failure {
        match self {
            Self::Core(error) => Failure::Core(error),
            Self::Io(error) => refused(error),
        }
    }
}
