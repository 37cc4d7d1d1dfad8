//! What many commands ask for: the directory, a key, a layout, a metric.

use clap::{Args, ValueEnum};
use jvdb_core::{Key, Layout, Metric};
use std::path::PathBuf;

/// The directory every command works on.
#[derive(Args)]
pub struct StorageDir {
    /// Storage directory
    #[arg(long, value_name = "DIR")]
    pub storage: PathBuf,
}

/// One database of it.
#[derive(Args)]
pub struct OneDatabase {
    #[command(flatten)]
    pub storage: StorageDir,
    /// Name of the database
    #[arg(long, value_name = "NAME")]
    pub database: String,
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
    #[value(alias = "dot")]
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
