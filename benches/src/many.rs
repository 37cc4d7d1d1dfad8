//! Many databases, of which few are open at once: going round all of them closes one and opens another each time.

use crate::contestant::{Contestant, Many, Opener};
use crate::dataset::{Dataset, Keys};
use crate::outcome::Result;
use crate::passes::AnyStore;
use crate::rounds::{Row, measure};
use crate::table::grouped;
use crate::workloads::{BATCH, Setting, per_operation, timed};
use crate::{machine, machine::subdirectory};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Databases that are open at once.
pub const OPEN: usize = 100;
/// Vectors in each.
pub const VECTORS: usize = 100;

/// Databases in directories of their own, each a store that is opened and closed.
struct Apart {
    contestant: Contestant,
    opener: Opener,
    dir: PathBuf,
    dimension: usize,
    metadata_len: usize,
    /// The one that was not used for longest first.
    open: VecDeque<(usize, AnyStore)>,
}

impl Many for Apart {
    fn fill(&mut self, database: usize, data: &Dataset) -> Result<()> {
        let dir = self.dir.join(database.to_string());
        std::fs::create_dir(&dir)?;
        let mut store = (self.contestant.create)(&dir, data.dimension)?;
        store.put_batches(data, 0..data.len(), BATCH)?;
        store.flush()
    }

    fn touch(&mut self, database: usize, key: u64) -> Result<u64> {
        let store = match self.open.iter().position(|(open, _)| *open == database) {
            Some(at) => self.open.remove(at).ok_or("it was there")?.1,
            None => {
                if self.open.len() == OPEN {
                    self.open.pop_front();
                }
                (self.opener)(&self.dir.join(database.to_string()), self.dimension, self.metadata_len)?
            }
        };
        let sum = store.view_each(&[key])?;
        self.open.push_back((database, store));
        Ok(sum)
    }
}

/// Databases of that contestant in a directory, if it can open again what it wrote.
///
/// # Errors
/// The store's own.
pub fn in_directory(contestant: &Contestant, dir: &Path, data: &Dataset) -> Result<Option<Box<dyn Many>>> {
    let (dimension, metadata_len) = (data.dimension, data.metadata_len);
    Ok(match (contestant.many, contestant.open) {
        (Some(open), _) => Some(open(dir, OPEN)?),
        (None, Some(opener)) => {
            let (contestant, dir, open) = (*contestant, dir.to_path_buf(), VecDeque::new());
            Some(Box::new(Apart { contestant, opener, dir, dimension, metadata_len, open }))
        }
        (None, None) => None,
    })
}

/// A get from each of `count` databases in turn, of which [`OPEN`] are open: one is closed and another one opened for
/// every get. The limit opens a file, maps it, reads and closes it.
///
/// # Errors
/// A contestant's.
pub fn round_robin(setting: Setting<'_>, count: usize) -> Result<Row> {
    let data = Dataset::generated(VECTORS, setting.data.dimension, setting.data.metadata_len, Keys::Random);
    let key = data.keys[0];
    let fill = |contestant: &Contestant| -> Result<Option<(Box<dyn Many>, TempDir)>> {
        let dir = subdirectory(setting.dir, contestant.name)?;
        let Some(mut many) = in_directory(contestant, dir.path(), &data)? else { return Ok(None) };
        (0..count).try_for_each(|database| many.fill(database, &data))?;
        (0..count).try_for_each(|database| many.touch(database, key).map(drop))?;
        Ok(Some((many, dir)))
    };
    let mut all = setting.contestants.iter().map(fill).collect::<Result<Vec<_>>>()?;
    machine::wait_until_quiet();
    let title = format!("get from {} databases in turn, {OPEN} open", grouped(count));
    measure(title, setting.contestants, setting.rounds, |i| {
        let Some((many, _)) = &mut all[i] else { return Ok(None) };
        let (sum, time) = timed(|| (0..count).try_fold(0, |sum, i| Ok(many.touch(i, key)?.wrapping_add(sum))))?;
        std::hint::black_box(sum);
        Ok(Some(per_operation(time, count)))
    })
}
