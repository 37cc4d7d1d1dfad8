//! `jvdb-bench`: measures all contestants in turns, in all that there is to measure, and reports it.

use clap::{Parser, ValueEnum};
use jvdb_benches::contestant::Contestant;
use jvdb_benches::dataset::{Dataset, Keys};
use jvdb_benches::workloads::Setting;
use jvdb_benches::{Result, machine, memory};
use jvdb_peers::report::{self, Report, Table};
use jvdb_peers::suite::{Group, Suite};
use jvdb_peers::{contestants, scaling, skipped};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A sample of real embeddings that may lie beside the repository, whose root is where this is run.
const SHARED: &str = "../shared/data/packages_384.npy";
/// Elements of its vectors, which are those that goals are set for.
const FIRST: usize = 384;

/// Measures the engine beside those that a user would pick instead, and the limits of the machine.
#[derive(Parser)]
#[command(name = "jvdb-bench")]
struct Arguments {
    /// Few vectors and rounds: shows that it runs, its figures mean little
    #[arg(long)]
    quick: bool,
    /// Writes all figures to this file, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes the report to this file, in Markdown, and curves beside it
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
    /// Directory on a real disk for all files (they are removed)
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Vectors to store [default: 100000 of 384, 30000 of 128, 10000 of 1536; quick: 2000]
    #[arg(long)]
    count: Option<usize>,
    /// Elements per vector; may be given several times [default: 384, and fewer workloads with 128 and 1536]
    #[arg(long, conflicts_with = "vectors")]
    dimension: Vec<usize>,
    /// Bytes of metadata per vector
    #[arg(long, default_value_t = 100)]
    metadata: usize,
    /// Rounds per workload [default: 5, quick: 1]
    #[arg(long)]
    rounds: Option<usize>,
    /// Keys of the vectors
    #[arg(long, value_enum, default_value = "random")]
    keys: Keys,
    /// NumPy file of f32 rows to store [default with 384: the shared sample if there is one, else generated vectors]
    #[arg(long, value_name = "FILE")]
    vectors: Option<PathBuf>,
    /// Only these workloads
    #[arg(long, value_enum, value_name = "WORKLOAD")]
    only: Vec<Group>,
    /// Only contestants whose name holds this text; may be given several times
    #[arg(long, value_name = "TEXT")]
    contestant: Vec<String>,
}

impl Arguments {
    fn contestants(&self) -> Vec<Contestant> {
        let wanted = |c: &Contestant| self.contestant.iter().any(|text| c.name.contains(text.as_str()));
        contestants().into_iter().filter(|c| self.contestant.is_empty() || wanted(c)).collect()
    }

    fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 1 } else { 5 })
    }

    fn dimensions(&self) -> &[usize] {
        match (&self.vectors, self.dimension.is_empty()) {
            (Some(_), _) => &[FIRST],
            (None, true) => &[FIRST, 128, 1536],
            (None, false) => &self.dimension,
        }
    }

    fn count(&self, dimension: usize) -> usize {
        let count = match dimension {
            _ if self.quick => 2_000,
            FIRST => 100_000,
            ..FIRST => 30_000,
            _ => 10_000,
        };
        self.count.unwrap_or(count)
    }

    fn dataset(&self, count: usize, dimension: usize) -> Result<Dataset> {
        let shared = Some(PathBuf::from(SHARED)).filter(|path| dimension == FIRST && path.exists());
        match self.vectors.clone().or(shared) {
            Some(path) => Dataset::from_npy(&path, count, self.metadata, self.keys),
            None => Ok(Dataset::generated(count, dimension, self.metadata, self.keys)),
        }
    }

    /// All that was asked for; else all that there is, but of further dimensions what differs.
    fn wanted(&self, first: bool) -> Vec<Group> {
        let all = Group::value_variants().iter().copied();
        match self.only.as_slice() {
            [] if first => all.collect(),
            [] => all.filter(|group| group.depends_on_dimension()).collect(),
            only => only.to_vec(),
        }
    }

    fn table(&self, contestants: &[Contestant], dimension: usize, first: bool, dir: &Path) -> Result<Table> {
        const PART: usize = 30_000;
        let data = self.dataset(self.count(dimension), dimension)?;
        let part = self.dataset(data.len().min(PART), dimension)?;
        let suite = Suite { wanted: &self.wanted(first), quick: self.quick, part: &part };
        let rows = suite.run(Setting { contestants, data: &data, dir, rounds: self.rounds() })?;
        Ok(Table { dimension: data.dimension, count: data.len(), metadata: data.metadata_len, rows })
    }
}

fn bench(arguments: &Arguments) -> Result<()> {
    let contestants = arguments.contestants();
    let rounds = arguments.rounds();
    if rounds == 0 || contestants.is_empty() {
        return Err("nothing to measure: no rounds, or no contestant of that name".into());
    }
    if arguments.count.is_some_and(|count| count < 1_000) || arguments.dimension.contains(&0) {
        return Err("--count must be at least 1000, --dimension at least 1".into());
    }
    let dir = machine::directory(&arguments.dir)?;
    let machine = report::machine(dir.path());
    let table = |(i, dimension): (usize, &usize)| arguments.table(&contestants, *dimension, i == 0, dir.path());
    let tables = arguments.dimensions().iter().enumerate().map(table).collect::<Result<_>>()?;
    let curves = if arguments.wanted(true).contains(&Group::Curves) {
        let sizes: &[usize] = if arguments.quick { &[1_000, 3_000] } else { &[1_000, 10_000, 100_000, 1_000_000] };
        scaling::curves(&contestants, dir.path(), rounds, sizes)?
    } else {
        Vec::new()
    };
    let words = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
    let command = format!("cargo xtask bench{}{words}", if words.is_empty() { "" } else { " -- " });
    let report = Report { command, machine, rounds, contestants, skipped: skipped(), tables, curves };
    print!("{}", report.text());
    report.publish(arguments.results.as_deref())?;
    if let Some(path) = &arguments.json {
        std::fs::write(path, format!("{:#}\n", report.json()))?;
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
