//! The command line: what can be asked, and what `--help` says about it. Nothing here does anything.

use clap::{Args, Parser, Subcommand, ValueEnum};
use jvdb_core::{Key, Layout, Metric};
use std::path::PathBuf;

/// Import, export, look at, verify and repair a directory of .jvdb files.
///
/// list, stats, get, verify and export take no lock and change nothing, so they also work beside a process that has the
/// directory open for writing, and see every write it had acknowledged when they opened the database. import and repair need
/// the directory to themselves.
///
/// A database is DIR/NAME.jvdb, or DIR/NAME/vectors.jvdb, as programs with DatabasePersistenceAdapter have it; every command
/// sees by itself which.
#[derive(Parser)]
#[command(name = "jvdb", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
    /// Print the result on standard output as one JSON document
    #[arg(long, global = true)]
    pub json: bool,
    /// Print what the engine does (opening, recovery, flushes) on standard error, instead of a progress bar
    #[arg(long, short, global = true)]
    pub verbose: bool,
}

#[derive(Subcommand)]
pub enum Command {
    Import(Import),
    Export(Export),
    List(List),
    Stats(Stats),
    Get(Get),
    Verify(Verify),
    Repair(Repair),
}

const EXIT_CODES: &str = "\
Exit codes:
    0  done, and all of it is sound
    1  something is damaged, the file to import is wrong, or the disk fails
    2  the command line is wrong
    3  refused: another process writes there, the system gives no permission, or it is no file
    4  there is not enough disk space, memory or open files
    5  the directory, the database or the key is not there
    6  the database is of another format version: convert it
    7  another process removed or replaced it meanwhile: run the command again
  130  interrupted by Ctrl-C or SIGTERM; what import or export had done is printed
Of several, that of the first in the order 1, 6, 3, 4, 7, 5. Databases that are well are dealt with all the same.";

/// The directory every command works on.
#[derive(Args)]
pub struct StorageDir {
    /// Storage directory
    #[arg(long, value_name = "DIR")]
    pub storage: PathBuf,
}

/// Store the vectors of a JSON file, in atomic batches
///
/// The file is read as a stream and may be larger than memory. It holds {"databases":[{"name", "schema":{"dimension",
/// "distance_metric"}, "vectors":[{"id", "data", "metadata"}]}]}, with "name" and "schema" before "vectors", or a bare
/// array of {"id", "values", "metadata"}. Databases are created as needed. A vector whose id is there already is
/// replaced.
///
/// A failed import keeps the batches it had stored and says how many vectors they hold.
#[derive(Args)]
pub struct Import {
    #[command(flatten)]
    pub storage: StorageDir,
    /// JSON file to read, `-` for standard input
    #[arg(long, value_name = "FILE")]
    pub input: PathBuf,
    /// Import only this database of the file; for a bare array, the database to store into
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// Metric of a database created from a file that names none [default: cosine]
    #[arg(long, value_enum)]
    pub metric: Option<MetricName>,
    /// Vectors in an atomic batch (a batch also ends at 8 MiB)
    #[arg(long, value_name = "N", default_value_t = crate::import::BATCH, value_parser = clap::value_parser!(u32).range(1..))]
    pub batch: u32,
    /// Print "acked DATABASE TOTAL" as soon as a batch is stored: from then on it survives the death of this process
    #[arg(long)]
    pub acks: bool,
    /// Where databases lie that are created in a directory without any
    #[arg(long, value_enum, default_value = "flat")]
    pub layout: LayoutName,
}

/// Write all databases, or one, as JSON that import reads back bit by bit
///
/// The file appears under its name when it is complete and durable, never before. Databases that cannot be read are named at
/// the end; the others are then written to FILE.incomplete, and FILE stays as it was.
#[derive(Args)]
pub struct Export {
    #[command(flatten)]
    pub storage: StorageDir,
    /// JSON file to write, `-` for standard output
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
    /// Export only this database
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
}

/// Print the names of all databases, without opening any
#[derive(Args)]
pub struct List {
    #[command(flatten)]
    pub storage: StorageDir,
}

/// Print figures of the directory and of each database
#[derive(Args)]
pub struct Stats {
    #[command(flatten)]
    pub storage: StorageDir,
    /// Print the figures of this database only
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
}

/// Print one vector and its metadata
#[derive(Args)]
pub struct Get {
    #[command(flatten)]
    pub storage: StorageDir,
    /// Database to read
    #[arg(long, value_name = "NAME")]
    pub database: String,
    #[command(flatten)]
    pub key: KeyArgument,
}

/// Check every checksum, and the index against the log; exit code 1 if anything is damaged
#[derive(Args)]
pub struct Verify {
    #[command(flatten)]
    pub storage: StorageDir,
    /// Check this database only
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
}

/// Save what is sound in a damaged database, and name what is not
///
/// Writes all that is sound to a new file with a new index, which takes the place of the damaged one. That is kept beside
/// it as NAME.jvdb.damaged-N, and is never overwritten. Vectors whose newest version is damaged are left out and listed;
/// an older version never takes their place. A database without damage is not touched.
///
/// Exit code 0 if the database is sound now, whatever was lost. A database of format version 1 is not damaged: convert it.
#[derive(Args)]
pub struct Repair {
    #[command(flatten)]
    pub storage: StorageDir,
    /// Database to repair
    #[arg(long, value_name = "NAME")]
    pub database: String,
    /// Elements of its vectors; needed only if both superblocks are lost
    #[arg(long, value_name = "N", requires = "metric")]
    pub dimension: Option<usize>,
    /// Its metric; needed only if both superblocks are lost
    #[arg(long, value_enum, requires = "dimension")]
    pub metric: Option<MetricName>,
}

/// A key, in one of its spellings.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct KeyArgument {
    /// Integer key
    #[arg(long, value_name = "N")]
    id: Option<u64>,
    /// Byte key, as text
    #[arg(long, value_name = "TEXT")]
    key: Option<String>,
    /// Byte key, as hexadecimal digits
    #[arg(long, value_name = "HEX", value_parser = crate::format::key::from_hex)]
    key_hex: Option<Bytes>,
}

/// Bytes of a key given in hexadecimal. A name of its own, as clap takes an option of a plain `Vec` for a list.
pub type Bytes = std::sync::Arc<[u8]>;

impl KeyArgument {
    /// The key that was given.
    pub fn key(&self) -> Key<'_> {
        match (self.id, &self.key, &self.key_hex) {
            (Some(id), _, _) => Key::Int(id),
            (_, Some(text), _) => Key::from(text.as_str()),
            (_, _, bytes) => Key::Bytes(bytes.as_deref().unwrap_or_default()),
        }
    }
}

/// [`Layout`], as spelt on the command line.
#[derive(Clone, Copy, ValueEnum)]
pub enum LayoutName {
    /// DIR/NAME.jvdb
    Flat,
    /// DIR/NAME/vectors.jvdb
    Folders,
}

impl From<LayoutName> for Layout {
    fn from(name: LayoutName) -> Self {
        match name {
            LayoutName::Flat => Self::Flat,
            LayoutName::Folders => Self::Folders,
        }
    }
}

/// [`Metric`], as spelt on the command line.
#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum MetricName {
    Cosine,
    Euclidean,
    DotProduct,
}

impl From<MetricName> for Metric {
    fn from(name: MetricName) -> Self {
        match name {
            MetricName::Cosine => Self::Cosine,
            MetricName::Euclidean => Self::Euclidean,
            MetricName::DotProduct => Self::DotProduct,
        }
    }
}
