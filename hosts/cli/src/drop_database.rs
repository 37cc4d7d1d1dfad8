//! `jvdb drop`: a database and its file, removed.

use crate::args::Drop;
use crate::failure::Failure;
use crate::format;
use serde::Serialize;
use std::io::Write;

#[derive(Serialize)]
struct Done<'a> {
    dropped: &'a str,
}

/// Runs the command. The database may be one that cannot be opened.
pub fn run(drop: &Drop, json: bool, stdout: &mut impl Write) -> Result<(), Failure> {
    let name = &drop.of.database;
    let storage = drop.of.storage.open_for_dropping(name)?;
    storage.drop_database(name)?;
    storage.close()?;
    let written = match json {
        true => format::write_line(stdout, &Done { dropped: name }),
        false => writeln!(stdout, "dropped {name}"),
    };
    written.map_err(Failure::Stdout)
}
