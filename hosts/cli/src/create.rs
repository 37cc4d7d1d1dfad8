//! `jvdb create`: an empty database.

use crate::args::Create;
use crate::failure::Failure;
use crate::format;
use jvdb_core::Schema;
use std::io::Write;

/// Runs the command.
pub fn run(create: &Create, json: bool, stdout: &mut impl Write) -> Result<(), Failure> {
    let name = &create.of.database;
    let schema = Schema::new(create.dimension as usize, create.metric.into())?;
    let storage = create.of.storage.open_for_writing(create.layout.into())?;
    drop(storage.create(name, schema)?);
    storage.close()?;
    let written = match json {
        true => format::write_schema(stdout, name, schema).and_then(|()| writeln!(stdout, "}}")),
        false => {
            writeln!(stdout, "created {name}: dimension {}, metric {}", schema.dimension(), schema.metric().name())
        }
    };
    written.map_err(Failure::Stdout)
}
