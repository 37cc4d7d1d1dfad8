//! The files that are damaged: small, and between them everything a file can consist of.

use super::anatomy::Anatomy;
use jvdb_core::medium::MemoryVolume;
use jvdb_core::{Database, Key, Metric, Operation, Options, Result, Schema, Storage};
use std::sync::Arc;
use std::time::Duration;

/// Name of the database, and of its file.
pub const NAME: &str = "d";
pub const FILE: &str = "d.jvdb";

const DIMENSION: usize = 3;
const METRIC: Metric = Metric::DotProduct;
/// Does not fit into the header of a record.
const LONG: &str = "a key of forty bytes, which is too long.";

pub fn schema() -> Schema {
    Schema::new(DIMENSION, METRIC).expect("a valid dimension")
}

pub fn options() -> Options {
    Options::default().flush_interval(Duration::ZERO).pin_timeout(Duration::ZERO).verify_checksums(true)
}

/// All of them, by name. The same bytes in every process.
pub fn all() -> Result<Vec<(&'static str, Anatomy)>> {
    Ok(vec![
        ("closed", Anatomy::of(image(1, &[life, |db| db.flush().map(drop)], true)?)),
        ("flushed", Anatomy::of(image(2, &[life, second_life], false)?)),
        ("unflushed", Anatomy::of(image(3, &[life, |db| db.flush().map(drop), second_life, tail], false)?)),
        ("compacted", Anatomy::of(image(4, &[life, |db| db.compact().map(drop), tail], false)?)),
        ("three openings", Anatomy::of(image(5, &[life, reopen, second_life, reopen, tail], true)?)),
        ("never flushed", Anatomy::of(image(6, &[life], false)?)),
        ("grown", Anatomy::of(image(7, &[crowd], true)?)),
    ])
}

type Step = fn(&Database) -> Result<()>;

/// Stands for closing and opening again.
fn reopen(_: &Database) -> Result<()> {
    unreachable!("the steps around it are done by different openings")
}

/// The file after some work, closed or as a kill leaves it.
fn image(seed: u64, steps: &[Step], close: bool) -> Result<Vec<u8>> {
    let volume = Arc::new(MemoryVolume::default());
    let lives: Vec<&[Step]> = steps.split(|step| std::ptr::fn_addr_eq(*step, reopen as Step)).collect();
    for (number, steps) in lives.iter().enumerate() {
        let seed = Some(seed * 100 + number as u64);
        let storage = Storage::on(Arc::clone(&volume) as _, options().seed(seed))?;
        let db = match number {
            0 => storage.create(NAME, schema())?,
            _ => storage.database(NAME)?,
        };
        steps.iter().try_for_each(|step| step(&db))?;
        if !close && number + 1 == lives.len() {
            // Before the opening is dropped, which would flush.
            return Ok(volume.bytes(FILE).expect("the file of the database"));
        }
        drop(db);
        storage.close()?;
    }
    Ok(volume.bytes(FILE).expect("the file of the database"))
}

fn vector(value: u16) -> [f32; DIMENSION] {
    std::array::from_fn(|i| f32::from(value) + i as f32 / 4.0)
}

/// Everything that can be done to a database, with a flush in between.
fn life(db: &Database) -> Result<()> {
    for id in 0..4 {
        db.put(id, &vector(id as u16), b"")?;
    }
    db.put("short", &vector(10), b"{\"a\":1}")?;
    db.put(LONG, &vector(11), b"metadata")?;
    db.put(&LONG[1..], &vector(12), &[0xEE; 150])?;
    db.set_attribute(b"schema", b"{}")?;
    db.set_attribute(LONG.as_bytes(), b"value")?;
    db.set_attribute(b"gone", b"value")?;
    db.flush()?;
    db.put(2, &vector(20), b"replaced")?;
    db.put(LONG, &vector(21), b"")?;
    db.delete(1)?;
    db.delete(&LONG[1..])?;
    db.remove_attribute(b"gone")?;
    db.set_attribute(b"schema", b"{\"b\":2}")?;
    let put = |id, vector| Operation::Put { key: Key::Int(id), vector, metadata: b"in a batch" };
    let (first, second) = (vector(30), vector(31));
    db.write([put(50, &first), put(3, &second), Operation::Delete { key: Key::Int(0) }, put(51, &first)])?;
    Ok(())
}

/// More of it, flushed.
fn second_life(db: &Database) -> Result<()> {
    db.put(60, &vector(60), b"")?;
    db.put(LONG, &vector(61), b"again")?;
    db.delete("short")?;
    db.put(1, &vector(62), b"back")?;
    db.flush().map(drop)
}

/// More of it, not flushed, with a batch at the end.
fn tail(db: &Database) -> Result<()> {
    db.put(70, &vector(70), b"")?;
    db.put(2, &vector(71), b"replaced again")?;
    db.delete(51)?;
    db.put(&LONG[2..], &vector(72), b"")?;
    let last = vector(73);
    let put = |id| Operation::Put { key: Key::Int(id), vector: &last, metadata: b"" };
    db.write([put(71), put(70), Operation::Delete { key: Key::Int(50) }])?;
    Ok(())
}

/// So many that the index grows, more than once.
fn crowd(db: &Database) -> Result<()> {
    for id in 0..24 {
        db.put(id, &vector(id as u16), b"")?;
        if id == 4 || id == 9 {
            db.flush()?;
        }
    }
    db.put(7, &vector(100), b"")?;
    db.delete(8)?;
    Ok(())
}
