//! The dump: everything in a directory as one plain sequence of bytes, the same from whichever face it was read.
//!
//! Per database, by name: u32 length of the name, the name, u32 dimension, u64 number of vectors; per vector of it, by
//! id: u64 id, the elements as f32, u32 length of the metadata, the metadata. Little-endian, no padding.

use crate::Result;
use jvdb_wasmtime::{Database, Key, Storage};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes of keys asked for at once.
const PAGE_BYTES: u32 = 1 << 20;

/// What was written, and how long reading it took.
#[derive(Default)]
pub struct Dumped {
    pub databases: u64,
    pub vectors: u64,
    gets: Duration,
}

impl Dumped {
    pub fn time_per_get(&self) -> Duration {
        self.gets.checked_div(u32::try_from(self.vectors).unwrap_or(u32::MAX)).unwrap_or_default()
    }
}

/// Writes every database of the directory to `output`, each vector by a get of its own.
pub fn dump(storage: &Storage, output: &Path) -> Result<Dumped> {
    let file = File::create(output).map_err(|error| format!("cannot create {}: {error}", output.display()))?;
    let mut out = BufWriter::new(file);
    let mut dumped = Dumped::default();
    for name in storage.list()? {
        let database = storage.database(&name)?;
        let ids = sorted_ids(&database, &name)?;
        out.write_all(&u32::try_from(name.len())?.to_le_bytes())?;
        out.write_all(name.as_bytes())?;
        out.write_all(&database.schema()?.dimension.to_le_bytes())?;
        out.write_all(&(ids.len() as u64).to_le_bytes())?;
        for id in ids {
            let begun = Instant::now();
            let found = database.get(id)?;
            dumped.gets += begun.elapsed();
            let found = found.ok_or_else(|| format!("vector {id} of database {name:?} is listed but not there"))?;
            out.write_all(&id.to_le_bytes())?;
            for element in &found.vector {
                out.write_all(&element.to_le_bytes())?;
            }
            out.write_all(&u32::try_from(found.metadata.len())?.to_le_bytes())?;
            out.write_all(&found.metadata)?;
            dumped.vectors += 1;
        }
        dumped.databases += 1;
    }
    out.flush()?;
    Ok(dumped)
}

fn sorted_ids(database: &Database, name: &str) -> Result<Vec<u64>> {
    let mut sorted = Vec::new();
    let mut position = 0;
    loop {
        let page = database.keys(position, PAGE_BYTES)?;
        if page.keys.is_empty() {
            break;
        }
        for key in page.keys {
            match key {
                Key::Integer(id) => sorted.push(id),
                Key::Bytes(_) => {
                    return Err(format!("database {name:?} has byte keys; a dump holds integers only").into());
                }
            }
        }
        position = page.next;
    }
    sorted.sort_unstable();
    Ok(sorted)
}
