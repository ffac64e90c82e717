//! The tables that `strata bench` prints: medians with ratios to the baseline.

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, TableComponent};

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
use super::sample::Kind;

/// With more allocators than this, only one number fits into a cell.
const ROOMY: usize = 5;

/// Columns that a table takes even where there are fewer.
const NARROWEST: u16 = 76;

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
    let mut table = Table::new();
    // A terminal that says it has no columns has lost count, and below these a table is confetti.
    if let Some(columns) = table.width() {
        table.set_width(columns.max(NARROWEST));
    }
    table.load_preset(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.remove_style(TableComponent::HorizontalLines).remove_style(TableComponent::MiddleIntersections);
    table.set_header(std::iter::once(bold("")).chain(results.allocators.iter().map(|name| bold(name))));
    table
}

/// Instead of a number: it went wrong, or the allocator is not offered such a workload.
fn missing(results: &Results, case: &Case, allocator: &str) -> Cell {
    if results.failed(case, allocator) { Cell::new("failed").fg(Color::Red) } else { Cell::new("–") }
}

fn align(mut table: Table) -> Table {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn bold(text: &str) -> Cell {
    Cell::new(text).add_attribute(Attribute::Bold)
}

/// Green where less than the baseline, red where more; a few per cent are neither.
fn ratio_cell(before: String, ratio: f64) -> Cell {
    let cell = Cell::new(format!("{before}{}", times(ratio)));
    match ratio {
        ratio if ratio < 0.97 => cell.fg(Color::Green),
        ratio if ratio > 1.03 => cell.fg(Color::Red),
        _ => cell,
    }
}

fn times(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.2}×") } else { format!("{ratio:.0}×") }
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
