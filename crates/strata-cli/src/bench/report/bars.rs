//! Bars: a group for each workload, a bar for each allocator, as ratios to the baseline.

use anyhow::Result;
use plotters::prelude::{ChartBuilder, PathElement, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, ShapeStyle};

use super::palette::{GRID, INK, NEUTRAL, series};
use super::plot::{Canvas, FULL, failed, letters, svg};
use crate::bench::metric::Metric;
use crate::bench::plan::Case;
use crate::bench::results::Results;

/// Higher bars are cut off and tell their value.
const HIGHEST: f64 = 2.5;
/// The part of a group's width that its bars take.
const FILLED: f64 = 0.8;

/// One bar.
#[derive(Debug, Clone, Copy)]
struct Bar {
    left: f64,
    right: f64,
    ratio: f64,
    /// The middle half of the runs.
    spread: (f64, f64),
    allocator: usize,
}

/// The plot of one metric.
pub(super) fn of(results: &Results, cases: &[Case], metric: Metric) -> Result<String> {
    svg(FULL, |canvas| paint(canvas, results, cases, metric))
}

fn paint(canvas: &Canvas<'_>, results: &Results, cases: &[Case], metric: Metric) -> Result<()> {
    let bars = bars(results, cases, metric);
    let top = bars.iter().map(|bar| bar.spread.1).fold(1.2, f64::max).min(HIGHEST) * 1.06;
    let mut chart = ChartBuilder::on(canvas)
        .margin(8)
        .x_label_area_size(28)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..cases.len() as f64, 0.0..top)
        .map_err(failed)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(0)
        .y_labels(6)
        .bold_line_style(GRID)
        .light_line_style(GRID.mix(0.0))
        .axis_style(GRID)
        .label_style(letters())
        .y_label_formatter(&|ratio| format!("{ratio:.1}×"))
        .draw()
        .map_err(failed)?;
    let shapes = bars.iter().map(|bar| {
        Rectangle::new([(bar.left, 0.0), (bar.right, bar.ratio.min(top))], series(bar.allocator).filled())
    });
    chart.draw_series(shapes).map_err(failed)?;
    chart.draw_series(bars.iter().map(|bar| whisker(bar, top))).map_err(failed)?;
    let one = PathElement::new(
        vec![(0.0, 1.0), (cases.len() as f64, 1.0)],
        ShapeStyle::from(NEUTRAL).stroke_width(1),
    );
    chart.draw_series([one]).map_err(failed)?;
    let above = letters().pos(Pos::new(HPos::Center, VPos::Top));
    let cut = bars.iter().filter(|bar| bar.ratio > top);
    let values =
        cut.map(|bar| Text::new(short(bar.ratio), ((bar.left + bar.right) / 2.0, top), above.clone()));
    chart.draw_series(values).map_err(failed)?;
    let below = letters().pos(Pos::new(HPos::Center, VPos::Top));
    let names = cases.iter().enumerate().map(|(index, case)| {
        let place = chart.backend_coord(&(index as f64 + 0.5, 0.0));
        Text::new(case.workload.clone(), (place.0, place.1 + 8), below.clone())
    });
    names.into_iter().try_for_each(|name| canvas.draw(&name)).map_err(failed)
}

fn whisker(bar: &Bar, top: f64) -> PathElement<(f64, f64)> {
    let middle = (bar.left + bar.right) / 2.0;
    let (low, high) = bar.spread;
    PathElement::new(
        vec![(middle, low.min(top)), (middle, high.min(top))],
        ShapeStyle::from(INK).stroke_width(1),
    )
}

fn bars(results: &Results, cases: &[Case], metric: Metric) -> Vec<Bar> {
    let width = FILLED / results.allocators.len() as f64;
    let mut bars = Vec::new();
    for (group, case) in cases.iter().enumerate() {
        for (allocator, name) in results.allocators.iter().enumerate() {
            let left = group as f64 + (1.0 - FILLED) / 2.0 + width * allocator as f64;
            bars.extend(height(results, case, name, metric).map(|(ratio, spread)| Bar {
                left,
                right: left + width * 0.94,
                ratio,
                spread,
                allocator,
            }));
        }
    }
    bars
}

fn height(results: &Results, case: &Case, allocator: &str, metric: Metric) -> Option<(f64, (f64, f64))> {
    let ratio = results.ratio(case, allocator, metric)?;
    let summary = results.series(case, allocator)?.summary(metric)?;
    let scale = ratio / summary.median;
    Some((ratio, (summary.first_quartile * scale, summary.third_quartile * scale)))
}

fn short(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.1}") } else { format!("{ratio:.0}") }
}
