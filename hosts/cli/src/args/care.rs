//! The commands that take care of files, as they are asked for.

use super::common::{LayoutName, MetricName, StorageDir};
use clap::Args;
use std::path::PathBuf;

/// Save what is sound in a damaged database, and name what is not
///
/// Writes all that is sound to a new file with a new index, which takes the place of the damaged one. That is kept beside
/// it as NAME.jvdb.damaged-N, and is never overwritten. Vectors whose newest version is damaged are left out and listed;
/// an older version never takes their place. A database without damage is not touched.
///
/// Exit code 0 if the database is sound now, whatever was lost. A database of format version 1 is not damaged: convert it.
#[derive(Args)]
#[command(after_help = "Example:\n    jvdb repair --storage data --database colours")]
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

/// Rewrite databases without what was deleted and replaced, and give its room back
///
/// Each is written anew beside itself, which takes as much room as its live vectors, and then takes its own place; a crash
/// leaves the one or the other. Databases without anything dead are left as they are.
#[derive(Args)]
#[command(after_help = "Example:\n    jvdb compact --storage data")]
pub struct Compact {
    #[command(flatten)]
    pub storage: StorageDir,
    /// Compact this database only
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
}

/// Copy databases, also while another process writes to them
///
/// Takes no lock and changes nothing in the storage directory. Each copy holds every vector that was acknowledged when the
/// database was opened for it, is checked while it is made, and is durable and whole before it has its name. It is a
/// database like any other. No file is written over.
#[derive(Args)]
#[command(
    after_help = "Examples:\n    jvdb backup --storage data --output /backups/monday\n    jvdb backup --storage data \
--database colours --output colours.jvdb"
)]
pub struct Backup {
    #[command(flatten)]
    pub storage: StorageDir,
    /// Copy this database only
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// Directory for the copies, made if it is missing; with --database also the name of a file
    #[arg(long, value_name = "DIR|FILE")]
    pub output: PathBuf,
}

/// Put backups in a storage directory, after every checksum in them was checked
///
/// The copy is verified where it will stay, and gets its name only when it is sound and durable. A database that is there
/// already is left as it is, unless --force is given: then the backup takes its place in one step.
#[derive(Args)]
#[command(after_help = "Examples:\n    jvdb restore --from /backups/monday --storage data\n    jvdb restore --from \
colours.jvdb --storage data --database colours-of-monday")]
pub struct Restore {
    /// Directory of backups, or one backup
    #[arg(long, value_name = "DIR|FILE")]
    pub from: PathBuf,
    #[command(flatten)]
    pub storage: StorageDir,
    /// Of a directory, restore this database only; of a file, restore it under this name [default: the file's]
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// Replace databases that are there
    #[arg(long)]
    pub force: bool,
    /// Where databases lie in a directory that has none yet
    #[arg(long, value_enum, default_value = "flat")]
    pub layout: LayoutName,
}

/// Tell how much room databases will take
///
/// As they are after an import, a compaction or a restore. A database that grows keeps outgrown index tables until it is
/// compacted, and replaced and deleted vectors as well: the first of these is in the second figure, the others are not.
#[derive(Args)]
#[command(after_help = "Example:\n    jvdb estimate --databases 10 --vectors 1000000 --dimension 768 --metadata 200")]
pub struct Estimate {
    /// Number of databases
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub databases: u64,
    /// Vectors in each
    #[arg(long, value_name = "N")]
    pub vectors: u64,
    /// Elements of a vector
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=jvdb_core::MAX_DIMENSION as i64))]
    pub dimension: u32,
    /// Bytes of metadata of a vector, on average
    #[arg(long, value_name = "BYTES", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=jvdb_core::MAX_METADATA_LEN as i64))]
    pub metadata: u32,
    /// Bytes of a key, on average, if keys are no integers
    #[arg(long, value_name = "BYTES", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=jvdb_core::MAX_KEY_LEN as i64))]
    pub key: u16,
}
