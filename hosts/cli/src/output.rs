//! Where an export goes: standard output, or a file that appears under its name when it is complete and durable.

use crate::failure::Failure;
use crate::partial;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

/// Bytes gathered before they are written.
const BUFFER: usize = 256 << 10;

/// What an export writes to.
pub struct Out<'a> {
    writer: BufWriter<&'a mut dyn Write>,
    /// Where what was written can be taken back.
    file: Option<&'a File>,
}

/// Whether an export has everything that it should have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    Complete,
    Incomplete,
}

/// Calls `write` with the destination `path` names, and keeps what it wrote if it succeeded. Returns where that is.
///
/// A regular file is written under a temporary name in the same directory, synced and renamed; on failure it is removed,
/// and a file of that name stays as it was. An incomplete one gets another name. A pipe or a device is written as it is.
pub fn write_to<W: Write>(
    path: &Path,
    stdout: &mut W,
    write: impl FnOnce(&mut Out) -> Result<Extent, Error>,
) -> Result<PathBuf, Failure> {
    if path == Path::new("-") {
        let mut out = Out::new(stdout, None);
        let written = write(&mut out).and_then(|_| Ok(out.flush()?));
        // Whatever is still buffered belongs to a failed export: it must not be written when `out` is dropped.
        let _ = out.writer.into_parts();
        return written.map(|()| path.to_owned()).map_err(|error| error.on(Failure::Stdout));
    }
    // A symbolic link stays, and what it points to is replaced.
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let refused = |error: Error| error.on(Failure::file("write", path));
    match fs::metadata(&real) {
        Ok(found) if !found.is_file() => {
            let mut file = OpenOptions::new().write(true).open(&real).map_err(Failure::file("open", path))?;
            let mut out = Out::new(&mut file, None);
            write(&mut out).and_then(|_| Ok(out.flush()?)).map_err(refused)?;
            Ok(path.to_owned())
        }
        _ => replace(&real, write).map_err(refused),
    }
}

fn replace(path: &Path, write: impl FnOnce(&mut Out) -> Result<Extent, Error>) -> Result<PathBuf, Error> {
    let partial = partial::create_for(path)?;
    let file = partial.as_file();
    let mut writer = file;
    let mut out = Out::new(&mut writer, Some(file));
    let extent = write(&mut out)?;
    out.flush()?;
    drop(out);
    let path = match extent {
        Extent::Complete => path.to_owned(),
        Extent::Incomplete => {
            let mut name = path.as_os_str().to_owned();
            name.push(".incomplete");
            PathBuf::from(name)
        }
    };
    partial::keep(partial, &path)?;
    Ok(path)
}

impl<'a> Out<'a> {
    fn new(writer: &'a mut dyn Write, file: Option<&'a File>) -> Self {
        Self { writer: BufWriter::with_capacity(BUFFER, writer), file }
    }

    /// A place to which [`take_back`](Self::take_back) can go; `None` where what is written is gone.
    pub fn place(&mut self) -> io::Result<Option<u64>> {
        self.flush()?;
        self.file.map(|mut file| file.stream_position()).transpose()
    }

    /// Whether there are such places.
    pub fn can_take_back(&self) -> bool {
        self.file.is_some()
    }

    /// Takes back what was written after a place.
    pub fn take_back(&mut self, place: u64) -> io::Result<()> {
        self.flush()?;
        let Some(mut file) = self.file else { return Ok(()) };
        file.set_len(place)?;
        file.seek(io::SeekFrom::Start(place)).map(drop)
    }
}

impl Write for Out<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// What stops an export: the store it reads from, or the file it writes to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading failed.
    #[error(transparent)]
    Read(#[from] Failure),
    /// Writing failed.
    #[error(transparent)]
    Write(#[from] io::Error),
}

impl From<jvdb_core::Error> for Error {
    fn from(error: jvdb_core::Error) -> Self {
        Self::Read(error.into())
    }
}

impl Error {
    fn on(self, refused: impl FnOnce(io::Error) -> Failure) -> Failure {
        match self {
            Self::Read(failure) => failure,
            Self::Write(error) => refused(error),
        }
    }
}
