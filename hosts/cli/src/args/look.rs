//! The commands that look and change nothing, as they are asked for.

use super::common::{KeyArgument, OneDatabase, StorageDir};
use clap::Args;

/// Print the names of all databases, without opening any
#[derive(Args)]
#[command(after_help = "Example:\n    jvdb list --storage data")]
pub struct List {
    #[command(flatten)]
    pub storage: StorageDir,
}

/// Print figures of the directory and of each database
#[derive(Args)]
#[command(after_help = "Example:\n    jvdb stats --storage data")]
pub struct Stats {
    #[command(flatten)]
    pub storage: StorageDir,
    /// Print the figures of this database only
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
}

/// Print one vector and its metadata
#[derive(Args)]
#[command(after_help = "Example:\n    jvdb get --storage data --database colours --id 7")]
pub struct Get {
    #[command(flatten)]
    pub of: OneDatabase,
    #[command(flatten)]
    pub key: KeyArgument,
}

/// Check every checksum, and the index against the log; exit code 1 if anything is damaged
#[derive(Args)]
#[command(after_help = "Example:\n    jvdb verify --storage data")]
pub struct Verify {
    #[command(flatten)]
    pub storage: StorageDir,
    /// Check this database only
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
}

/// Print the vectors of a database, one a line, in the order in which they were last stored
///
/// Each line is a JSON object {"id", "data", "metadata"}, as in an export. With --limit the last line on standard error says
/// the position from which another scan goes on. It stays good while vectors are stored and deleted, until the database is
/// compacted: then it is an error, and the scan begins again. With --json the result is one document: {"vectors": [...],
/// "position": N}.
#[derive(Args)]
#[command(after_help = "Example:\n    jvdb scan --storage data --database colours --limit 10")]
pub struct Scan {
    #[command(flatten)]
    pub of: OneDatabase,
    /// Go on from a position that a scan has printed
    #[arg(long, value_name = "POSITION", default_value_t = 0)]
    pub from: u64,
    /// Print at most so many
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Print the keys alone
    #[arg(long)]
    pub keys: bool,
}

/// Print dimension, metric and attributes of a database
#[derive(Args)]
#[command(after_help = "Example:\n    jvdb schema --storage data --database colours")]
pub struct ShowSchema {
    #[command(flatten)]
    pub of: OneDatabase,
}

/// Print figures for Prometheus, in its text format
///
/// Gauges of the directory, jadevectordb_databases, _vectors, _storage_bytes, _unflushed_bytes and _unreadable_databases, and of
/// the largest databases, with the label database: jadevectordb_database_vectors, _database_bytes, _database_dead_bytes and
/// _database_unflushed_bytes. Figures of a process, such as the duration of its flushes and its open files, are left out: only
/// that process knows them.
#[derive(Args)]
#[command(
    after_help = "Example, for node_exporter's textfile collector:\n    jvdb metrics --storage data > jvdb.prom.new && mv \
jvdb.prom.new jvdb.prom"
)]
pub struct Metrics {
    #[command(flatten)]
    pub storage: StorageDir,
    /// Databases that have figures of their own; beyond that many the largest files have
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub max_databases: usize,
}
