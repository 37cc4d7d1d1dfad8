//! Counts the bytes of the input, and bounds how many one value may take: the JSON reader gathers a string or a raw value
//! in memory before anybody can look at it.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// Text of one vector, or of one member outside vectors. The largest vector with the largest metadata takes less, with
/// every element on an indented line of its own.
const MAX_VALUE: u64 = 64 << 20;

/// The count, shared between the reader and whoever knows where a value begins.
#[derive(Clone, Default)]
pub struct Meter(Rc<Count>);

#[derive(Default)]
struct Count {
    read: Cell<u64>,
    value_began: Cell<u64>,
}

impl Meter {
    /// Bytes read so far.
    pub fn read(&self) -> u64 {
        self.0.read.get()
    }

    /// Here begins another value.
    pub fn next_value(&self) {
        self.0.value_began.set(self.read());
    }
}

/// A reader that is counted.
pub struct Metered<R> {
    reader: R,
    meter: Meter,
}

impl<R> Metered<R> {
    /// Counts what is read from `reader`.
    pub fn new(reader: R, meter: Meter) -> Self {
        Self { reader, meter }
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Count { read, value_began } = &*self.meter.0;
        if read.get() - value_began.get() > MAX_VALUE {
            let what = format!("one value takes more than {} MiB of text, near byte {}", MAX_VALUE >> 20, read.get());
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        let count = self.reader.read(into)?;
        read.set(read.get() + count as u64);
        Ok(count)
    }
}
