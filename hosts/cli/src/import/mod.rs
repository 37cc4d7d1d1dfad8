//! `jvdb import`: a JSON file, read as a stream, stored in atomic batches.
//!
//! The file's text flows one way: metered reader, text, JSON reader, document, vector, batch, store. Memory holds one batch and
//! the text of one vector, whatever the length of the file.

mod attributes;
mod batch;
mod document;
mod meter;
mod sink;
mod target;
mod text;
mod vector;

use crate::args::{Arguments, Import, LayoutName, StorageDir};
use crate::failure::Failure;
use crate::format;
use crate::interrupt::{Input, Interrupt};
use crate::kind::Kind;
use crate::progress::Progress;
use document::Document;
use meter::{Meter, Metered};
use serde::Serialize;
use serde::de::Deserializer;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use target::{Stop, Stored, Target};
use text::Text;

pub use sink::{Sink, SinkDatabase, SinkError};

/// Bytes read at once.
const BUFFER: usize = 256 << 10;
/// Vectors in a batch where nobody says how many.
pub const BATCH: u32 = 1000;

/// What was stored, for `--json`.
#[derive(Serialize)]
struct Done {
    databases: Vec<Stored>,
    vectors: u64,
    replaced: u64,
    flush_ms: f64,
}

/// Runs the command.
pub fn run(import: &Import, arguments: &Arguments, stdout: &mut impl Write) -> Result<(), Failure> {
    let (input, length) = open(&import.input)?;
    let storage = import.storage.open_for_writing(import.layout.into())?;
    let interrupt = Interrupt::watch().map_err(Failure::file("watch for signals of", Path::new("this process")))?;
    let meter = Meter::default();
    let progress = Progress::of_bytes(length, !arguments.verbose);
    let mut target = Target::new(&storage, import, meter.clone(), progress, stdout);
    let mut read = read(Metered::new(Input::new(input, &interrupt), meter.clone()), &meter, &mut target);
    if let Err(stop) = &mut read
        && interrupt.happened()
    {
        stop.kind = Kind::Interrupted;
    }
    let imported = target.finish(&import.input, read);
    // Also after a failure: what was acknowledged shall be durable.
    let flushed = storage.flush();
    let stored = imported?;
    let flush_ms = flushed?.as_secs_f64() * 1e3;
    storage.close()?;
    let vectors = stored.iter().map(|database| database.vectors).sum();
    let replaced = stored.iter().map(|database| database.replaced).sum();
    let done = Done { databases: stored, vectors, replaced, flush_ms };
    if arguments.json { format::write_line(stdout, &done) } else { done.write(stdout) }.map_err(Failure::Stdout)
}

/// What [`import_json`] has stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// Databases that it met.
    pub databases: u64,
    /// Vectors that it stored.
    pub vectors: u64,
}

/// Stores what a JSON document holds, through any engine; a bare array of vectors goes into `database`, and of a document
/// with databases only that one is stored.
///
/// # Errors
/// What is wrong with the document and where, or what the engine refused. Batches stored before are kept.
pub fn import_json(reader: impl Read, sink: &dyn Sink, database: Option<&str>) -> Result<Imported, SinkError> {
    let import = Import {
        storage: StorageDir { storage: PathBuf::new() },
        input: PathBuf::from("-"),
        database: database.map(str::to_owned),
        metric: None,
        batch: BATCH,
        acks: false,
        layout: LayoutName::Flat,
    };
    let (meter, mut nobody) = (Meter::default(), io::sink());
    let mut target = Target::new(sink, &import, meter.clone(), Progress::of_bytes(None, false), &mut nobody);
    let read = read(Metered::new(reader, meter.clone()), &meter, &mut target);
    let stored = target.finish(&import.input, read)?;
    let vectors = stored.iter().map(|database| database.vectors).sum();
    Ok(Imported { databases: stored.len() as u64, vectors })
}

/// The input, and its length if it is a regular file.
fn open(path: &Path) -> Result<(File, Option<u64>), Failure> {
    if path == Path::new("-") {
        let stdin =
            io::stdin().as_fd().try_clone_to_owned().map_err(Failure::file("open", Path::new("standard input")))?;
        return Ok((stdin.into(), None));
    }
    let file = File::open(path).map_err(Failure::file("open", path))?;
    let length = fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|found| found.len());
    Ok((file, length))
}

fn read(reader: impl Read, meter: &Meter, target: &mut Target) -> Result<(), Stop> {
    let text = Text::new(reader);
    let began = text.begin().map_err(|error| Stop::by_system(&error, meter))?;
    began.map_err(|what| Stop::by_text("byte 0".to_owned(), what.to_owned()))?;
    let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(BUFFER, text.clone()));
    let read = json.deserialize_any(Document(target)).and_then(|()| json.end());
    read.map_err(|error| match error.line() {
        0 => Stop::by_system(&error.into(), meter),
        line => {
            let at = format!("line {line} column {}", error.column());
            let named = error.is_syntax().then(|| text.bare_number(line, error.column())).flatten();
            Stop::by_text(at, named.unwrap_or_else(|| without_place(&error)))
        }
    })
}

impl Stop {
    fn by_text(at: String, what: String) -> Self {
        Self { at, what, kind: Kind::Failed, blames_input: true }
    }

    /// The input could not be read on.
    fn by_system(error: &io::Error, meter: &Meter) -> Self {
        let blames_input = error.kind() == io::ErrorKind::InvalidData;
        let at = format!("byte {}", meter.read());
        Self { at, what: error.to_string(), kind: Kind::of_io(error), blames_input }
    }
}

/// The message of a JSON error, without the place it ends with.
fn without_place(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    message.strip_suffix(&place).unwrap_or(&message).to_owned()
}

impl Done {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        for Stored { name, vectors, replaced } in &self.databases {
            writeln!(out, "{name}: {vectors} vectors: {} new, {replaced} replaced", vectors - replaced)?;
        }
        let Self { vectors, replaced, flush_ms: ms, .. } = self;
        let databases = self.databases.len();
        let new = vectors - replaced;
        writeln!(
            out,
            "imported {vectors} vectors into {databases} databases: {new} new, {replaced} replaced; the last flush took {ms:.1} ms"
        )
    }
}
