//! `jvdb schema`: dimension, metric and attributes of a database.

use crate::args::ShowSchema;
use crate::failure::Failure;
use crate::format::{self, metadata};
use jvdb_core::{Key, Schema};
use std::io::{self, Write};

/// Names and values.
type Attributes = Vec<(Vec<u8>, Vec<u8>)>;

/// Runs the command.
pub fn run(show: &ShowSchema, json: bool, stdout: &mut impl Write) -> Result<(), Failure> {
    let directory = show.of.storage.open_for_reading()?;
    let database = directory.database(&show.of.database)?;
    let mut attributes = Vec::new();
    for name in database.attributes()? {
        attributes.extend(database.attribute(&name)?.map(|value| (name, value)));
    }
    let (name, schema) = (database.name(), database.schema());
    let write = if json { write_json } else { write };
    write(stdout, name, schema, &attributes).map_err(Failure::Stdout)
}

fn write_json(out: &mut dyn Write, name: &str, schema: Schema, attributes: &Attributes) -> io::Result<()> {
    let mut out = out;
    format::write_schema(&mut out, name, schema)?;
    out.write_all(b",\"attributes\":[")?;
    for (at, (name, value)) in attributes.iter().enumerate() {
        out.write_all(if at > 0 { b"," } else { b"" })?;
        format::write_attribute(&mut out, name, value)?;
    }
    out.write_all(b"]}\n")
}

fn write(out: &mut dyn Write, name: &str, schema: Schema, attributes: &Attributes) -> io::Result<()> {
    let mut out = out;
    writeln!(out, "database   {name}\ndimension  {}\nmetric     {}", schema.dimension(), schema.metric().name())?;
    for (name, value) in attributes {
        write!(out, "attribute  {} = ", Key::Bytes(name))?;
        metadata::write(&mut out, value)?;
        writeln!(out)?;
    }
    Ok(())
}
