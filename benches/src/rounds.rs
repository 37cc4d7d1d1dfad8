//! Rounds in turns: every contestant once per round, each round starting with another one, so that a slow moment of the
//! machine falls on all alike. A figure is the median over the rounds; a ratio is the median of the rounds' ratios.

use crate::Result;
use crate::contestant::{Contestant, Kind};

/// One line of the table: what each contestant took for one workload.
pub struct Row {
    /// What was done.
    pub workload: String,
    /// Nanoseconds per operation, one figure per round; empty if the contestant does not take part. In the order of
    /// [`contestants`](crate::contestants).
    pub nanoseconds: Vec<Vec<f64>>,
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
    let workload = workload.into();
    let mut nanoseconds = vec![Vec::new(); contestants.len()];
    for round in 0..rounds {
        for turn in 0..contestants.len() {
            let i = (round + turn) % contestants.len();
            let figure = one(i).map_err(|e| format!("{workload}, {}: {e}", contestants[i].name))?;
            nanoseconds[i].extend(figure);
        }
    }
    Ok(Row { workload, nanoseconds })
}

impl Row {
    /// Median figure of a contestant, in nanoseconds per operation.
    pub fn median(&self, contestant: usize) -> Option<f64> {
        median(self.nanoseconds[contestant].clone())
    }

    /// Time of contestant `a` over the time of contestant `b`: below 1, `a` is the faster.
    pub fn ratio(&self, a: usize, b: usize) -> Option<f64> {
        median(self.nanoseconds[a].iter().zip(&self.nanoseconds[b]).map(|(a, b)| a / b).collect())
    }

    /// The fastest contestant of a kind that keeps files as contestant `ours` does.
    pub fn best(&self, contestants: &[Contestant], ours: usize, kind: Kind) -> Option<usize> {
        let alike = |i: &usize| contestants[*i].kind == kind && contestants[*i].on_disk == contestants[ours].on_disk;
        let timed = (0..contestants.len()).filter(alike).filter_map(|i| Some((i, self.median(i)?)));
        timed.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(i, _)| i)
    }
}

fn median(mut figures: Vec<f64>) -> Option<f64> {
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
        Contestant { kind, on_disk, ..crate::contestants()[0] }
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
        let nanoseconds = [5.0, 9.0, 7.0, 1.0, 2.0].map(|figure| vec![figure]).to_vec();
        let row = Row { workload: "w".into(), nanoseconds };
        assert_eq!(row.best(&contestants, 0, Kind::Peer), Some(2));
        assert_eq!(row.best(&contestants, 0, Kind::Limit), Some(4));
        let none = Row { nanoseconds: vec![vec![1.0], vec![], vec![], vec![1.0], vec![]], ..row };
        assert_eq!(none.best(&contestants, 0, Kind::Peer), None);
    }
}
