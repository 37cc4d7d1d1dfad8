//! What is asked of the engine, and whether a run shows it. Every goal is a list of comparisons of figures that stand in
//! the table of 384 dimensions; which of them hold is computed, never written down.

use jvdb_benches::contestant::{Contestant, Kind};
use jvdb_benches::rounds::Row;
use jvdb_benches::table::{figure, grouped};

/// The contestant whose figures are judged.
const OURS: &str = "jvdb mmap";

/// What must hold of a row. A name of a row may hold one `*`; then the last row that it fits counts, or all of them where
/// a check says so.
#[derive(Debug, Clone, Copy)]
enum Check {
    /// At most so many times the limit.
    Limit(&'static str, f64),
    /// At least this part of the limit's throughput.
    Throughput(&'static str, f64),
    /// At most so many times that contestant.
    Than(&'static str, &'static str, f64),
    /// So many times ahead of that contestant.
    AheadOf(&'static str, &'static str, f64),
    /// So many times ahead of every peer that keeps files.
    Ahead(&'static str, f64),
    /// At most that, in each row.
    AtMost(&'static str, f64),
    /// At least that.
    AtLeast(&'static str, f64),
    /// At most so many times our figure of another row.
    Row(&'static str, &'static str, f64),
    /// The largest of these rows is at most so many times the smallest.
    Flat(&'static str, f64),
    /// From the first of these rows to the last at most so much more.
    Grows(&'static str, f64),
    /// At most that, and a nanosecond for each byte that is moved.
    Replay(&'static str, f64),
}

use Check::{Ahead, AheadOf, AtLeast, AtMost, Flat, Grows, Limit, Replay, Than, Throughput};

const MS: f64 = 1e6;
const US: f64 = 1e3;
const KIB: f64 = 1024.0;

/// One line of what is asked.
pub struct Goal {
    /// What it is about.
    pub what: &'static str,
    /// What is asked, in words.
    pub asked: &'static str,
    checks: &'static [Check],
}

/// What is asked of the engine.
pub const GOALS: [Goal; 13] = [
    Goal {
        what: "single put",
        asked: "at most 1.25 x the limit; 2.5 x ahead of the best persistent peer",
        checks: &[Limit("put", 1.25), Ahead("put", 2.5)],
    },
    Goal {
        what: "batch put of 1,000",
        asked: "at least 0.8 x the throughput of a raw append; faster than the HashMap; 7 x ahead of every persistent peer",
        checks: &[
            Throughput("put, batches of 1,000", 0.8),
            Than("put, batches of 1,000", "HashMap", 1.0),
            Ahead("put, batches of 1,000", 7.0),
        ],
    },
    Goal {
        what: "get, copy",
        asked: "at most 1.25 x the limit, never slower than the HashMap; 3.5 x ahead of LMDB",
        checks: &[Limit("get, copied", 1.25), Than("get, copied", "HashMap", 1.0), AheadOf("get, copied", "LMDB", 3.5)],
    },
    Goal {
        what: "get, zero-copy",
        asked: "at most 2 x the limit, half the time of the HashMap; 8 x ahead of LMDB",
        checks: &[
            Limit("get, zero-copy", 2.0),
            Than("get, zero-copy", "HashMap", 0.5),
            AheadOf("get, zero-copy", "LMDB", 8.0),
        ],
    },
    Goal {
        what: "update, delete",
        asked: "an update at most 1.25 x a put; a delete at most one pwrite (about 800 ns)",
        checks: &[Check::Row("update", "put", 1.25), AtMost("delete", 800.0)],
    },
    Goal {
        what: "threads",
        asked: "2 readers at least 1.8 x one; readers beside a busy writer and a running flush keep at least 0.8 x",
        checks: &[
            AtLeast("2 threads get as many times as 1, copied", 1.8),
            AtLeast("2 threads get as many times as 1, zero-copy", 1.8),
            AtLeast("gets, copied, beside a writer, of those alone", 0.8),
            AtLeast("gets, copied, beside a writer and flushes, of those alone", 0.8),
        ],
    },
    Goal {
        what: "flush of 10,000 dirty",
        asked: "at most 1.25 x fdatasync of the same bytes; no put or get waits longer than 5 ms for it",
        checks: &[
            Limit("flush after *", 1.25),
            AtMost("put during a flush of *, 99.9 % within", 5.0 * MS),
            AtMost("put during a flush of *, longest", 5.0 * MS),
            AtMost("get, copied during a flush of *, 99.9 % within", 5.0 * MS),
            AtMost("get, copied during a flush of *, longest", 5.0 * MS),
        ],
    },
    Goal {
        what: "open",
        asked: "closed: under 100 us, flat in the number of vectors; first get under 15 us; \
                after kill -9: under 10 ms and replay at 1 GB/s",
        checks: &[
            AtMost("open *, closed", 100.0 * US),
            Flat("open *, closed", 1.5),
            AtMost("first get of *", 15.0 * US),
            Replay("open *, died, none flushed", 10.0 * MS),
        ],
    },
    Goal {
        what: "1,000 databases, 100 open",
        asked: "at most 2 x the limit per access including eviction and reopen; 3.5 x ahead of LMDB",
        checks: &[
            Limit("get from * databases in turn, 100 open", 2.0),
            AheadOf("get from * databases in turn, 100 open", "LMDB", 3.5),
        ],
    },
    Goal {
        what: "disk",
        asked: "at most 1.08 bytes per payload byte after close; an empty database at most 12 KiB, one of 10 x 64 at most 16 KiB",
        checks: &[
            AtMost("disk, closed, per byte of payload", 1.08),
            AtMost("disk, empty", 12.0 * KIB),
            AtMost("disk, 10 x 64", 16.0 * KIB),
        ],
    },
    Goal {
        what: "memory",
        asked: "no growth with data; under 32 KiB anonymous per open database, and 48 bytes per unflushed operation",
        checks: &[
            Grows("anonymous memory, * x 16", 32.0 * KIB),
            AtMost("anonymous memory per open database", 32.0 * KIB),
            AtMost("anonymous memory per unflushed put", 48.0),
        ],
    },
    Goal {
        what: "scan with dot product",
        asked: "at least 0.9 x the same loop over one plain array",
        checks: &[Throughput("scan with an inner product", 0.9)],
    },
    Goal {
        what: "growth to 10,000,000 vectors",
        asked: "cost per put flat within 1.5 x; no pause over 20 ms on the caller",
        checks: &[Flat("put, */10 of *", 1.5), AtMost("the longest of those", 20.0 * MS)],
    },
];

/// What a check found.
pub struct Finding {
    /// In words.
    pub text: String,
    /// Whether it holds.
    pub met: bool,
}

impl Goal {
    /// What a run shows of it; `None` for each check whose rows were not measured.
    pub fn findings(&self, rows: &[Row], contestants: &[Contestant]) -> Vec<Option<Finding>> {
        let run = Run { rows, contestants };
        self.checks.iter().map(|check| run.find(*check)).collect()
    }
}

/// The word for a goal with these findings.
pub fn verdict(findings: &[Option<Finding>]) -> &'static str {
    if findings.iter().flatten().any(|finding| !finding.met) {
        "missed"
    } else if findings.iter().any(Option::is_none) {
        "not measured"
    } else {
        "met"
    }
}

struct Run<'a> {
    rows: &'a [Row],
    contestants: &'a [Contestant],
}

impl<'a> Run<'a> {
    fn index(&self, name: &str) -> Option<usize> {
        self.contestants.iter().position(|contestant| contestant.name == name)
    }

    fn rows(&self, pattern: &str) -> Vec<&'a Row> {
        self.rows.iter().filter(|row| fits(&row.workload, pattern)).collect()
    }

    /// The last row that fits.
    fn row(&self, pattern: &str) -> Option<&'a Row> {
        self.rows(pattern).pop()
    }

    /// Our figures of all rows that fit.
    fn ours(&self, pattern: &str) -> Option<Vec<(&'a Row, f64)>> {
        let ours = self.index(OURS)?;
        let figures: Vec<_> = self.rows(pattern).into_iter().filter_map(|row| Some((row, row.median(ours)?))).collect();
        (!figures.is_empty()).then_some(figures)
    }

    /// Our time over another one's.
    fn times(&self, pattern: &str, other: impl FnOnce(&Row, usize) -> Option<usize>) -> Option<(f64, &'static str)> {
        let (row, ours) = (self.row(pattern)?, self.index(OURS)?);
        let other = other(row, ours)?;
        Some((row.ratio(ours, other)?, self.contestants[other].name))
    }

    fn limit(&self, pattern: &str) -> Option<f64> {
        Some(self.times(pattern, |row, ours| row.best(self.contestants, ours, Kind::Limit))?.0)
    }

    fn find(&self, check: Check) -> Option<Finding> {
        let finding = |text: String, met: bool| Some(Finding { text, met });
        match check {
            Limit(row, most) => {
                let times = self.limit(row)?;
                finding(format!("{times:.2} x the limit"), times <= most)
            }
            Throughput(row, least) => {
                let part = 1.0 / self.limit(row)?;
                finding(format!("{part:.2} x the limit's throughput"), part >= least)
            }
            Than(row, other, most) => {
                let (times, name) = self.times(row, |_, _| self.index(other))?;
                finding(format!("{times:.2} x the {name}"), times <= most)
            }
            AheadOf(row, other, least) => {
                let (times, name) = self.times(row, |_, _| self.index(other))?;
                finding(format!("{:.1} x ahead of {name}", 1.0 / times), 1.0 / times >= least)
            }
            Ahead(row, least) => {
                let (times, name) = self.times(row, |row, ours| row.best(self.contestants, ours, Kind::Peer))?;
                finding(format!("{:.1} x ahead of {name}", 1.0 / times), 1.0 / times >= least)
            }
            AtMost(row, most) => {
                let (row, largest) = self.ours(row)?.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
                finding(format!("{}: {}", row.workload, figure(row.unit, largest)), largest <= most)
            }
            AtLeast(row, least) => {
                let (row, gain) = self.ours(row)?.pop()?;
                finding(format!("{}: {gain:.2} x", row.workload), gain >= least)
            }
            Check::Row(row, other, most) => {
                let (row, mine) = self.ours(row)?.pop()?;
                let (other, base) = self.ours(other)?.pop()?;
                let times = mine / base;
                finding(format!("{}: {times:.2} x a {}", row.workload, other.workload), times <= most)
            }
            Flat(rows, most) => {
                let figures = self.ours(rows)?;
                let sizes = figures.iter().map(|(_, figure)| *figure);
                let (least, largest) = (sizes.clone().fold(f64::MAX, f64::min), sizes.fold(0.0, f64::max));
                let text = format!("{:.2} x from the least to the most of {}", largest / least, figures.len());
                finding(text, figures.len() > 1 && largest / least <= most)
            }
            Grows(rows, most) => {
                let figures = self.ours(rows)?;
                let ((first, less), (last, more)) = (figures.first()?, figures.last()?);
                let text = match figures.len() {
                    1 => return None,
                    _ => format!("{} more from {} to {}", bytes(more - less), first.workload, last.workload),
                };
                finding(text, more - less <= most)
            }
            Replay(row, most) => {
                let (row, time) = self.ours(row)?.pop()?;
                let allowed = most + row.bytes? as f64;
                let text = format!("{}: {} of {}", row.workload, figure(row.unit, time), figure(row.unit, allowed));
                finding(text, time <= allowed)
            }
        }
    }
}

fn bytes(figure: f64) -> String {
    format!("{}{} B", if figure < 0.0 { "-" } else { "" }, grouped(figure.abs() as usize))
}

/// Whether a name is that pattern, in which each `*` stands for anything.
fn fits(name: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => name == pattern,
        Some((begin, rest)) => name
            .strip_prefix(begin)
            .is_some_and(|name| name.char_indices().any(|(at, _)| fits(&name[at..], rest)) || fits("", rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jvdb_benches::rounds::Unit;

    fn run(rows: &[(&str, Unit, [f64; 4])], check: Check) -> Option<bool> {
        let all = crate::contestants();
        let named = |name: &str| *all.iter().find(|contestant| contestant.name == name).unwrap();
        let contestants = [named(OURS), named("LMDB"), named("HashMap"), named("limit")];
        let row = |(name, unit, figures): &(&str, Unit, [f64; 4])| Row {
            unit: *unit,
            figures: figures.iter().map(|figure| vec![*figure]).collect(),
            bytes: Some(1_000),
            skipped: None,
            ..Row::skipped(*name, &contestants, "")
        };
        let rows: Vec<Row> = rows.iter().map(row).collect();
        Run { rows: &rows, contestants: &contestants }.find(check).map(|finding| finding.met)
    }

    #[test]
    fn a_check_holds_up_to_its_bound_and_not_beyond() {
        let rows = [("put", Unit::Nanoseconds, [100.0, 300.0, 50.0, 80.0])];
        assert_eq!(run(&rows, Limit("put", 1.25)), Some(true));
        assert_eq!(run(&rows, Limit("put", 1.24)), Some(false));
        assert_eq!(run(&rows, Throughput("put", 0.8)), Some(true));
        assert_eq!(run(&rows, Throughput("put", 0.81)), Some(false));
        assert_eq!(run(&rows, Than("put", "HashMap", 2.0)), Some(true));
        assert_eq!(run(&rows, Than("put", "HashMap", 1.9)), Some(false));
        assert_eq!(run(&rows, Ahead("put", 2.9)), Some(true));
        assert_eq!(run(&rows, AheadOf("put", "LMDB", 3.1)), Some(false));
        assert_eq!(run(&rows, AtMost("put", 100.0)), Some(true));
        assert_eq!(run(&rows, AtMost("p*t", 99.0)), Some(false));
        assert_eq!(run(&rows, AtLeast("put", 101.0)), Some(false));
        assert_eq!(run(&rows, AtMost("get", 1.0)), None);
    }

    #[test]
    fn rows_are_compared_with_each_other() {
        let rows = [
            ("open 1, closed", Unit::Nanoseconds, [100.0, 0.0, 0.0, 0.0]),
            ("open 2, closed", Unit::Nanoseconds, [140.0, 0.0, 0.0, 0.0]),
            ("open 3, closed", Unit::Nanoseconds, [120.0, 0.0, 0.0, 0.0]),
        ];
        assert_eq!(run(&rows, Flat("open *, closed", 1.4)), Some(true));
        assert_eq!(run(&rows, Flat("open *, closed", 1.3)), Some(false));
        assert_eq!(run(&rows[..1], Flat("open *, closed", 1.3)), Some(false));
        assert_eq!(run(&rows, AtMost("open *, closed", 139.0)), Some(false));
        assert_eq!(run(&rows, Grows("open *, closed", 20.0)), Some(true));
        assert_eq!(run(&rows, Grows("open *, closed", 19.0)), Some(false));
        assert_eq!(run(&rows, Check::Row("open 2, closed", "open 1, closed", 1.3)), Some(false));
        assert_eq!(run(&rows, Replay("open 2, closed", -860.0)), Some(true));
        assert_eq!(run(&rows, Replay("open 2, closed", -861.0)), Some(false));
    }

    #[test]
    fn a_goal_is_met_when_all_of_it_was_measured_and_holds() {
        let finding = |met| Some(Finding { text: String::new(), met });
        assert_eq!(verdict(&[finding(true), finding(true)]), "met");
        assert_eq!(verdict(&[finding(true), None]), "not measured");
        assert_eq!(verdict(&[finding(false), None]), "missed");
    }

    #[test]
    fn stars_stand_for_anything() {
        assert!(fits("put, 3/10 of 10,000,000 x 16", "put, */10 of *"));
        assert!(!fits("put, batches of 1,000", "put, */10 of *"));
        assert!(fits("put", "put") && !fits("put, more", "put"));
        assert!(fits("put, ", "put, *"));
    }
}
