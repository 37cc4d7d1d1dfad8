//! `rust-host`: what the demo reads with from Rust. It dumps every vector of a directory, or of a JSON export that it
//! puts into memory, and says in one JSON line what it found and how long that took.
//!
//! The dump is the same from every face, little-endian: per database, by name, u32 length of the name, the name, u32
//! dimension, u64 number of vectors; per vector, by id, u64 id, the elements as f32, u32 length of the metadata, the
//! metadata.

use clap::Parser;
use jvdb_core::{Access, Database, KeyBuf, Metric, Options, Position, Schema, Storage};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Dumps a storage directory, or an export put into memory.
#[derive(Parser)]
struct Arguments {
    /// Storage directory to read
    #[arg(long, required_unless_present = "input", conflicts_with = "input")]
    storage: Option<PathBuf>,
    /// JSON export to put into memory
    #[arg(long)]
    input: Option<PathBuf>,
    /// Read by positional reads instead of a mapping
    #[arg(long)]
    file: bool,
    /// The dump
    #[arg(long)]
    output: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let access = if arguments.file { Access::File } else { Access::Mmap };
    let begun = Instant::now();
    let storage = match &arguments.storage {
        Some(directory) => Storage::open(directory, Options::default().access(access).create(false))?,
        None => Storage::in_memory(Options::default())?,
    };
    // As a program does before its first request.
    let first = storage.list()?.first().map(|name| storage.database(name)).transpose()?;
    let opened = begun.elapsed();
    drop(first);
    if let Some(input) = &arguments.input {
        import(&storage, input)?;
    }
    let names = storage.list()?;
    let mut out = BufWriter::new(File::create(&arguments.output)?);
    let (mut vectors, mut time) = (0, Duration::ZERO);
    for name in &names {
        let database = storage.database(name)?;
        let ids = sorted_ids(&database)?;
        dump(&database, &ids, &mut out)?;
        vectors += ids.len();
        time += read(&database, &ids)?;
    }
    out.flush()?;
    let get_ns = time.as_nanos() / vectors.max(1) as u128;
    let open_us = opened.as_micros();
    println!(
        "{{\"face\":\"rust\",\"databases\":{},\"vectors\":{vectors},\"open_us\":{open_us},\"get_ns\":{get_ns}}}",
        names.len()
    );
    storage.close()?;
    Ok(())
}

fn sorted_ids(database: &Database) -> Result<Vec<u64>, Box<dyn Error>> {
    let mut ids = Vec::new();
    for key in database.keys(Position::START) {
        match key? {
            KeyBuf::Int(id) => ids.push(id),
            key => return Err(format!("key {key} is no integer, which the dump has no place for").into()),
        }
    }
    ids.sort_unstable();
    Ok(ids)
}

fn dump(database: &Database, ids: &[u64], out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let text = |out: &mut dyn Write, bytes: &[u8]| {
        out.write_all(&(bytes.len() as u32).to_le_bytes()).and_then(|()| out.write_all(bytes))
    };
    text(out, database.name().as_bytes())?;
    out.write_all(&(database.schema().dimension() as u32).to_le_bytes())?;
    out.write_all(&(ids.len() as u64).to_le_bytes())?;
    for &id in ids {
        let found = database.get(id)?.ok_or_else(|| format!("vector {id} is listed but not there"))?;
        out.write_all(&id.to_le_bytes())?;
        for element in found.vector() {
            out.write_all(&element.to_le_bytes())?;
        }
        text(out, found.metadata())?;
    }
    Ok(())
}

/// Reads every vector once, and measures.
fn read(database: &Database, ids: &[u64]) -> Result<Duration, Box<dyn Error>> {
    let begun = Instant::now();
    for &id in ids {
        black_box(database.get(id)?.as_ref().map(|found| found.vector()[0]));
    }
    Ok(begun.elapsed())
}

/// Puts an export into the storage: read by other code than that of `jvdb import`, so that the two check each other.
fn import(storage: &Storage, input: &Path) -> Result<(), Box<dyn Error>> {
    type Fields<'a> = BTreeMap<&'a str, &'a RawValue>;
    let text = std::fs::read_to_string(input)?;
    let field = |fields: &Fields<'_>, name: &str| {
        fields.get(name).map(|value| value.get().to_owned()).ok_or_else(|| format!("{name} is missing"))
    };
    let export: Fields<'_> = serde_json::from_str(&text)?;
    for database in serde_json::from_str::<Vec<Fields<'_>>>(&field(&export, "databases")?)? {
        let name: String = serde_json::from_str(&field(&database, "name")?)?;
        let schema: serde_json::Value = serde_json::from_str(&field(&database, "schema")?)?;
        let dimension = schema["dimension"].as_u64().ok_or("a dimension is missing")?;
        let metric = schema["distance_metric"].as_str().and_then(Metric::from_name).unwrap_or_default();
        let stored = storage.create(&name, Schema::new(usize::try_from(dimension)?, metric)?)?;
        for vector in serde_json::from_str::<Vec<Fields<'_>>>(&field(&database, "vectors")?)? {
            let id: u64 = serde_json::from_str(&field(&vector, "id")?)?;
            let data: Vec<f32> = serde_json::from_str(&field(&vector, "data")?)?;
            let metadata = vector.get("metadata").map_or("", |metadata| metadata.get());
            stored.put(id, &data, metadata.as_bytes())?;
        }
    }
    Ok(())
}
