//! Where the vectors go: the database the file is speaking of, the batch being gathered for it, and what was
//! acknowledged so far. It knows the place in the file in its own terms, for errors; it never sees text.

use super::batch::Batch;
use super::conflict::Conflicts;
use super::meter::Meter;
use super::sink::{Sink, SinkDatabase};
use crate::args::{Import, OnConflict};
use crate::exceptions::quoted;
use crate::failure::Failure;
use crate::kind::Kind;
use crate::progress::Progress;
use jvdb_core::{Metric, Schema};
use serde::Serialize;
use std::io::Write;
use std::path::Path;

/// Vectors acknowledged for one database, and how many of them took the place of others.
#[derive(Serialize)]
pub struct Stored {
    pub name: String,
    pub vectors: u64,
    pub replaced: u64,
    /// Those that were not stored, as their ids were there; only an import that skips has any.
    #[serde(skip_serializing_if = "is_none")]
    pub skipped: u64,
}

/// Whether a document does without a figure.
pub fn is_none(figure: &u64) -> bool {
    *figure == 0
}

/// The database that is being filled. It is created when there is something to store, or when its end is known to be well.
struct Filling<'t> {
    name: String,
    schema: Schema,
    database: Option<Box<dyn SinkDatabase + 't>>,
}

/// Where reading stopped, and why.
pub struct Stop {
    /// Line and column, or the byte.
    pub at: String,
    pub what: String,
    pub kind: Kind,
    /// Whether the input must be corrected before it is imported again.
    pub blames_input: bool,
}

/// The receiving end of an import.
pub struct Target<'t> {
    sink: &'t dyn Sink,
    import: &'t Import,
    meter: Meter,
    progress: Progress,
    acks: &'t mut dyn Write,
    batch: Batch,
    conflicts: Conflicts,
    /// Name of the database that is being read, and which of its vectors.
    name: Option<String>,
    vector: Option<u64>,
    /// What it is stored into; `None` if it is not wanted, or is created with its first vector.
    filling: Option<Filling<'t>>,
    /// Databases that were not there before.
    created: Vec<String>,
    /// What made the reader stop, if it was not the text.
    failure: Option<Failure>,
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
            conflicts: Conflicts::default(),
            name: None,
            vector: None,
            filling: None,
            created: Vec::new(),
            failure: None,
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

    /// Goes on if all is well, and else keeps the failure as it is: what the reader passes on of an error is its text alone.
    pub fn told<E: serde::de::Error>(&mut self, outcome: Result<(), Failure>) -> Result<(), E> {
        outcome.map_err(|failure| {
            let text = E::custom(&failure);
            self.failure = Some(failure);
            text
        })
    }

    /// And its schema: opens it, if it is there. A metric the file does not name is whatever the database has.
    pub fn begin(&mut self, dimension: usize, metric: Option<Metric>) -> Result<(), Failure> {
        if !self.passes_over() {
            self.open(Some(dimension), metric)?;
        }
        Ok(())
    }

    /// The file is a bare array: everything goes into the database of the command line.
    pub fn begin_bare(&mut self) -> Result<(), Failure> {
        let name =
            self.import.database.clone().ok_or_else(|| {
                Failure::Schema("the file names no database; say which with --database NAME".to_owned())
            })?;
        self.enter(name);
        self.open(None, None)
    }

    /// The database ends: without vectors it is there as well.
    pub fn leave(&mut self) -> Result<(), Failure> {
        if self.filling.is_some() {
            self.created()?;
        }
        self.name = None;
        self.filling = None;
        Ok(())
    }

    /// Whether the vectors of this database are not asked for.
    pub fn passes_over(&self) -> bool {
        self.import.database.is_some() && self.import.database != self.name
    }

    /// An attribute of the database; acknowledged when this returns.
    pub fn set_attribute(&mut self, name: &[u8], value: &[u8]) -> Result<(), Failure> {
        if self.filling.is_some() {
            self.created()?.set_attribute(name, value)?;
        }
        Ok(())
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
        if self.filling.is_none() {
            self.open(Some(dimension), None)?;
        }
        let expected = self.filling.as_ref().map_or(dimension, |filling| filling.schema.dimension());
        if dimension != expected {
            let what = format!("the vector has {dimension} elements, the database has vectors of dimension {expected}");
            return Err(Failure::Schema(what));
        }
        self.look_for_conflict()?;
        if self.batch.is_full(self.import.batch as usize) { self.store() } else { Ok(()) }
    }

    /// Whether the vector that was added last may stay in the batch, as the command line has it.
    fn look_for_conflict(&mut self) -> Result<(), Failure> {
        let what = self.import.on_conflict;
        if what == OnConflict::Replace {
            return Ok(());
        }
        let (Some(filling), Some(key)) = (&self.filling, self.batch.last_key()) else { return Ok(()) };
        let is_there = filling.database.as_ref().map_or(Ok(false), |database| database.contains(key))?;
        if self.conflicts.is_free(key) && !is_there {
            return Ok(());
        }
        if what == OnConflict::Fail {
            let told = format!(
                "key {key} is there already; import with --on-conflict replace or skip, or into another database"
            );
            self.batch.take_back();
            return Err(Failure::Schema(told));
        }
        self.batch.take_back();
        if let Some(stored) = self.stored.iter_mut().find(|stored| stored.name == filling.name) {
            stored.skipped += 1;
        }
        Ok(())
    }

    /// Reading stops for this reason.
    pub fn stop(&mut self, at: String, failure: Failure) -> Stop {
        let what = failure.to_string();
        self.failure = Some(failure);
        Stop { at, what, kind: Kind::Failed, blames_input: true }
    }

    /// The vectors end: stores the rest of them.
    pub fn end_vectors(&mut self) -> Result<(), Failure> {
        self.vector = None;
        self.store()
    }

    /// What was stored, or why not all of it was.
    pub fn finish(mut self, input: &Path, read: Result<(), Stop>) -> Result<Vec<Stored>, Failure> {
        let input = if input == Path::new("-") { "standard input".to_owned() } else { input.display().to_string() };
        if let Err(stop) = read {
            let failure = self.failure(input, stop);
            self.remove_empty();
            return Err(failure);
        }
        match &self.import.database {
            Some(wanted) if !self.met.contains(wanted) => {
                Err(Failure::NotInFile { input, database: wanted.clone(), found: quoted(&self.met) })
            }
            _ => Ok(self.stored),
        }
    }

    fn failure(&mut self, input: String, stop: Stop) -> Failure {
        let at = self.place(stop.at);
        if stop.kind == Kind::Interrupted {
            let kept = self.kept("import the file again to complete it");
            return Failure::Interrupted(format!("the import of {input} was interrupted at {at}; {kept}"));
        }
        let (kind, what, blames_input) = match self.failure.take() {
            Some(failure) if failure.blames_input() => (Kind::Failed, failure.to_string(), true),
            Some(failure) => (failure.kind(), failure.to_string(), false),
            None => (stop.kind, stop.what, stop.blames_input),
        };
        let kept = self.kept(match blames_input {
            true => "correct the file and import it again to complete it",
            false => "import the file again to complete it",
        });
        Failure::Import { kind, input, at, what, kept }
    }

    /// Removes what was created for nothing: its schema would refuse the corrected file.
    fn remove_empty(&mut self) {
        self.filling = None;
        let is_empty = |name: &String| self.stored.iter().all(|stored| stored.name != *name || stored.vectors == 0);
        for name in self.created.iter().filter(|name| is_empty(name)) {
            if let Err(error) = self.sink.remove(name) {
                tracing::warn!(name, %error, "an empty database stays behind");
            }
        }
    }

    /// Opens the database that is being read. If it does not exist it gets a schema once its dimension is known.
    fn open(&mut self, dimension: Option<usize>, metric: Option<Metric>) -> Result<(), Failure> {
        let name = self.name.clone().unwrap_or_default();
        let metric = metric.or(self.import.metric.map(Metric::from));
        let (schema, database) = match (self.sink.open(&name)?, dimension) {
            (Some(database), _) => {
                let schema = database.schema()?;
                check_schema(schema, dimension, metric)?;
                (schema, Some(database))
            }
            (None, Some(dimension)) => (Schema::new(dimension, metric.unwrap_or_default())?, None),
            (None, None) => return Ok(()),
        };
        self.progress.name(&name);
        if self.stored.iter().all(|stored| stored.name != name) {
            self.stored.push(Stored { name: name.clone(), vectors: 0, replaced: 0, skipped: 0 });
        }
        self.filling = Some(Filling { name, schema, database });
        Ok(())
    }

    /// The database that is being filled, which is there from now on.
    fn created(&mut self) -> Result<&dyn SinkDatabase, Failure> {
        let Some(filling) = &mut self.filling else { return Err(Failure::Schema("no database was begun".to_owned())) };
        let database = match filling.database.take() {
            Some(database) => database,
            None => {
                let database = self.sink.create(&filling.name, filling.schema)?;
                self.created.push(filling.name.clone());
                database
            }
        };
        Ok(&**filling.database.insert(database))
    }

    fn store(&mut self) -> Result<(), Failure> {
        self.progress.at(self.meter.read());
        let Some(filling) = self.filling.as_ref().filter(|_| self.batch.len() > 0) else { return Ok(()) };
        let name = filling.name.clone();
        let batch = std::mem::take(&mut self.batch);
        let outcome = self.created().and_then(|database| write(database, &batch));
        self.batch = batch;
        let replaced = outcome?;
        if let Some(stored) = self.stored.iter_mut().find(|stored| stored.name == name) {
            stored.vectors += self.batch.len() as u64;
            stored.replaced += replaced;
            if self.import.acks {
                writeln!(self.acks, "acked {name} {}", stored.vectors).map_err(Failure::Stdout)?;
                self.acks.flush().map_err(Failure::Stdout)?;
            }
        }
        self.batch.clear();
        self.conflicts.clear();
        Ok(())
    }

    fn place(&self, mut place: String) -> String {
        if let Some(name) = &self.name {
            place += &format!(", database {name:?}");
        }
        if let Some(index) = self.vector {
            place += &format!(", vector {index}");
        }
        place
    }

    fn kept(&self, advice: &str) -> String {
        let parts = self.stored.iter().filter(|stored| stored.vectors > 0);
        let parts: Vec<_> = parts.map(|Stored { name, vectors, .. }| format!("{vectors} in {name:?}")).collect();
        if parts.is_empty() || self.import.dry_run {
            return "no vector was stored".to_owned();
        }
        format!("the batches before that stay stored: {}; {advice}", parts.join(", "))
    }
}

/// Stores a batch, and tells how many of its vectors took the place of others. Nobody else writes meanwhile.
fn write(database: &dyn SinkDatabase, batch: &Batch) -> Result<u64, Failure> {
    let before = database.count();
    database.write(&mut batch.operations())?;
    let added = before.zip(database.count()).map(|(before, after)| after.saturating_sub(before));
    Ok(added.map_or(0, |added| (batch.len() as u64).saturating_sub(added)))
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
