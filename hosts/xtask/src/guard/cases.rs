//! What is measured: operations of `jvdb-op`, each as the difference between two runs. How a run is counted is not known
//! here.

use super::Figures;
use super::counters::Counter;
use crate::Result;
use crate::build::Workspace;
use std::sync::Mutex;

/// Vectors that are there before.
const THERE: &str = "4000";

/// An operation: two command lines of `jvdb-op`, and how many operations are in the second and not in the first.
struct Case {
    name: &'static str,
    without: &'static str,
    with: &'static str,
    operations: u32,
}

const fn case(name: &'static str, without: &'static str, with: &'static str, operations: u32) -> Case {
    Case { name, without, with, operations }
}

const CASES: [Case; 12] = [
    case("put", "put 2000", "put 4000", 2000),
    case("replace", "replace 2000", "replace 4000", 2000),
    case("delete", "delete 2000", "delete 4000", 2000),
    case("vector of a batch", "batch 2", "batch 4", 2000),
    case("get", "get 2000", "get 4000", 2000),
    case("read", "read 2000", "read 4000", 2000),
    case("read-many", "read-many 2000", "read-many 4000", 2000),
    case("get-into", "get-into 2000", "get-into 4000", 2000),
    case("miss", "miss 2000", "miss 4000", 2000),
    case("vector of a scan", "scan 2", "scan 4", 8000),
    // The same batches without the flushes.
    case("flush of 1", "batch 100 --batch 1", "flush 100 --batch 1", 100),
    case("flush of 1,000", "batch 10", "flush 10 --batch 1000 --pause 50", 10),
];

const ACCESSES: [(&str, &[&str]); 2] = [("mmap", &[]), ("file", &["--file"])];

/// All figures that the counters give, by as many runs at once as there are processors: none disturbs another.
pub fn measure(workspace: &Workspace, counters: &[Counter]) -> Result<Figures> {
    let scratch = tempfile::Builder::new().prefix("guard-").tempdir_in(&workspace.target)?;
    let program = workspace.artifacts().join("jvdb-op");
    let cases = CASES.iter().flat_map(|case| ACCESSES.map(|access| (case, access)));
    let tasks = Mutex::new(cases.flat_map(|(case, access)| counters.iter().map(move |count| (case, access, count))));
    let found = Mutex::new(Figures::new());
    let work = || {
        loop {
            // Not in the head of a `while let`, which would hold the lock for the whole turn.
            let task = tasks.lock().expect("nobody panics with it").next();
            let Some((case, (access, option), counter)) = task else { return Ok(()) };
            let count = |arguments: &str| {
                let words = arguments.split(' ').chain(option.iter().copied()).chain(["--there", THERE]);
                counter.count(&program, words, scratch.path())
            };
            let (without, with) = (count(case.without)?, count(case.with)?);
            let each = with.iter().zip(&without).map(|(with, without)| {
                let difference = (*with as f64 - *without as f64) / f64::from(case.operations);
                // Hundredths, and no negative zero.
                (difference * 100.0).round() / 100.0 + 0.0
            });
            let names = counter.figures.iter().map(|figure| format!("{}, {access}: {figure}", case.name));
            found.lock().expect("nobody panics with it").extend(names.zip(each));
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let done: Result<(), String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers)
            .map(|_| scope.spawn(|| work().map_err(|why: Box<dyn std::error::Error>| why.to_string())))
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("a worker does not panic"))
    });
    done?;
    Ok(found.into_inner()?)
}
