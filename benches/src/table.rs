//! The one table, for people and as JSON. It only formats; figures come from [`Row`]s.

use crate::contestant::{Contestant, Kind};
use crate::rounds::{Row, Unit};
use serde_json::{Value, json};
use std::fmt::Write;

/// Thousands apart, as people write them.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A comparison that has a column of its own: one of ours with the best of a kind, among those that keep files as it does.
struct Comparison {
    title: String,
    ours: usize,
    kind: Kind,
}

fn comparisons(contestants: &[Contestant]) -> Vec<Comparison> {
    let mut list = Vec::new();
    for (ours, contestant) in contestants.iter().enumerate().filter(|(_, c)| c.kind == Kind::Ours) {
        for (kind, name) in [(Kind::Peer, "peer"), (Kind::Limit, "limit")] {
            if contestants.iter().any(|c| c.kind == kind && c.on_disk == contestant.on_disk) {
                list.push(Comparison { title: format!("{}/{name}", short(contestant.name)), ours, kind });
            }
        }
    }
    list
}

fn short(name: &str) -> &str {
    name.strip_prefix("jvdb ").unwrap_or(name)
}

fn ratio(row: &Row, contestants: &[Contestant], comparison: &Comparison) -> Option<f64> {
    row.ratio(comparison.ours, row.best(contestants, comparison.ours, comparison.kind)?)
}

fn duration(nanoseconds: f64) -> String {
    let (value, unit) = match nanoseconds {
        n if n < 10_000.0 => return format!("{n:.0} ns"),
        n if n < 10e6 => (n / 1e3, "us"),
        n => (n / 1e6, "ms"),
    };
    format!("{value:.*} {unit}", if value < 100.0 { 1 } else { 0 })
}

/// A figure as people write it.
pub fn figure(unit: Unit, figure: f64) -> String {
    match unit {
        Unit::Nanoseconds => duration(figure),
        Unit::Bytes => format!("{} B", grouped(figure.max(0.0) as usize)),
        Unit::Share | Unit::Gain => format!("{figure:.3}"),
    }
}

/// The table as cells: a line of titles, then one line per workload: a column per contestant, then how the first of ours
/// that keeps files, and the first that does not, compare with the best of their kind. A line without figures says why.
fn cells(rows: &[Row], contestants: &[Contestant]) -> Vec<Vec<String>> {
    let mut compared = Vec::new();
    let comparisons: Vec<Comparison> = comparisons(contestants)
        .into_iter()
        .filter(|c| {
            let key = (contestants[c.ours].on_disk, c.kind == Kind::Peer);
            let first = !compared.contains(&key);
            compared.push(key);
            first
        })
        .collect();
    let titles = ["median of one".to_string()].into_iter().chain(contestants.iter().map(|c| c.name.to_string()));
    let mut lines: Vec<Vec<String>> = vec![titles.chain(comparisons.iter().map(|c| c.title.clone())).collect()];
    for row in rows {
        if let Some(why) = &row.skipped {
            lines.push(vec![row.workload.clone(), format!("SKIPPED: {why}")]);
            continue;
        }
        let figures = (0..contestants.len()).map(|i| row.median(i).map_or("-".into(), |f| figure(row.unit, f)));
        let ratios = comparisons.iter().map(|c| ratio(row, contestants, c).map_or("-".into(), |r| format!("{r:.2}")));
        lines.push([row.workload.clone()].into_iter().chain(figures).chain(ratios).collect());
    }
    lines
}

/// The table as text.
pub fn text(rows: &[Row], contestants: &[Contestant]) -> String {
    let lines = cells(rows, contestants);
    let widths: Vec<usize> = (0..lines[0].len())
        .map(|i| lines.iter().filter(|l| l.len() > 2).map(|l| l[i].len()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for line in &lines {
        let _ = write!(text, "{:<1$}", line[0], widths[0]);
        for (cell, width) in line.iter().zip(&widths).skip(1) {
            let _ = write!(text, "  {cell:>width$}");
        }
        text.push('\n');
    }
    text
}

/// The table in Markdown.
pub fn markdown(rows: &[Row], contestants: &[Contestant]) -> String {
    let mut lines = cells(rows, contestants).into_iter();
    let titles = lines.next().unwrap_or_default();
    let mut text = format!("| {} |\n|---|{}\n", titles.join(" | "), "--:|".repeat(titles.len() - 1));
    for mut line in lines {
        line.resize(titles.len(), String::new());
        let _ = writeln!(text, "| {} |", line.join(" | "));
    }
    text
}

/// The same for machines, with every round's figure.
pub fn json(rows: &[Row], contestants: &[Contestant]) -> Value {
    let comparisons = comparisons(contestants);
    let row = |row: &Row| {
        let timed = contestants.iter().enumerate().filter_map(|(i, c)| {
            let figures = json!({"median": row.median(i)?, "rounds": row.figures[i]});
            Some((c.name.to_string(), figures))
        });
        let ratios = comparisons.iter().filter_map(|c| Some((c.title.clone(), ratio(row, contestants, c)?.into())));
        json!({
            "workload": row.workload,
            "unit": format!("{:?}", row.unit).to_lowercase(),
            "bytes": row.bytes,
            "skipped": row.skipped,
            "contestants": timed.collect::<serde_json::Map<_, _>>(),
            "ratios": ratios.collect::<serde_json::Map<_, Value>>(),
        })
    };
    Value::Array(rows.iter().map(row).collect())
}
