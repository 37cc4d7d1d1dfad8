//! What is committed, `benches/guard.json`, and what counts as a change of it. Measures nothing.

use super::Figures;
use super::counters::INSTRUCTIONS;
use crate::Result;
use crate::build::Workspace;
use crate::run::{output, program};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Part of a figure by which it may change.
const TOLERANCE: f64 = 0.05;

/// What the number of instructions depends on besides the code: names and values.
pub type Circumstances = BTreeMap<String, String>;

/// The figures, and under which circumstances they were measured.
pub struct Baseline {
    pub circumstances: Circumstances,
    pub figures: Figures,
}

/// A figure here and in the baseline; either may be missing.
pub struct Change {
    pub name: String,
    pub here: Option<f64>,
    pub before: Option<f64>,
}

/// Those of this machine.
pub fn circumstances(workspace: &Workspace) -> Circumstances {
    let said = |name: &str, argument: &str| {
        let text = output(program(name, &workspace.root).arg(argument)).unwrap_or_default();
        text.lines().next().unwrap_or("unknown").trim().to_owned()
    };
    // What valgrind's processor is like is decided by whether this one has AVX2.
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let avx2 = processor.split_whitespace().any(|word| word == "avx2");
    let libc = output(program("getconf", &workspace.root).arg("GNU_LIBC_VERSION")).unwrap_or_default();
    let found = [
        ("compiler", said("rustc", "--version")),
        ("libc", libc.trim().to_owned()),
        ("processor", format!("{}{}", std::env::consts::ARCH, if avx2 { " with AVX2" } else { "" })),
        ("valgrind", said("valgrind", "--version")),
    ];
    found.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

impl Baseline {
    pub fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let all: Value = serde_json::from_str(&text)?;
        Self::parse(&all).ok_or_else(|| format!("{}: not a baseline", file.display()).into())
    }

    fn parse(all: &Value) -> Option<Self> {
        let circumstances = all["circumstances"].as_object()?.iter();
        let figures = all["figures"].as_object()?.iter();
        Some(Self {
            circumstances: circumstances
                .map(|(name, it)| Some((name.clone(), it.as_str()?.to_owned())))
                .collect::<Option<_>>()?,
            figures: figures.map(|(name, it)| Some((name.clone(), it.as_f64()?))).collect::<Option<_>>()?,
        })
    }

    /// Sorted, one line a figure.
    pub fn write(&self, file: &Path) -> Result<()> {
        let all = json!({ "circumstances": self.circumstances, "figures": self.figures });
        Ok(fs::write(file, format!("{all:#}\n"))?)
    }

    /// In words, if instructions cannot be compared.
    pub fn other_circumstances(&self, here: &Circumstances) -> Option<String> {
        let other = |name: &&String| self.circumstances.get(*name) != here.get(*name);
        let name = self.circumstances.keys().chain(here.keys()).find(other)?;
        let shown = |of: &Circumstances| of.get(name).cloned().unwrap_or_else(|| "nothing known".into());
        Some(format!("{} {}, and here is {}", name, shown(&self.circumstances), shown(here)))
    }

    /// All figures of either side but those that are skipped.
    pub fn changes(&self, here: &Figures, is_skipped: impl Fn(&str) -> bool) -> Vec<Change> {
        let mut names: Vec<_> = self.figures.keys().chain(here.keys()).filter(|name| !is_skipped(name)).collect();
        names.sort();
        names.dedup();
        let figure = |of: &Figures, name: &String| of.get(name).copied();
        let change = |name: &String| Change {
            name: name.clone(),
            here: figure(here, name),
            before: figure(&self.figures, name),
        };
        names.into_iter().map(change).collect()
    }
}

impl Change {
    /// By how much it grew if that is more than it may.
    fn excess(&self, here: f64, before: f64) -> Option<f64> {
        // Counts come in hundredths, of which the last may go either way.
        let slack: f64 = if self.name.ends_with(INSTRUCTIONS) { 5.0 } else { 0.015 };
        let grown = here - before;
        (grown.abs() > slack.max(before.abs() * TOLERANCE)).then_some(grown)
    }

    /// By more than it may.
    pub fn is_shrunk(&self) -> bool {
        matches!((self.here, self.before), (Some(here), Some(before)) if self.excess(here, before).is_some_and(|by| by < 0.0))
    }

    /// Grown by more than it may, or not compared with anything.
    pub fn is_wrong(&self) -> bool {
        match (self.here, self.before) {
            (Some(here), Some(before)) => self.excess(here, before).is_some_and(|by| by > 0.0),
            _ => true,
        }
    }

    /// What to say of it.
    pub fn word(&self) -> &'static str {
        match (self.here, self.before) {
            (None, _) => "no longer measured: --accept",
            (_, None) => "not in the baseline: --accept",
            _ if self.is_wrong() => "has grown",
            _ if self.is_shrunk() => "has shrunk",
            _ => "",
        }
    }

    /// The change as part of what was.
    pub fn percent(&self) -> Option<String> {
        let (here, before) = (self.here?, self.before?);
        let part = (here - before) / before.abs() * 100.0;
        part.is_finite().then(|| format!("{part:+.1} %"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Baseline, Change, Circumstances};
    use serde_json::json;

    #[test]
    fn more_than_a_twentieth_is_a_change() {
        let judged = |name: &str, here: f64, before: f64| {
            let change = Change { name: name.into(), here: Some(here), before: Some(before) };
            (change.is_wrong(), change.is_shrunk())
        };
        assert_eq!(judged("get: instructions", 1060.0, 1000.0), (true, false));
        assert_eq!(judged("get: instructions", 1040.0, 1000.0), (false, false));
        assert_eq!(judged("get: instructions", 940.0, 1000.0), (false, true));
        assert_eq!(judged("get: instructions", 12.0, 8.0), (false, false));
        assert_eq!(judged("get: allocations", 0.01, 0.0), (false, false));
        assert_eq!(judged("get: allocations", 0.02, 0.0), (true, false));
        assert_eq!(judged("get: system calls", 0.0, 1.0), (false, true));
    }

    #[test]
    fn a_figure_without_a_counterpart_is_wrong_unless_skipped() {
        let all = json!({ "circumstances": { "compiler": "a" }, "figures": { "x: instructions": 1.0, "y: allocations": 2.5 } });
        let baseline = Baseline::parse(&all).expect("a baseline");
        let here = [("y: allocations".to_owned(), 2.5), ("z: allocations".to_owned(), 0.0)].into();
        let wrong = |skipped: &str| {
            let changes = baseline.changes(&here, |name| name.ends_with(skipped));
            changes.iter().filter(|change| change.is_wrong()).map(|change| change.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(wrong("none"), ["x: instructions", "z: allocations"]);
        assert_eq!(wrong("instructions"), ["z: allocations"]);
    }

    #[test]
    fn another_compiler_is_named() {
        let of = |compiler: &str| Circumstances::from([("compiler".to_owned(), compiler.to_owned())]);
        let baseline = Baseline { circumstances: of("a"), figures: [].into() };
        assert_eq!(baseline.other_circumstances(&of("a")), None);
        assert_eq!(baseline.other_circumstances(&of("b")).as_deref(), Some("compiler a, and here is b"));
    }
}
