//! `jvdb get`: one vector and its metadata.

use crate::args::Get;
use crate::failure::Failure;
use crate::format;
use jvdb_core::{Database, Key};
use std::io::{self, Write};

/// Runs the command.
pub fn run(get: &Get, json: bool, stdout: &mut impl Write) -> Result<(), Failure> {
    let key = get.key.key();
    let directory = get.storage.open_for_reading()?;
    let database = directory.database(&get.database)?;
    let Some(vector) = database.get(key)? else {
        let hint = hint(&database, key)?;
        return Err(Failure::NoKey { key: key.to_string(), database: get.database.clone(), hint });
    };
    let written = if json {
        format::write_vector(stdout, key, vector.vector(), vector.metadata()).and_then(|()| writeln!(stdout))
    } else {
        write(stdout, key, vector.vector(), vector.metadata())
    };
    written.map_err(Failure::Stdout)
}

/// Where the same digits are a key of the other kind, which was meant perhaps.
fn hint(database: &Database, key: Key) -> Result<String, Failure> {
    let (option, text, found) = match key {
        Key::Int(id) => {
            let text = id.to_string();
            let found = database.get(text.as_str())?;
            ("--key", text, found)
        }
        Key::Bytes(bytes) => {
            let Some(id) = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<u64>().ok()) else {
                return Ok(String::new());
            };
            ("--id", id.to_string(), database.get(id)?)
        }
    };
    Ok(if found.is_some() { format!("; {option} {text} does") } else { String::new() })
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
