//! The text of the input on its way to the JSON reader: what it begins with, and which word stands where reading stopped. Both
//! name mistakes that a JSON reader can only call unexpected.

use std::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;

/// Bytes at the beginning that tell what the input is.
const BEGINNING: usize = 4;
/// The longest of the words that are told, and some more.
const WORD: usize = 16;

/// A reader of text in UTF-8. Clones read on from the same place: one is the JSON reader's, another tells where it stopped.
pub struct Text<R>(Rc<RefCell<Inner<R>>>);

struct Inner<R> {
    reader: R,
    /// What was read to see what the input is, and not handed out yet.
    beginning: Vec<u8>,
    /// What was handed out last, and a few bytes that were before it.
    seen: Vec<u8>,
    /// Where that begins, in bytes from the beginning of the text.
    seen_at: usize,
    /// Which line it begins in, and where that line begins.
    line: usize,
    line_at: usize,
}

impl<R> Clone for Text<R> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<R: Read> Text<R> {
    /// Reads from there.
    pub fn new(reader: R) -> Self {
        let (beginning, seen) = (Vec::new(), Vec::new());
        Self(Rc::new(RefCell::new(Inner { reader, beginning, seen, seen_at: 0, line: 1, line_at: 0 })))
    }

    /// Passes over a byte-order mark. To be called once, before anything is read.
    ///
    /// # Errors
    /// Says what the input is, if it is no text in UTF-8, and what makes it so.
    pub fn begin(&self) -> io::Result<Result<(), &'static str>> {
        let inner = &mut *self.0.borrow_mut();
        (&mut inner.reader).take(BEGINNING as u64).read_to_end(&mut inner.beginning)?;
        Ok(match inner.beginning[..] {
            [0xef, 0xbb, 0xbf, ..] => {
                inner.beginning.drain(..3);
                Ok(())
            }
            [0xff, 0xfe, 0, 0] | [0, 0, 0xfe, 0xff] | [0, 0, 0, 1..=255] => {
                Err("the text is in UTF-32 and must be in UTF-8; convert it: iconv -f UTF-32 -t UTF-8")
            }
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=255, ..] | [1..=255, 0, ..] => {
                Err("the text is in UTF-16 and must be in UTF-8; convert it: iconv -f UTF-16 -t UTF-8")
            }
            [0x1f, 0x8b, ..] => Err("it is compressed; decompress it: gzip -dc"),
            [0x28, 0xb5, 0x2f, 0xfd] => Err("it is compressed; decompress it: zstd -dc"),
            [b'B', b'D', b'V', b'J'] => {
                Err("it is a database, not JSON; copy it into the directory under a name that ends with .jvdb")
            }
            _ => Ok(()),
        })
    }

    /// What to say of the word in this place, if it is a number that JSON does not have.
    pub fn bare_number(&self, line: usize, column: usize) -> Option<String> {
        let inner = &mut *self.0.borrow_mut();
        // The word may end in what was not read yet. The input may be broken by now, which nobody asks.
        let _ = (&mut inner.reader).take(WORD as u64).read_to_end(&mut inner.seen);
        let at = (inner.start_of(line)? + column).checked_sub(inner.seen_at + 1)?;
        let is_part = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'+' | b'-');
        inner.seen.get(at).filter(|byte| is_part(byte))?;
        let from = inner.seen[..at].iter().rposition(|byte| !is_part(byte)).map_or(0, |before| before + 1);
        let word = inner.seen[from..].iter().take_while(|byte| is_part(byte)).map(|byte| char::from(*byte));
        let word: String = word.take(WORD).collect();
        let quoted = match word.to_ascii_lowercase().trim_start_matches('+') {
            "nan" | "-nan" => "NaN",
            "inf" | "infinity" => "Infinity",
            "-inf" | "-infinity" => "-Infinity",
            _ => return None,
        };
        Some(format!("a bare {word} is no JSON; as an element of a vector write \"{quoted}\", with the quotes"))
    }
}

impl<R> Inner<R> {
    /// Where a line begins, if that is known still.
    fn start_of(&self, line: usize) -> Option<usize> {
        let Some(nth) = line.checked_sub(self.line)?.checked_sub(1) else { return Some(self.line_at) };
        let newline = self.seen.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(nth);
        newline.map(|(at, _)| self.seen_at + at + 1)
    }

    /// These bytes are handed out.
    fn pass(&mut self, bytes: &[u8]) {
        let gone = self.seen.len().saturating_sub(WORD);
        let (lost, _) = self.seen.split_at(gone);
        if let Some(last) = lost.iter().rposition(|byte| *byte == b'\n') {
            self.line += lost.iter().filter(|byte| **byte == b'\n').count();
            self.line_at = self.seen_at + last + 1;
        }
        self.seen_at += gone;
        self.seen.drain(..gone);
        self.seen.extend_from_slice(bytes);
    }
}

impl<R: Read> Read for Text<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let inner = &mut *self.0.borrow_mut();
        let read = match inner.beginning.len().min(into.len()) {
            0 => inner.reader.read(into)?,
            length => {
                into[..length].copy_from_slice(&inner.beginning[..length]);
                inner.beginning.drain(..length);
                length
            }
        };
        inner.pass(&into[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives so many bytes at once.
    struct Chunks<'a>(&'a [u8], usize);

    impl Read for Chunks<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(into.len());
            self.0.read(&mut into[..length])
        }
    }

    #[test]
    fn a_word_is_told_wherever_a_chunk_ends() {
        let text = "\u{feff}{\n \"a\":\n[1, 2,\n -Infinity, NaN], \"NaN\"\n\nx NaN";
        let lines: Vec<_> = text.trim_start_matches('\u{feff}').lines().collect();
        for chunk in 1..text.len() {
            for (line, column, expected) in [(4, 2, "-Infinity"), (4, 9, "-Infinity"), (4, 13, "NaN"), (6, 5, "NaN")] {
                let reader = Text::new(Chunks(text.as_bytes(), chunk));
                assert_eq!(reader.begin().unwrap(), Ok(()));
                let last = lines[..line - 1].iter().map(|line| line.len() + 1).sum::<usize>() + column;
                let mut json = reader.clone();
                let mut byte = [0; 1];
                for _ in 0..last {
                    json.read_exact(&mut byte).unwrap();
                }
                let told = reader.bare_number(line, column);
                assert!(told.as_ref().is_some_and(|told| told.contains(expected)), "{chunk} {line} {column}: {told:?}");
            }
        }
    }
}
