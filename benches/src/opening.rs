//! Opening a store of any size: after a clean close, and after the death of the process that wrote it.
//!
//! What is measured ends with a first get, so that nothing can be put off until then. Files are in the cache. A death is
//! played by copying the files of a live store: they are what the kernel would keep of it.

use crate::contestant::{Contestant, Housed, Opener};
use crate::dataset::{Dataset, Keys};
use crate::machine::subdirectory;
use crate::outcome::Result;
use crate::passes::AnyStore;
use crate::passes::Passes;
use crate::rounds::{Row, Unit, measure, measure_all, median};
use crate::table::grouped;
use crate::workloads::{BATCH, Setting};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Elements per vector: opening does not depend on it, and a million of them are quickly made.
const DIMENSION: usize = 8;
const METADATA: usize = 16;
/// Vectors that the last flush covers: recovery may have to look at them, too, but not at what earlier ones cover.
const LAST_FLUSH: usize = 1_000;
/// Openings per round, of which the median counts.
const OPENINGS: usize = 5;

/// A closed or dying store of each contestant that keeps files.
struct Left {
    open: Opener,
    // Held open while its files are copied; gone if it was closed.
    _live: Option<AnyStore>,
    dir: TempDir,
}

fn fill(contestant: &Contestant, parent: &Path, data: &Dataset, tail: Option<usize>) -> Result<Option<Left>> {
    let Some(open) = contestant.open else { return Ok(None) };
    let Housed { mut store, dir } = contestant.fresh(parent, data.dimension)?;
    let flushed = data.len() - tail.unwrap_or(0);
    let before = flushed.saturating_sub(LAST_FLUSH);
    for part in [0..before, before..flushed] {
        store.put_batches(data, part, BATCH)?;
        store.flush()?;
    }
    store.put_batches(data, flushed..data.len(), BATCH)?;
    Ok(Some(Left { open, _live: tail.map(|_| store), dir }))
}

/// Nanoseconds from nothing to the first vector, and of those for the first get alone.
fn open_and_get(open: Opener, dir: &Path, data: &Dataset) -> Result<[f64; 2]> {
    let start = Instant::now();
    let store: Box<dyn Passes> = open(dir, data.dimension, data.metadata_len)?;
    let opened = start.elapsed();
    let sum = store.view_each(&data.keys[..1])?;
    let time = start.elapsed();
    std::hint::black_box(sum);
    Ok([time, time - opened].map(|time| time.as_nanos() as f64))
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    wait_for_quiet(from)?;
    for (name, length) in files(from)? {
        // Lock files, too: a death leaves them behind, and nobody holds a lock on a copy.
        match length {
            None => std::fs::create_dir(to.join(name))?,
            Some(_) => drop(std::fs::copy(from.join(&name), to.join(&name))?),
        }
    }
    Ok(())
}

/// Directories and files below a directory, by their names from there, each before what is in it; and the files' lengths.
fn files(directory: &Path) -> Result<Vec<(PathBuf, Option<u64>)>> {
    let (mut found, mut todo) = (Vec::new(), vec![directory.to_path_buf()]);
    while let Some(path) = todo.pop() {
        for entry in std::fs::read_dir(path)? {
            let path = entry?.path();
            // Otherwise it is gone meanwhile.
            if let Ok(metadata) = std::fs::symlink_metadata(&path) {
                let length = metadata.is_file().then_some(metadata.len());
                found.push((path.strip_prefix(directory)?.to_path_buf(), length));
                if length.is_none() {
                    todo.push(path);
                }
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Some stores go on moving things about behind their callers' backs: a copy made meanwhile would be that of no moment.
fn wait_for_quiet(directory: &Path) -> Result<()> {
    const QUIET: Duration = Duration::from_millis(50);
    let mut before = files(directory)?;
    loop {
        std::thread::sleep(QUIET);
        let now = files(directory)?;
        if now == before {
            return Ok(());
        }
        before = now;
    }
}

/// Opening a store of `count` vectors that was closed, up to the first get; and that first get alone.
///
/// # Errors
/// A contestant's.
pub fn clean(contestants: &[Contestant], parent: &Path, rounds: usize, count: usize) -> Result<[Row; 2]> {
    let data = Dataset::generated(count, DIMENSION, METADATA, Keys::Random);
    let left = contestants.iter().map(|c| fill(c, parent, &data, None)).collect::<Result<Vec<_>>>()?;
    let titles = [format!("open {}, closed", grouped(count)), format!("first get of {}", grouped(count))];
    measure_all(titles.map(|title| (title, Unit::Nanoseconds)), contestants, rounds, |i| {
        let Some(left) = &left[i] else { return Ok(None) };
        let times = (0..OPENINGS).map(|_| open_and_get(left.open, left.dir.path(), &data));
        let times = times.collect::<Result<Vec<_>>>()?;
        let middle = |which: usize| median(times.iter().map(|times| times[which]).collect()).unwrap_or(0.0);
        Ok(Some([middle(0), middle(1)]))
    })
}

/// Opening a store of `count` vectors whose process died, the last `tail` of them not flushed.
///
/// # Errors
/// A contestant's.
pub fn crashed(contestants: &[Contestant], parent: &Path, rounds: usize, count: usize, tail: usize) -> Result<Row> {
    let data = Dataset::generated(count, DIMENSION, METADATA, Keys::Random);
    let left = contestants.iter().map(|c| fill(c, parent, &data, Some(tail))).collect::<Result<Vec<_>>>()?;
    let title = format!("open {}, died, {} unflushed", grouped(count), grouped(tail));
    measure(title, contestants, rounds, |i| {
        let Some(left) = &left[i] else { return Ok(None) };
        let copy = subdirectory(parent, "copy")?;
        copy_files(left.dir.path(), copy.path())?;
        Ok(Some(open_and_get(left.open, copy.path(), &data)?[0]))
    })
}

/// Opening a store whose process died with none of its vectors flushed: how fast they are replayed.
///
/// # Errors
/// A contestant's.
pub fn replayed(setting: Setting<'_>) -> Result<Row> {
    let (contestants, parent, data) = (setting.contestants, setting.dir, setting.data);
    let left = contestants.iter().map(|c| fill(c, parent, data, Some(data.len()))).collect::<Result<Vec<_>>>()?;
    let title = format!("open {} x {}, died, none flushed", grouped(data.len()), data.dimension);
    let row = measure(title, contestants, setting.rounds, |i| {
        let Some(left) = &left[i] else { return Ok(None) };
        let copy = subdirectory(parent, "copy")?;
        copy_files(left.dir.path(), copy.path())?;
        Ok(Some(open_and_get(left.open, copy.path(), data)?[0]))
    })?;
    Ok(row.moving(data.len() * data.payload()))
}
