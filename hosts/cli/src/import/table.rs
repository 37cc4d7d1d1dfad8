//! A file of comma-separated values: columns `id` and `metadata`, and the elements, each in a column, or all in the column `data`
//! as a JSON array. `format::cell` has the spelling of the cells.

use super::batch::Batch;
use super::meter::Meter;
use super::stop;
use super::target::{Stop, Target};
use crate::format::{cell, float, metadata};
use csv::{ByteRecord, Error, ErrorKind, ReaderBuilder};
use serde_json::value::RawValue;
use std::io::Read;

/// Which column is what.
struct Columns {
    id: usize,
    metadata: Option<usize>,
    elements: Elements,
}

enum Elements {
    /// In one cell, as a JSON array.
    Together(usize),
    /// In cells of their own.
    Each(Vec<usize>),
}

/// Reads all of it.
pub fn read(text: impl Read, meter: &Meter, target: &mut Target) -> Result<(), Stop> {
    let begun = target.begin_bare();
    begun.map_err(|failure| target.stop("line 1".to_owned(), failure))?;
    target.begin_vectors();
    let mut reader = ReaderBuilder::new().from_reader(text);
    let columns = reader.byte_headers().map_err(|error| told(error, meter)).cloned();
    let columns = Columns::of(&columns?).map_err(|what| stop::by_text("line 1".to_owned(), what))?;
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(|error| told(error, meter))? {
        let at = || format!("line {}", record.position().map_or(0, csv::Position::line));
        let dimension = columns.read(&record, target.batch()).map_err(|what| stop::by_text(at(), what))?;
        let added = target.add(dimension);
        added.map_err(|failure| target.stop(at(), failure))?;
        target.next_vector();
    }
    let ended = target.end_vectors();
    ended.map_err(|failure| target.stop("the end".to_owned(), failure))
}

fn told(error: Error, meter: &Meter) -> Stop {
    let line = error.position().map_or(0, csv::Position::line);
    let text = error.to_string();
    match error.into_kind() {
        ErrorKind::Io(error) => stop::by_system(&error, meter),
        ErrorKind::UnequalLengths { expected_len, len, .. } => stop::by_text(
            format!("line {line}"),
            format!("it has {len} columns, and the first line has {expected_len}"),
        ),
        _ => stop::by_text(format!("line {line}"), text),
    }
}

impl Columns {
    fn of(names: &ByteRecord) -> Result<Self, String> {
        let find = |wanted: &[&[u8]]| names.iter().position(|name| wanted.contains(&name.trim_ascii()));
        let id = find(&[b"id", b"key"]);
        let id =
            id.ok_or("there is no column \"id\"; the first line must name the columns, as in: id,metadata,v0,v1")?;
        let metadata = find(&[b"metadata"]);
        let elements = match find(&[b"data", b"values", b"vector"]) {
            Some(column) => Elements::Together(column),
            None => Elements::Each((0..names.len()).filter(|&at| at != id && Some(at) != metadata).collect()),
        };
        Ok(Self { id, metadata, elements })
    }

    /// Reads a vector into the batch, and returns its dimension.
    fn read(&self, record: &ByteRecord, batch: &mut Batch) -> Result<usize, String> {
        let cell = |column: usize| {
            let text = std::str::from_utf8(record.get(column).unwrap_or_default());
            text.map_err(|_| format!("column {} is not in UTF-8", column + 1))
        };
        let mut draft = batch.draft();
        let _ = draft.key(|bytes| cell::read_key(cell(self.id)?, bytes))?;
        if let Some(column) = self.metadata {
            let _ = draft.metadata(|bytes| metadata::read(cell(column)?, bytes))?;
        }
        let _ = draft.elements(|elements| match &self.elements {
            Elements::Together(column) => {
                let array: &RawValue = serde_json::from_str(cell(*column)?).map_err(|error| error.to_string())?;
                float::read(array.get(), elements)
            }
            Elements::Each(columns) => columns.iter().enumerate().try_for_each(|(at, &column)| {
                elements.try_reserve(1).map_err(|full| full.to_string())?;
                elements.push(float::read_bare(cell(column)?.trim()).map_err(|what| format!("element {at} {what}"))?);
                Ok(())
            }),
        })?;
        Ok(draft.finish()?)
    }
}
