//! `import` and `export`, as they are asked for.

use super::common::{LayoutName, MetricName, StorageDir};
use clap::Args;
use std::path::PathBuf;

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
