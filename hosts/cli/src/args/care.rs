//! The commands that take care of files, as they are asked for.

use super::common::{MetricName, StorageDir};
use clap::Args;

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
