//! Curves: how long the slowest operations take, over how rare they are; both axes logarithmic.

use anyhow::Result;
use plotters::prelude::{ChartBuilder, DashedLineSeries, IntoLogRange, LineSeries};
use plotters::style::{Color, ShapeStyle};

use super::palette::{GRID, NEUTRAL, series};
use super::plot::{Canvas, HALF, failed, letters, svg};
use crate::bench::plan::Case;
use crate::bench::results::Results;
use strata_harness::sample::{Latency, Percentiles};
use strata_harness::units::time;

/// Points of a curve for each factor of ten in rarity.
const POINTS_PER_NINE: f64 = 4.0;

/// Which operation a plot shows.
pub(super) type Operation = fn(&Latency) -> &Percentiles;

/// The plot of one operation.
pub(super) fn of(results: &Results, case: &Case, operation: Operation) -> Result<String> {
    svg(HALF, |canvas| paint(canvas, results, case, operation))
}

fn paint(canvas: &Canvas<'_>, results: &Results, case: &Case, operation: Operation) -> Result<()> {
    let allocators = results.allocators.iter().enumerate().rev();
    let curves: Vec<(usize, Vec<(f64, f64)>)> = allocators
        .filter_map(|(index, allocator)| Some((index, curve(results, case, allocator, operation)?)))
        .collect();
    let clock = curve(results, case, results.baseline(), |latency| &latency.clock).unwrap_or_default();
    let points = || curves.iter().flat_map(|(_, curve)| curve).chain(&clock);
    let low = points().map(|point| point.1).fold(10.0, f64::min);
    let high = points().map(|point| point.1).fold(1e4, f64::max);
    let rarest = points().map(|point| point.0).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(canvas)
        .margin(8)
        .x_label_area_size(34)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..rarest, (low.max(1.0)..high * 1.5).log_scale())
        .map_err(failed)?;
    chart
        .configure_mesh()
        .bold_line_style(GRID)
        .light_line_style(GRID.mix(0.0))
        .axis_style(GRID)
        .label_style(letters())
        .x_labels(7)
        .x_desc("all but one in …")
        .x_label_formatter(&|nines| rarity(*nines))
        .y_label_formatter(&|nanoseconds| time(*nanoseconds))
        .draw()
        .map_err(failed)?;
    for (index, curve) in &curves {
        let style = ShapeStyle::from(series(*index)).stroke_width(2);
        chart.draw_series(LineSeries::new(curve.clone(), style)).map_err(failed)?;
    }
    let style = ShapeStyle::from(NEUTRAL).stroke_width(2);
    chart.draw_series(DashedLineSeries::new(clock, 5, 5, style)).map_err(failed)?;
    Ok(())
}

/// The median over the runs at each point: (nines, nanoseconds).
fn curve(results: &Results, case: &Case, allocator: &str, operation: Operation) -> Option<Vec<(f64, f64)>> {
    let series = results.series(case, allocator)?;
    let length = series.samples.first()?.latency().map(|latency| operation(latency).curve.len())?;
    let at = |index: usize| {
        let value = series.median_of(|sample| operation(sample.latency()?).curve.get(index).copied())?;
        Some((index as f64 / POINTS_PER_NINE, value.max(1.0)))
    };
    Some((0..length).filter_map(at).collect())
}

fn rarity(nines: f64) -> String {
    match nines.round() as u32 {
        0 => "1".to_owned(),
        few @ 1..=3 => 10_u32.pow(few).to_string(),
        thousands @ 4..=5 => format!("{} k", 10_u32.pow(thousands - 3)),
        millions => format!("{} M", 10_u32.pow(millions.min(12) - 6)),
    }
}
