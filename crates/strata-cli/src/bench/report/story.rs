//! Lines: resident memory over time, and what the program itself held.

use anyhow::Result;
use plotters::prelude::{ChartBuilder, DashedLineSeries, LineSeries};
use plotters::style::{Color, ShapeStyle};

use super::palette::{GRID, NEUTRAL, series};
use super::plot::{Canvas, FULL, failed, letters, svg};
use crate::bench::plan::Case;
use crate::bench::results::Results;
use strata_harness::sample::{Sample, Story};

const MEBIBYTE: f64 = 1_048_576.0;

/// The plot of the first run of each allocator.
pub(super) fn of(results: &Results, case: &Case) -> Result<String> {
    svg(FULL, |canvas| paint(canvas, results, case))
}

fn paint(canvas: &Canvas<'_>, results: &Results, case: &Case) -> Result<()> {
    let story = |allocator: &String| results.series(case, allocator)?.samples.first().and_then(Sample::story);
    let stories: Vec<(usize, &Story)> = results
        .allocators
        .iter()
        .enumerate()
        .filter_map(|(index, allocator)| Some((index, story(allocator)?)))
        .collect();
    let points = || stories.iter().flat_map(|(_, story)| resident(story));
    let (end, top) = (
        points().map(|point| point.0).fold(0.1, f64::max),
        points().map(|point| point.1).fold(1.0, f64::max),
    );
    let decimals = if end < 1.0 { 2 } else { 1 };
    let mut chart = ChartBuilder::on(canvas)
        .margin(8)
        .margin_right(32)
        .x_label_area_size(28)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..end, 0.0..top * 1.06)
        .map_err(failed)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(GRID)
        .light_line_style(GRID.mix(0.0))
        .axis_style(GRID)
        .label_style(letters())
        .y_labels(6)
        .x_label_formatter(&|seconds| format!("{seconds:.decimals$} s"))
        .y_label_formatter(&|mebibytes| format!("{mebibytes:.0} MiB"))
        .draw()
        .map_err(failed)?;
    for (index, story) in stories.iter().rev() {
        let style = ShapeStyle::from(series(*index)).stroke_width(2);
        chart.draw_series(LineSeries::new(resident(story), style)).map_err(failed)?;
    }
    let held = stories.first().map(|(_, story)| held(story)).unwrap_or_default();
    let style = ShapeStyle::from(NEUTRAL).stroke_width(2);
    chart.draw_series(DashedLineSeries::new(held, 5, 5, style)).map_err(failed)?;
    Ok(())
}

fn resident(story: &Story) -> Vec<(f64, f64)> {
    story.resident.iter().map(|(time, bytes)| (*time as f64 / 1e3, *bytes as f64 / MEBIBYTE)).collect()
}

/// Known at the ends of phases; straight lines between.
fn held(story: &Story) -> Vec<(f64, f64)> {
    let ends =
        story.phases.iter().map(|moment| (moment.end_ms as f64 / 1e3, moment.live_bytes as f64 / MEBIBYTE));
    std::iter::once((0.0, 0.0)).chain(ends).collect()
}
