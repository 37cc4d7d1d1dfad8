//! `jvdb backup`: copies of databases, made beside whoever writes to them.

use crate::args::Backup;
use crate::exceptions::{self, Exception};
use crate::failure::Failure;
use crate::format;
use crate::interrupt::Interrupt;
use crate::partial;
use crate::place;
use crate::storage::Directory;
use jvdb_core::Layout;
use serde::Serialize;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// One copy.
#[derive(Serialize)]
struct Row {
    name: String,
    vectors: u64,
    bytes: u64,
    file: String,
}

#[derive(Default, Serialize)]
struct Done {
    databases: Vec<Row>,
    bytes: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exceptions: Vec<Exception>,
}

/// Runs the command. A database that cannot be copied does not keep the others from it.
pub fn run(backup: &Backup, json: bool, stdout: &mut impl Write) -> Result<(), Failure> {
    let directory = backup.storage.open_for_checking()?;
    let wanted = backup.database.as_deref();
    let (names, skipped) = directory.names(wanted)?;
    let files: Vec<_> = names.iter().map(|name| file_for(backup, name)).collect();
    check_outside(&backup.storage.storage, &backup.output)?;
    // Before anything is written, so that a backup is not made by halves.
    if let Some(path) = files.iter().find(|file| fs::symlink_metadata(file).is_ok()) {
        return Err(Failure::Exists { path: path.clone(), cure: "name another place for the backup" });
    }
    let interrupt = Interrupt::watch().map_err(Failure::file("watch for signals of", Path::new("this process")))?;
    let mut done = Done { exceptions: skipped, ..Done::default() };
    for (name, file) in names.iter().zip(&files) {
        if interrupt.happened() {
            break;
        }
        match copy(&directory, name, file) {
            Ok(row) => done.databases.push(row),
            Err(failure) if wanted.is_some() => return Err(failure),
            Err(failure) => done.exceptions.extend(directory.exception(name, &failure)),
        }
    }
    done.bytes = done.databases.iter().map(|row| row.bytes).sum();
    if json { format::write_line(stdout, &done) } else { done.write(stdout) }.map_err(Failure::Stdout)?;
    if interrupt.happened() && done.databases.len() + done.exceptions.len() < names.len() {
        let copies = done.databases.len();
        return Err(Failure::Interrupted(format!(
            "the backup was interrupted after {copies} databases, which are whole"
        )));
    }
    exceptions::check(&done.exceptions, done.databases.len() + done.exceptions.len())
}

/// The file of a database's copy.
fn file_for(backup: &Backup, name: &str) -> PathBuf {
    let is_directory = backup.database.is_none() || backup.output.is_dir() || ends_as_directory(&backup.output);
    if is_directory { place::file_of(&backup.output, Layout::Flat, name) } else { backup.output.clone() }
}

fn ends_as_directory(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(b"/")
}

fn copy(directory: &Directory, name: &str, file: &Path) -> Result<Row, Failure> {
    let database = directory.database(name)?;
    partial::make_directory(partial::directory_of(file)).map_err(Failure::file("make the directory of", file))?;
    let bytes = database.backup(file)?;
    Ok(Row { name: name.to_owned(), vectors: database.count(), bytes, file: file.display().to_string() })
}

/// Refuses a place within the storage directory, where a copy would be a database, or taken for one.
fn check_outside(storage: &Path, output: &Path) -> Result<(), Failure> {
    let there = output.ancestors().find_map(|path| {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        path.canonicalize().ok()
    });
    let storage = storage.canonicalize().map_err(Failure::file("open directory", storage))?;
    if there.is_some_and(|there| there.starts_with(storage)) {
        return Err(Failure::Output { path: output.to_owned(), why: "it lies within the storage directory" });
    }
    Ok(())
}

impl Done {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        for Row { name, vectors, bytes, file } in &self.databases {
            writeln!(out, "{name}: {vectors} vectors, {bytes} bytes: {file}")?;
        }
        self.exceptions.iter().try_for_each(|exception| exception.write(out))?;
        writeln!(out, "backed up {} databases, {} bytes", self.databases.len(), self.bytes)
    }
}
