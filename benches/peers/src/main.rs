//! `jvdb-bench`: runs every workload for every contestant, in turns, and prints one table.

use clap::{Parser, ValueEnum};
use jvdb_benches::contestant::{Contestant, Kind};
use jvdb_benches::dataset::{Dataset, Keys};
use jvdb_benches::rounds::Row;
use jvdb_benches::table::{self, grouped};
use jvdb_benches::workloads::{self, Reads, Setting};
use jvdb_benches::{Result, changes, cold, growth, machine, many, memory, opening, space, threads};
use jvdb_peers::contestants;
use std::path::PathBuf;
use std::process::ExitCode;

/// A sample of real embeddings that may lie beside the repository, whose root is where this is run.
const SHARED: &str = "../shared/data/packages_384.npy";

/// Measures the engine beside LMDB, a hash map and the bare system calls.
#[derive(Parser)]
#[command(name = "jvdb-bench")]
struct Arguments {
    /// Few vectors and rounds: shows that it runs, its figures mean little
    #[arg(long)]
    quick: bool,
    /// Writes all figures to this file, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Directory on a real disk for all files (they are removed)
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Vectors to store [default: 100000, quick: 5000]
    #[arg(long)]
    count: Option<usize>,
    /// Elements per vector; vectors are generated if it is given [default: 384]
    #[arg(long, conflicts_with = "vectors")]
    dimension: Option<usize>,
    /// Bytes of metadata per vector
    #[arg(long, default_value_t = 100)]
    metadata: usize,
    /// Rounds per workload [default: 7, quick: 3]
    #[arg(long)]
    rounds: Option<usize>,
    /// Keys of the vectors
    #[arg(long, value_enum, default_value = "random")]
    keys: Keys,
    /// NumPy file of f32 rows to store [default: the shared sample if there is one, else generated vectors]
    #[arg(long, value_name = "FILE")]
    vectors: Option<PathBuf>,
    /// Only these workloads
    #[arg(long, value_enum, value_name = "WORKLOAD")]
    only: Vec<Group>,
    /// Only contestants whose name holds this text; may be given several times
    #[arg(long, value_name = "TEXT")]
    contestant: Vec<String>,
}

/// Workloads, as `--only` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Group {
    /// One put after another
    Put,
    /// Batches of 1,000 puts
    Batch,
    /// Puts with a flush after every 1,000
    Insert,
    /// Updates
    Update,
    /// Deletions
    Delete,
    /// Reads, copied and zero-copy, and scans
    Get,
    /// Flushes, small and large
    Flush,
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
    /// Bytes on the disk
    Disk,
    /// Anonymous memory
    Memory,
    /// Giving back the space of what was deleted
    Compact,
    /// Growth to 10,000,000 vectors; measured only if it is asked for
    Growth,
}

impl Arguments {
    fn wants(&self, group: Group) -> bool {
        self.only.is_empty() || self.only.contains(&group)
    }

    fn contestants(&self) -> Vec<Contestant> {
        let wanted = |c: &Contestant| self.contestant.iter().any(|text| c.name.contains(text.as_str()));
        contestants().into_iter().filter(|c| self.contestant.is_empty() || wanted(c)).collect()
    }

    fn dataset(&self) -> Result<Dataset> {
        let count = self.count.unwrap_or(if self.quick { 5_000 } else { 100_000 });
        if count < 1_000 || self.dimension == Some(0) {
            return Err("--count must be at least 1000, --dimension at least 1".into());
        }
        let shared = || Some(PathBuf::from(SHARED)).filter(|path| self.dimension.is_none() && path.exists());
        match self.vectors.clone().or_else(shared) {
            Some(path) => Dataset::from_npy(&path, count, self.metadata, self.keys),
            None => Ok(Dataset::generated(count, self.dimension.unwrap_or(384), self.metadata, self.keys)),
        }
    }
}

/// Everything that is wanted, in the order of the table.
fn run(arguments: &Arguments, setting: Setting<'_>) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut add = |row: Row| {
        eprintln!("measured: {}", row.workload);
        rows.push(row);
    };
    if arguments.wants(Group::Put) {
        add(workloads::put(setting)?);
    }
    if arguments.wants(Group::Batch) {
        add(workloads::put_batch(setting)?);
    }
    if arguments.wants(Group::Insert) {
        add(workloads::insert(setting)?);
    }
    if arguments.wants(Group::Update) {
        add(changes::update(setting)?);
    }
    if arguments.wants(Group::Delete) {
        add(changes::delete(setting)?);
    }
    if arguments.wants(Group::Get) {
        let mut reads = Reads::prepare(setting)?;
        add(reads.view("get, zero-copy, before a flush")?);
        reads.flush()?;
        add(reads.view("get, zero-copy")?);
        add(reads.view_many()?);
        add(reads.hold()?);
        add(reads.follow()?);
        add(reads.copy()?);
        add(reads.copy_many()?);
        add(reads.scan()?);
    }
    if arguments.wants(Group::Flush) {
        add(workloads::flush(setting, 1)?);
        add(workloads::flush(setting, setting.data.len() / 10)?);
    }
    if arguments.wants(Group::Open) {
        let sizes: &[usize] = if arguments.quick { &[1_000, 10_000] } else { &[1_000, 10_000, 100_000, 1_000_000] };
        let (who, dir, rounds) = (setting.contestants, setting.dir, setting.rounds);
        for &size in sizes {
            opening::clean(who, dir, rounds, size)?.into_iter().for_each(&mut add);
        }
        for &size in sizes {
            add(opening::crashed(who, dir, rounds, size, 1_000)?);
        }
        // Bounded by what was not flushed: here, all of it.
        for &size in sizes.iter().filter(|size| (10_000..=100_000).contains(*size)) {
            add(opening::crashed(who, dir, rounds, size, size)?);
        }
        add(opening::replayed(setting)?);
    }
    if arguments.wants(Group::Mixed) {
        threads::mixed(setting)?.into_iter().for_each(&mut add);
    }
    if arguments.wants(Group::Readers) {
        threads::readers(setting)?.into_iter().for_each(&mut add);
        threads::beside_writer(setting)?.into_iter().for_each(&mut add);
    }
    if arguments.wants(Group::Waits) {
        threads::waits(setting, setting.data.len() / 10)?.into_iter().for_each(&mut add);
    }
    if arguments.wants(Group::Cold) {
        cold::gets(setting)?.into_iter().for_each(&mut add);
    }
    if arguments.wants(Group::Databases) {
        add(many::round_robin(setting, if arguments.quick { 200 } else { 1_000 })?);
    }
    if arguments.wants(Group::Disk) {
        space::on_disk(setting)?.into_iter().for_each(&mut add);
    }
    if arguments.wants(Group::Memory) {
        let sizes: &[usize] = if arguments.quick { &[10_000] } else { &[10_000, 100_000, 1_000_000] };
        memory::held(setting, sizes, 100_000)?.into_iter().for_each(&mut add);
    }
    if arguments.wants(Group::Compact) {
        add(changes::compact(setting)?);
    }
    if arguments.only.contains(&Group::Growth) {
        let count = arguments.count.unwrap_or(10_000_000);
        growth::growth(setting, count)?.into_iter().for_each(&mut add);
    }
    Ok(rows)
}

fn bench(arguments: &Arguments) -> Result<()> {
    let contestants = arguments.contestants();
    let data = arguments.dataset()?;
    let dir = machine::directory(&arguments.dir)?;
    let rounds = arguments.rounds.unwrap_or(if arguments.quick { 3 } else { 7 });
    if rounds == 0 || contestants.is_empty() {
        return Err("nothing to measure: no rounds, or no contestant of that name".into());
    }
    let load = machine::load();
    let rows = run(arguments, Setting { contestants: &contestants, data: &data, dir: dir.path(), rounds })?;
    println!(
        "{} vectors x {} with {} bytes of metadata, {:?} keys; medians of {rounds} rounds in turns; {load}.\n\
         Ratios are times over times within a round: below 1, ours is faster. A peer keeps files if ours does.\n",
        grouped(data.len()),
        data.dimension,
        data.metadata_len,
        arguments.keys,
    );
    for who in jvdb_peers::skipped() {
        println!("SKIPPED: {who}");
    }
    print!("{}", table::text(&rows, &contestants));
    if let Some(path) = &arguments.json {
        let report = serde_json::json!({
            "count": data.len(), "dimension": data.dimension, "metadata": data.metadata_len, "rounds": rounds, "machine": load,
            "limit": contestants.iter().find(|c| c.kind == Kind::Limit).map(|c| c.name),
            "rows": table::json(&rows, &contestants),
        });
        std::fs::write(path, format!("{report:#}\n"))?;
    }
    Ok(())
}

fn main() -> ExitCode {
    if let Some(code) = memory::child(&contestants()) {
        return code;
    }
    match bench(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("jvdb-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
