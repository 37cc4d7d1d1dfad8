//! How much a campaign is asked to do.

use clap::Args;
use std::path::PathBuf;

/// Options that all campaigns share. A campaign that has no use for one ignores it.
#[derive(Debug, Clone, Args)]
pub struct Effort {
    /// Cases to try, at least; the campaign's own number for CI if it is not given.
    #[arg(long)]
    pub cases: Option<u64>,
    /// Seed of what is random.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Seconds to go on for, where a campaign is measured in time.
    #[arg(long)]
    pub seconds: Option<u64>,
    /// Directory for scratch files; a temporary one if it is not given.
    #[arg(long)]
    pub dir: Option<PathBuf>,
}
