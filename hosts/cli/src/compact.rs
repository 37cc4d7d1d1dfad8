//! `jvdb compact`: databases without what was deleted and replaced.

use crate::args::Compact;
use crate::exceptions::{self, Exception};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::{format, table};
use jvdb_core::Storage;
use serde::Serialize;
use std::io::{self, Write};
use std::path::Path;

/// What became of one database.
#[derive(Serialize)]
struct Row {
    name: String,
    bytes_before: u64,
    bytes_after: u64,
    bytes_gained: u64,
}

#[derive(Default, Serialize)]
struct Done {
    databases: Vec<Row>,
    bytes_gained: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exceptions: Vec<Exception>,
}

/// Runs the command. A database that cannot be compacted does not keep the others from it.
pub fn run(compact: &Compact, json: bool, stdout: &mut impl Write) -> Result<(), Failure> {
    let interrupt = Interrupt::watch().map_err(Failure::file("watch for signals of", Path::new("this process")))?;
    let mut done = Done::default();
    let stopped = match &compact.database {
        Some(name) => {
            let storage = compact.storage.open_for_change(name)?;
            done.databases.push(one(&storage, name)?);
            storage.close()?;
            false
        }
        None => all(compact, &interrupt, &mut done)?,
    };
    done.bytes_gained = done.databases.iter().map(|row| row.bytes_gained).sum();
    if json { format::write_line(stdout, &done) } else { done.write(stdout) }.map_err(Failure::Stdout)?;
    if stopped {
        let compacted = done.databases.len();
        let what = format!("the compaction was interrupted after {compacted} databases; the others are as they were");
        return Err(Failure::Interrupted(what));
    }
    exceptions::check(&done.exceptions, done.databases.len() + done.exceptions.len())
}

/// Compacts all databases, until the process is told to end. Says whether it was.
fn all(compact: &Compact, interrupt: &Interrupt, done: &mut Done) -> Result<bool, Failure> {
    let directory = compact.storage.open_for_reading()?;
    (_, done.exceptions) = directory.names(None)?;
    for layout in directory.layouts() {
        let storage = compact.storage.open_layout(layout)?;
        for name in storage.list()? {
            if interrupt.happened() {
                return Ok(true);
            }
            match one(&storage, &name) {
                Ok(row) => done.databases.push(row),
                Err(failure) => done.exceptions.extend(directory.exception(&name, &failure)),
            }
        }
        storage.close()?;
    }
    Ok(false)
}

fn one(storage: &Storage, name: &str) -> Result<Row, Failure> {
    let database = storage.database(name)?;
    let before = database.stats();
    if before.dead_bytes > 0 {
        database.compact()?;
    }
    let (bytes_before, bytes_after) = (before.file_bytes, database.stats().file_bytes);
    Ok(Row { name: name.to_owned(), bytes_before, bytes_after, bytes_gained: bytes_before.saturating_sub(bytes_after) })
}

impl Done {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut rows = vec![["database", "before", "after", "gained"].map(str::to_owned).to_vec()];
        rows.extend(self.databases.iter().map(|row| {
            let figures = [row.bytes_before, row.bytes_after, row.bytes_gained].map(|bytes| bytes.to_string());
            [&[row.name.clone()][..], &figures].concat()
        }));
        table::write(out, &rows)?;
        self.exceptions.iter().try_for_each(|exception| exception.write(out))?;
        writeln!(out, "{} bytes gained in {} databases", self.bytes_gained, self.databases.len())
    }
}
