//! The table at the end: a line for each face.

use super::faces::Reading;

/// The table, as text.
pub fn text(readings: &[Reading]) -> String {
    let head = ["face", "databases", "vectors", "checksum", "open", "get"].map(str::to_owned);
    let rows = readings.iter().map(|reading| {
        [
            reading.face.to_owned(),
            reading.dump.databases.len().to_string(),
            reading.dump.vectors().to_string(),
            format!("{:016x}", reading.dump.checksum),
            reading.open_us.map_or_else(|| "-".into(), |us| time(us * 1000)),
            time(reading.get_ns),
        ]
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(widths).enumerate();
        // Names to the left, figures to the right.
        let cells = cells.map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ") + "\n"
    };
    rows.iter().map(line).collect()
}

fn time(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{:.1} us", ns as f64 / 1e3),
        _ => format!("{:.1} ms", ns as f64 / 1e6),
    }
}
