//! Curves as SVG: nanoseconds against the number of vectors, both by decades, a line per contestant.

use crate::scaling::Curve;
use jvdb_benches::Result;
use jvdb_benches::contestant::{Contestant, Kind};
use jvdb_benches::rounds::Unit;
use jvdb_benches::table::{figure, grouped};
use plotters::prelude::*;

const SIZE: (u32, u32) = (820, 520);
const FONT: &str = "sans-serif";
/// Of the peers, one after another.
const COLOURS: [RGBColor; 8] = [
    RGBColor(31, 119, 180),
    RGBColor(148, 103, 189),
    RGBColor(140, 86, 75),
    RGBColor(23, 190, 207),
    RGBColor(188, 189, 34),
    RGBColor(44, 160, 44),
    RGBColor(227, 119, 194),
    RGBColor(64, 64, 64),
];
const OURS: [RGBColor; 4] =
    [RGBColor(214, 39, 40), RGBColor(255, 127, 14), RGBColor(255, 187, 120), RGBColor(255, 152, 150)];

/// The picture of one curve.
///
/// # Errors
/// There is nothing to draw.
pub fn svg(curve: &Curve, contestants: &[Contestant]) -> Result<String> {
    let line = |i: usize| -> Vec<(f64, f64)> {
        curve.points.iter().filter_map(|(size, row)| Some((*size as f64, row.median(i)?))).collect()
    };
    let all: Vec<(f64, f64)> = (0..contestants.len()).flat_map(line).collect();
    if all.is_empty() {
        return Err(format!("{}: nothing was measured", curve.title).into());
    }
    let bounds = |of: fn(&(f64, f64)) -> f64| {
        let figures = all.iter().map(of);
        (figures.clone().fold(f64::MAX, f64::min), figures.fold(f64::MIN, f64::max))
    };
    let ((left, right), (low, high)) = (bounds(|point| point.0), bounds(|point| point.1));
    // To the right of the last point is room for the names.
    let mut picture = String::new();
    {
        let area = SVGBackend::with_string(&mut picture, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(&curve.title, (FONT, 20))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(76)
            .build_cartesian_2d(
                (left..right * (right / left).powf(0.24)).log_scale(),
                (low / 1.5..high * 1.5).log_scale(),
            )?;
        chart
            .configure_mesh()
            .x_desc("vectors in the store")
            .y_desc("time of one")
            .x_label_formatter(&|size| grouped(*size as usize))
            .y_label_formatter(&|time| figure(Unit::Nanoseconds, *time))
            .light_line_style(BLACK.mix(0.06))
            .draw()?;
        let (mut ours, mut peers) = (OURS.iter().cycle(), COLOURS.iter().cycle());
        for (i, contestant) in contestants.iter().enumerate() {
            let points = line(i);
            let (colour, width) = match contestant.kind {
                Kind::Ours => (ours.next(), 3),
                Kind::Peer => (peers.next(), 1),
                Kind::Limit => (Some(&BLACK), 2),
            };
            let style = ShapeStyle::from(colour.unwrap_or(&BLACK)).stroke_width(width);
            if points.is_empty() {
                continue;
            }
            chart
                .draw_series(LineSeries::new(points, style).point_size(2 + width))?
                .label(contestant.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::MiddleRight)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.2))
            .draw()?;
        area.present()?;
    }
    Ok(picture)
}
