//! `jvdb verify`: every checksum, and the index against the log, of one or all databases.

use crate::args::Verify;
use crate::failure::Failure;
use crate::format;
use crate::storage::names;
use jvdb_core::{Report, Result, Storage};
use serde::Serialize;
use std::io::{self, Write};

/// What was found in one database. If it could not be read at all, `error` says why and the figures are zero.
#[derive(Serialize)]
struct Finding {
    name: String,
    records: u64,
    vectors: u64,
    bytes: u64,
    damage: Vec<Damage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
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
pub fn run(verify: &Verify, json: bool, stdout: &mut impl Write) -> std::result::Result<(), Failure> {
    let storage = verify.storage.open_for_checking()?;
    let mut findings = Vec::new();
    for name in names(&storage, verify.database.as_deref())? {
        let finding = Finding::new(check(&storage, &name), name);
        if !json {
            finding.write(stdout).map_err(Failure::Stdout)?;
        }
        findings.push(finding);
    }
    let (all, bad) = (findings.len(), findings.iter().filter(|finding| !finding.is_sound()).count());
    if json {
        let findings = Findings { sound: bad == 0, databases: findings };
        format::write_line(stdout, &findings).map_err(Failure::Stdout)?;
    }
    if bad == 0 { Ok(()) } else { Err(Failure::Damaged { bad, all }) }
}

fn check(storage: &Storage, name: &str) -> Result<Report> {
    storage.database(name)?.verify()
}

impl Finding {
    fn new(result: Result<Report>, name: String) -> Self {
        let (report, error) = match result {
            Ok(report) => (report, None),
            Err(error) => (Report::default(), Some(error.to_string())),
        };
        let damage = report.damage.into_iter().map(|damage| Damage { offset: damage.offset, what: damage.what });
        Self {
            name,
            records: report.records,
            vectors: report.vectors,
            bytes: report.bytes,
            damage: damage.collect(),
            error,
        }
    }

    fn is_sound(&self) -> bool {
        self.error.is_none() && self.damage.is_empty()
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let name = &self.name;
        if let Some(error) = &self.error {
            return writeln!(out, "{name}: NOT READABLE: {error}");
        }
        let verdict = match self.damage.len() {
            0 => "sound".to_owned(),
            places => format!("DAMAGED in {places} places"),
        };
        let Self { records, vectors, bytes, .. } = self;
        writeln!(out, "{name}: {records} records, {vectors} vectors, {bytes} bytes: {verdict}")?;
        self.damage.iter().try_for_each(|damage| writeln!(out, "  offset {}: {}", damage.offset, damage.what))
    }
}
