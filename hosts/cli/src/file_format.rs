//! The formats of files that databases are imported from and exported to, and which of them a file has, by what it is called and
//! how it begins. Reads and writes none of them.

use clap::ValueEnum;
use std::path::{Path, PathBuf};

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FileFormat {
    /// {"databases": [...]}, or an array of vectors
    Json,
    /// A vector a line, as JSON
    Ndjson,
    /// A vector a line, its elements in columns; the first line names the columns
    Csv,
    /// A matrix of NumPy
    Npy,
    /// Rows of 32-bit floats, each behind its length
    Fvecs,
    /// Rows of bytes, each behind its length
    Bvecs,
}

/// How a file of NumPy begins.
pub const NUMPY: &[u8] = b"\x93NUMPY";

impl FileFormat {
    /// By what a file is called.
    pub fn of_name(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "json" => Some(Self::Json),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            "csv" => Some(Self::Csv),
            "npy" => Some(Self::Npy),
            "fvecs" => Some(Self::Fvecs),
            "bvecs" => Some(Self::Bvecs),
            _ => None,
        }
    }

    /// By how it begins, where that is certain, and else by what it is called.
    pub fn of(path: &Path, beginning: &[u8]) -> Self {
        if beginning.starts_with(NUMPY) {
            return Self::Npy;
        }
        match Self::of_name(path) {
            None | Some(Self::Json) if begins_with_vector(beginning) => Self::Ndjson,
            named => named.unwrap_or(Self::Json),
        }
    }

    /// Whether keys are the numbers of the rows.
    pub fn is_matrix(self) -> bool {
        matches!(self, Self::Npy | Self::Fvecs | Self::Bvecs)
    }

    /// Where the metadata of a matrix lies.
    pub fn metadata_beside(path: &Path) -> PathBuf {
        path.with_extension("jsonl")
    }

    /// As it is spelt on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Npy => "npy",
            Self::Fvecs => "fvecs",
            Self::Bvecs => "bvecs",
        }
    }
}

/// Whether the first object has the members of a vector, and not of databases.
fn begins_with_vector(beginning: &[u8]) -> bool {
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning).trim_ascii_start();
    let Some(inside) = text.strip_prefix(b"{").and_then(|inside| inside.trim_ascii_start().strip_prefix(b"\"")) else {
        return false;
    };
    [&b"id\""[..], b"data\"", b"values\"", b"metadata\""].iter().any(|member| inside.starts_with(member))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_told_by_the_beginning_and_else_by_the_name() {
        for (name, beginning, expected) in [
            ("-", &b"[{"[..], FileFormat::Json),
            ("-", b"{\"databases\": [", FileFormat::Json),
            ("-", b" {\n\"id\":", FileFormat::Ndjson),
            ("x.json", b"{\"values\":[1]", FileFormat::Ndjson),
            ("x.jsonl", b"", FileFormat::Ndjson),
            ("x.CSV", b"id,v0", FileFormat::Csv),
            ("x.fvecs", b"{\"id\":", FileFormat::Fvecs),
            ("x.json", b"\x93NUMPY\x01", FileFormat::Npy),
            ("x.bvecs", b"\x02\0\0\0", FileFormat::Bvecs),
        ] {
            assert_eq!(FileFormat::of(Path::new(name), beginning), expected, "{name} {beginning:?}");
        }
    }
}
