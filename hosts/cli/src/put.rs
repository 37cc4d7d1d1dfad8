//! `jvdb put`: one vector, stored durably.

use crate::args::{self, Put, VectorArgument};
use crate::failure::Failure;
use crate::format::{self, metadata};
use serde::Serialize;
use std::io::{self, Read, Write};
use std::path::Path;

/// Text that standard input may have: more than any vector takes.
const MAX_TEXT: u64 = 64 << 20;

#[derive(Serialize)]
struct Done<'a> {
    database: &'a str,
    replaced: bool,
    vectors: u64,
}

/// Runs the command.
pub fn run(put: &Put, json: bool, stdout: &mut impl Write) -> Result<(), Failure> {
    let name = &put.of.database;
    let vector = match &put.vector {
        VectorArgument::Elements(elements) => elements.to_vec(),
        VectorArgument::Stdin => read_stdin()?,
    };
    let mut bytes = Vec::new();
    metadata::read(&put.metadata, &mut bytes).map_err(|what| Failure::Argument { name: "metadata", what })?;
    let storage = put.of.storage.open_for_change(name)?;
    let database = storage.database(name)?;
    let is_new = database.put(put.key.key(), &vector, &bytes)?;
    let done = Done { database: name, replaced: !is_new, vectors: database.count() };
    drop(database);
    storage.close()?;
    let written = match json {
        true => format::write_line(stdout, &done),
        false => writeln!(stdout, "{} {} in {name}", if is_new { "stored" } else { "replaced" }, put.key.key()),
    };
    written.map_err(Failure::Stdout)
}

fn read_stdin() -> Result<Vec<f32>, Failure> {
    let mut text = String::new();
    let read = io::stdin().lock().take(MAX_TEXT).read_to_string(&mut text);
    read.map_err(Failure::file("read", Path::new("standard input")))?;
    args::elements(&text).map_err(|what| Failure::Argument { name: "vector", what })
}
