//! The calls that a disk is asked for, and what may become of one. Decides nothing.

use std::io;

/// What happens to a call, decided by whoever runs the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is done.
    Done,
    /// It fails, and nothing is done. A sync that fails has dropped some of what it was to write.
    Fails(i32),
    /// So many 256ths of a write are done, then it fails. What is overwritten is overwritten by whole sectors.
    Short(i32, u8),
    /// All of it is done, and it says that it failed.
    Late(i32),
    /// A sync fails and has dropped all that it was to write. The cache shows it still, as clean.
    Drops(i32),
    /// As before, and the cache shows what the disk holds.
    Reverts(i32),
}

impl Fate {
    /// The error it ends in, if it does.
    pub fn errno(self) -> Option<i32> {
        match self {
            Self::Done => None,
            Self::Fails(errno) | Self::Short(errno, _) | Self::Late(errno) => Some(errno),
            Self::Drops(errno) | Self::Reverts(errno) => Some(errno),
        }
    }

    /// What the call comes to, once the disk has done its part.
    pub(super) fn outcome(self) -> io::Result<()> {
        self.errno().map_or(Ok(()), |errno| Err(io::Error::from_raw_os_error(errno)))
    }

    /// Whether a call that is done as a whole or not at all is done.
    pub(super) fn does(self) -> bool {
        matches!(self, Self::Done | Self::Late(_))
    }
}

/// A call the disk was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// Bytes into a file.
    Write,
    /// A file made durable.
    Sync,
    /// A file cut.
    Truncate,
    /// A file opened.
    Open,
    /// A file made.
    Create,
    /// A file renamed.
    Rename,
    /// A file removed.
    Remove,
    /// The directory made durable.
    SyncDirectory,
    /// Bytes out of a file.
    Read,
    /// The directory listed, or a file's length asked for.
    Look,
}
