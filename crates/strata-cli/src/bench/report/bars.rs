//! Bars: a group for each workload, a bar for each allocator.

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
const HIGHEST_RATIO: f64 = 2.5;
/// The height of a line of letters.
const LINE: i32 = 16;
/// The part of a group's width that its bars take.
const FILLED: f64 = 0.8;

/// What the height of a bar means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Axis {
    /// Multiples of the baseline.
    Ratio,
    /// The value itself, as its decimal logarithm: where the baseline is a handful, a ratio says little.
    Logarithm,
}

impl Axis {
    fn of(metric: Metric) -> Self {
        match metric {
            Metric::Time | Metric::Processor | Metric::PeakMemory | Metric::KeptMemory => Self::Ratio,
            Metric::Faults => Self::Logarithm,
        }
    }

    fn height(self, value: f64, baseline: f64) -> f64 {
        match self {
            Self::Ratio => value / baseline,
            Self::Logarithm => value.max(1.0).log10(),
        }
    }

    /// Where the plot ends, given its highest bar.
    fn top(self, highest: f64) -> f64 {
        match self {
            Self::Ratio => highest.clamp(1.2, HIGHEST_RATIO) * 1.06,
            Self::Logarithm => highest.max(1.0) * 1.06,
        }
    }

    fn label(self, metric: Metric, height: f64) -> String {
        match self {
            Self::Ratio => format!("{height:.1}×"),
            Self::Logarithm => metric.format(10_f64.powf(height)),
        }
    }
}

/// One bar.
#[derive(Debug, Clone, Copy)]
struct Bar {
    left: f64,
    right: f64,
    height: f64,
    /// The middle half of the runs.
    spread: (f64, f64),
    allocator: usize,
}

impl Bar {
    fn middle(&self) -> f64 {
        f64::midpoint(self.left, self.right)
    }

    fn is_beside(&self, next: &Self) -> bool {
        next.left - self.right < next.right - next.left
    }

    fn shape(&self, top: f64) -> Rectangle<(f64, f64)> {
        Rectangle::new(
            [(self.left, 0.0), (self.right, self.height.min(top))],
            series(self.allocator).filled(),
        )
    }

    fn whisker(&self, top: f64) -> PathElement<(f64, f64)> {
        let (low, high) = self.spread;
        let ends = vec![(self.middle(), low.min(top)), (self.middle(), high.min(top))];
        PathElement::new(ends, ShapeStyle::from(INK).stroke_width(1))
    }
}

/// The plot of one metric.
pub(super) fn of(results: &Results, cases: &[Case], metric: Metric) -> Result<String> {
    svg(FULL, |canvas| paint(canvas, results, cases, metric))
}

fn paint(canvas: &Canvas<'_>, results: &Results, cases: &[Case], metric: Metric) -> Result<()> {
    let (axis, bars) = (Axis::of(metric), bars(results, cases, metric));
    let top = axis.top(bars.iter().map(|bar| bar.spread.1).fold(0.0, f64::max));
    let end = cases.len() as f64;
    let mut chart = ChartBuilder::on(canvas)
        .margin(8)
        .margin_top(2 * LINE)
        .x_label_area_size(28)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..end, 0.0..top)
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
        .y_label_formatter(&|height| axis.label(metric, *height))
        .draw()
        .map_err(failed)?;
    chart.draw_series(bars.iter().map(|bar| bar.shape(top))).map_err(failed)?;
    chart.draw_series(bars.iter().map(|bar| bar.whisker(top))).map_err(failed)?;
    let centred = letters().pos(Pos::new(HPos::Center, VPos::Top));
    for (bar, line) in cut(&bars, top) {
        let (x, y) = chart.backend_coord(&(bar.middle(), top));
        let place = (x, y - line * LINE);
        canvas.draw(&Text::new(format!("{:.1}", bar.height), place, centred.clone())).map_err(failed)?;
    }
    if axis == Axis::Ratio {
        let one = PathElement::new(vec![(0.0, 1.0), (end, 1.0)], ShapeStyle::from(NEUTRAL).stroke_width(1));
        chart.draw_series([one]).map_err(failed)?;
    }
    for (index, case) in cases.iter().enumerate() {
        let (x, y) = chart.backend_coord(&(index as f64 + 0.5, 0.0));
        canvas.draw(&Text::new(case.workload.clone(), (x, y + 8), centred.clone())).map_err(failed)?;
    }
    Ok(())
}

/// The bars that are cut off, and in which line above the plot each tells its value: neighbours not in the same.
fn cut(bars: &[Bar], top: f64) -> Vec<(&Bar, i32)> {
    let mut cut: Vec<(&Bar, i32)> = Vec::new();
    for bar in bars.iter().filter(|bar| bar.height > top) {
        let beside = cut.last().is_some_and(|(last, line)| *line == 1 && last.is_beside(bar));
        cut.push((bar, if beside { 2 } else { 1 }));
    }
    cut
}

fn bars(results: &Results, cases: &[Case], metric: Metric) -> Vec<Bar> {
    let width = FILLED / results.allocators.len() as f64;
    let mut bars = Vec::new();
    for (group, case) in cases.iter().enumerate() {
        for (allocator, name) in results.allocators.iter().enumerate() {
            let left = group as f64 + (1.0 - FILLED) / 2.0 + width * allocator as f64;
            let right = left + width * 0.94;
            let heights = heights(results, case, name, metric);
            bars.extend(heights.map(|(height, spread)| Bar { left, right, height, spread, allocator }));
        }
    }
    bars
}

/// The median and the middle half, in the plot's units.
fn heights(results: &Results, case: &Case, allocator: &str, metric: Metric) -> Option<(f64, (f64, f64))> {
    let summary = results.series(case, allocator)?.summary(metric)?;
    let baseline = results.series(case, results.baseline())?.summary(metric)?.median;
    let height = |value| Axis::of(metric).height(value, baseline);
    let heights = (height(summary.median), (height(summary.first_quartile), height(summary.third_quartile)));
    heights.0.is_finite().then_some(heights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::tests::results;
    use strata_harness::sample::Kind;

    #[test]
    fn a_bar_that_is_cut_off_says_how_high_it_is() {
        let results = results(&[("json", "strata", &[700]), ("json", "mimalloc", &[100])]);
        let plot = of(&results, &results.cases(Kind::Real), Metric::Time).unwrap();
        assert!(plot.contains("\n7.0\n"), "{plot}");
    }

    #[test]
    fn the_values_of_neighbours_stand_in_two_lines() {
        let times: [(&str, &str, &[u64]); 3] =
            [("json", "strata", &[700]), ("json", "mimalloc", &[100]), ("json", "system", &[600])];
        let results = results(&times);
        let bars = bars(&results, &results.cases(Kind::Real), Metric::Time);
        let lines = |top| cut(&bars, top).into_iter().map(|(_, line)| line).collect::<Vec<_>>();
        assert_eq!((lines(2.0), lines(0.5)), (vec![1, 1], vec![1, 2, 1]));
    }

    #[test]
    fn a_logarithm_of_nothing_is_drawn_as_nothing() {
        assert_eq!(Axis::Logarithm.height(0.0, 0.0), 0.0);
        assert_eq!(Axis::Logarithm.label(Metric::Faults, 4.0), "10 k");
    }
}
