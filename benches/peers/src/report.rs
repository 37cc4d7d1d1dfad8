//! One run on paper: Markdown with the goals, a table per dimension and the curves; and all figures as JSON. It only
//! writes; figures come from rows, verdicts from the goals. The words on missed goals are people's, and lie in a file of
//! their own beside the report.

use crate::chart;
use crate::goals::{GOALS, verdict};
use crate::scaling::{self, Curve};
use jvdb_benches::contestant::Contestant;
use jvdb_benches::rounds::Row;
use jvdb_benches::table::{self, grouped};
use jvdb_benches::{Result, machine};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

/// People's words on the goals that were missed, beside the report: `## what` and then a text, for each goal.
const WORDS: &str = "missed.md";

/// The rows of one dimension.
pub struct Table {
    /// Elements of each vector.
    pub dimension: usize,
    /// Vectors.
    pub count: usize,
    /// Bytes of metadata of each.
    pub metadata: usize,
    /// What was measured.
    pub rows: Vec<Row>,
}

impl Table {
    fn title(&self) -> String {
        format!("{} vectors x {} with {} bytes of metadata", grouped(self.count), self.dimension, self.metadata)
    }
}

/// A whole run.
pub struct Report {
    /// The command that made it.
    pub command: String,
    /// What it ran on.
    pub machine: Vec<String>,
    /// Rounds of each row.
    pub rounds: usize,
    /// Who took part.
    pub contestants: Vec<Contestant>,
    /// Who did not, and why.
    pub skipped: Vec<&'static str>,
    /// One per dimension, that of the goals first.
    pub tables: Vec<Table>,
    /// How times depend on the number of vectors.
    pub curves: Vec<Curve>,
}

const HOW: &str = "Medians of the rounds, in which all take turns; ratios are medians of the rounds' ratios: below 1, ours \
                   is faster. `mmap/peer` compares with the best peer that keeps files, `memory/peer` with the best that \
                   does not. All are set up for the same promise: a put survives the death of the process, a flush a loss \
                   of power.";

impl Report {
    /// For a terminal.
    pub fn text(&self) -> String {
        let mut text = format!("{}; {} rounds.\n{HOW}\n", self.machine.join(", "), self.rounds);
        for who in &self.skipped {
            let _ = writeln!(text, "SKIPPED: {who}");
        }
        for table in &self.tables {
            let _ = write!(text, "\n{}\n\n{}", table.title(), table::text(&table.rows, &self.contestants));
        }
        text.push_str("\ngoals\n");
        for goal in &GOALS {
            let findings = goal.findings(self.judged(), &self.contestants);
            let _ = writeln!(text, "{:<28}  {}", goal.what, verdict(&findings));
            for finding in findings.into_iter().flatten().filter(|finding| !finding.met) {
                let _ = writeln!(text, "{:<28}  missed: {}", "", finding.text);
            }
        }
        text
    }

    fn judged(&self) -> &[Row] {
        self.tables.first().map_or(&[], |table| &table.rows)
    }

    /// For a repository; `words` are people's on what was missed.
    fn markdown(&self, words: &str) -> String {
        let mut text = String::from("# Results of the benchmark\n\n");
        let _ = write!(text, "Written by\n\n    {}\n\non {}.\n\n{HOW}\n", self.command, self.machine.join(", "));
        for who in &self.skipped {
            let _ = writeln!(text, "\nSKIPPED: {who}");
        }
        text.push_str("\n## Goals\n\n| what | goal | measured | |\n|---|---|---|---|\n");
        let mut missed = String::new();
        for goal in &GOALS {
            let findings = goal.findings(self.judged(), &self.contestants);
            let verdict = verdict(&findings);
            if verdict == "missed" {
                let words = explained(words, goal.what).unwrap_or("Not explained yet.");
                let _ = write!(missed, "\n### {}\n\n{words}\n", goal.what);
            }
            let shown = findings.into_iter().map(|finding| match finding {
                Some(finding) if finding.met => finding.text,
                Some(finding) => format!("**{}**", finding.text),
                None => "not measured".into(),
            });
            let shown = shown.collect::<Vec<_>>().join("<br>");
            let _ = writeln!(text, "| {} | {} | {shown} | {verdict} |", goal.what, goal.asked);
        }
        if !missed.is_empty() {
            let _ = write!(text, "\n## What was missed\n{missed}");
        }
        for table in &self.tables {
            let _ = write!(text, "\n## {}\n\n{}", table.title(), table::markdown(&table.rows, &self.contestants));
        }
        if !self.curves.is_empty() {
            let _ = write!(
                text,
                "\n## Time against the number of vectors\n\n\
                 {} elements each. A line ends where it would take too long to fill the store.\n",
                scaling::DIMENSION
            );
        }
        for curve in &self.curves {
            let _ = write!(text, "\n![{}]({})\n", curve.title, file_name(curve));
        }
        text
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let tables = self.tables.iter().map(|table| {
            json!({
                "dimension": table.dimension, "count": table.count, "metadata": table.metadata,
                "rows": table::json(&table.rows, &self.contestants),
            })
        });
        let curves = self.curves.iter().map(|curve| {
            let (sizes, rows): (Vec<usize>, Vec<&Row>) = curve.points.iter().map(|(size, row)| (*size, row)).unzip();
            let rows = rows.into_iter().map(|row| table::json(std::slice::from_ref(row), &self.contestants)[0].clone());
            json!({"title": curve.title, "sizes": sizes, "rows": rows.collect::<Vec<_>>()})
        });
        let goals = GOALS.iter().map(|goal| {
            let findings = goal.findings(self.judged(), &self.contestants);
            let verdict = verdict(&findings);
            let found = findings.into_iter().flatten().map(|finding| json!({"text": finding.text, "met": finding.met}));
            json!({"what": goal.what, "asked": goal.asked, "verdict": verdict, "found": found.collect::<Vec<_>>()})
        });
        json!({
            "command": self.command, "machine": self.machine, "rounds": self.rounds, "skipped": self.skipped,
            "goals": goals.collect::<Vec<_>>(), "tables": tables.collect::<Vec<_>>(),
            "curves": curves.collect::<Vec<_>>(),
        })
    }

    /// Draws the curves and, if a file is named, writes the report there and the pictures beside it.
    ///
    /// # Errors
    /// A curve cannot be drawn, or a file not written.
    pub fn publish(&self, file: Option<&Path>) -> Result<()> {
        let directory = file.and_then(Path::parent);
        for curve in &self.curves {
            let picture = chart::svg(curve, &self.contestants)?;
            if let Some(directory) = directory {
                std::fs::write(directory.join(file_name(curve)), picture)?;
            }
        }
        if let (Some(file), Some(directory)) = (file, directory) {
            let words = std::fs::read_to_string(directory.join(WORDS)).unwrap_or_default();
            std::fs::write(file, self.markdown(&words))?;
        }
        Ok(())
    }
}

fn file_name(curve: &Curve) -> String {
    let words = curve.title.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    format!("curve-{}.svg", words.collect::<Vec<_>>().join("-"))
}

/// What people say on a goal.
fn explained<'a>(words: &'a str, what: &str) -> Option<&'a str> {
    let mut sections = words.split("\n## ").map(|section| section.strip_prefix("## ").unwrap_or(section));
    sections.find_map(|section| section.strip_prefix(what)?.strip_prefix('\n')).map(str::trim)
}

/// Processors, memory, kernel, the file system that a directory lies on, and how busy it all is.
pub fn machine(directory: &Path) -> Vec<String> {
    let line = |file: &str, key: &str| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let value = text.lines().find_map(|line| Some(line.strip_prefix(key)?.split_once(':')?.1.trim().to_owned()));
        value.unwrap_or_else(|| "unknown".into())
    };
    let memory = line("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse::<u64>().unwrap_or(0);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    vec![
        line("/proc/cpuinfo", "model name"),
        format!("{} GiB of memory", memory.div_ceil(1 << 20)),
        format!("Linux {}", kernel.trim()),
        file_system(directory).unwrap_or_else(|| "an unknown file system".into()),
        machine::load(),
    ]
}

/// The kind of the file system that is mounted closest above a directory.
fn file_system(directory: &Path) -> Option<String> {
    let directory = directory.canonicalize().ok()?;
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    let above = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (at, kind) = (Path::new(words.next()?), words.next()?);
        directory.starts_with(at).then(|| (at.components().count(), kind.to_owned()))
    });
    // The last of those that are equally close hides the others.
    above.max_by_key(|(depth, _)| *depth).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_on_a_goal_are_those_below_its_title() {
        let words = "## single put\n\nA reason.\n\n## open\n\nAnother\nreason.\n";
        assert_eq!(explained(words, "single put"), Some("A reason."));
        assert_eq!(explained(words, "open"), Some("Another\nreason."));
        assert_eq!(explained(words, "put"), None);
    }
}
