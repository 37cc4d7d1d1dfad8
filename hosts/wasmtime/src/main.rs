//! `jvdb-wasm`: storage directories from the command line, through the component.
//!
//! Results go to standard output, one JSON value a line; messages to standard error. Exit code 0: done, 1: failed, 2:
//! the command line is wrong.

mod dump;
mod import;

use clap::{Args, Parser, Subcommand};
use jvdb_wasmtime::{Cache, Component, Database, Key, Metric, Options, Schema, Storage};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// Storage directories of jvdb, read and written by the WebAssembly component under wasmtime.
#[derive(Parser)]
#[command(version, name = "jvdb-wasm")]
struct Arguments {
    /// The component.
    #[arg(long, value_name = "FILE")]
    component: PathBuf,
    /// Where compiled code is kept; beside the component if not given.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// The storage directory.
    #[arg(long, value_name = "DIR")]
    storage: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the names of all databases.
    List,
    /// Print the figures of the directory, or of one database.
    Stats {
        /// The database.
        #[arg(long)]
        database: Option<String>,
    },
    /// Create a database.
    Create {
        /// The database.
        #[arg(long)]
        database: String,
        /// Elements of every vector, 1..=65536.
        #[arg(long)]
        dimension: u32,
        /// cosine, euclidean or dot_product.
        #[arg(long, default_value = "cosine", value_parser = metric)]
        metric: Metric,
    },
    /// Remove a database and its file.
    Drop {
        /// The database.
        #[arg(long)]
        database: String,
    },
    /// Print a vector and its metadata.
    Get(Place),
    /// Store a vector, durably.
    Put {
        #[command(flatten)]
        place: Place,
        /// The elements: a JSON array of numbers.
        #[arg(long, value_parser = elements)]
        data: Elements,
        /// The metadata: any text, JSON by convention.
        #[arg(long, default_value = "")]
        metadata: String,
    },
    /// Delete a vector, durably.
    Delete(Place),
    /// Make everything written so far survive a loss of power.
    Flush,
    /// Store what a JSON export holds, durably; databases that are missing are created.
    Import {
        /// The export.
        #[arg(long, value_name = "FILE")]
        input: PathBuf,
        /// Only this database.
        #[arg(long)]
        database: Option<String>,
    },
    /// Write every vector to a file, databases by name, vectors by id, for comparison with other faces.
    Dump {
        /// The file.
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
}

#[derive(Args)]
struct Place {
    /// The database.
    #[arg(long)]
    database: String,
    /// The key: an integer, or any other text.
    #[arg(long, allow_hyphen_values = true)]
    id: String,
}

impl Place {
    fn key(&self) -> Key {
        self.id.parse().map_or_else(|_| Key::from(self.id.as_str()), Key::Integer)
    }
}

#[derive(Clone)]
struct Elements(Vec<f32>);

fn elements(text: &str) -> std::result::Result<Elements, String> {
    serde_json::from_str(text).map(Elements).map_err(|error| error.to_string())
}

fn metric(name: &str) -> std::result::Result<Metric, String> {
    match name.to_ascii_lowercase().as_str() {
        "cosine" => Ok(Metric::Cosine),
        "euclidean" => Ok(Metric::Euclidean),
        "dot_product" => Ok(Metric::DotProduct),
        _ => Err(format!("{name:?} is none of cosine, euclidean, dot_product")),
    }
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody reads standard error if this fails.
            let _ = writeln!(io::stderr(), "jvdb-wasm: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    let cache = arguments.cache.map_or(Cache::Beside, Cache::In);
    let component = Component::load(&arguments.component, &cache)?;
    let begun = Instant::now();
    let options = Options { read_only: arguments.command.only_reads(), ..Options::default() };
    let storage = Storage::open(&component, &arguments.storage, options)?;
    execute(arguments.command, &storage, begun.elapsed())?;
    Ok(storage.close()?)
}

impl Command {
    fn only_reads(&self) -> bool {
        matches!(self, Self::List | Self::Stats { .. } | Self::Get(_) | Self::Dump { .. })
    }
}

fn execute(command: Command, storage: &Storage, open: Duration) -> Result<()> {
    match command {
        Command::List => storage.list()?.into_iter().try_for_each(|name| print(&Value::from(name))),
        Command::Stats { database: Some(name) } => print(&figures_of(&storage.database(&name)?)?),
        Command::Stats { database: None } => print(&figures(storage)?),
        Command::Create { database, dimension, metric } => {
            storage.create(&database, Schema { dimension, metric })?;
            Ok(())
        }
        Command::Drop { database } => Ok(storage.drop_database(&database)?),
        Command::Get(place) => get(storage, &place),
        Command::Put { place, data, metadata } => {
            let database = storage.database(&place.database)?;
            let inserted = database.put(place.key(), &data.0, metadata.as_bytes())?;
            database.flush()?;
            print(&json!({ "inserted": inserted }))
        }
        Command::Delete(place) => {
            let database = storage.database(&place.database)?;
            let deleted = database.delete(place.key())?;
            database.flush()?;
            print(&json!({ "deleted": deleted }))
        }
        Command::Flush => print(&json!({ "flush_duration_ms": storage.flush()?.as_secs_f64() * 1e3 })),
        Command::Import { input, database } => {
            let file = File::open(&input).map_err(|error| format!("cannot open {}: {error}", input.display()))?;
            let imported = import::import(storage, BufReader::new(file), database.as_deref())
                .map_err(|error| format!("{}: {error}", input.display()))?;
            storage.flush()?;
            print(&json!({ "databases": imported.databases, "vectors": imported.vectors }))
        }
        Command::Dump { output } => {
            let dumped = dump::dump(storage, &output)?;
            print(&Read {
                face: "wasmtime",
                databases: dumped.databases,
                vectors: dumped.vectors,
                open_us: open.as_micros(),
                get_ns: dumped.time_per_get().as_nanos(),
            })
        }
    }
}

fn get(storage: &Storage, place: &Place) -> Result<()> {
    let key = place.key();
    let found = storage.database(&place.database)?.get(key.clone())?;
    let found = found.ok_or_else(|| format!("no vector {:?} in database {:?}", place.id, place.database))?;
    let id = match key {
        Key::Integer(id) => Value::from(id),
        Key::Bytes(_) => Value::from(place.id.as_str()),
    };
    // Metadata that is JSON goes out as it was stored, anything else as text.
    let metadata = String::from_utf8_lossy(&found.metadata).into_owned();
    let metadata = match RawValue::from_string(metadata.clone()) {
        Ok(raw) => raw,
        Err(_) => serde_json::value::to_raw_value(&metadata)?,
    };
    print(&Row { id, data: &found.vector, metadata: &metadata })
}

/// How a face reads: the line that is compared and shown beside those of other faces.
#[derive(serde::Serialize)]
struct Read {
    face: &'static str,
    databases: u64,
    vectors: u64,
    open_us: u128,
    get_ns: u128,
}

#[derive(serde::Serialize)]
struct Row<'a> {
    id: Value,
    data: &'a [f32],
    metadata: &'a RawValue,
}

fn figures(storage: &Storage) -> Result<Value> {
    let stats = storage.stats()?;
    Ok(json!({
        "databases": stats.databases,
        "vectors": stats.vectors,
        "bytes_on_disk": stats.bytes_on_disk,
        "open_files": stats.open_files,
        "max_open_files": stats.max_open_files,
    }))
}

fn figures_of(database: &Database) -> Result<Value> {
    let (schema, stats) = (database.schema()?, database.stats()?);
    Ok(json!({
        "database": database.name()?,
        "dimension": schema.dimension,
        "vectors": stats.vectors,
        "file_bytes": stats.file_bytes,
        "dead_bytes": stats.dead_bytes,
        "index_buckets": stats.index_buckets,
    }))
}

fn print(value: &impl serde::Serialize) -> Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    Ok(writeln!(out)?)
}
