//! The commands that change databases and vectors one at a time, as they are asked for.

use super::common::{KeyArgument, LayoutName, MetricName, OneDatabase};
use clap::Args;
use serde_json::value::RawValue;
use std::sync::Arc;

/// Create an empty database
///
/// The directory is made if it is missing. A database of that name that is there already is an error, and stays as it is.
#[derive(Args)]
#[command(after_help = "Example:\n    jvdb create --storage data --database colours --dimension 3 --metric cosine")]
pub struct Create {
    #[command(flatten)]
    pub of: OneDatabase,
    /// Elements of its vectors
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=jvdb_core::MAX_DIMENSION as i64))]
    pub dimension: u32,
    /// Its metric (dot is short for dot_product)
    #[arg(long, value_enum, default_value = "cosine")]
    pub metric: MetricName,
    /// Where it lies in a directory that has no databases yet
    #[arg(long, value_enum, default_value = "flat")]
    pub layout: LayoutName,
}

/// Remove a database and its file
///
/// Nobody is asked, and nothing brings it back but a backup.
#[derive(Args)]
#[command(after_help = "Example:\n    jvdb drop --storage data --database colours")]
pub struct Drop {
    #[command(flatten)]
    pub of: OneDatabase,
}

/// Store one vector, or replace it and its metadata
#[derive(Args)]
#[command(after_help = "Example:\n    jvdb put --storage data --database colours --id 7 --vector \"[1, 0.5, 0]\" \
--metadata '{\"name\": \"orange\"}'")]
pub struct Put {
    #[command(flatten)]
    pub of: OneDatabase,
    #[command(flatten)]
    pub key: KeyArgument,
    /// Its elements, as a JSON array of numbers, "NaN", "Infinity" and "-Infinity"; `-` reads the array from standard input
    #[arg(long, value_name = "ARRAY", value_parser = VectorArgument::parse, allow_hyphen_values = true)]
    pub vector: VectorArgument,
    /// Its metadata, stored as it is written here; {"$base64": "..."} stands for bytes. Without it the vector has none
    #[arg(long, value_name = "TEXT", default_value = "", allow_hyphen_values = true)]
    pub metadata: String,
}

/// Remove one vector
///
/// Its bytes stay in the file until `jvdb compact`, and in backups made before that.
#[derive(Args)]
#[command(after_help = "Example:\n    jvdb delete --storage data --database colours --id 7")]
pub struct Delete {
    #[command(flatten)]
    pub of: OneDatabase,
    #[command(flatten)]
    pub key: KeyArgument,
}

/// Elements of a vector, or where they come from.
#[derive(Debug, Clone)]
pub enum VectorArgument {
    Elements(Arc<[f32]>),
    Stdin,
}

impl VectorArgument {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "-" {
            return Ok(Self::Stdin);
        }
        Ok(Self::Elements(elements(text)?.into()))
    }
}

/// The elements that a JSON array has.
///
/// # Errors
/// Says what is no JSON, or which element no 32-bit float can hold.
pub fn elements(text: &str) -> Result<Vec<f32>, String> {
    let array: &RawValue = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut elements = Vec::new();
    crate::format::float::read(array.get(), &mut elements)?;
    Ok(elements)
}
