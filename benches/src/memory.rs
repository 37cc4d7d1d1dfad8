//! Anonymous memory: what a process holds that is no page of a file. Each figure is of a process of its own, this program
//! started again, so that nothing that was measured before has left memory to use.

use crate::contestant::{Contestant, Kind};
use crate::dataset::{Dataset, Keys};
use crate::machine::subdirectory;
use crate::many::{self, OPEN};
use crate::outcome::Result;
use crate::rounds::{Row, Unit, measure_all};
use crate::table::grouped;
use crate::workloads::{BATCH, Setting};
use std::path::Path;
use std::process::{Command, ExitCode};

/// Says to a child what to measure.
const WANTED: &str = "JVDB_BENCH_MEMORY";
/// Elements per vector and bytes of metadata: what is held does not depend on them, or would be the vectors themselves.
const DIMENSION: usize = 16;
const METADATA: usize = 100;
/// Different vectors; the keys are all different.
const DISTINCT: usize = 1_000;
/// Vectors after which a flush follows.
const FLUSHED: usize = 10_000;

#[derive(Clone, Copy)]
enum Held {
    /// With that many vectors, flushed now and then, all of them read.
    Vectors(usize),
    /// With that many unflushed puts.
    Unflushed(usize),
    /// With [`OPEN`] databases open, one vector of each read.
    Databases,
}

/// Anonymous memory of this process in bytes.
fn anonymous() -> Result<i64> {
    let figures = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = figures.lines().find_map(|line| line.strip_prefix("Anonymous:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).ok_or("no line for anonymous memory")?;
    Ok(kib.trim().parse::<i64>()? << 10)
}

/// What a contestant holds, in bytes; measured here, in this process.
fn measured(contestant: &Contestant, held: Held, dir: &Path) -> Result<i64> {
    let count = match held {
        Held::Vectors(count) | Held::Unflushed(count) => count,
        Held::Databases => 0,
    };
    let data = Dataset::repeated(count.max(1), DISTINCT.min(count.max(1)), DIMENSION, METADATA, Keys::Random);
    let before = anonymous()?;
    match held {
        Held::Databases => {
            let mut many = many::in_directory(contestant, dir, &data)?.ok_or("cannot be opened again")?;
            (0..OPEN).try_for_each(|database| many.touch(database, data.keys[0]).map(drop))?;
            Ok(anonymous()? - before)
        }
        Held::Unflushed(count) => {
            let mut store = (contestant.create)(dir, DIMENSION)?;
            let before = anonymous()?;
            store.put_batches(&data, 0..count, BATCH)?;
            Ok(anonymous()? - before)
        }
        Held::Vectors(count) => {
            let mut store = (contestant.create)(dir, DIMENSION)?;
            for start in (0..count).step_by(FLUSHED) {
                store.put_batches(&data, start..count.min(start + FLUSHED), BATCH)?;
                store.flush()?;
            }
            store.begin_reading()?;
            std::hint::black_box(store.view_each(&data.reads)?);
            Ok(anonymous()? - before)
        }
    }
}

/// Starts a child that measures.
fn of_child(contestant: &Contestant, held: Held, dir: &Path) -> Result<i64> {
    if std::env::var_os(WANTED).is_some() {
        return Err("a program that measures memory begins with memory::child".into());
    }
    let (what, count) = match held {
        Held::Vectors(count) => ("vectors", count),
        Held::Unflushed(count) => ("unflushed", count),
        Held::Databases => ("databases", 0),
    };
    let wanted = format!("{what}|{count}|{}|{}", contestant.name, dir.display());
    let output = Command::new(std::env::current_exe()?).env(WANTED, wanted).output()?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_string();
    if !output.status.success() {
        return Err(format!("{}: {}", output.status, said(&output.stderr)).into());
    }
    Ok(said(&output.stdout).parse()?)
}

/// If this process was started to measure, does it and says how it went; else `None`. A program that measures memory calls
/// this before anything else.
pub fn child(contestants: &[Contestant]) -> Option<ExitCode> {
    let wanted = std::env::var(WANTED).ok()?;
    let answer = || -> Result<i64> {
        let parts: Vec<&str> = wanted.splitn(4, '|').collect();
        let [what, count, name, dir] = parts[..] else { return Err(format!("{WANTED}: {wanted:?}").into()) };
        let held = match what {
            "vectors" => Held::Vectors(count.parse()?),
            "unflushed" => Held::Unflushed(count.parse()?),
            _ => Held::Databases,
        };
        let contestant = contestants.iter().find(|contestant| contestant.name == name).ok_or("no such contestant")?;
        measured(contestant, held, Path::new(dir))
    };
    Some(match answer() {
        Ok(bytes) => {
            println!("{bytes}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    })
}

/// Rows of what is held in one way, over `by`.
fn row(title: String, setting: Setting<'_>, held: Held, by: usize) -> Result<Row> {
    let data = Dataset::generated(many::VECTORS, DIMENSION, METADATA, Keys::Random);
    let [row] = measure_all([(title, Unit::Bytes)], setting.contestants, 1, |i| {
        let contestant = &setting.contestants[i];
        // The limit holds nothing but an index that no store would.
        if contestant.kind == Kind::Limit || contestant.read_only {
            return Ok(None);
        }
        let dir = subdirectory(setting.dir, contestant.name)?;
        if let Held::Databases = held {
            let Some(mut many) = many::in_directory(contestant, dir.path(), &data)? else { return Ok(None) };
            (0..OPEN).try_for_each(|database| many.fill(database, &data))?;
        }
        Ok(Some([of_child(contestant, held, dir.path())? as f64 / by as f64]))
    })?;
    Ok(row)
}

/// Anonymous memory with each of these numbers of vectors of dimension 16, per open database, and per unflushed put.
///
/// # Errors
/// A contestant's, or a child could not be started.
pub fn held(setting: Setting<'_>, sizes: &[usize], unflushed: usize) -> Result<Vec<Row>> {
    let vectors = |&count: &usize| {
        row(format!("anonymous memory, {} x {DIMENSION}", grouped(count)), setting, Held::Vectors(count), 1)
    };
    let mut rows = sizes.iter().map(vectors).collect::<Result<Vec<_>>>()?;
    rows.push(row("anonymous memory per open database".into(), setting, Held::Databases, OPEN)?);
    rows.push(row("anonymous memory per unflushed put".into(), setting, Held::Unflushed(unflushed), unflushed)?);
    Ok(rows)
}
