//! `jvdb stats`: figures of the directory and of each database.

use crate::args::Stats;
use crate::exceptions::{self, Exception};
use crate::failure::Failure;
use crate::storage::Directory;
use crate::{format, table};
use serde::Serialize;
use std::io::{self, Write};

/// Figures of the databases that could be read, taken together. Those about this opening (open files, evictions, flushes) are left out: it began with this
/// command and ends with it.
#[derive(Serialize)]
struct Total {
    databases: u64,
    vectors: u64,
    bytes_on_disk: u64,
    unflushed_bytes: u64,
}

/// Figures of one database.
#[derive(Serialize)]
struct Row {
    name: String,
    dimension: usize,
    distance_metric: &'static str,
    vectors: u64,
    file_bytes: u64,
    dead_bytes: u64,
    unflushed_bytes: u64,
    unflushed_operations: u64,
    index_buckets: u64,
}

#[derive(Serialize)]
struct All {
    #[serde(skip_serializing_if = "Option::is_none")]
    storage: Option<Total>,
    databases: Vec<Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<Exception>,
}

/// Runs the command. A database that cannot be opened does not hide the others.
pub fn run(stats: &Stats, json: bool, stdout: &mut impl Write) -> Result<(), Failure> {
    let directory = stats.storage.open_for_reading()?;
    let (names, unreadable) = directory.names(stats.database.as_deref())?;
    let mut all = All { storage: None, databases: Vec::new(), unreadable };
    for name in names {
        match row(&directory, &name) {
            Ok(row) => all.databases.push(row),
            Err(failure) if stats.database.is_some() => return Err(failure),
            Err(failure) => all.unreadable.extend(directory.exception(&name, &failure)),
        }
    }
    if stats.database.is_none() {
        all.storage = Some(total(&all.databases));
    }
    if json { format::write_line(stdout, &all) } else { all.write(stdout) }.map_err(Failure::Stdout)?;
    exceptions::check(&all.unreadable, all.databases.len() + all.unreadable.len())
}

fn total(rows: &[Row]) -> Total {
    let sum = |figure: fn(&Row) -> u64| rows.iter().map(figure).sum();
    Total {
        databases: rows.len() as u64,
        vectors: sum(|row| row.vectors),
        bytes_on_disk: sum(|row| row.file_bytes),
        unflushed_bytes: sum(|row| row.unflushed_bytes),
    }
}

fn row(directory: &Directory, name: &str) -> Result<Row, Failure> {
    let database = directory.database(name)?;
    let (schema, stats) = (database.schema(), database.stats());
    Ok(Row {
        name: name.to_owned(),
        dimension: schema.dimension(),
        distance_metric: schema.metric().name(),
        vectors: stats.vectors,
        file_bytes: stats.file_bytes,
        dead_bytes: stats.dead_bytes,
        unflushed_bytes: stats.unflushed_bytes,
        unflushed_operations: stats.unflushed_operations,
        index_buckets: stats.index_buckets,
    })
}

impl All {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        if let Some(Total { databases, vectors, bytes_on_disk, unflushed_bytes }) = self.storage {
            writeln!(out, "{databases} databases, {vectors} vectors, {bytes_on_disk} bytes on disk")?;
            writeln!(out, "{unflushed_bytes} bytes that no flush covers\n")?;
        }
        let heading = ["database", "dimension", "metric", "vectors", "bytes", "dead", "unflushed"];
        let mut rows = vec![heading.map(str::to_owned).to_vec()];
        rows.extend(self.databases.iter().map(Row::cells));
        table::write(out, &rows)?;
        self.unreadable.iter().try_for_each(|exception| exception.write(out))
    }
}

impl Row {
    fn cells(&self) -> Vec<String> {
        let figures = [self.vectors, self.file_bytes, self.dead_bytes, self.unflushed_bytes];
        let described = [self.name.clone(), self.dimension.to_string(), self.distance_metric.to_owned()];
        described.into_iter().chain(figures.iter().map(u64::to_string)).collect()
    }
}
