//! The tables that `strata bench` prints: medians with ratios to the baseline.

use comfy_table::{Cell, Color, Table};
use strata_harness::sample::Kind;
use strata_harness::tables::{NONE, align, bold, under};
use strata_harness::units::times;

mod fragmentation;
mod latency;
mod real;
mod small;
mod story;

pub(crate) use fragmentation::of as fragmentation;
pub(crate) use latency::of as latency;
pub(crate) use real::of as real;
pub(crate) use small::{efficiency, pairs};
pub(crate) use story::of as story;

use super::metric::Metric;
use super::plan::Case;
use super::results::Results;

/// With more allocators than this, only one number fits into a cell.
const ROOMY: usize = 5;

/// Every table for which there are numbers.
pub(crate) fn all(results: &Results) -> Vec<(String, Table)> {
    let mut tables = Vec::new();
    let cases = results.cases(Kind::Real);
    if !cases.is_empty() {
        for metric in Metric::OF_WORK {
            tables.push((
                format!("{}, and ratio to {}", metric.title(), results.baseline()),
                real(results, &cases, metric),
            ));
        }
    }
    let small = [results.cases(Kind::Micro), results.cases(Kind::Scaling)].concat();
    if !small.is_empty() {
        for metric in [Metric::Time, Metric::Processor] {
            let title = format!("{} of one pair, and ratio to {}", metric.title(), results.baseline());
            tables.push((title, pairs(results, &small, metric)));
        }
    }
    let scaling = results.cases(Kind::Scaling);
    if scaling.iter().any(|case| case.threads > 1) {
        tables.push(("work done, as a multiple of one thread's".to_owned(), efficiency(results, &scaling)));
    }
    if let Some(case) = results.cases(Kind::Latency).first() {
        tables.push(("one operation at a time, the clock included".to_owned(), latency(results, case)));
    }
    for case in results.cases(Kind::Story) {
        let title = format!("{}: resident at the end of each phase", case.workload);
        tables.push((title, story(results, &case)));
    }
    for case in results.cases(Kind::Fragmentation) {
        let title = format!("{}: usable for each byte asked, resident for each byte held", case.title());
        tables.push((title, fragmentation(results, &case)));
    }
    tables
}

fn empty(results: &Results) -> Table {
    under(std::iter::once("").chain(results.allocators.iter().map(String::as_str)))
}

/// Instead of a number: it went wrong, or the allocator is not offered such a workload.
fn missing(results: &Results, case: &Case, allocator: &str) -> Cell {
    if results.failed(case, allocator) { Cell::new("failed").fg(Color::Red) } else { Cell::new(NONE) }
}

/// Green where less than the baseline, red where more; a few per cent are neither, and what the runs themselves differ by is not.
fn ratio_cell(before: String, ratio: f64, uncertainty: f64) -> Cell {
    let cell = Cell::new(format!("{before}{}", times(ratio)));
    match coloured(ratio, uncertainty) {
        Some(color) => cell.fg(color),
        None => cell,
    }
}

fn coloured(ratio: f64, uncertainty: f64) -> Option<Color> {
    let margin = uncertainty.max(0.03);
    match ratio {
        ratio if ratio < 1.0 - margin => Some(Color::Green),
        ratio if ratio > 1.0 + margin => Some(Color::Red),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::tests::results;

    fn printed(runs: &[(&str, &str, &[u64])]) -> String {
        let results = results(runs);
        all(&results).iter().map(|(title, table)| format!("{title}\n{table}\n")).collect()
    }

    #[test]
    fn ratios_stand_beside_medians_and_their_mean_below() {
        let text = printed(&[
            ("json", "strata", &[50, 51, 52]),
            ("json", "mimalloc", &[102]),
            ("trees", "strata", &[200, 200]),
            ("trees", "mimalloc", &[100]),
        ]);
        assert!(text.contains("51.0 ms ±1%  0.50×"), "{text}");
        assert!(text.contains("200 ms ±0%  2.00×"), "{text}");
        let mean = text.lines().find(|line| line.contains("geometric mean")).unwrap();
        assert!(mean.matches("1.00×").count() == 2, "{mean}");
    }

    #[test]
    fn a_series_that_went_wrong_says_so_and_one_that_was_not_asked_for_has_a_dash() {
        let mut results = results(&[
            ("json", "strata", &[50]),
            ("json", "mimalloc", &[100]),
            ("trees", "mimalloc", &[100]),
        ]);
        let trees = |results: &Results| {
            let text: String = all(results).iter().map(|(_, table)| format!("{table}\n")).collect();
            text.lines().find(|line| line.contains("trees")).map(str::to_owned).unwrap()
        };
        assert!(trees(&results).contains('–') && !trees(&results).contains("failed"));
        results.failures.push("trees on strata: crashed".to_owned());
        assert!(trees(&results).contains("failed"));
    }

    #[test]
    fn a_colour_means_more_than_the_runs_differ_by() {
        assert_eq!(coloured(0.9, 0.0), Some(Color::Green));
        assert_eq!(coloured(1.1, 0.05), Some(Color::Red));
        assert_eq!([coloured(0.9, 0.12), coloured(1.02, 0.0)], [None, None]);
    }

    #[test]
    fn many_allocators_get_ratios_only() {
        let names = ["a", "b", "c", "d", "e", "mimalloc"];
        let runs: Vec<(&str, &str, &[u64])> =
            names.iter().map(|name| ("json", *name, &[100_u64][..])).collect();
        let text = printed(&runs);
        assert_eq!(
            text.lines().find(|line| line.contains("json")).unwrap().matches("ms").count(),
            1,
            "{text}"
        );
    }
}
