//! Repairing a database: what is sound in its file goes into a new one, which takes its name; the old one stays beside it.
//!
//! What counts as sound is the salvage's business, how a new file is written the rewrite's. The old file is never
//! written to, and the new one has the name only when it is durable and was read back without a fault.

use crate::format::checksum::field;
use crate::format::file_name;
use crate::format::head::{Other, Pair};
use crate::format::superblock::Superblock;
use crate::format::table::Geometry;
use crate::log::reader::Log;
use crate::log::writer::StaleTail;
use crate::maintenance::findings::{Damage, Repair, Report};
use crate::maintenance::rewrite::Rewrite;
use crate::maintenance::salvage::{DamagedFile, Salvage};
use crate::medium::{Medium, Volume};
use crate::store::claim::token_in;
use crate::store::recovery::Opening;
use crate::store::store::Settings;
use crate::testing::mutants::{Mutant, broken};
use crate::types::error::{Error, Result};
use crate::types::fault::Fault;
use crate::types::schema::Schema;
use std::sync::Arc;

/// A database that nobody has open.
pub(crate) struct RepairTarget<'a> {
    pub volume: &'a Arc<dyn Volume>,
    pub name: &'a str,
    pub file: &'a str,
    pub settings: Settings,
    /// What the caller says it holds; needed only if no superblock does.
    pub schema: Option<Schema>,
    /// For the new file: a salt, and a uuid if that of the old one is lost.
    pub salt: u32,
    /// Of the opening that looks what is wrong.
    pub token: u64,
    pub uuid: [u8; 16],
}

/// What changes in a file whenever somebody writes to it. What cannot be read is no part of it.
#[derive(PartialEq)]
struct FileState {
    superblocks: Vec<Superblock>,
    token: Option<u64>,
    len: u64,
}

impl FileState {
    fn of(medium: &dyn Medium) -> Self {
        let superblocks = Pair::read(medium).sound().collect();
        Self { superblocks, token: token_in(medium).ok(), len: medium.len() }
    }
}

impl RepairTarget<'_> {
    pub(crate) fn repair(&self) -> Result<Repair> {
        let (damage, report) = self.examine(self.file)?;
        if damage.is_empty() {
            return Ok(Repair { vectors: report.vectors, attributes: report.attributes, ..Repair::default() });
        }
        let path = self.path(self.file);
        tracing::warn!(path, offset = damage[0].offset, what = damage[0].what, "repairing a damaged database");
        let medium = self.volume.open(self.file).map_err(|source| Error::io("open", &path, source))?;
        let before = FileState::of(&*medium);
        let (old, damaged) = self.damaged(&*medium)?;
        let salvage = damaged.salvage().map_err(|fault| fault.at(&path))?;
        self.check_plausible(&damaged, &salvage, &damage[0])?;
        let temporary = file_name::temporary(self.file);
        let written = self.write(&temporary, &damaged, &old, &salvage).and_then(|_| self.check(&temporary, &salvage));
        let backup = written.and_then(|report| {
            self.check_unchanged(&before)?;
            Ok((self.replace(&temporary)?, report))
        });
        let (backup, report) = backup.inspect_err(|_| {
            // The error that counts is the one above.
            let _ = self.volume.remove(&temporary);
        })?;
        if !broken(Mutant::NoDirectorySync) {
            self.volume.sync().map_err(|source| Error::io("sync directory", self.volume.path(), source))?;
        }
        tracing::warn!(path, backup, vectors = report.vectors, lost = salvage.lost.len(), "repaired");
        let Salvage { lost, gaps, doubtful, .. } = salvage;
        let Report { vectors, attributes, .. } = report;
        Ok(Repair { backup: Some(backup), vectors, attributes, damage, lost, gaps, doubtful })
    }

    /// Fails if somebody has written to the file since: what that one stored would be left out.
    fn check_unchanged(&self, before: &FileState) -> Result<()> {
        let path = self.path(self.file);
        let medium = self.volume.open(self.file).map_err(|source| Error::io("open", &path, source))?;
        if FileState::of(&*medium) == *before { Ok(()) } else { Err(Error::Fenced { path }) }
    }

    fn path(&self, file: &str) -> String {
        self.volume.path_of(file)
    }

    /// What is wrong with a file, and what is in it. If nothing is wrong, all of it is durable.
    fn examine(&self, file: &str) -> Result<(Vec<Damage>, Report)> {
        let Self { volume, name, settings, salt, token, .. } = *self;
        let (tail, flushes) = (StaleTail::Inherited, &Arc::default());
        let opening = Opening { volume, name, file, settings, salt, token, tail, flushes };
        let report = opening.open().and_then(|store| {
            let report = store.verify()?;
            if report.damage.is_empty() {
                // No flush of the directory knows of what is not durable here.
                store.flush_clean()?;
            }
            Ok(report)
        });
        match report {
            Ok(mut report) => Ok((std::mem::take(&mut report.damage), report)),
            Err(Error::Corrupt { offset, what, .. }) => Ok((vec![Damage { offset, what }], Report::default())),
            Err(Error::Io { action: "read", offset: Some(offset), source, .. }) => {
                let what = format!("cannot be read: {source}");
                Ok((vec![Damage { offset, what }], Report::default()))
            }
            // The version itself may be what is damaged, but only the caller can know.
            Err(Error::UnsupportedVersion { version, .. }) if self.schema.is_some() => {
                Ok((vec![Damage { offset: 4, what: format!("format version {version}") }], Report::default()))
            }
            Err(error) => Err(error),
        }
    }

    /// What the superblocks tell: what goes on in the new file, and where the old one may be read.
    fn damaged<'m>(&self, medium: &'m dyn Medium) -> Result<(Superblock, DamagedFile<'m>)> {
        let pair = Pair::read(medium);
        let newest = pair.sound().max_by_key(|superblock| superblock.generation);
        let schema = match (newest, self.schema) {
            (Some(newest), Some(given)) if newest.schema != given => {
                let (dimension, metric) = (newest.schema.dimension(), newest.schema.metric().name());
                return Err(Error::invalid("schema", format!("the file says dimension {dimension}, metric {metric}")));
            }
            (Some(newest), _) => newest.schema,
            (None, Some(given)) => given,
            (None, None) => pair.agreed_schema().ok_or_else(|| {
                let path = self.path(self.file);
                let what = "both superblocks are damaged, and with them the schema: repair needs dimension and metric";
                Error::Corrupt { path, offset: 0, what: what.into() }
            })?,
        };
        // Positions in the old file are not for the new one.
        let compactions = field::u32(&self.uuid, 12) >> 16;
        let old = newest.unwrap_or(Superblock { compactions, ..Superblock::first(self.uuid, schema) });
        let log = Log::without_table(medium, schema.vector_bytes(), medium.len());
        let log = Log { table: newest.map_or(log.table, |newest| newest.table), ..log };
        let other = if pair.sound().count() == 2 { Other::Sound } else { Other::Damaged };
        Ok((old, DamagedFile::new(log, old.seed(), newest, other)))
    }

    /// Without a superblock, the log must bear out what the caller says.
    fn check_plausible(&self, damaged: &DamagedFile<'_>, salvage: &Salvage, damage: &Damage) -> Result<()> {
        let path = self.path(self.file);
        if damaged.superblock.is_some() || salvage.vectors {
            return Ok(());
        }
        if damaged.has_vectors().map_err(|fault| fault.at(&path))? {
            return Err(Error::invalid("schema", "no vector in the file is of this dimension"));
        }
        if !salvage.survivors.is_empty() {
            return Ok(());
        }
        let what = format!("{}, and nothing in the file can be saved", damage.what);
        Err(Error::Corrupt { path, offset: damage.offset, what })
    }

    /// Writes the new file and makes it durable.
    fn write(
        &self,
        temporary: &str,
        damaged: &DamagedFile<'_>,
        old: &Superblock,
        salvage: &Salvage,
    ) -> Result<Superblock> {
        let path = self.path(temporary);
        let names = salvage.survivors.len() as u64;
        // Nothing is made as large as a table that is not there.
        let there = damaged.log.end.min(damaged.log.medium.len());
        let table = Some(damaged.log.table).filter(|table| table.buckets > 0 && table.lies_before(there));
        let shape = Geometry::for_names(names).as_roomy_as(table.unwrap_or_default());
        let mode = damaged.log.medium.mode();
        let medium = self.volume.create_copy(temporary, mode).map_err(|source| Error::io("create", &path, source))?;
        let written = (|| {
            let mut new = Rewrite::new(Arc::from(medium), old, shape, names, self.salt)?;
            fill(&mut new, damaged, salvage)?;
            new.finish(old)
        })();
        written.map_err(|fault| fault.at(&path))
    }

    /// Reads the new file back.
    fn check(&self, temporary: &str, salvage: &Salvage) -> Result<Report> {
        let (damage, report) = self.examine(temporary)?;
        if let Some(Damage { offset, what }) = damage.into_iter().next() {
            return Err(Error::Corrupt { path: self.path(temporary), offset, what });
        }
        let held = report.vectors + report.attributes;
        let saved = salvage.survivors.len() as u64;
        if held != saved {
            let what = format!("repaired file holds {held} of {saved} records that were saved");
            return Err(Error::Corrupt { path: self.path(temporary), offset: 0, what });
        }
        Ok(report)
    }

    /// Gives the old file a second name and the new one the first. Returns the second name.
    fn replace(&self, temporary: &str) -> Result<String> {
        let path = self.path(self.file);
        let volume = self.volume;
        let taken = volume.list().map_err(|source| Error::io("list directory", volume.path(), source))?;
        let mut number = 1;
        let mut backup = file_name::kept_damaged(self.file, number);
        while taken.contains(&backup) {
            number += 1;
            backup = file_name::kept_damaged(self.file, number);
        }
        volume.keep(self.file, &backup).map_err(|source| Error::io("keep", &path, source))?;
        volume.rename(temporary, self.file).map_err(|source| {
            // Then the file still has its own name.
            let _ = volume.remove(&backup);
            Error::io("rename", &path, source)
        })?;
        Ok(backup)
    }
}

/// Copies what was saved.
fn fill(new: &mut Rewrite, damaged: &DamagedFile<'_>, salvage: &Salvage) -> Result<(), Fault> {
    for &(offset, hash) in &salvage.survivors {
        let found = damaged.log.locate(offset)?;
        let record = damaged.log.medium.read(offset, found.len as usize).map_err(Fault::read(offset))?;
        new.add(&found, &record, hash)?;
        drop(record);
        new.write()?;
    }
    new.apply_to_table()
}
