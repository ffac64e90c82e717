//! `--chart`: one picture for a page elsewhere, such as a README: time and peak memory of real work, as ratios to the baseline.
//!
//! ```text
//!   workload │  ─●─   │   ○    ─○─ │ │ ●  │   ○  │      a dot for each allocator, through it the middle half of the runs
//! ```
//!
//! The picture has its own paper, ink and colours, light and dark, so it can be read wherever it is put.
//!
//! Does not know: how anything was measured.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use maud::{Markup, PreEscaped, html};
use strata_harness::statistics::geometric_mean;

use super::palette;
use crate::bench::metric::Metric;
use crate::bench::plan::Case;
use crate::bench::results::Results;
use strata_harness::sample::Kind;

const WIDTH: f64 = 1000.0;
const MARGIN: f64 = 24.0;
/// Where the names of workloads end and the first panel begins.
const NAMES: f64 = 168.0;
const PANEL: f64 = 376.0;
/// Between the two panels.
const BETWEEN: f64 = 56.0;
const HEAD: f64 = 118.0;
const ROW: f64 = 25.0;
/// Below the rows: the scale, and what was measured.
const FOOT: f64 = 66.0;
/// Ratios above are cut off and say how much they are.
const HIGHEST: f64 = 2.5;
const STEP: f64 = 0.5;

const METRICS: [Metric; 2] = [Metric::Time, Metric::PeakMemory];

const STYLE: &str = "text{font-family:system-ui,'Segoe UI',sans-serif;font-size:14px;fill:var(--ink)}\
.title{font-size:17px;font-weight:650}.soft{fill:var(--neutral);font-size:12.5px}.mean{font-weight:650}.end{text-anchor:end}\
.middle{text-anchor:middle}.paper{fill:var(--paper);stroke:var(--grid)}.grid{stroke:var(--grid)}.one{stroke:var(--neutral)}\
.whisker{stroke-width:4;stroke-linecap:round;opacity:.5}.ring{stroke:var(--paper);stroke-width:1.5}\
:root{--paper:#ffffff}@media(prefers-color-scheme:dark){:root{--paper:#14181e}}";

/// Draws the picture into a file.
pub(crate) fn write(results: &Results, path: &Path) -> Result<()> {
    let cases = results.cases(Kind::Real);
    ensure!(
        !cases.is_empty(),
        "no real work was measured, so there is nothing to draw: see `strata bench --only`"
    );
    let picture = of(results, &cases).into_string();
    fs::write(path, picture).with_context(|| format!("cannot write {}", path.display()))
}

/// Where a metric is drawn.
struct Panel<'a> {
    results: &'a Results,
    cases: &'a [Case],
    metric: Metric,
    left: f64,
}

fn of(results: &Results, cases: &[Case]) -> Markup {
    let bottom = HEAD + ROW * cases.len() as f64 + ROW * 1.4;
    let height = bottom + FOOT;
    let panels = METRICS.into_iter().enumerate().map(|(number, metric)| Panel {
        results,
        cases,
        metric,
        left: NAMES + number as f64 * (PANEL + BETWEEN),
    });
    let title = format!("Real work, as ratios to {}: less is better", results.baseline());
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-label=(title) {
            title { (title) }
            style { (PreEscaped(palette::variables())) (PreEscaped(STYLE)) }
            rect.paper x="0.5" y="0.5" width=(WIDTH - 1.0) height=(height - 1.0) rx="10" {}
            text.title x=(MARGIN) y="36" { (title) }
            (legend(results))
            @for (row, case) in cases.iter().enumerate() {
                text.end x=(NAMES - 14.0) y=(middle(row) + 5.0) { (case.workload) }
            }
            text.mean.end x=(NAMES - 14.0) y=(mean_at(cases) + 5.0) { "geometric mean" }
            @for panel in panels { (panel.scale(bottom)) (panel.rows()) }
            text.soft x=(MARGIN) y=(height - 16.0) { (measured(results)) }
        }
    }
}

/// The middle of a row.
fn middle(row: usize) -> f64 {
    HEAD + ROW * (row as f64 + 0.5)
}

fn mean_at(cases: &[Case]) -> f64 {
    middle(cases.len()) + ROW * 0.4
}

/// How the allocators are called where their abbreviations are not known.
fn name(allocator: &str) -> &str {
    match allocator {
        "strata" => "Strata",
        "system" => "the system's malloc (glibc)",
        "gil" => "Strata behind one lock",
        "jemalloc-bg" => "jemalloc, background thread",
        other => other,
    }
}

fn legend(results: &Results) -> Markup {
    let mut left = MARGIN;
    let entries: Vec<(f64, usize, &str)> = (0..results.allocators.len())
        .map(|index| {
            let (place, name) = (left, name(&results.allocators[index]));
            // Letters of this size are at most 8 wide, on average.
            left += 30.0 + 8.0 * name.len() as f64;
            (place, index, name)
        })
        .collect();
    html! {
        @for (place, index, name) in entries {
            circle cx=(place + 6.0) cy="57" r="5.5" fill=(colour(index)) {}
            text x=(place + 18.0) y="62" { (name) }
        }
    }
}

fn colour(allocator: usize) -> String {
    format!("var({})", palette::variable(allocator))
}

fn measured(results: &Results) -> String {
    let (machine, effort) = (&results.machine, results.effort);
    format!(
        "medians of {} interleaved runs, through each the middle half; {}, {} cores, Linux {}",
        effort.repetitions,
        machine.cpu,
        machine.cores,
        machine.kernel.split('-').next().unwrap_or_default()
    )
}

impl Panel<'_> {
    fn x(&self, ratio: f64) -> f64 {
        self.left + ratio.min(HIGHEST) / HIGHEST * PANEL
    }

    fn scale(&self, bottom: f64) -> Markup {
        let steps = (0..=(HIGHEST / STEP) as u32).map(|step| f64::from(step) * STEP);
        html! {
            text x=(self.left) y=(HEAD - 14.0) { (self.metric.title()) }
            @if let Some(mean) = self.mean_of(0) {
                @let own = name(&self.results.allocators[0]);
                text.soft.end x=(self.left + PANEL) y=(HEAD - 14.0) { (own) " " (format!("{mean:.2}×")) " on average" }
            }
            @for ratio in steps {
                @let x = self.x(ratio);
                line class=(if ratio == 1.0 { "one" } else { "grid" }) x1=(x) y1=(HEAD) x2=(x) y2=(bottom) {}
                text.soft.middle x=(x) y=(bottom + 18.0) { (format!("{ratio:.1}×")) }
            }
            @let above = mean_at(self.cases) - ROW * 0.7;
            line.grid x1=(self.left) y1=(above) x2=(self.left + PANEL) y2=(above) {}
        }
    }

    fn rows(&self) -> Markup {
        // The first allocator last, on top of the others.
        let allocators = || (0..self.results.allocators.len()).rev();
        html! {
            @for (row, case) in self.cases.iter().enumerate() {
                @for allocator in allocators() { (self.dot(case, allocator, middle(row))) }
            }
            @for allocator in allocators() { (self.mean(allocator)) }
        }
    }

    fn dot(&self, case: &Case, allocator: usize, y: f64) -> Markup {
        let name = &self.results.allocators[allocator];
        let summary = |name: &str| self.results.series(case, name)?.summary(self.metric);
        let (Some(own), Some(baseline)) = (summary(name), summary(self.results.baseline())) else {
            return html! {};
        };
        let ratio = |value: f64| value / baseline.median;
        let (low, high) = (self.x(ratio(own.first_quartile)), self.x(ratio(own.third_quartile)));
        html! {
            line.whisker x1=(low) y1=(y) x2=(high) y2=(y) stroke=(colour(allocator)) {}
            (self.mark(ratio(own.median), allocator, y, 5.0))
        }
    }

    fn mean(&self, allocator: usize) -> Markup {
        html! { @if let Some(mean) = self.mean_of(allocator) { (self.mark(mean, allocator, mean_at(self.cases), 7.5)) } }
    }

    /// Of all workloads: a mean of some would not compare with the others.
    fn mean_of(&self, allocator: usize) -> Option<f64> {
        let name = &self.results.allocators[allocator];
        let ratios: Option<Vec<f64>> =
            self.cases.iter().map(|case| self.results.ratio(case, name, self.metric)).collect();
        geometric_mean(ratios?)
    }

    /// A dot; what is beyond the scale says how far. Its value is there for those who point at it.
    fn mark(&self, ratio: f64, allocator: usize, y: f64, radius: f64) -> Markup {
        let name = name(&self.results.allocators[allocator]);
        html! {
            circle.ring cx=(self.x(ratio)) cy=(y) r=(radius) fill=(colour(allocator)) {
                title { (name) ": " (format!("{ratio:.2}×")) }
            }
            @if ratio > HIGHEST {
                text.soft.end x=(self.x(ratio) - 11.0) y=(y + 4.5) { (format!("{ratio:.1}×")) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use html5ever::{ParseOpts, parse_document, tendril::TendrilSink};
    use markup5ever_rcdom::RcDom;

    use super::*;
    use crate::bench::results::tests::results;

    fn drawn(runs: &[(&str, &str, &[u64])]) -> String {
        let results = results(runs);
        of(&results, &results.cases(Kind::Real)).into_string()
    }

    #[test]
    fn dots_lie_where_their_ratios_are_and_say_them() {
        let text = drawn(&[("json", "strata", &[40, 50, 60]), ("json", "mimalloc", &[100])]);
        let half = NAMES + 0.5 / HIGHEST * PANEL;
        assert!(
            text.contains(&format!("cx=\"{half}\"")) && text.contains("<title>Strata: 0.50×</title>"),
            "{text}"
        );
        let (low, high) = (NAMES + 0.45 / HIGHEST * PANEL, NAMES + 0.55 / HIGHEST * PANEL);
        assert!(
            text.contains(&format!("x1=\"{low}\"")) && text.contains(&format!("x2=\"{high}\"")),
            "{text}"
        );
    }

    #[test]
    fn what_is_beyond_the_scale_says_how_far_and_stays_on_the_paper() {
        let text = drawn(&[("json", "strata", &[700]), ("json", "mimalloc", &[100])]);
        assert!(text.contains(">7.0×</text>"), "{text}");
        let places = text.split("cx=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
        assert!(places.map(|place| place.parse::<f64>().unwrap()).all(|place| place < WIDTH), "{text}");
    }

    #[test]
    fn the_picture_is_whole_and_needs_nothing_from_elsewhere() {
        let text =
            drawn(&[("json", "strata", &[50]), ("json", "mimalloc", &[100]), ("trees", "strata", &[5])]);
        assert_eq!(
            parse_document(RcDom::default(), ParseOpts::default())
                .one(&*format!("<!doctype html>{text}"))
                .errors
                .borrow()
                .len(),
            0
        );
        assert_eq!(text.matches('<').count(), 2 * text.matches("</").count(), "an element without an end");
        assert_eq!(text.matches("://").count(), 1);
        assert!(text.contains("prefers-color-scheme:dark"));
        // The mean would be of one of two workloads.
        assert_eq!(text.matches("r=\"7.5\"").count(), 0, "{text}");
    }
}
