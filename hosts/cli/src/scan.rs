//! `jvdb scan`: the vectors of a database, one a line.

use crate::args::Scan;
use crate::failure::Failure;
use crate::format;
use jvdb_core::{Cursor, Key, Position};
use std::io::{self, BufWriter, Write};

/// Runs the command.
pub fn run(scan: &Scan, json: bool, stdout: &mut impl Write) -> Result<(), Failure> {
    let directory = scan.of.storage.open_for_reading()?;
    let mut cursor = directory.database(&scan.of.database)?.scan(Position::from_u64(scan.from));
    let mut out = BufWriter::new(stdout);
    if json {
        out.write_all(b"{\"vectors\":[\n").map_err(Failure::Stdout)?;
    }
    let limit = scan.limit.unwrap_or(u64::MAX);
    let mut count = 0;
    while count < limit
        && write_next(&mut cursor, scan.keys, &mut out, if json && count > 0 { ",\n" } else { "" }, json)?
    {
        count += 1;
    }
    let position = cursor.position().to_u64();
    if json {
        write!(out, "\n],\"position\":{position}}}\n").map_err(Failure::Stdout)?;
    }
    out.flush().map_err(Failure::Stdout)?;
    if !json && count == limit {
        // Nothing is left to do if standard error itself is gone.
        let _ = writeln!(io::stderr(), "jvdb: {count} vectors; --from {position} goes on from there");
    }
    Ok(())
}

/// Writes another vector, or its key alone; says whether there was one.
fn write_next(
    cursor: &mut Cursor,
    keys: bool,
    out: &mut impl Write,
    before: &str,
    in_document: bool,
) -> Result<bool, Failure> {
    let begun = |out: &mut dyn Write| out.write_all(before.as_bytes());
    let end = if in_document { "" } else { "\n" };
    let written = if keys {
        let Some(key) = cursor.next_key().transpose()? else { return Ok(false) };
        begun(out).and_then(|()| format::key::write(out, Key::from(&key))).and_then(|()| write!(out, "{end}"))
    } else {
        let Some(vector) = cursor.next().transpose()? else { return Ok(false) };
        let (key, elements, metadata) = (vector.key(), vector.vector(), vector.metadata());
        begun(out).and_then(|()| match in_document {
            true => format::write_vector(out, key, elements, metadata),
            false => format::write_vector_line(out, key, elements, metadata),
        })
    };
    written.map(|()| true).map_err(Failure::Stdout)
}
