//! Bytes on the disk after a close: blocks that the files occupy, holes not counted. Lock files are not data.

use crate::contestant::Housed;
use crate::dataset::{Dataset, Keys};
use crate::machine;
use crate::outcome::Result;
use crate::rounds::{Row, Unit, measure_all};
use crate::workloads::{BATCH, Setting};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Bytes of the blocks of all files in a directory.
fn occupied(dir: &Path) -> Result<u64> {
    const BLOCK: u64 = 512;
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            bytes += occupied(&entry.path())?;
        } else if !entry.file_name().to_string_lossy().to_lowercase().contains("lock") {
            bytes += entry.metadata()?.blocks() * BLOCK;
        }
    }
    Ok(bytes)
}

/// Bytes of the files of a store that holds the first `count` vectors, flushed and closed.
fn closed(setting: Setting<'_>, data: &Dataset, i: usize) -> Result<Option<[f64; 1]>> {
    let contestant = &setting.contestants[i];
    if !contestant.keeps_files() {
        return Ok(None);
    }
    let Housed { mut store, dir } = contestant.fresh(setting.dir, data.dimension)?;
    store.put_batches(data, 0..data.len(), BATCH)?;
    store.flush()?;
    drop(store);
    machine::wait_until_quiet();
    Ok(Some([occupied(dir.path())? as f64]))
}

/// Bytes on the disk: per byte of payload, of an empty store, and of one with 10 vectors of dimension 64.
///
/// # Errors
/// A contestant's.
pub fn on_disk(setting: Setting<'_>) -> Result<[Row; 3]> {
    // The same bytes each time: once is enough.
    let sized = |title: &str, data: &Dataset| {
        let [row] = measure_all([(title.into(), Unit::Bytes)], setting.contestants, 1, |i| closed(setting, data, i))?;
        Ok::<_, crate::outcome::Error>(row)
    };
    let mut payload = sized("disk, closed, per byte of payload", setting.data)?;
    payload.unit = Unit::Share;
    let total = (setting.data.len() * setting.data.payload()) as f64;
    payload.figures.iter_mut().flatten().for_each(|figure| *figure /= total);
    let small = |count| Dataset::generated(count, 64, setting.data.metadata_len, Keys::Random);
    Ok([payload, sized("disk, empty", &small(0))?, sized("disk, 10 x 64", &small(10))?])
}
