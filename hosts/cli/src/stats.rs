//! `jvdb stats`: figures of the directory and of each database.

use crate::args::Stats;
use crate::failure::Failure;
use crate::storage::names;
use crate::{format, table};
use jvdb_core::{Result, Storage};
use serde::Serialize;
use std::io::{self, Write};

/// Figures of the directory. Those about this opening (open files, evictions, flushes) are left out: it began with this
/// command and ends with it.
#[derive(Serialize)]
struct Directory {
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
struct Unreadable {
    name: String,
    error: String,
}

#[derive(Serialize)]
struct All {
    #[serde(skip_serializing_if = "Option::is_none")]
    storage: Option<Directory>,
    databases: Vec<Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<Unreadable>,
}

/// Runs the command. A database that cannot be opened does not hide the others.
pub fn run(stats: &Stats, json: bool, stdout: &mut impl Write) -> std::result::Result<(), Failure> {
    let storage = stats.storage.open_for_reading()?;
    let mut all = All { storage: None, databases: Vec::new(), unreadable: Vec::new() };
    for name in names(&storage, stats.database.as_deref())? {
        match row(&storage, &name) {
            Ok(row) => all.databases.push(row),
            Err(error) => all.unreadable.push(Unreadable { name, error: error.to_string() }),
        }
    }
    if stats.database.is_none() && all.unreadable.is_empty() {
        all.storage = Some(directory(&storage)?);
    }
    if json { format::write_line(stdout, &all) } else { all.write(stdout) }.map_err(Failure::Stdout)?;
    match all.unreadable.len() {
        0 => Ok(()),
        bad => Err(Failure::Damaged { bad, all: bad + all.databases.len() }),
    }
}

fn directory(storage: &Storage) -> Result<Directory> {
    let stats = storage.stats()?;
    Ok(Directory {
        databases: stats.databases,
        vectors: stats.vectors,
        bytes_on_disk: stats.bytes_on_disk,
        unflushed_bytes: stats.unflushed_bytes,
    })
}

fn row(storage: &Storage, name: &str) -> Result<Row> {
    let database = storage.database(name)?;
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
        if let Some(Directory { databases, vectors, bytes_on_disk, unflushed_bytes }) = self.storage {
            writeln!(out, "{databases} databases, {vectors} vectors, {bytes_on_disk} bytes on disk")?;
            writeln!(out, "{unflushed_bytes} bytes that no flush covers\n")?;
        }
        let heading = ["database", "dimension", "metric", "vectors", "bytes", "dead", "unflushed"];
        let mut rows = vec![heading.map(str::to_owned).to_vec()];
        rows.extend(self.databases.iter().map(Row::cells));
        table::write(out, &rows)?;
        let mut unreadable = self.unreadable.iter();
        unreadable.try_for_each(|it| writeln!(out, "{}: NOT READABLE: {}", it.name, it.error))
    }
}

impl Row {
    fn cells(&self) -> Vec<String> {
        let figures = [self.vectors, self.file_bytes, self.dead_bytes, self.unflushed_bytes];
        let described = [self.name.clone(), self.dimension.to_string(), self.distance_metric.to_owned()];
        described.into_iter().chain(figures.iter().map(u64::to_string)).collect()
    }
}
