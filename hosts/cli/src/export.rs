//! `jvdb export`: databases as JSON, one vector a line, straight from the mapping to the file. Other formats are `flat`'s.

use crate::args::{Arguments, Export};
use crate::exceptions::{self, Exception};
use crate::failure::Failure;
use crate::file_format::FileFormat;
use crate::flat;
use crate::format;
use crate::interrupt::Interrupt;
use crate::kind::Kind;
use crate::output::{self, Error, Extent, Out};
use crate::progress::Progress;
use crate::storage::Directory;
use jvdb_core::{Database, Position};
use serde::Serialize;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

/// What was written, for `--json`.
#[derive(Default, Serialize)]
struct Done {
    databases: u64,
    vectors: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exceptions: Vec<Exception>,
}

/// Runs the command. A database that cannot be exported does not keep the others from it.
pub fn run(export: &Export, arguments: &Arguments, stdout: &mut impl Write) -> Result<(), Failure> {
    let directory = &export.storage.open_for_reading()?;
    check_output(&export.storage.storage, &export.output)?;
    let format = export.format.or_else(|| FileFormat::of_name(&export.output)).unwrap_or(FileFormat::Json);
    if format != FileFormat::Json {
        return flat::run(directory, export, format, arguments, stdout);
    }
    let to_stdout = export.output == Path::new("-");
    let mut done = Done::default();
    let written = output::write_to(&export.output, stdout, |out| {
        let interrupt = Interrupt::watch()?;
        let progress = Progress::of_vectors(!arguments.verbose && !to_stdout);
        let wanted = export.database.as_deref();
        Run { directory, wanted, progress, interrupt, done: &mut done, out }.write_all()
    });
    for exception in &done.exceptions {
        // Nothing is left to do if standard error itself is gone.
        let _ = exception.write(&mut io::stderr());
    }
    let path = written?;
    if !to_stdout {
        tell(&done, &export.output, &path, arguments.json, stdout).map_err(Failure::Stdout)?;
    }
    exceptions::check(&done.exceptions, done.databases as usize + done.exceptions.len())
}

fn tell(done: &Done, wanted: &Path, path: &Path, json: bool, stdout: &mut impl Write) -> io::Result<()> {
    if !done.exceptions.is_empty() && path != wanted {
        let (path, wanted) = (path.display(), wanted.display());
        let _ = writeln!(
            io::stderr(),
            "jvdb: the export lacks databases, so it is in {path}; nothing was written to {wanted}"
        );
    }
    if json {
        return format::write_line(stdout, done);
    }
    let Done { databases, vectors, .. } = done;
    let path = if done.exceptions.is_empty() { wanted } else { path };
    writeln!(stdout, "exported {vectors} vectors of {databases} databases to {}", path.display())
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

/// An export under way.
struct Run<'a, 'o> {
    directory: &'a Directory,
    wanted: Option<&'a str>,
    progress: Progress,
    interrupt: Interrupt,
    done: &'a mut Done,
    out: &'a mut Out<'o>,
}

impl Run<'_, '_> {
    fn write_all(mut self) -> Result<Extent, Error> {
        let (names, exceptions) = self.directory.names(self.wanted)?;
        self.done.exceptions = exceptions;
        self.out.write_all(b"{\"databases\":[")?;
        for name in &names {
            let before = self.done.vectors;
            match self.write_whole(name)? {
                Ok(()) => self.done.databases += 1,
                Err(failure) if self.wanted.is_some() => return Err(failure.into()),
                Err(failure) => {
                    self.done.vectors = before;
                    self.done.exceptions.extend(self.directory.exception(name, &failure));
                }
            }
        }
        self.out.write_all(b"]}\n")?;
        let exceptions = &self.done.exceptions;
        if self.done.databases == 0 && !(names.is_empty() && exceptions.is_empty()) {
            // Of databases that there were a file with none is no export.
            exceptions::check(exceptions, exceptions.len())?;
            return Err(Failure::NoDatabases { path: self.directory.path().to_owned() }.into());
        }
        Ok(if exceptions.is_empty() { Extent::Complete } else { Extent::Incomplete })
    }

    /// Writes all of a database, or nothing of it, and says why. The outer error stops the export.
    fn write_whole(&mut self, name: &str) -> Result<Result<(), Failure>, Error> {
        let database = match self.directory.database(name) {
            Ok(database) => database,
            Err(failure) => return Ok(Err(failure)),
        };
        let place = self.out.place()?;
        if place.is_none()
            && self.wanted.is_none()
            && let Some(damage) = self.read_through(&database)?
        {
            // What is written there cannot be taken back.
            return Ok(Err(damage));
        }
        match (self.write_database(&database), place) {
            (Ok(()), _) => Ok(Ok(())),
            (Err(Error::Read(failure)), Some(place)) if failure.kind() != Kind::Interrupted => {
                self.out.take_back(place)?;
                Ok(Err(failure))
            }
            (Err(error), _) => Err(error),
        }
    }

    /// What writing it will fail with.
    fn read_through(&self, database: &Database) -> Result<Option<Failure>, Error> {
        for vector in database.scan(Position::START) {
            self.go_on()?;
            if let Err(damage) = vector {
                return Ok(Some(damage.into()));
            }
        }
        Ok(None)
    }

    fn write_database(&mut self, database: &Database) -> Result<(), Error> {
        self.progress.name(database.name());
        self.progress.more(database.count());
        self.out.write_all(if self.done.databases == 0 { b"\n" } else { b",\n" })?;
        format::write_schema(self.out, database.name(), database.schema())?;
        write_attributes(database, self.out)?;
        self.out.write_all(b",\"vectors\":[")?;
        let mut separator: &[u8] = b"\n";
        for vector in database.scan(Position::START) {
            self.go_on()?;
            let vector = vector?;
            self.out.write_all(separator)?;
            format::write_vector(self.out, vector.key(), vector.vector(), vector.metadata())?;
            separator = b",\n";
            self.done.vectors += 1;
            self.progress.step();
        }
        Ok(self.out.write_all(b"]}")?)
    }

    /// Stops if the process was told to end.
    fn go_on(&self) -> Result<(), Failure> {
        if !self.interrupt.happened() {
            return Ok(());
        }
        let Done { databases, vectors, .. } = &*self.done;
        let kept = if self.out.can_take_back() { "nothing of it is kept" } else { "what was written is cut off there" };
        Err(Failure::Interrupted(format!(
            "the export was interrupted after {vectors} vectors and {databases} whole databases; {kept}"
        )))
    }
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
