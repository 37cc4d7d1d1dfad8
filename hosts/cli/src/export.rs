//! `jvdb export`: databases as JSON, one vector a line, straight from the mapping to the file.

use crate::args::{Arguments, Export};
use crate::failure::Failure;
use crate::format;
use crate::output::{self, Error, Out};
use crate::progress::Progress;
use crate::storage::names;
use jvdb_core::{Database, Position, Storage};
use serde::Serialize;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

/// What was written, for `--json`.
#[derive(Serialize)]
struct Done {
    databases: u64,
    vectors: u64,
}

/// Runs the command.
pub fn run(export: &Export, arguments: &Arguments, stdout: &mut impl Write) -> Result<(), Failure> {
    let storage = export.storage.open_for_reading()?;
    check_output(&export.storage.storage, &export.output)?;
    let to_stdout = export.output == Path::new("-");
    let progress = Progress::of_vectors(!arguments.verbose && !to_stdout);
    let mut done = Done { databases: 0, vectors: 0 };
    output::write_to(&export.output, stdout, |out| {
        write_all(&storage, export.database.as_deref(), out, &progress, &mut done)
    })?;
    drop(progress);
    if to_stdout {
        return Ok(());
    }
    if arguments.json {
        format::write_line(stdout, &done).map_err(Failure::Stdout)
    } else {
        let Done { databases, vectors } = done;
        let path = export.output.display();
        writeln!(stdout, "exported {vectors} vectors of {databases} databases to {path}").map_err(Failure::Stdout)
    }
}

/// Refuses an output that is a database, or that the storage directory would list as one.
fn check_output(storage: &Path, output: &Path) -> Result<(), Failure> {
    /// How a database's file begins.
    const MAGIC: [u8; 4] = *b"BDVJ";
    let refused = |why| Err(Failure::Output { path: output.to_owned(), why });
    let mut begins = [0; MAGIC.len()];
    // A pipe or a device is not opened: somebody may wait for that.
    let is_file = std::fs::metadata(output).is_ok_and(|found| found.is_file());
    if is_file && File::open(output).and_then(|mut file| file.read_exact(&mut begins)).is_ok() && begins == MAGIC {
        return refused("it is a database");
    }
    let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let within = match (parent.canonicalize(), storage.canonicalize()) {
        (Ok(parent), Ok(storage)) => parent.starts_with(storage),
        _ => false,
    };
    if within && output.extension().is_some_and(|extension| extension == "jvdb") {
        return refused("in the storage directory a name that ends with .jvdb is a database's");
    }
    Ok(())
}

fn write_all(
    storage: &Storage,
    wanted: Option<&str>,
    out: &mut Out,
    progress: &Progress,
    done: &mut Done,
) -> Result<(), Error> {
    out.write_all(b"{\"databases\":[")?;
    for (at, name) in names(storage, wanted)?.iter().enumerate() {
        out.write_all(if at == 0 { b"\n" } else { b",\n" })?;
        write_database(&storage.database(name)?, out, progress, done)?;
        done.databases += 1;
    }
    Ok(out.write_all(b"]}\n")?)
}

fn write_database(database: &Database, out: &mut Out, progress: &Progress, done: &mut Done) -> Result<(), Error> {
    progress.name(database.name());
    progress.more(database.count());
    format::write_schema(out, database.name(), database.schema())?;
    write_attributes(database, out)?;
    out.write_all(b",\"vectors\":[")?;
    let mut separator: &[u8] = b"\n";
    for vector in database.scan(Position::START) {
        let vector = vector?;
        out.write_all(separator)?;
        format::write_vector(out, vector.key(), vector.vector(), vector.metadata())?;
        separator = b",\n";
        done.vectors += 1;
        progress.step();
    }
    Ok(out.write_all(b"]}")?)
}

/// The member "attributes", if there are any.
fn write_attributes(database: &Database, out: &mut Out) -> Result<(), Error> {
    let mut opening: &[u8] = b",\"attributes\":[\n";
    for name in database.attributes()? {
        let Some(value) = database.attribute(&name)? else { continue };
        out.write_all(opening)?;
        format::write_attribute(out, &name, &value)?;
        opening = b",\n";
    }
    let any = opening == b",\n";
    if any { Ok(out.write_all(b"]")?) } else { Ok(()) }
}
