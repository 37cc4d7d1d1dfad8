//! A medium over an open file of `wasi:filesystem`. It moves bytes and makes them durable, and knows nothing of what
//! they mean.

use jvdb_core::medium::{Medium, Permit};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use wasip2::filesystem::types::{Descriptor, ErrorCode};

/// The most a host is given in one write. Hosts copy what they are given, and bound it.
const WRITE_PIECE: usize = 1 << 20;

/// An open file and its length, which nobody else changes unless it is measured again.
pub struct File {
    descriptor: Descriptor,
    len: AtomicU64,
}

impl File {
    pub fn new(descriptor: Descriptor) -> io::Result<Self> {
        let len = AtomicU64::new(descriptor.stat().map_err(failure)?.size);
        Ok(Self { descriptor, len })
    }
}

impl Medium for File {
    fn len(&self) -> u64 {
        self.len.load(Ordering::Relaxed)
    }

    fn read_into(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let mut done = 0;
        while done < into.len() {
            let (bytes, _) = self.descriptor.read((into.len() - done) as u64, offset + done as u64).map_err(failure)?;
            if bytes.is_empty() {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    format!("{} bytes at {offset} reach past the end of the file", into.len()),
                ));
            }
            into[done..done + bytes.len()].copy_from_slice(&bytes);
            done += bytes.len();
        }
        Ok(())
    }

    fn write(&self, offset: u64, bytes: &[u8], _: Permit) -> io::Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            let piece = &bytes[done..bytes.len().min(done + WRITE_PIECE)];
            let written = self.descriptor.write(piece, offset + done as u64).map_err(failure)?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            done += written as usize;
        }
        self.len.fetch_max(offset + bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.descriptor.sync_data().map_err(failure)
    }

    fn measure(&self) -> io::Result<()> {
        self.len.store(self.descriptor.stat().map_err(failure)?.size, Ordering::Relaxed);
        Ok(())
    }

    fn truncate(&self, len: u64, _: Permit) -> io::Result<()> {
        self.len.store(len, Ordering::Relaxed);
        self.descriptor.set_size(len).map_err(failure)
    }
}

/// A failure of the host's file system, in the words that operators search for.
pub fn failure(code: ErrorCode) -> io::Error {
    use io::ErrorKind as Kind;
    let (kind, text) = match code {
        ErrorCode::Access => (Kind::PermissionDenied, "permission denied"),
        ErrorCode::NotPermitted => (Kind::PermissionDenied, "operation not permitted"),
        ErrorCode::ReadOnly => (Kind::ReadOnlyFilesystem, "read-only file system"),
        ErrorCode::NoEntry => (Kind::NotFound, "no such file or directory"),
        ErrorCode::Exist => (Kind::AlreadyExists, "file exists"),
        ErrorCode::InsufficientSpace => (Kind::StorageFull, "no space left on device"),
        ErrorCode::Quota => (Kind::QuotaExceeded, "disk quota exceeded"),
        ErrorCode::FileTooLarge => (Kind::FileTooLarge, "file too large"),
        ErrorCode::InsufficientMemory => (Kind::OutOfMemory, "out of memory"),
        ErrorCode::NameTooLong => (Kind::InvalidFilename, "file name too long"),
        ErrorCode::IsDirectory => (Kind::IsADirectory, "is a directory"),
        ErrorCode::NotDirectory => (Kind::NotADirectory, "not a directory"),
        ErrorCode::Invalid => (Kind::InvalidInput, "invalid argument"),
        ErrorCode::Interrupted => (Kind::Interrupted, "interrupted"),
        ErrorCode::Unsupported => (Kind::Unsupported, "not supported"),
        ErrorCode::Io => (Kind::Other, "input/output error"),
        other => (Kind::Other, other.name()),
    };
    io::Error::new(kind, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_say_what_operators_search_for() {
        for (code, text) in [
            (ErrorCode::Access, "permission denied"),
            (ErrorCode::InsufficientSpace, "no space left on device"),
            (ErrorCode::CrossDevice, "cross-device"),
        ] {
            assert_eq!(failure(code).to_string(), text);
        }
    }
}
