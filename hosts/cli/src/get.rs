//! `jvdb get`: one vector and its metadata.

use crate::absent;
use crate::args::Get;
use crate::failure::Failure;
use crate::format;
use jvdb_core::Key;
use std::io::{self, Write};

/// Runs the command.
pub fn run(get: &Get, json: bool, stdout: &mut impl Write) -> Result<(), Failure> {
    let key = get.key.key();
    let directory = get.of.storage.open_for_reading()?;
    let database = directory.database(&get.of.database)?;
    let Some(vector) = database.get(key)? else {
        return Err(absent::of_key(&database, key));
    };
    let written = if json {
        format::write_vector(stdout, key, vector.vector(), vector.metadata()).and_then(|()| writeln!(stdout))
    } else {
        write(stdout, key, vector.vector(), vector.metadata())
    };
    written.map_err(Failure::Stdout)
}

fn write(out: &mut impl Write, key: Key, vector: &[f32], metadata: &[u8]) -> io::Result<()> {
    writeln!(out, "key        {key}")?;
    writeln!(out, "dimension  {}", vector.len())?;
    write!(out, "vector     ")?;
    format::float::write(out, vector)?;
    write!(out, "\nmetadata   ")?;
    if !metadata.is_empty() {
        format::metadata::write(out, metadata)?;
    }
    writeln!(out)
}
