//! `jvdb restore`: backups, verified and then put in a storage directory.
//!
//! The copy is made in a directory of its own within the storage directory, and is verified there. Only then, and once it is
//! durable, it is moved to where a database lies.

use crate::args::Restore;
use crate::exceptions::{self, Exception};
use crate::failure::Failure;
use crate::format;
use crate::interrupt::Interrupt;
use crate::kind::Kind;
use crate::partial;
use crate::place;
use crate::storage::{Directory, open_backups};
use jvdb_core::{Access, Error, Layout, Options, Report, Storage};
use serde::Serialize;
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What the directory is called in which a backup is verified. No database can lie in one.
const PREFIX: &str = ".jvdb-restore-";

/// One database that is back.
#[derive(Serialize)]
struct Row {
    name: String,
    vectors: u64,
    bytes: u64,
    replaced: bool,
}

#[derive(Default, Serialize)]
struct Done {
    databases: Vec<Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exceptions: Vec<Exception>,
}

/// A backup, and the name that it gets.
struct Backup {
    name: String,
    file: PathBuf,
}

/// Runs the command. A backup that is damaged does not keep the others from being restored.
pub fn run(restore: &Restore, json: bool, stdout: &mut impl Write) -> Result<(), Failure> {
    let (backups, skipped) = find(restore)?;
    let layout = restore.storage.layout_for_writing(restore.layout.into())?;
    // Held to the end, so that nobody else makes or opens what is put there.
    let storage = restore.storage.open_for_writing(layout)?;
    let to = &restore.storage.storage;
    for Backup { name, .. } in &backups {
        let path = place::file_of(to, layout, name);
        let is_there = storage.exists(name)? || fs::symlink_metadata(&path).is_ok();
        if is_there && !restore.force {
            return Err(Failure::Exists {
                path,
                cure: "give another --database or --storage, or --force to replace it",
            });
        }
    }
    remove_leftovers(to);
    let interrupt = Interrupt::watch().map_err(Failure::file("watch for signals of", Path::new("this process")))?;
    let mut done = Done { exceptions: skipped, ..Done::default() };
    let single = backups.len() == 1 && done.exceptions.is_empty();
    for backup in &backups {
        if interrupt.happened() {
            break;
        }
        match put_back(backup, to, layout) {
            Ok(row) => done.databases.push(row),
            Err(failure) if single => return Err(failure),
            Err(failure) => done.exceptions.push(Exception::new(&backup.name, &failure)),
        }
    }
    storage.close()?;
    if json { format::write_line(stdout, &done) } else { done.write(stdout) }.map_err(Failure::Stdout)?;
    if interrupt.happened() && done.databases.len() + done.exceptions.len() < backups.len() {
        let restored = done.databases.len();
        return Err(Failure::Interrupted(format!(
            "the restore was interrupted after {restored} databases, which are whole"
        )));
    }
    exceptions::check(&done.exceptions, done.databases.len() + done.exceptions.len())
}

/// The backups that are asked for, and what has only the name of one.
fn find(restore: &Restore) -> Result<(Vec<Backup>, Vec<Exception>), Failure> {
    let from = &restore.from;
    let found = fs::metadata(from).map_err(Failure::file("open", from))?;
    if !found.is_dir() {
        if !found.is_file() {
            let what = "it is neither a file nor a directory".to_owned();
            return Err(Failure::Restore { kind: Kind::Skipped, from: from.clone(), what });
        }
        let name = restore.database.clone().or_else(|| place::name_of(from));
        let name = name.ok_or_else(|| Failure::Restore {
            kind: Kind::Failed,
            from: from.clone(),
            what: "its name is none of a database; say one with --database".to_owned(),
        })?;
        return Ok((vec![Backup { name, file: from.clone() }], Vec::new()));
    }
    let directory: Directory = open_backups(from)?;
    let (names, skipped) = directory.names(restore.database.as_deref())?;
    let backups = names.into_iter().map(|name| Ok(Backup { file: directory.file_of(&name)?, name }));
    Ok((backups.collect::<Result<_, Failure>>()?, skipped))
}

/// Removes what killed restores have left. That is never worth a failure.
fn remove_leftovers(storage: &Path) {
    for entry in fs::read_dir(storage).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn put_back(backup: &Backup, to: &Path, layout: Layout) -> Result<Row, Failure> {
    let Backup { name, file } = backup;
    let stage = tempfile::Builder::new().prefix(PREFIX).tempdir_in(to).map_err(Failure::file("write to", to))?;
    let copy = place::file_of(stage.path(), Layout::Flat, name);
    let bytes = fs::copy(file, &copy).map_err(Failure::file("copy", file))?;
    let report = verify(stage.path(), name).map_err(|failure| refused(file, failure))?;
    if let Some(first) = report.damage.first() {
        let what = format!(
            "it is damaged in {} places, first at offset {}: {}",
            report.damage.len(),
            first.offset,
            first.what
        );
        return Err(Failure::Restore { kind: Kind::Damaged, from: file.clone(), what });
    }
    let place = place::file_of(to, layout, name);
    // A link stays, and what it leads to is replaced.
    let place = fs::canonicalize(&place).unwrap_or(place);
    let replaced = keep(&copy, &place).map_err(Failure::file("write", &place))?;
    Ok(Row { name: name.clone(), vectors: report.vectors, bytes, replaced })
}

/// Every checksum of the only database in a directory.
fn verify(directory: &Path, name: &str) -> Result<Report, Failure> {
    let storage = Storage::open(directory, Options::default().read_only(true).access(Access::File))?;
    Ok(storage.database(name)?.verify()?)
}

/// What the engine says of the copy is said of the backup.
fn refused(from: &Path, failure: Failure) -> Failure {
    let kind = failure.kind();
    let what = match failure {
        Failure::Core(Error::Corrupt { offset, what, .. }) => format!("{what} at offset {offset}"),
        Failure::Core(Error::UnsupportedVersion { version, .. }) => format!("it is of format version {version}"),
        other => other.to_string(),
    };
    Failure::Restore { kind, from: from.to_owned(), what }
}

/// Moves a sound copy to its place, durably. Says whether there was a file, whose mode it takes.
fn keep(copy: &Path, place: &Path) -> io::Result<bool> {
    let old = fs::metadata(place).ok();
    let mode = match &old {
        Some(old) => old.mode(),
        // A backup may be one that nobody is to write to.
        None => fs::metadata(copy)?.mode() | 0o600,
    };
    fs::set_permissions(copy, Permissions::from_mode(mode & 0o777))?;
    File::open(copy)?.sync_all()?;
    let directory = partial::directory_of(place);
    partial::make_directory(directory)?;
    fs::rename(copy, place)?;
    partial::sync(directory)?;
    Ok(old.is_some())
}

impl Done {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        for Row { name, vectors, bytes, replaced } in &self.databases {
            let how = if *replaced { "replaced" } else { "new" };
            writeln!(out, "{name}: {vectors} vectors, {bytes} bytes: {how}")?;
        }
        self.exceptions.iter().try_for_each(|exception| exception.write(out))?;
        writeln!(out, "restored {} databases", self.databases.len())
    }
}
