//! Files of rows of numbers, whose keys are the numbers of the rows, and the metadata that lies beside them, a line for each row.

use super::numbers::{Numbers, wrong};
use super::stop;
use super::target::{Stop, Target};
use crate::file_format::FileFormat;
use crate::format::{key::Kind, metadata};
use crate::kind::Kind as Reason;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Bytes that the metadata of one row may take.
const MAX_LINE: u64 = 64 << 20;

/// Reads all of it, and the metadata of `input` if there is such a file.
pub fn read(mut reader: impl BufRead, format: FileFormat, input: &Path, target: &mut Target) -> Result<(), Stop> {
    let begun = target.begin_bare();
    begun.map_err(|failure| target.stop("the beginning".to_owned(), failure))?;
    target.begin_vectors();
    let at_beginning = |error: io::Error| by_input("the beginning".to_owned(), &error);
    let mut numbers = Numbers::of(format, &mut reader).map_err(at_beginning)?;
    let mut lines = Lines::beside(input).map_err(at_beginning)?;
    if let Some(dimension) = numbers.dimension() {
        let opened = target.begin(dimension, None);
        opened.map_err(|failure| target.stop("the beginning".to_owned(), failure))?;
    }
    for row in 0_u64.. {
        let at = || format!("row {row}");
        let mut draft = target.batch().draft();
        let mut more = true;
        let _ = draft
            .elements(|elements| numbers.next(elements).map(|is_one| more = is_one))
            .map_err(|error| by_input(at(), &error))?;
        if !more {
            break;
        }
        let _ = draft.key(|_| Ok::<_, Stop>(Kind::Int(row)))?;
        let _ = draft.metadata(|bytes| lines.next(bytes)).map_err(|error| by_input(at(), &error))?;
        let dimension = draft.finish().map_err(|what| stop::by_text(at(), what.to_owned()))?;
        let added = target.add(dimension);
        added.map_err(|failure| target.stop(at(), failure))?;
        target.next_vector();
    }
    lines.end().map_err(|error| by_input("the end".to_owned(), &error))?;
    let ended = target.end_vectors();
    ended.map_err(|failure| target.stop("the end".to_owned(), failure))?;
    let left = target.leave();
    left.map_err(|failure| target.stop("the end".to_owned(), failure))
}

fn by_input(at: String, error: &io::Error) -> Stop {
    Stop {
        at,
        what: error.to_string(),
        kind: Reason::of_io(error),
        blames_input: error.kind() == io::ErrorKind::InvalidData,
    }
}

/// The lines beside the file; none are there for rows without metadata.
struct Lines(Option<(PathBuf, BufReader<File>)>);

impl Lines {
    fn beside(input: &Path) -> io::Result<Self> {
        let path = FileFormat::metadata_beside(input);
        if input == Path::new("-") || path == input || !path.is_file() {
            return Ok(Self(None));
        }
        let file = BufReader::new(File::open(&path)?);
        Ok(Self(Some((path, file))))
    }

    /// Appends the metadata of the next row.
    fn next(&mut self, into: &mut Vec<u8>) -> io::Result<()> {
        let Some((path, lines)) = &mut self.0 else { return Ok(()) };
        let mut line = Vec::new();
        lines.take(MAX_LINE).read_until(b'\n', &mut line)?;
        let named = |what: String| wrong(format!("{}: {what}", path.display()));
        if line.is_empty() {
            return Err(named("it has no line for this row".to_owned()));
        }
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = std::str::from_utf8(line).map_err(|_| named("the line of this row is not in UTF-8".to_owned()))?;
        metadata::read(text, into).map_err(named)
    }

    /// All rows had their lines.
    fn end(&mut self) -> io::Result<()> {
        let Some((path, lines)) = &mut self.0 else { return Ok(()) };
        if lines.fill_buf()?.is_empty() {
            return Ok(());
        }
        Err(wrong(format!("{}: it has more lines than there are rows", path.display())))
    }
}
