//! `jvdb list`: the names of all databases. Opens none of them.

use crate::args::List;
use crate::exceptions::{self, Exception};
use crate::failure::Failure;
use crate::format;
use serde::Serialize;
use std::io::{self, Write};

#[derive(Serialize)]
struct Names {
    databases: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exceptions: Vec<Exception>,
}

/// Runs the command.
pub fn run(list: &List, json: bool, stdout: &mut impl Write) -> Result<(), Failure> {
    let (databases, exceptions) = list.storage.open_for_reading()?.names(None)?;
    let names = Names { databases, exceptions };
    let written = match json {
        true => format::write_line(stdout, &names),
        false => names.databases.iter().try_for_each(|name| writeln!(stdout, "{name}")),
    };
    written.map_err(Failure::Stdout)?;
    for exception in &names.exceptions {
        // Nothing is left to do if standard error itself is gone.
        let _ = exception.write(&mut io::stderr());
    }
    exceptions::check(&names.exceptions, names.databases.len() + names.exceptions.len())
}
