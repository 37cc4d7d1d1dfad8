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
    while count < limit && write_next(&mut cursor, scan.keys, &mut out, if json && count > 0 { ",\n" } else { "" })? {
        count += 1;
        if !json {
            out.write_all(b"\n").map_err(Failure::Stdout)?;
        }
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
fn write_next(cursor: &mut Cursor, keys: bool, out: &mut impl Write, before: &str) -> Result<bool, Failure> {
    let written = if keys {
        let Some(key) = cursor.next_key().transpose()? else { return Ok(false) };
        out.write_all(before.as_bytes()).and_then(|()| format::key::write(out, Key::from(&key)))
    } else {
        let Some(vector) = cursor.next().transpose()? else { return Ok(false) };
        out.write_all(before.as_bytes())
            .and_then(|()| format::write_vector(out, vector.key(), vector.vector(), vector.metadata()))
    };
    written.map(|()| true).map_err(Failure::Stdout)
}
