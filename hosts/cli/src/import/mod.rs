//! `jvdb import`: a JSON file, read as a stream, stored in atomic batches.
//!
//! The file's text flows one way: metered reader, JSON reader, document, vector, batch, store. Memory holds one batch and
//! the text of one vector, whatever the length of the file.

mod attributes;
mod batch;
mod document;
mod meter;
mod sink;
mod target;
mod vector;

use crate::args::{Arguments, Import, LayoutName, StorageDir};
use crate::failure::Failure;
use crate::format;
use crate::progress::Progress;
use document::Document;
use meter::{Meter, Metered};
use serde::Serialize;
use serde::de::Deserializer;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use target::{Stored, Target};

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
    flush_ms: f64,
}

/// Runs the command.
pub fn run(import: &Import, arguments: &Arguments, stdout: &mut impl Write) -> Result<(), Failure> {
    let (reader, length) = open(&import.input)?;
    let storage = import.storage.open_for_writing(import.layout.into())?;
    let meter = Meter::default();
    let progress = Progress::of_bytes(length, !arguments.verbose);
    let mut target = Target::new(&storage, import, meter.clone(), progress, stdout);
    let read = read(BufReader::with_capacity(BUFFER, Metered::new(reader, meter)), &mut target);
    let imported = target.finish(&import.input, read);
    // Also after a failure: what was acknowledged shall be durable.
    let flushed = storage.flush();
    let stored = imported?;
    let flush_ms = flushed?.as_secs_f64() * 1e3;
    storage.close()?;
    let vectors = stored.iter().map(|database| database.vectors).sum();
    let done = Done { databases: stored, vectors, flush_ms };
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
    let read = read(BufReader::new(Metered::new(reader, meter)), &mut target);
    let stored = target.finish(&import.input, read)?;
    let vectors = stored.iter().map(|database| database.vectors).sum();
    Ok(Imported { databases: stored.len() as u64, vectors })
}

/// The input, and its length if it is a regular file.
fn open(path: &Path) -> Result<(Box<dyn Read>, Option<u64>), Failure> {
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin().lock()), None));
    }
    let file = File::open(path).map_err(Failure::file("open", path))?;
    let length = fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|found| found.len());
    Ok((Box::new(file), length))
}

fn read(reader: impl Read, target: &mut Target) -> serde_json::Result<()> {
    let mut json = serde_json::Deserializer::from_reader(reader);
    json.deserialize_any(Document(target))?;
    json.end()
}

impl Done {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        for Stored { name, vectors } in &self.databases {
            writeln!(out, "{name}: {vectors} vectors")?;
        }
        let (databases, vectors, ms) = (self.databases.len(), self.vectors, self.flush_ms);
        writeln!(out, "imported {vectors} vectors into {databases} databases; the last flush took {ms:.1} ms")
    }
}
