//! A file with a vector a line: `{"id", "data", "metadata"}`, as in the JSON document. Empty lines are passed over.

use super::meter::Meter;
use super::stop;
use super::target::{Stop, Target};
use super::vector::ReadVector;
use serde::de::DeserializeSeed;
use std::io::BufRead;

/// Reads all of it.
pub fn read(mut text: impl BufRead, meter: &Meter, target: &mut Target) -> Result<(), Stop> {
    let begun = target.begin_bare();
    begun.map_err(|failure| target.stop("line 1".to_owned(), failure))?;
    target.begin_vectors();
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        if text.read_until(b'\n', &mut line).map_err(|error| stop::by_system(&error, meter))? == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let mut json = serde_json::Deserializer::from_slice(&line);
        let read =
            ReadVector(target.batch()).deserialize(&mut json).and_then(|dimension| json.end().map(|()| dimension));
        let dimension = read.map_err(|error| {
            stop::by_text(format!("line {number} column {}", error.column()), stop::without_place(&error))
        })?;
        let added = target.add(dimension);
        added.map_err(|failure| target.stop(format!("line {number}"), failure))?;
        target.next_vector();
    }
    let ended = target.end_vectors();
    ended.map_err(|failure| target.stop("the end".to_owned(), failure))
}
