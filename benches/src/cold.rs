//! Reads that nothing in memory helps: the files of a closed store are dropped from the cache of the kernel, and the store
//! is opened again. A disk that has a cache of its own, as those of virtual machines do, keeps it.

use crate::bare;
use crate::contestant::{Contestant, Kind};
use crate::machine;
use crate::outcome::Result;
use crate::rounds::{Row, Unit, measure_all};
use crate::workloads::{Setting, timed};
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::path::Path;
use tempfile::TempDir;

/// Gets per round.
const GETS: usize = 200;

/// Writes the files of a directory to the disk and drops them from the cache.
fn drop_from_cache(dir: &Path) -> Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            drop_from_cache(&path)?;
        } else {
            let file = File::open(path)?;
            file.sync_all()?;
            fadvise(&file, 0, None, Advice::DontNeed)?;
        }
    }
    Ok(())
}

/// Bytes that this process had to read from a disk.
fn read_from_disk() -> Result<u64> {
    let figures = std::fs::read_to_string("/proc/self/io")?;
    let line = figures.lines().find_map(|line| line.strip_prefix("read_bytes: "));
    Ok(line.ok_or("/proc/self/io does not say what was read")?.parse()?)
}

/// Opening with nothing in the cache up to the first get, so that nothing can be read ahead of the clock; and the gets after
/// it, at random.
///
/// # Errors
/// A contestant's.
pub fn gets(setting: Setting<'_>) -> Result<[Row; 2]> {
    setting.prepare();
    let titles = ["open and first get, cold", "gets, cold"];
    let fill = |contestant: &Contestant| -> Result<Option<TempDir>> {
        let wanted = contestant.keeps_files() && contestant.open.is_some();
        wanted.then(|| Ok(setting.filled(contestant, 0..setting.data.len())?.dir)).transpose()
    };
    let dirs = setting.contestants.iter().map(fill).collect::<Result<Vec<_>>>()?;
    let keys = &setting.data.reads[..GETS.min(setting.data.len())];
    let mut warm = None;
    let rows = titles.map(|title| (title.to_string(), Unit::Nanoseconds));
    let rows = measure_all(rows, setting.contestants, setting.rounds, |i| {
        let (contestant, Some(dir)) = (&setting.contestants[i], &dirs[i]) else { return Ok(None) };
        drop_from_cache(dir.path())?;
        let before = read_from_disk()?;
        let (first, rest) = match (contestant.kind, contestant.open) {
            (Kind::Limit, _) => bare::cold(dir.path(), setting.data, keys)?,
            (_, None) => return Ok(None),
            (_, Some(open)) => {
                let (first, rest) = keys.split_at(1);
                let (store, first) = timed(|| {
                    let store = open(dir.path(), setting.data.dimension, setting.data.metadata_len)?;
                    store.view_each(first)?;
                    Ok(store)
                })?;
                (first, timed(|| store.view_each(rest))?.1)
            }
        };
        if read_from_disk()? - before < (keys.len() * setting.data.payload() / 2) as u64 {
            warm.get_or_insert(contestant.name);
        }
        Ok(Some([first.as_nanos() as f64, rest.as_nanos() as f64 / (keys.len() - 1) as f64]))
    })?;
    machine::wait_until_quiet();
    Ok(match warm {
        None => rows,
        Some(name) => titles.map(|title| {
            Row::skipped(title, setting.contestants, format!("the files of {name} cannot be dropped from the cache"))
        }),
    })
}
