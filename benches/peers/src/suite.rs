//! Which workloads there are, and in which order they are measured.

use clap::ValueEnum;
use jvdb_benches::dataset::Dataset;
use jvdb_benches::rounds::Row;
use jvdb_benches::workloads::{self, Reads, Setting};
use jvdb_benches::{Result, changes, cold, floor, growth, many, memory, opening, space, threads};

/// Workloads, as `--only` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Group {
    /// One put after another
    Put,
    /// Batches of 1,000 puts
    Batch,
    /// Puts with a flush after every 1,000
    Insert,
    /// Updates and deletions
    Change,
    /// Reads, copied and zero-copy, and scans
    Get,
    /// Flushes, small and large
    Flush,
    /// Bytes on the disk
    Disk,
    /// Copies and system calls with the same bytes, and nothing else
    Bare,
    /// Opening, after a clean close and after a death
    Open,
    /// Reads and updates mixed, by one thread and two
    Mixed,
    /// Readers beside each other, a writer and flushes
    Readers,
    /// What waits for a flush
    Waits,
    /// Reads with nothing in the cache
    Cold,
    /// Many databases, few of them open
    Databases,
    /// Anonymous memory
    Memory,
    /// Giving back the space of what was deleted
    Compact,
    /// Growth to 10,000,000 vectors; the engine alone, and in one round
    Growth,
    /// Times against the number of vectors
    Curves,
}

impl Group {
    /// Whether what it measures depends on the dimension so much that it is measured in all of them.
    pub fn depends_on_dimension(self) -> bool {
        use Group::{Bare, Batch, Change, Disk, Flush, Get, Insert, Put};
        matches!(self, Put | Batch | Insert | Change | Get | Flush | Disk | Bare)
    }
}

/// What is measured.
pub struct Suite<'a> {
    /// Groups.
    pub wanted: &'a [Group],
    /// Few and small, to see that it runs.
    pub quick: bool,
    /// A part of the data, for workloads that fill a store anew for each figure and compare a contestant with itself.
    pub part: &'a Dataset,
}

impl Suite<'_> {
    /// Everything that is wanted, in the order of the table; but curves are no rows.
    ///
    /// # Errors
    /// A contestant's.
    pub fn run(&self, setting: Setting<'_>) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for group in Group::value_variants().iter().filter(|group| self.wanted.contains(group)) {
            for row in self.group(*group, setting)? {
                eprintln!("measured: {} x {}", row.workload, setting.data.dimension);
                rows.push(row);
            }
        }
        Ok(rows)
    }

    fn group(&self, group: Group, setting: Setting<'_>) -> Result<Vec<Row>> {
        let part = Setting { data: self.part, ..setting };
        Ok(match group {
            Group::Put => vec![workloads::put(setting)?],
            Group::Batch => vec![workloads::put_batch(setting)?],
            Group::Insert => vec![workloads::insert(setting)?],
            Group::Change => changes::update_and_delete(setting)?.into(),
            Group::Get => gets(setting)?,
            Group::Flush => vec![workloads::flush(setting, 1)?, workloads::flush(setting, setting.data.len() / 10)?],
            Group::Disk => space::on_disk(setting)?.into(),
            Group::Bare => floor::all(setting)?,
            Group::Open => self.openings(setting)?,
            Group::Mixed => threads::mixed(part)?.into(),
            Group::Readers => [threads::readers(part)?, threads::beside_writer(part)?].concat(),
            Group::Waits => threads::waits(part, (setting.data.len() / 10).min(part.data.len() / 2))?.into(),
            Group::Cold => cold::gets(part)?.into(),
            Group::Databases => vec![many::round_robin(setting, if self.quick { 150 } else { 1_000 })?],
            Group::Memory => {
                let sizes: &[usize] = if self.quick { &[1_000, 10_000] } else { &[10_000, 100_000, 1_000_000] };
                memory::held(setting, sizes, if self.quick { 10_000 } else { 100_000 })?
            }
            Group::Compact => vec![changes::compact(part)?],
            Group::Growth => {
                let count = if self.quick { 300_000 } else { 10_000_000 };
                of_first(setting, |setting| growth::growth(Setting { rounds: 1, ..setting }, count))?
            }
            Group::Curves => Vec::new(),
        })
    }

    fn openings(&self, setting: Setting<'_>) -> Result<Vec<Row>> {
        let (closed, dead, huge): (&[usize], &[usize], _) = if self.quick {
            (&[1_000, 10_000], &[1_000, 10_000], 20_000)
        } else {
            (&[1_000, 10_000, 100_000, 1_000_000], &[1_000, 100_000], 10_000_000)
        };
        let Setting { contestants, dir, rounds, .. } = setting;
        let mut rows = Vec::new();
        for &size in closed {
            rows.extend(opening::clean(contestants, dir, rounds, size)?);
        }
        rows.extend(of_first(setting, |setting| Ok(opening::clean(setting.contestants, dir, rounds, huge)?.into()))?);
        for &size in dead {
            rows.push(opening::crashed(contestants, dir, rounds, size, 1_000)?);
        }
        // Bounded by what was not flushed: here, all of it.
        rows.push(opening::replayed(Setting { data: self.part, ..setting })?);
        Ok(rows)
    }
}

fn gets(setting: Setting<'_>) -> Result<Vec<Row>> {
    let mut reads = Reads::prepare(setting)?;
    let unflushed = reads.view("get, zero-copy, before a flush")?;
    reads.flush()?;
    Ok(vec![
        unflushed,
        reads.view("get, zero-copy")?,
        reads.view_many()?,
        reads.hold()?,
        reads.follow()?,
        reads.copy()?,
        reads.copy_many()?,
        reads.scan()?,
    ])
}

/// Rows that only the first contestant has figures in.
fn of_first(setting: Setting<'_>, measure: impl FnOnce(Setting<'_>) -> Result<Vec<Row>>) -> Result<Vec<Row>> {
    let mut rows = measure(Setting { contestants: &setting.contestants[..1], ..setting })?;
    rows.iter_mut().for_each(|row| row.figures.resize(setting.contestants.len(), Vec::new()));
    Ok(rows)
}
