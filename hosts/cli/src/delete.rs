//! `jvdb delete`: one vector, removed durably.

use crate::absent;
use crate::args::Delete;
use crate::failure::Failure;
use crate::format;
use serde::Serialize;
use std::io::Write;

#[derive(Serialize)]
struct Done<'a> {
    database: &'a str,
    vectors: u64,
}

/// Runs the command.
pub fn run(delete: &Delete, json: bool, stdout: &mut impl Write) -> Result<(), Failure> {
    let (name, key) = (&delete.of.database, delete.key.key());
    let storage = delete.of.storage.open_for_change(name)?;
    let database = storage.database(name)?;
    if !database.delete(key)? {
        return Err(absent::of_key(&database, key));
    }
    let done = Done { database: name, vectors: database.count() };
    drop(database);
    storage.close()?;
    let written = match json {
        true => format::write_line(stdout, &done),
        false => writeln!(stdout, "deleted {key} from {name}; {} vectors are left", done.vectors),
    };
    written.map_err(Failure::Stdout)
}
