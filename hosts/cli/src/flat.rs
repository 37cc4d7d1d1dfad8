//! An export to a format that holds one database: its vectors, a line or a row each. What such a format has no place for is told.

use crate::args::{Arguments, Export};
use crate::failure::Failure;
use crate::file_format::FileFormat;
use crate::format::{self, cell, float, metadata};
use crate::interrupt::Interrupt;
use crate::output::{self, Error, Extent, Out};
use crate::progress::Progress;
use crate::rows;
use crate::storage::Directory;
use jvdb_core::{Database, Position, Vector};
use serde::Serialize;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What was written, for `--json`.
#[derive(Serialize)]
struct Done {
    databases: u64,
    vectors: u64,
}

/// Exports the database of the command line, or the only one.
pub fn run(
    directory: &Directory,
    export: &Export,
    format: FileFormat,
    arguments: &Arguments,
    stdout: &mut impl Write,
) -> Result<(), Failure> {
    let database = directory.database(&name(directory, export, format)?)?;
    let to_stdout = export.output == Path::new("-");
    let interrupt = Interrupt::watch().map_err(Failure::file("watch for signals of", Path::new("this process")))?;
    let progress = Progress::of_vectors(!arguments.verbose && !to_stdout);
    progress.name(database.name());
    progress.more(database.count());
    let mut run = Run { database: &database, progress, interrupt, vectors: 0 };
    let beside = if format.is_matrix() { run.metadata_beside(export, to_stdout, stdout)? } else { None };
    let written = output::write_to(&export.output, stdout, |out| {
        run.vectors = 0;
        match format {
            FileFormat::Csv => run.table(out)?,
            _ if format.is_matrix() => run.matrix(format, out)?,
            _ => run.lines(out)?,
        }
        Ok(Extent::Complete)
    });
    if let (Err(_), Some(beside)) = (&written, beside) {
        // The failure that counts is the one of the matrix.
        let _ = fs::remove_file(beside);
    }
    written?;
    if !database.attributes()?.is_empty() {
        let _ = writeln!(
            io::stderr(),
            "jvdb: {} has no place for attributes; those of {:?} are left out",
            format.name(),
            database.name()
        );
    }
    if to_stdout {
        return Ok(());
    }
    let done = Done { databases: 1, vectors: run.vectors };
    let written = match arguments.json {
        true => format::write_line(stdout, &done),
        false => {
            let (name, file) = (database.name(), export.output.display());
            writeln!(stdout, "exported {} vectors of {name} to {file}", done.vectors)
        }
    };
    written.map_err(Failure::Stdout)
}

fn name(directory: &Directory, export: &Export, format: FileFormat) -> Result<String, Failure> {
    if let Some(name) = &export.database {
        return Ok(name.clone());
    }
    match &directory.names(None)?.0[..] {
        [only] => Ok(only.clone()),
        names => {
            let (format, count) = (format.name(), names.len());
            let what = format!("{format} holds one database, and there are {count}; say which with --database NAME");
            Err(Failure::Argument { name: "format", what })
        }
    }
}

/// An export under way.
struct Run<'a> {
    database: &'a Database,
    progress: Progress,
    interrupt: Interrupt,
    vectors: u64,
}

impl Run<'_> {
    fn lines(&mut self, out: &mut Out) -> Result<(), Error> {
        for vector in self.database.scan(Position::START) {
            let vector = self.step(vector)?;
            format::write_vector_line(out, vector.key(), vector.vector(), vector.metadata())?;
        }
        Ok(())
    }

    fn table(&mut self, out: &mut Out) -> Result<(), Error> {
        let mut table = csv::Writer::from_writer(out);
        let elements = (0..self.database.schema().dimension()).map(|at| format!("v{at}"));
        let names = ["id".to_owned(), "metadata".to_owned()].into_iter().chain(elements);
        table.write_record(names).map_err(io::Error::from)?;
        let mut text = Vec::new();
        for vector in self.database.scan(Position::START) {
            let vector = self.step(vector)?;
            text.clear();
            cell::write_key(&mut text, vector.key())?;
            table.write_field(&text).map_err(io::Error::from)?;
            text.clear();
            if !vector.metadata().is_empty() {
                metadata::write(&mut text, vector.metadata())?;
            }
            table.write_field(&text).map_err(io::Error::from)?;
            for &element in vector.vector() {
                text.clear();
                float::write_bare(&mut text, element)?;
                table.write_field(&text).map_err(io::Error::from)?;
            }
            table.write_record(None::<&[u8]>).map_err(io::Error::from)?;
        }
        Ok(table.flush()?)
    }

    fn matrix(&mut self, format: FileFormat, out: &mut Out) -> Result<(), Error> {
        rows::begin(out, format, self.database.count(), self.database.schema().dimension())?;
        for row in 0..self.database.count() {
            let vector = self.row(row)?;
            rows::write(out, format, vector.vector()).map_err(|what| {
                let what = format!("{what} of the vector {row} has no place in {}; use npy or fvecs", format.name());
                Failure::Argument { name: "format", what }
            })??;
        }
        Ok(())
    }

    /// Writes the metadata of the rows to the file beside the output, if there is any, and returns where that is.
    fn metadata_beside(
        &mut self,
        export: &Export,
        to_stdout: bool,
        stdout: &mut impl Write,
    ) -> Result<Option<PathBuf>, Failure> {
        let beside = FileFormat::metadata_beside(&export.output);
        if beside == export.output {
            let what = "a file of metadata, .jsonl, belongs to a matrix of that name; name another file".to_owned();
            return Err(Failure::Argument { name: "output", what });
        }
        if !to_stdout && fs::symlink_metadata(&beside).is_ok() {
            let cure = "it would be taken for the metadata of the rows; remove it, or name another output";
            return Err(Failure::Exists { path: beside, cure });
        }
        let mut any = false;
        for vector in self.database.scan(Position::START) {
            any |= !self.step(vector)?.metadata().is_empty();
        }
        if !any {
            return Ok(None);
        }
        if to_stdout {
            let what = "the rows have metadata, for which standard output has no place; name a file".to_owned();
            return Err(Failure::Argument { name: "output", what });
        }
        let written = output::write_to(&beside, stdout, |out| {
            for row in 0..self.database.count() {
                let vector = self.row(row)?;
                if !vector.metadata().is_empty() {
                    metadata::write_on_line(out, vector.metadata())?;
                }
                out.write_all(b"\n")?;
            }
            Ok(Extent::Complete)
        });
        written.map(Some)
    }

    /// The vector whose key is the number of a row.
    fn row(&mut self, row: u64) -> Result<Vector, Failure> {
        let vector = self.database.get(row)?.ok_or_else(|| {
            let count = self.database.count();
            let what = format!(
                "its rows have no keys, and the keys are not 0..{count}: {row} is not there; use ndjson or csv"
            );
            Failure::Argument { name: "format", what }
        })?;
        self.step(Ok(vector))
    }

    /// Goes on to another vector, unless the process was told to end.
    fn step(&mut self, vector: jvdb_core::Result<Vector>) -> Result<Vector, Failure> {
        if self.interrupt.happened() {
            let what = format!("the export was interrupted after {} vectors; nothing of it is kept", self.vectors);
            return Err(Failure::Interrupted(what));
        }
        self.vectors += 1;
        self.progress.at(self.vectors);
        Ok(vector?)
    }
}
