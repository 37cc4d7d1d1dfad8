//! `import` and `export`, as they are asked for.

use super::common::{LayoutName, MetricName, StorageDir};
use crate::file_format::FileFormat;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Store the vectors of a file, in atomic batches
///
/// The file is read as a stream and may be larger than memory. Its format is guessed from its name and how it begins:
///
/// json: {"databases":[{"name", "schema":{"dimension", "distance_metric"}, "vectors":[{"id", "data", "metadata"}]}]}, with
/// "name" and "schema" before "vectors", or a bare array of {"id", "values", "metadata"}. All other formats hold one database,
/// which --database names. ndjson: such a vector a line. csv: columns id, metadata, and an element each, or data with a JSON array.
/// npy, fvecs, bvecs: keys are the numbers of the rows, and FILE.jsonl beside it has the metadata, a line for each row.
///
/// Databases are created as needed. A vector whose id is there already is replaced, unless --on-conflict says otherwise.
/// A failed import keeps the batches it had stored and says how many vectors they hold.
#[derive(Args)]
#[command(
    after_help = "Examples:\n    jvdb import --storage data --input all.json\n    jvdb import --storage data --database \
words --input words.npy --metric cosine"
)]
pub struct Import {
    #[command(flatten)]
    pub storage: StorageDir,
    /// File to read, `-` for standard input
    #[arg(long, value_name = "FILE")]
    pub input: PathBuf,
    /// The database to store into; of a file with databases, import only this one
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// Format of the file, if the guess is wrong
    #[arg(long, value_enum)]
    pub format: Option<FileFormat>,
    /// What becomes of a vector whose id is there already, or was met in the file before
    #[arg(long, value_enum, value_name = "WHAT", default_value = "replace")]
    pub on_conflict: OnConflict,
    /// Read and check all of the file, and say what would be stored, but store nothing; takes no lock
    #[arg(long, conflicts_with = "acks")]
    pub dry_run: bool,
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

/// What becomes of a vector whose id is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnConflict {
    /// It takes the place of the one that is there
    Replace,
    /// The one that is there stays
    Skip,
    /// The import ends there
    Fail,
}

/// Write all databases, or one, to a file that import reads back bit by bit
///
/// The format is that of the file's name, json where that tells none. json holds any number of databases with all that they have;
/// the others hold one, without metric and attributes. npy, fvecs and bvecs have no keys: they must be the numbers 0, 1, 2 and
/// so on. Metadata goes to FILE.jsonl beside it. bvecs takes whole numbers of 0..=255 only.
///
/// The file appears under its name when it is complete and durable, never before. Databases that cannot be read are named at
/// the end; the others are then written to FILE.incomplete, and FILE stays as it was.
#[derive(Args)]
#[command(
    after_help = "Examples:\n    jvdb export --storage data --output all.json\n    jvdb export --storage data --database \
words --output words.csv"
)]
pub struct Export {
    #[command(flatten)]
    pub storage: StorageDir,
    /// File to write, `-` for standard output
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
    /// Export only this database
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// Format of the file, if its name does not tell
    #[arg(long, value_enum)]
    pub format: Option<FileFormat>,
}
