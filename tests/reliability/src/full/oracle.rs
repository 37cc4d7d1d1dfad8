//! What a database on a full disk must hold: versions of vectors by key, and contents that follow from them.

use jvdb_core::{Database, Position, Vector};
use std::collections::BTreeMap;

/// Dimension of the vectors.
pub const DIMENSION: usize = 48;

/// The version under each key that was acknowledged last.
pub type Model = BTreeMap<u64, u64>;

/// The vector of a version.
pub fn vector(id: u64, version: u64) -> [f32; DIMENSION] {
    let mut random = fastrand::Rng::with_seed(id << 32 | version);
    std::array::from_fn(|_| random.f32())
}

/// The metadata of a version: now nothing, now more than a page.
pub fn metadata(id: u64, version: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(version << 32 | id);
    let len = if random.u8(..8) == 0 { random.usize(..9000) } else { random.usize(..300) };
    std::iter::repeat_with(|| random.u8(..)).take(len).collect()
}

/// Whether a vector is that version of that key, to the bit.
pub fn is_version(found: &Vector, id: u64, version: u64) -> bool {
    let bits = |elements: &[f32]| elements.iter().map(|element| element.to_bits()).collect::<Vec<_>>();
    bits(found.vector()) == bits(&vector(id, version)) && found.metadata() == metadata(id, version)
}

/// What is wrong with a database, in words.
#[derive(Debug)]
pub enum Wrong {
    Lost(String),
    Torn(String),
}

/// Compares some keys, or all if `every` is 1.
pub fn check_keys(db: &Database, model: &Model, keys: u64, every: usize) -> Result<(), Wrong> {
    for id in (0..keys).step_by(every) {
        let found = db.get(id).map_err(|error| Wrong::Lost(format!("key {id} cannot be read: {error}")))?;
        match (found, model.get(&id)) {
            (None, None) => {}
            (Some(found), Some(version)) if is_version(&found, id, *version) => {}
            (None, Some(version)) => return Err(Wrong::Lost(format!("key {id}, version {version}, is gone"))),
            (Some(_), None) => return Err(Wrong::Torn(format!("key {id} is there and was never acknowledged"))),
            (Some(_), Some(version)) => return Err(Wrong::Torn(format!("key {id} is not version {version}"))),
        }
    }
    Ok(())
}

/// Compares everything, in every way there is.
pub fn check_all(db: &Database, model: &Model, keys: u64) -> Result<(), Wrong> {
    check_keys(db, model, keys, 1)?;
    let scanned = db.scan(Position::START).try_fold(0, |count, vector| vector.map(|_| count + 1));
    let scanned: u64 = scanned.map_err(|error| Wrong::Lost(format!("scan: {error}")))?;
    let expected = model.len() as u64;
    if (scanned, db.count()) != (expected, expected) {
        let count = db.count();
        return Err(Wrong::Torn(format!("{expected} vectors acknowledged, {scanned} scanned, {count} counted")));
    }
    let report = db.verify().map_err(|error| Wrong::Lost(format!("verify: {error}")))?;
    match report.damage.first() {
        Some(damage) => Err(Wrong::Torn(format!("verify: {} at {}", damage.what, damage.offset))),
        None => Ok(()),
    }
}
