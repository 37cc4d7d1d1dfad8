//! Where the vectors go: the database the file is speaking of, the batch being gathered for it, and what was
//! acknowledged so far. It knows the place in the file in its own terms, for errors; it never sees text.

use super::batch::Batch;
use super::meter::Meter;
use super::sink::{Sink, SinkDatabase};
use crate::args::Import;
use crate::exceptions::quoted;
use crate::failure::Failure;
use crate::progress::Progress;
use jvdb_core::{Metric, Schema};
use serde::Serialize;
use std::io::Write;
use std::path::Path;

/// Vectors acknowledged for one database.
#[derive(Serialize)]
pub struct Stored {
    pub name: String,
    pub vectors: u64,
}

/// The database that is being filled.
struct Open<'t> {
    name: String,
    dimension: usize,
    database: Box<dyn SinkDatabase + 't>,
}

/// The receiving end of an import.
pub struct Target<'t> {
    sink: &'t dyn Sink,
    import: &'t Import,
    meter: Meter,
    progress: Progress,
    acks: &'t mut dyn Write,
    batch: Batch,
    /// Name of the database that is being read, and which of its vectors.
    name: Option<String>,
    vector: Option<u64>,
    /// What it is stored into; `None` if it is not wanted, or is created with its first vector.
    database: Option<Open<'t>>,
    /// Every name met in the file.
    met: Vec<String>,
    stored: Vec<Stored>,
}

impl<'t> Target<'t> {
    /// For the databases the command line asks for.
    pub fn new(
        sink: &'t dyn Sink,
        import: &'t Import,
        meter: Meter,
        progress: Progress,
        acks: &'t mut dyn Write,
    ) -> Self {
        Self {
            sink,
            import,
            meter,
            progress,
            acks,
            batch: Batch::default(),
            name: None,
            vector: None,
            database: None,
            met: Vec::new(),
            stored: Vec::new(),
        }
    }

    /// Another value begins, outside of vectors.
    pub fn next_value(&self) {
        self.meter.next_value();
    }

    /// A database says its name.
    pub fn enter(&mut self, name: String) {
        self.met.push(name.clone());
        self.name = Some(name);
    }

    /// And its schema: opens it, or creates it. A metric the file does not name is whatever the database has.
    pub fn begin(&mut self, dimension: usize, metric: Option<Metric>) -> Result<(), Failure> {
        if !self.passes_over() {
            self.open(Some(dimension), metric)?;
        }
        Ok(())
    }

    /// The file is a bare array: everything goes into the database of the command line.
    pub fn begin_bare(&mut self) -> Result<(), Failure> {
        let name = self.import.database.clone().ok_or_else(|| {
            Failure::Schema("a bare array of vectors names no database; say which with --database NAME".to_owned())
        })?;
        self.enter(name);
        self.open(None, None)
    }

    /// The database ends.
    pub fn leave(&mut self) {
        self.name = None;
        self.database = None;
    }

    /// Whether the vectors of this database are not asked for.
    pub fn passes_over(&self) -> bool {
        self.import.database.is_some() && self.import.database != self.name
    }

    /// An attribute of the database; acknowledged when this returns.
    pub fn set_attribute(&self, name: &[u8], value: &[u8]) -> Result<(), Failure> {
        Ok(self.database.iter().try_for_each(|open| open.database.set_attribute(name, value))?)
    }

    /// The vectors begin.
    pub fn begin_vectors(&mut self) {
        self.vector = Some(0);
        self.meter.next_value();
    }

    /// One vector is done, another may begin.
    pub fn next_vector(&mut self) {
        self.vector = self.vector.map(|index| index + 1);
        self.meter.next_value();
    }

    /// What vectors are read into.
    pub fn batch(&mut self) -> &mut Batch {
        &mut self.batch
    }

    /// A vector of that dimension was read into the batch.
    pub fn add(&mut self, dimension: usize) -> Result<(), Failure> {
        if self.database.is_none() {
            self.open(Some(dimension), None)?;
        }
        let expected = self.database.as_ref().map_or(dimension, |open| open.dimension);
        if dimension != expected {
            let what = format!("the vector has {dimension} elements, the database has vectors of dimension {expected}");
            return Err(Failure::Schema(what));
        }
        if self.batch.is_full(self.import.batch as usize) { self.store() } else { Ok(()) }
    }

    /// The vectors end: stores the rest of them.
    pub fn end_vectors(&mut self) -> Result<(), Failure> {
        self.vector = None;
        self.store()
    }

    /// What was stored, or why not all of it was.
    pub fn finish(self, input: &Path, read: serde_json::Result<()>) -> Result<Vec<Stored>, Failure> {
        let input = if input == Path::new("-") { "standard input".to_owned() } else { input.display().to_string() };
        if let Err(error) = read {
            return Err(Failure::Import {
                input,
                at: self.place(&error),
                what: without_place(&error),
                kept: self.kept(),
            });
        }
        match &self.import.database {
            Some(wanted) if !self.met.contains(wanted) => {
                Err(Failure::NotInFile { input, database: wanted.clone(), found: quoted(&self.met) })
            }
            _ => Ok(self.stored),
        }
    }

    /// Opens the database that is being read. If it does not exist it is created, once its dimension is known.
    fn open(&mut self, dimension: Option<usize>, metric: Option<Metric>) -> Result<(), Failure> {
        let name = self.name.clone().unwrap_or_default();
        let metric = metric.or(self.import.metric.map(Metric::from));
        let database = match (self.sink.open(&name)?, dimension) {
            (Some(database), _) => {
                check_schema(database.schema()?, dimension, metric)?;
                database
            }
            (None, Some(dimension)) => self.sink.create(&name, Schema::new(dimension, metric.unwrap_or_default())?)?,
            (None, None) => return Ok(()),
        };
        self.progress.name(&name);
        let dimension = database.schema()?.dimension();
        self.database = Some(Open { name: name.clone(), dimension, database });
        if self.stored.iter().all(|stored| stored.name != name) {
            self.stored.push(Stored { name, vectors: 0 });
        }
        Ok(())
    }

    fn store(&mut self) -> Result<(), Failure> {
        self.progress.at(self.meter.read());
        let (Some(open), 1..) = (&self.database, self.batch.len()) else { return Ok(()) };
        open.database.write(&mut self.batch.operations())?;
        let stored = self.stored.iter_mut().find(|stored| stored.name == open.name);
        if let Some(stored) = stored {
            stored.vectors += self.batch.len() as u64;
            if self.import.acks {
                let Stored { name, vectors } = stored;
                writeln!(self.acks, "acked {name} {vectors}").map_err(Failure::Stdout)?;
                self.acks.flush().map_err(Failure::Stdout)?;
            }
        }
        self.batch.clear();
        Ok(())
    }

    fn place(&self, error: &serde_json::Error) -> String {
        let mut place = match error.line() {
            0 => format!("byte {}", self.meter.read()),
            line => format!("line {line} column {}", error.column()),
        };
        if let Some(name) = &self.name {
            place += &format!(", database {name:?}");
        }
        if let Some(index) = self.vector {
            place += &format!(", vector {index}");
        }
        place
    }

    fn kept(&self) -> String {
        let parts = self.stored.iter().filter(|stored| stored.vectors > 0);
        let parts: Vec<_> = parts.map(|Stored { name, vectors }| format!("{vectors} in {name:?}")).collect();
        if parts.is_empty() {
            return "no vector was stored".to_owned();
        }
        let parts = parts.join(", ");
        format!("the batches before that stay stored: {parts}; correct the file and import it again to complete it")
    }
}

fn check_schema(found: Schema, dimension: Option<usize>, metric: Option<Metric>) -> Result<(), Failure> {
    let same = dimension.is_none_or(|it| it == found.dimension()) && metric.is_none_or(|it| it == found.metric());
    if same {
        return Ok(());
    }
    let existing = format!("dimension {} and metric {}", found.dimension(), found.metric().name());
    let dimension = dimension.unwrap_or(found.dimension());
    let metric = metric.unwrap_or(found.metric()).name();
    Err(Failure::Schema(format!(
        "it exists with {existing}, and the import has dimension {dimension} and metric {metric}; import \
         into another storage directory, or drop the database first"
    )))
}

/// The message of a JSON error, without the place it ends with.
fn without_place(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    message.strip_suffix(&place).unwrap_or(&message).to_owned()
}
