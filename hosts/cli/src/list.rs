//! `jvdb list`: the names of all databases. Opens none of them.

use crate::args::List;
use crate::failure::Failure;
use crate::format;
use serde::Serialize;
use std::io::Write;

#[derive(Serialize)]
struct Names {
    databases: Vec<String>,
}

/// Runs the command.
pub fn run(list: &List, json: bool, stdout: &mut impl Write) -> Result<(), Failure> {
    let databases = list.storage.open_for_reading()?.list()?;
    if json {
        return format::write_line(stdout, &Names { databases }).map_err(Failure::Stdout);
    }
    databases.iter().try_for_each(|name| writeln!(stdout, "{name}")).map_err(Failure::Stdout)
}
