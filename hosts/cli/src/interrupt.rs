//! Ctrl-C and SIGTERM: a command that takes long ends where it can say what it has done. A second one ends the process at once.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Exit code of a program that was interrupted.
pub const CODE: u8 = 130;

/// Whether the process was told to end.
pub struct Interrupt {
    happened: Arc<AtomicBool>,
    /// Can be read from when it was, so that nobody waits for input that does not come.
    alarm: UnixStream,
}

impl Interrupt {
    /// From here on a signal is noted, and does not end the process.
    pub fn watch() -> io::Result<Self> {
        let happened = Arc::new(AtomicBool::new(false));
        let (alarm, bell) = UnixStream::pair()?;
        for signal in [SIGINT, SIGTERM] {
            // Before the note is made, so that it is the second signal that meets one.
            flag::register_conditional_shutdown(signal, CODE.into(), Arc::clone(&happened))?;
            flag::register(signal, Arc::clone(&happened))?;
            low_level::pipe::register(signal, bell.try_clone()?)?;
        }
        Ok(Self { happened, alarm })
    }

    /// Whether it was told.
    pub fn happened(&self) -> bool {
        self.happened.load(Relaxed)
    }

    /// Waits until the input has something to read, or has ended.
    fn wait_for(&self, input: BorrowedFd) -> io::Result<()> {
        while !self.happened() {
            let mut ends = [&input, &self.alarm.as_fd()].map(|end| PollFd::from_borrowed_fd(*end, PollFlags::IN));
            match poll(&mut ends, None) {
                Ok(_) if !ends[0].revents().is_empty() => return Ok(()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::Error::other("interrupted"))
    }
}

/// The input of an import, which ends with an error when the process is told to end. It buffers nothing: what is buffered above a
/// descriptor is not seen by whoever waits for that.
pub struct Input<'i> {
    file: File,
    interrupt: &'i Interrupt,
}

impl<'i> Input<'i> {
    /// Reads from there.
    pub fn new(file: File, interrupt: &'i Interrupt) -> Self {
        Self { file, interrupt }
    }
}

impl Read for Input<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.interrupt.wait_for(self.file.as_fd())?;
        self.file.read(into)
    }
}
