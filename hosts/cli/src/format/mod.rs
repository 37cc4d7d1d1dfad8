//! How databases are written as JSON, so that reading it back gives the same bytes. `hosts/cli/README.md` is the
//! reference of the format; this module owns the spelling of its parts, and knows nothing of files or stores.

pub mod cell;
pub mod float;
pub mod key;
pub mod metadata;
mod numbered;

use jvdb_core::{Key, Schema};
use serde::Serialize;
use std::io::{self, Write};

/// Writes what a database begins with: `{"name":...,"schema":{...}`.
pub fn write_schema(out: &mut impl Write, name: &str, schema: Schema) -> io::Result<()> {
    out.write_all(b"{\"name\":")?;
    serde_json::to_writer(&mut *out, name)?;
    let (dimension, metric) = (schema.dimension(), schema.metric().name());
    write!(out, ",\"schema\":{{\"dimension\":{dimension},\"distance_metric\":\"{metric}\"}}")
}

/// Writes one attribute: `{"name":...,"value":...}`.
pub fn write_attribute(out: &mut impl Write, name: &[u8], value: &[u8]) -> io::Result<()> {
    out.write_all(b"{\"name\":")?;
    key::write(out, Key::Bytes(name))?;
    out.write_all(b",\"value\":")?;
    metadata::write(out, value)?;
    out.write_all(b"}")
}

/// Writes one vector: `{"id":...,"data":[...],"metadata":...}`. Empty metadata is left out.
pub fn write_vector(out: &mut impl Write, key: Key, vector: &[f32], metadata: &[u8]) -> io::Result<()> {
    write_parts(out, key, vector, metadata, metadata::write)
}

/// As [`write_vector`], on a line of its own, which it ends.
pub fn write_vector_line(out: &mut impl Write, key: Key, vector: &[f32], metadata: &[u8]) -> io::Result<()> {
    write_parts(out, key, vector, metadata, metadata::write_on_line)?;
    writeln!(out)
}

fn write_parts<W: Write>(
    out: &mut W,
    key: Key,
    vector: &[f32],
    metadata: &[u8],
    write_metadata: impl FnOnce(&mut W, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    out.write_all(b"{\"id\":")?;
    key::write(out, key)?;
    out.write_all(b",\"data\":")?;
    float::write(out, vector)?;
    if !metadata.is_empty() {
        out.write_all(b",\"metadata\":")?;
        write_metadata(out, metadata)?;
    }
    out.write_all(b"}")
}

/// Writes a whole result, and ends the line.
pub fn write_line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)
}
