//! `jvdb repair`: what is sound in a damaged database, in a new file; what is not, by name.

use crate::args::Repair as Arguments;
use crate::failure::Failure;
use crate::format;
use jvdb_core::{Gap, Item, Key, Layout, Repair, Schema};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::value::RawValue;
use std::io::{self, Write};

/// Names that are listed for people; a document lists all.
const SHOWN: usize = 50;

/// Runs the command. It fails only if the database is not sound afterwards: a loss is a result, not a failure.
pub fn run(arguments: &Arguments, json: bool, stdout: &mut impl Write) -> Result<(), Failure> {
    let schema = match (arguments.dimension, arguments.metric) {
        (Some(dimension), Some(metric)) => Some(Schema::new(dimension, metric.into())?),
        _ => None,
    };
    let (layout, storage) = arguments.storage.open_for_repair(&arguments.database)?;
    let mut repair = storage.repair(&arguments.database, schema)?;
    storage.close()?;
    if layout == Layout::Folders {
        repair.backup = repair.backup.as_deref().map(in_folder);
    }
    let outcome = Outcome { name: &arguments.database, repair: &repair };
    let written = if json { format::write_line(stdout, &outcome) } else { outcome.write(stdout) };
    written.map_err(Failure::Stdout)
}

/// Where a file lies that is `NAME.jvdb.damaged-N` to the engine.
fn in_folder(file: &str) -> String {
    let (folder, ending) = file.split_at(file.rfind(".jvdb.").unwrap_or(file.len()));
    format!("{folder}/vectors{ending}")
}

struct Outcome<'a> {
    name: &'a str,
    repair: &'a Repair,
}

impl Outcome<'_> {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { name, repair } = self;
        let Repair { backup, vectors, attributes, damage, lost, gaps, doubtful, .. } = repair;
        let Some(backup) = backup else {
            return writeln!(out, "{name}: nothing to repair: {vectors} vectors, {attributes} attributes, all sound");
        };
        writeln!(out, "{name}: repaired: {vectors} vectors and {attributes} attributes saved, {} lost", lost.len())?;
        writeln!(out, "the file as it was: {backup}")?;
        for damage in damage.iter().take(SHOWN) {
            writeln!(out, "damaged at offset {}: {}", damage.offset, damage.what)?;
        }
        list(out, "lost", lost)?;
        for Gap { offset, end, records, .. } in gaps.iter().take(SHOWN) {
            let records = records.map_or("an unknown number of".to_owned(), |records| records.to_string());
            writeln!(out, "unreadable from offset {offset} to {end}: {records} records of unknown names")?;
        }
        list(out, "may be out of date or deleted since", doubtful)?;
        let hidden = [damage.len(), lost.len(), gaps.len(), doubtful.len()].into_iter();
        match hidden.map(|len| len.saturating_sub(SHOWN)).sum() {
            0_usize => Ok(()),
            hidden => writeln!(out, "and {hidden} more; --json lists all"),
        }
    }
}

fn list(out: &mut impl Write, what: &str, items: &[Item]) -> io::Result<()> {
    items.iter().take(SHOWN).try_for_each(|item| writeln!(out, "{what}: {item}"))
}

impl Serialize for Outcome<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Repair { backup, vectors, attributes, damage, lost, gaps, doubtful, .. } = self.repair;
        let damage: Vec<_> = damage.iter().map(|damage| Damage { offset: damage.offset, what: &damage.what }).collect();
        let gaps = gaps.iter().map(|gap| Range { offset: gap.offset, end: gap.end, records: gap.records });
        let mut out = serializer.serialize_struct("Repair", 9)?;
        out.serialize_field("name", self.name)?;
        out.serialize_field("repaired", &backup.is_some())?;
        out.serialize_field("backup", backup)?;
        out.serialize_field("vectors", vectors)?;
        out.serialize_field("attributes", attributes)?;
        out.serialize_field("damage", &damage)?;
        out.serialize_field("lost", &Items::of(lost).map_err(serde::ser::Error::custom)?)?;
        out.serialize_field("gaps", &gaps.collect::<Vec<_>>())?;
        out.serialize_field("doubtful", &Items::of(doubtful).map_err(serde::ser::Error::custom)?)?;
        out.end()
    }
}

#[derive(serde::Serialize)]
struct Damage<'a> {
    offset: u64,
    what: &'a str,
}

#[derive(serde::Serialize)]
struct Range {
    offset: u64,
    end: u64,
    records: Option<u64>,
}

/// Names, spelt as an export spells them.
#[derive(serde::Serialize)]
struct Items {
    vectors: Vec<Box<RawValue>>,
    attributes: Vec<Box<RawValue>>,
}

impl Items {
    fn of(items: &[Item]) -> io::Result<Self> {
        let mut sorted = Self { vectors: Vec::new(), attributes: Vec::new() };
        for item in items {
            let (list, key) = match item {
                Item::Vector(key) => (&mut sorted.vectors, key.as_key()),
                Item::Attribute(name) => (&mut sorted.attributes, Key::Bytes(name)),
            };
            let mut text = Vec::new();
            format::key::write(&mut text, key)?;
            list.push(serde_json::from_slice(&text)?);
        }
        Ok(sorted)
    }
}
