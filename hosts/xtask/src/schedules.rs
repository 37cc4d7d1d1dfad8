//! `cargo xtask schedules`: the engine under a scheduler that tries which thread runs when (`core/tests/schedules.rs`).

use crate::Result;
use crate::build::Workspace;
use crate::row::Row;
use crate::run::watched;
use clap::Args;

/// Begins what a model says about itself.
const MARK: &str = "schedules: ";

/// How many.
#[derive(Args)]
pub struct Schedules {
    /// Random schedules of each model; half as many more look for rare orders
    #[arg(long, default_value_t = 4000)]
    schedules: u64,
}

/// Runs all models. An error says that a schedule broke something: how to replay it is printed.
pub fn run(schedules: &Schedules) -> Result<()> {
    let workspace = Workspace::find()?;
    let mut test = workspace.cargo();
    test.args(["test", "--release", "--package", "jvdb-core", "--test", "schedules", "--no-fail-fast"]);
    test.args(["--", "--nocapture", "--test-threads=1"]);
    // A build of its own: every lock and every atomic in it belongs to the scheduler.
    test.env("RUSTFLAGS", "--cfg jvdb_shuttle").env("CARGO_TARGET_DIR", workspace.target.join("schedules"));
    test.env("JVDB_SCHEDULES", schedules.schedules.to_string());
    let mut cases = 0;
    let success = watched(&mut test, |line| cases += schedules_of(line))?;
    if success && cases == 0 {
        return Err("no schedule was tried".into());
    }
    let row = Row {
        fault: "schedules: pins, evictions, reopenings, flushes, compactions".into(),
        cases,
        undetected: u64::from(!success),
        ..Row::default()
    };
    row.print();
    if row.is_clean() { Ok(()) } else { Err("a schedule breaks the engine, see above".into()) }
}

/// Schedules that a model says it was run under. The test program may have begun the line.
fn schedules_of(line: &str) -> u64 {
    let count = line.split_once(MARK).and_then(|(_, rest)| rest.split_once(' '));
    count.and_then(|(count, _)| count.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::schedules_of;

    #[test]
    fn schedules_are_counted() {
        assert_eq!(schedules_of("test a ... schedules: 1500 of pins"), 1500);
        assert_eq!(schedules_of("ok"), 0);
    }
}
