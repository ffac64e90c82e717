//! Lines: throughput over the number of threads, a plot for each pattern, and what perfect scaling would be.

use anyhow::Result;
use plotters::prelude::{BindKeyPoints, ChartBuilder, Circle, IntoLogRange, LineSeries};
use plotters::style::{Color, ShapeStyle};

use super::palette::{GRID, series};
use super::plot::{Canvas, THIRD, failed, letters, svg};
use crate::bench::plan::Case;
use crate::bench::results::Results;

/// The plot of one workload.
pub(super) fn of(results: &Results, cases: &[Case]) -> Result<String> {
    svg(THIRD, |canvas| paint(canvas, results, cases))
}

fn paint(canvas: &Canvas<'_>, results: &Results, cases: &[Case]) -> Result<()> {
    let lines: Vec<Vec<(f64, f64)>> =
        results.allocators.iter().map(|allocator| line(results, cases, allocator)).collect();
    let top = lines.iter().flatten().map(|point| point.1).fold(1.0, f64::max) * 1.08;
    let most = cases.iter().map(|case| case.threads).max().unwrap_or(1) as f64;
    let mut chart = ChartBuilder::on(canvas)
        .margin(8)
        .x_label_area_size(34)
        .y_label_area_size(48)
        .build_cartesian_2d((0.9..most * 1.1).log_scale().base(2.0).with_key_points(powers(most)), 0.0..top)
        .map_err(failed)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(GRID)
        .light_line_style(GRID.mix(0.0))
        .axis_style(GRID)
        .label_style(letters())
        .y_labels(6)
        .x_desc("threads")
        .x_label_formatter(&|threads| format!("{threads:.0}"))
        .y_label_formatter(&|millions| format!("{millions:.0} M/s"))
        .draw()
        .map_err(failed)?;
    for (index, line) in lines.into_iter().enumerate() {
        let color = series(index);
        chart
            .draw_series(LineSeries::new(line.clone(), ShapeStyle::from(color).stroke_width(2)))
            .map_err(failed)?;
        chart
            .draw_series(line.into_iter().map(|point| Circle::new(point, 3, color.filled())))
            .map_err(failed)?;
    }
    Ok(())
}

fn powers(most: f64) -> Vec<f64> {
    std::iter::successors(Some(1.0), |power| Some(power * 2.0)).take_while(|power| *power <= most).collect()
}

/// (threads, millions of operations a second).
fn line(results: &Results, cases: &[Case], allocator: &str) -> Vec<(f64, f64)> {
    let point = |case: &Case| {
        let each = results.series(case, allocator)?.nanoseconds_each()?;
        Some((case.threads as f64, 1_000.0 / each))
    };
    cases.iter().filter_map(point).collect()
}
