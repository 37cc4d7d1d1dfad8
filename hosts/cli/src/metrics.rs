//! `jvdb metrics`: figures in Prometheus' text format, under the names that the C++ classes give them.

use crate::args::Metrics;
use crate::exceptions::{self, Exception};
use crate::failure::Failure;
use jvdb_core::DatabaseStats;
use std::io::{self, Write};

/// Databases that could be read, by name.
type Figures = [(String, DatabaseStats)];

/// One figure of a database.
type Figure = fn(&DatabaseStats) -> u64;

/// Runs the command. What could be read is printed whatever could not.
pub fn run(metrics: &Metrics, stdout: &mut impl Write) -> Result<(), Failure> {
    let directory = metrics.storage.open_for_reading()?;
    let (names, mut unreadable) = directory.names(None)?;
    let mut figures = Vec::new();
    for name in names {
        match directory.database(&name) {
            Ok(database) => figures.push((name, database.stats())),
            Err(failure) => unreadable.extend(directory.exception(&name, &failure)),
        }
    }
    let all = figures.len() + unreadable.len();
    write_totals(stdout, &figures, unreadable.len() as u64).map_err(Failure::Stdout)?;
    keep_largest(&mut figures, metrics.max_databases);
    write_each(stdout, &figures).map_err(Failure::Stdout)?;
    tell(&unreadable);
    exceptions::check(&unreadable, all)
}

/// The names go to standard error: what a text format has room for are numbers.
fn tell(unreadable: &[Exception]) {
    for exception in unreadable {
        // Nothing is left to do if standard error itself is gone.
        let _ = exception.write(&mut io::stderr());
    }
}

/// Leaves so many, by name.
fn keep_largest(figures: &mut Vec<(String, DatabaseStats)>, count: usize) {
    if figures.len() > count {
        figures.sort_by_key(|(_, stats)| std::cmp::Reverse(stats.file_bytes));
        figures.truncate(count);
        figures.sort_by(|a, b| a.0.cmp(&b.0));
    }
}

fn write_totals(out: &mut impl Write, figures: &Figures, unreadable: u64) -> io::Result<()> {
    let sum = |figure: Figure| figures.iter().map(|(_, stats)| figure(stats)).sum::<u64>();
    for (name, help, value) in [
        ("databases", "Databases in the storage directory that can be read.", figures.len() as u64),
        ("unreadable_databases", "Databases that cannot be read, and what has only the name of one.", unreadable),
        ("vectors", "Live vectors in all databases.", sum(|stats| stats.vectors)),
        ("storage_bytes", "Bytes of all database files.", sum(|stats| stats.file_bytes)),
        ("unflushed_bytes", "Bytes of records that no completed flush covers yet.", sum(|stats| stats.unflushed_bytes)),
    ] {
        write_head(out, name, help)?;
        writeln!(out, "jadevectordb_{name} {value}")?;
    }
    Ok(())
}

fn write_each(out: &mut impl Write, figures: &Figures) -> io::Result<()> {
    let all: [(&str, &str, Figure); 4] = [
        ("database_vectors", "Live vectors of a database.", |stats| stats.vectors),
        ("database_bytes", "Bytes of a database's file.", |stats| stats.file_bytes),
        ("database_dead_bytes", "Bytes that a compaction would give back.", |stats| stats.dead_bytes),
        ("database_unflushed_bytes", "Bytes that no completed flush covers yet.", |stats| stats.unflushed_bytes),
    ];
    for (name, help, figure) in all {
        write_head(out, name, help)?;
        for (database, stats) in figures {
            writeln!(out, "jadevectordb_{name}{{database=\"{}\"}} {}", escaped(database), figure(stats))?;
        }
    }
    Ok(())
}

fn write_head(out: &mut impl Write, name: &str, help: &str) -> io::Result<()> {
    writeln!(out, "# HELP jadevectordb_{name} {help}\n# TYPE jadevectordb_{name} gauge")
}

/// The value of a label, as the format has it.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
