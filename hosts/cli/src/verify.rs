//! `jvdb verify`: every checksum, and the index against the log, of one or all databases.

use crate::args::Verify;
use crate::exceptions::{self, Exception};
use crate::failure::Failure;
use crate::format;
use crate::kind::Kind;
use crate::storage::Directory;
use jvdb_core::Report;
use serde::Serialize;
use std::io::{self, Write};

/// What was found in one database. If it could not be read at all, `kind` and `error` say why and the figures are zero.
#[derive(Default, Serialize)]
struct Finding {
    name: String,
    records: u64,
    vectors: u64,
    bytes: u64,
    damage: Vec<Damage>,
    #[serde(flatten)]
    exception: Option<Unread>,
}

#[derive(Serialize)]
struct Unread {
    kind: &'static str,
    error: String,
}

#[derive(Serialize)]
struct Damage {
    offset: u64,
    what: String,
}

#[derive(Serialize)]
struct Findings {
    sound: bool,
    databases: Vec<Finding>,
}

/// Runs the command. All databases are checked before it fails.
pub fn run(verify: &Verify, json: bool, stdout: &mut impl Write) -> Result<(), Failure> {
    let directory = verify.storage.open_for_checking()?;
    let (names, mut exceptions) = directory.names(verify.database.as_deref())?;
    let mut findings: Vec<_> = exceptions.iter().map(Finding::of_exception).collect();
    if !json {
        exceptions.iter().try_for_each(|skipped| skipped.write(stdout)).map_err(Failure::Stdout)?;
    }
    for name in names {
        let (finding, exception) = match check(&directory, &name) {
            Ok(report) => Finding::of_report(&name, report),
            Err(failure) if verify.database.is_some() => return Err(failure),
            Err(failure) => match directory.exception(&name, &failure) {
                Some(exception) => (Finding::of_exception(&exception), Some(exception)),
                None => continue,
            },
        };
        if !json {
            match &exception {
                Some(unread) if finding.exception.is_some() => unread.write(stdout),
                _ => finding.write(stdout),
            }
            .map_err(Failure::Stdout)?;
        }
        findings.push(finding);
        exceptions.extend(exception);
    }
    let all = findings.len();
    if json {
        let findings = Findings { sound: exceptions.is_empty(), databases: findings };
        format::write_line(stdout, &findings).map_err(Failure::Stdout)?;
    }
    exceptions::check(&exceptions, all)
}

fn check(directory: &Directory, name: &str) -> Result<Report, Failure> {
    Ok(directory.database(name)?.verify()?)
}

impl Finding {
    fn of_exception(exception: &Exception) -> Self {
        let unread = Unread { kind: exception.kind.name(), error: exception.error.clone() };
        Self { name: exception.name.clone(), exception: Some(unread), ..Self::default() }
    }

    /// What a report says; damage in it is an exception as well.
    fn of_report(name: &str, report: Report) -> (Self, Option<Exception>) {
        let Report { records, vectors, bytes, damage, .. } = report;
        let places = damage.len();
        let damage = damage.into_iter().map(|damage| Damage { offset: damage.offset, what: damage.what }).collect();
        let finding = Self { name: name.to_owned(), records, vectors, bytes, damage, exception: None };
        let error = format!("{places} places");
        let exception = Exception { name: name.to_owned(), kind: Kind::Damaged, error };
        (finding, (places > 0).then_some(exception))
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let verdict = match self.damage.len() {
            0 => "sound".to_owned(),
            places => format!("DAMAGED in {places} places"),
        };
        let Self { name, records, vectors, bytes, .. } = self;
        writeln!(out, "{name}: {records} records, {vectors} vectors, {bytes} bytes: {verdict}")?;
        self.damage.iter().try_for_each(|damage| writeln!(out, "  offset {}: {}", damage.offset, damage.what))
    }
}
