//! `cargo xtask reliability`: every campaign of faults there is, and one table of what they did. Ends with failure if any
//! figure is not zero that must be. What each campaign does is its own business; here they are run one after another.

use crate::Result;
use crate::build::Workspace;
use crate::run::{run as run_command, watched};
use crate::test::Counts;
use crate::tools;
use clap::Args;
use serde_json::Value;
use std::process::Command;
use std::time::{Duration, Instant};

/// Marks a line of a campaign that carries a row of the table.
const MARK: &str = "reliability: ";

/// Campaigns of `tests/reliability`, in this order.
const CAMPAIGNS: [&str; 11] = [
    "power",
    "io-errors",
    "kill",
    "syscalls",
    "kernel",
    "full",
    "damage",
    "truncation",
    "processes",
    "exhaustion",
    "crowds",
];

/// What to run.
#[derive(Args)]
pub struct Reliability {
    /// Only these: a campaign's name, or mutants, fuzz, address, thread, miri, schedules
    #[arg(long)]
    only: Vec<String>,
}

/// One line of the table.
struct Line {
    fault: String,
    cases: u64,
    /// Lost, torn, signals, undetected.
    figures: [u64; 4],
    skipped: Option<String>,
}

#[derive(Default)]
struct Table {
    lines: Vec<Line>,
    /// Campaigns that did not come to an end, or said nothing.
    broken: Vec<String>,
    took: Vec<(String, Duration)>,
}

pub fn run(wanted: &Reliability) -> Result<()> {
    let workspace = Workspace::find()?;
    let is_wanted = |name: &str| wanted.only.is_empty() || wanted.only.iter().any(|only| only == name);
    let mut table = Table::default();
    if CAMPAIGNS.into_iter().any(is_wanted) {
        run_command(workspace.cargo().args(["build", "--release", "--package", "jvdb-reliability"]))?;
    }
    if is_wanted("kernel")
        && let Err(error) = tools::file_systems(&workspace)
    {
        // The campaign says what it cannot do without.
        println!("{error}");
    }
    for name in CAMPAIGNS.into_iter().filter(|name| is_wanted(name)) {
        table.campaign(name, Command::new(workspace.artifacts().join("jvdb-reliability")).arg(name));
    }
    if is_wanted("mutants") {
        table.mutants(&workspace);
    }
    let this = std::env::current_exe()?;
    for (name, arguments) in [
        ("fuzz", &["fuzz"][..]),
        ("address", &["sanitize", "address"]),
        ("thread", &["sanitize", "thread"]),
        ("miri", &["sanitize", "miri"]),
        ("schedules", &["schedules"]),
    ] {
        if is_wanted(name) {
            table.campaign(name, Command::new(&this).args(arguments));
        }
    }
    table.print();
    if table.is_clean() { Ok(()) } else { Err("a promise is broken, or a campaign did not end: see the table".into()) }
}

impl Table {
    fn campaign(&mut self, name: &str, command: &mut Command) {
        println!("\n=== {name}");
        let (begun, before) = (Instant::now(), self.lines.len());
        let ended = watched(command, |line| self.lines.extend(line.strip_prefix(MARK).and_then(Line::parse)));
        let clean = self.lines[before..].iter().all(Line::is_clean);
        match ended {
            Ok(success) if self.lines.len() > before && (success || !clean) => {}
            Ok(_) => self.broken.push(format!("{name}: it said nothing, or failed without saying why")),
            Err(error) => self.broken.push(format!("{name}: {error}")),
        }
        self.took.push((name.into(), begun.elapsed()));
    }

    /// Tests that break the engine on purpose: one that passes has noticed it.
    fn mutants(&mut self, workspace: &Workspace) {
        println!("\n=== mutants");
        let begun = Instant::now();
        let mut tests = workspace.cargo();
        tests.args(["test", "--release", "--package", "jvdb-crash", "--no-fail-fast"]);
        let mut counts = Counts::default();
        let ended = watched(&mut tests, |line| counts += Counts::of_line(line).unwrap_or_default());
        match ended.map(|success| counts.ended(success)) {
            Ok(Counts { passed, failed, .. }) => self.lines.push(Line {
                fault: "protocol broken on purpose".into(),
                cases: passed + failed,
                figures: [0, 0, 0, failed],
                skipped: None,
            }),
            Err(error) => self.broken.push(format!("mutants: {error}")),
        }
        self.took.push(("mutants".into(), begun.elapsed()));
    }

    fn is_clean(&self) -> bool {
        self.broken.is_empty() && !self.lines.is_empty() && self.lines.iter().all(Line::is_clean)
    }

    fn print(&self) {
        let width = self.lines.iter().map(|line| line.fault.chars().count()).max().unwrap_or(0).max(5);
        println!(
            "\n{:<width$}  {:>10}  {:>5}  {:>5}  {:>7}  {:>10}",
            "fault", "cases", "lost", "torn", "signals", "undetected"
        );
        for Line { fault, cases, figures: [lost, torn, signals, undetected], skipped } in &self.lines {
            match skipped {
                Some(why) => println!("{fault:<width$}  SKIPPED: {why}"),
                None => println!("{fault:<width$}  {cases:>10}  {lost:>5}  {torn:>5}  {signals:>7}  {undetected:>10}"),
            }
        }
        self.broken.iter().for_each(|broken| println!("FAILED: {broken}"));
        let all: Duration = self.took.iter().map(|(_, took)| *took).sum();
        let each = self.took.iter().map(|(name, took)| format!("{name} {:.0}", took.as_secs_f64()));
        println!("{:.0} s: {}", all.as_secs_f64(), each.collect::<Vec<_>>().join(", "));
    }
}

impl Line {
    fn parse(row: &str) -> Option<Self> {
        let row: Value = serde_json::from_str(row).ok()?;
        let count = |key: &str| row[key].as_u64();
        Some(Self {
            fault: row["fault"].as_str()?.into(),
            cases: count("cases")?,
            figures: [count("lost")?, count("torn")?, count("signals")?, count("undetected")?],
            skipped: row["skipped"].as_str().map(Into::into),
        })
    }

    /// Whether the promises held. A line without a case proves nothing.
    fn is_clean(&self) -> bool {
        self.skipped.is_some() || (self.cases > 0 && self.figures == [0; 4])
    }
}

#[cfg(test)]
mod tests {
    use super::Line;

    #[test]
    fn a_line_without_cases_or_with_a_loss_is_not_clean() {
        let line = |cases: u64, lost: u64| {
            let row = format!(r#"{{"fault":"x","cases":{cases},"lost":{lost},"torn":0,"signals":0,"undetected":0}}"#);
            Line::parse(&row).expect("a row").is_clean()
        };
        assert!(line(1, 0));
        assert!(!line(0, 0));
        assert!(!line(1, 1));
        assert!(Line::parse("no row").is_none());
    }
}
