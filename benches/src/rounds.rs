//! Rounds in turns: every contestant once per round, each round starting with another one, so that a slow moment of the
//! machine falls on all alike. A figure is the median over the rounds; a ratio is the median of the rounds' ratios.

use crate::contestant::{Contestant, Kind};
use crate::outcome::Result;

/// What the figures of a row are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds per operation.
    Nanoseconds,
    /// Bytes.
    Bytes,
    /// Something for each unit of something else; the less, the better.
    Share,
    /// How many times as much; the more, the better.
    Gain,
}

#[derive(Clone)]
/// One line of the table: what came out for each contestant in one workload.
pub struct Row {
    /// What was done.
    pub workload: String,
    /// Of the figures.
    pub unit: Unit,
    /// Bytes of vectors and metadata that one operation moves, where a throughput says more than a time.
    pub bytes: Option<usize>,
    /// One figure per round; empty if the contestant does not take part. In the order of
    /// [`contestants`](crate::contestants).
    pub figures: Vec<Vec<f64>>,
    /// Why nobody was measured, if that is so.
    pub skipped: Option<String>,
}

/// Measures a workload: `one(i)` gives the nanoseconds per operation of contestant `i`, or `None` if it takes no part.
///
/// # Errors
/// The first that `one` gives, with the contestant's name.
pub fn measure(
    workload: impl Into<String>,
    contestants: &[Contestant],
    rounds: usize,
    mut one: impl FnMut(usize) -> Result<Option<f64>>,
) -> Result<Row> {
    let [row] = measure_all([(workload.into(), Unit::Nanoseconds)], contestants, rounds, |i| Ok(one(i)?.map(|f| [f])))?;
    Ok(row)
}

/// The same for what gives several figures at once, each a row of its own.
///
/// # Errors
/// As [`measure`].
pub fn measure_all<const N: usize>(
    rows: [(String, Unit); N],
    contestants: &[Contestant],
    rounds: usize,
    mut one: impl FnMut(usize) -> Result<Option<[f64; N]>>,
) -> Result<[Row; N]> {
    let figures = vec![Vec::new(); contestants.len()];
    let mut rows =
        rows.map(|(workload, unit)| Row { workload, unit, bytes: None, figures: figures.clone(), skipped: None });
    for round in 0..rounds {
        for turn in 0..contestants.len() {
            let i = (round + turn) % contestants.len();
            let found = one(i).map_err(|e| format!("{}, {}: {e}", rows[0].workload, contestants[i].name))?;
            for (row, figure) in rows.iter_mut().zip(found.into_iter().flatten()) {
                row.figures[i].push(figure);
            }
        }
    }
    Ok(rows)
}

impl Row {
    /// A row without figures, which says why.
    pub fn skipped(workload: impl Into<String>, contestants: &[Contestant], why: impl Into<String>) -> Self {
        let figures = vec![Vec::new(); contestants.len()];
        Self { workload: workload.into(), unit: Unit::Nanoseconds, bytes: None, figures, skipped: Some(why.into()) }
    }

    /// The same with the bytes that one operation moves.
    pub fn moving(self, bytes: usize) -> Self {
        Self { bytes: Some(bytes), ..self }
    }

    /// Median figure of a contestant.
    pub fn median(&self, contestant: usize) -> Option<f64> {
        median(self.figures[contestant].clone())
    }

    /// Figure of contestant `a` over that of contestant `b`; where figures are times, `a` is the faster below 1. `None`
    /// where one of them is nothing at all.
    pub fn ratio(&self, a: usize, b: usize) -> Option<f64> {
        median(self.figures[a].iter().zip(&self.figures[b]).map(|(a, b)| a / b).collect())
            .filter(|ratio| ratio.is_finite())
    }

    /// The best contestant of a kind that keeps files as contestant `ours` does.
    pub fn best(&self, contestants: &[Contestant], ours: usize, kind: Kind) -> Option<usize> {
        let alike = |i: &usize| contestants[*i].kind == kind && contestants[*i].on_disk == contestants[ours].on_disk;
        let figures = (0..contestants.len()).filter(alike).filter_map(|i| Some((i, self.median(i)?)));
        let better = |a: &(usize, f64), b: &(usize, f64)| match self.unit {
            Unit::Gain => b.1.total_cmp(&a.1),
            _ => a.1.total_cmp(&b.1),
        };
        figures.min_by(better).map(|(i, _)| i)
    }
}

/// The middle one, or what lies between the two in the middle.
pub(crate) fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() {
        0 => None,
        n if n % 2 == 1 => Some(figures[middle]),
        _ => Some((figures[middle - 1] + figures[middle]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contestant(kind: Kind, on_disk: bool) -> Contestant {
        Contestant { kind, on_disk, ..crate::list::contestants()[0] }
    }

    #[test]
    fn each_round_begins_with_another_contestant_and_ratios_stay_within_rounds() {
        let contestants = [contestant(Kind::Ours, true), contestant(Kind::Peer, true), contestant(Kind::Peer, false)];
        let mut turns = Vec::new();
        let row = measure("w", &contestants, 3, |i| {
            turns.push(i);
            // The machine slows down by a factor of ten a round; the peer always takes twice as long.
            let slow = 10_f64.powi((turns.len() as i32 - 1) / 3);
            Ok((i < 2).then_some(slow * (i + 1) as f64))
        });
        let row = row.unwrap();
        assert_eq!(turns, [0, 1, 2, 1, 2, 0, 2, 0, 1]);
        assert_eq!((row.median(0), row.median(1), row.median(2)), (Some(10.0), Some(20.0), None));
        assert_eq!(row.ratio(0, 1), Some(0.5));
    }

    #[test]
    fn the_best_peer_is_the_fastest_that_keeps_files_as_ours_does() {
        let kinds =
            [(Kind::Ours, true), (Kind::Peer, true), (Kind::Peer, true), (Kind::Peer, false), (Kind::Limit, true)];
        let contestants = kinds.map(|(kind, on_disk)| contestant(kind, on_disk));
        let figures = [5.0, 9.0, 7.0, 1.0, 2.0].map(|figure| vec![figure]).to_vec();
        let row = Row { figures, skipped: None, ..Row::skipped("w", &contestants, "") };
        assert_eq!(row.best(&contestants, 0, Kind::Peer), Some(2));
        assert_eq!(row.best(&contestants, 0, Kind::Limit), Some(4));
        let row = Row { unit: Unit::Gain, ..row };
        assert_eq!(row.best(&contestants, 0, Kind::Peer), Some(1));
        let none = Row { figures: vec![vec![1.0], vec![], vec![], vec![1.0], vec![]], ..row };
        assert_eq!(none.best(&contestants, 0, Kind::Peer), None);
    }
}
