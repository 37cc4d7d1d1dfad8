//! `jvdb import`: a file, read as a stream, stored in atomic batches.
//!
//! What is in the file flows one way: metered reader, text, the reader of its format, vector, batch, store. Memory holds one batch
//! and the text of one vector, whatever the length of the file.

mod attributes;
mod batch;
mod conflict;
mod document;
mod dry;
mod matrix;
mod meter;
mod ndjson;
mod numbers;
mod sink;
mod stop;
mod table;
mod target;
mod text;
mod vector;

use crate::args::{Arguments, Import, LayoutName, OnConflict, StorageDir};
use crate::failure::Failure;
use crate::file_format::FileFormat;
use crate::format;
use crate::interrupt::{Input, Interrupt};
use crate::kind::Kind;
use crate::progress::Progress;
use document::Document;
use dry::DryRun;
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
    #[serde(skip_serializing_if = "target::is_none")]
    skipped: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    flush_ms: Option<f64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

/// Runs the command.
pub fn run(import: &Import, arguments: &Arguments, stdout: &mut impl Write) -> Result<(), Failure> {
    let (input, length) = open(&import.input)?;
    let interrupt = Interrupt::watch().map_err(Failure::file("watch for signals of", Path::new("this process")))?;
    let done = if import.dry_run {
        // Where databases lie matters to a dry run too.
        import.storage.layout_for_writing(import.layout.into())?;
        let real = import.storage.storage.exists().then(|| import.storage.open_for_reading());
        let real = match real.transpose() {
            Err(Failure::NoDatabases { .. }) => None,
            real => real?,
        };
        let stored = fill(&DryRun::new(real)?, import, arguments, (input, length), &interrupt, stdout)?;
        Done::of(stored, None)
    } else {
        let storage = import.storage.open_for_writing(import.layout.into())?;
        let imported = fill(&storage, import, arguments, (input, length), &interrupt, stdout);
        // Also after a failure: what was acknowledged shall be durable.
        let flushed = storage.flush();
        let stored = imported?;
        let flush_ms = flushed?.as_secs_f64() * 1e3;
        storage.close()?;
        Done::of(stored, Some(flush_ms))
    };
    if arguments.json { format::write_line(stdout, &done) } else { done.write(stdout) }.map_err(Failure::Stdout)
}

/// Stores what the input holds.
fn fill(
    sink: &dyn Sink,
    import: &Import,
    arguments: &Arguments,
    (input, length): (File, Option<u64>),
    interrupt: &Interrupt,
    stdout: &mut impl Write,
) -> Result<Vec<Stored>, Failure> {
    let meter = Meter::default();
    let progress = Progress::of_bytes(length, !arguments.verbose);
    let mut target = Target::new(sink, import, meter.clone(), progress, stdout);
    let mut read = read(Metered::new(Input::new(input, interrupt), meter.clone()), import, &meter, &mut target);
    if let Err(stop) = &mut read
        && interrupt.happened()
    {
        stop.kind = Kind::Interrupted;
    }
    target.finish(&import.input, read)
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
        format: Some(FileFormat::Json),
        on_conflict: OnConflict::Replace,
        dry_run: false,
        metric: None,
        batch: BATCH,
        acks: false,
        layout: LayoutName::Flat,
    };
    let (meter, mut nobody) = (Meter::default(), io::sink());
    let mut target = Target::new(sink, &import, meter.clone(), Progress::of_bytes(None, false), &mut nobody);
    let read = read(Metered::new(reader, meter.clone()), &import, &meter, &mut target);
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

/// Bytes that tell what a file is.
const BEGINNING: usize = 64;

fn read(mut reader: impl Read, import: &Import, meter: &Meter, target: &mut Target) -> Result<(), Stop> {
    let mut beginning = [0; BEGINNING];
    // What comes first, and no more: a pipe may give the rest much later.
    let length = match import.format {
        Some(_) => 0,
        None => reader.read(&mut beginning).map_err(|error| stop::by_system(&error, meter))?,
    };
    let format = import.format.unwrap_or_else(|| FileFormat::of(&import.input, &beginning[..length]));
    let reader = beginning[..length].chain(reader);
    if format.is_matrix() {
        return matrix::read(BufReader::with_capacity(BUFFER, reader), format, &import.input, target);
    }
    let text = Text::new(reader);
    let began = text.begin().map_err(|error| stop::by_system(&error, meter))?;
    began.map_err(|what| stop::by_text("byte 0".to_owned(), what.to_owned()))?;
    match format {
        FileFormat::Ndjson => ndjson::read(BufReader::with_capacity(BUFFER, text), meter, target),
        FileFormat::Csv => table::read(BufReader::with_capacity(BUFFER, text), meter, target),
        _ => read_document(text, meter, target),
    }
}

fn read_document(text: Text<impl Read>, meter: &Meter, target: &mut Target) -> Result<(), Stop> {
    let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(BUFFER, text.clone()));
    let read = json.deserialize_any(Document(target)).and_then(|()| json.end());
    read.map_err(|error| match error.line() {
        0 => stop::by_system(&error.into(), meter),
        line => {
            let at = format!("line {line} column {}", error.column());
            let named = error.is_syntax().then(|| text.bare_number(line, error.column())).flatten();
            stop::by_text(at, named.unwrap_or_else(|| stop::without_place(&error)))
        }
    })
}

impl Done {
    fn of(databases: Vec<Stored>, flush_ms: Option<f64>) -> Self {
        let sum = |figure: fn(&Stored) -> u64| databases.iter().map(figure).sum();
        let (vectors, replaced) = (sum(|stored| stored.vectors), sum(|stored| stored.replaced));
        let skipped = sum(|stored| stored.skipped);
        Self { databases, vectors, replaced, skipped, flush_ms, dry_run: flush_ms.is_none() }
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let skips = |skipped: u64| if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
        for Stored { name, vectors, replaced, skipped } in &self.databases {
            let (new, skipped) = (vectors - replaced, skips(*skipped));
            writeln!(out, "{name}: {vectors} vectors: {new} new, {replaced} replaced{skipped}")?;
        }
        let Self { vectors, replaced, skipped, flush_ms, .. } = self;
        let (databases, new, skipped) = (self.databases.len(), vectors - replaced, skips(*skipped));
        let told = format!("{vectors} vectors into {databases} databases: {new} new, {replaced} replaced{skipped}");
        match flush_ms {
            Some(ms) => writeln!(out, "imported {told}; the last flush took {ms:.1} ms"),
            None => writeln!(out, "would import {told}; nothing was stored"),
        }
    }
}
