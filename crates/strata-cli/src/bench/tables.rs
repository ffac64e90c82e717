//! The tables that `strata bench` prints: medians with ratios to the baseline.

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, TableComponent};

use super::metric::{Metric, time};
use super::plan::Case;
use super::results::Results;
use super::sample::Kind;
use super::statistics::geometric_mean;

/// With more allocators than this, only ratios fit on a line.
const ROOMY: usize = 5;

/// Every table for which there are numbers.
pub(crate) fn all(results: &Results) -> Vec<(String, Table)> {
    let mut tables = Vec::new();
    let real = results.cases(Kind::Real);
    if !real.is_empty() {
        for metric in Metric::ALL {
            tables.push((
                format!("{}, and ratio to {}", metric.title(), results.baseline()),
                of(results, &real, metric),
            ));
        }
    }
    let small = [results.cases(Kind::Micro), results.cases(Kind::Scaling)].concat();
    if !small.is_empty() {
        tables
            .push((format!("time of one pair, and ratio to {}", results.baseline()), pairs(results, &small)));
    }
    let scaling = results.cases(Kind::Scaling);
    if scaling.iter().any(|case| case.threads > 1) {
        tables.push(("work done, as a multiple of one thread's".to_owned(), efficiency(results, &scaling)));
    }
    tables
}

fn of(results: &Results, cases: &[Case], metric: Metric) -> Table {
    let mut table = empty(results);
    for case in cases {
        let cells = results.allocators.iter().map(|allocator| cell(results, case, allocator, metric));
        table.add_row(std::iter::once(Cell::new(&case.workload)).chain(cells));
    }
    let means = results.allocators.iter().map(|allocator| mean(results, cases, allocator, metric));
    table.add_row(std::iter::once(bold("geometric mean")).chain(means));
    align(table)
}

fn cell(results: &Results, case: &Case, allocator: &str, metric: Metric) -> Cell {
    let summary = results.series(case, allocator).and_then(|series| series.summary(metric));
    let Some(summary) = summary else {
        return Cell::new("failed").fg(Color::Red);
    };
    let value = metric.format(summary.median);
    let spread = match metric {
        Metric::Time => format!(" ±{:.0}%", summary.relative_spread() * 100.0),
        Metric::PeakMemory | Metric::Faults => String::new(),
    };
    match results.ratio(case, allocator, metric).filter(|_| allocator != results.baseline()) {
        Some(ratio) if results.allocators.len() > ROOMY => ratio_cell(String::new(), ratio),
        Some(ratio) => ratio_cell(format!("{value}{spread}  "), ratio),
        None => Cell::new(format!("{value}{spread}")),
    }
}

fn mean(results: &Results, cases: &[Case], allocator: &str, metric: Metric) -> Cell {
    let ratios = cases.iter().filter_map(|case| results.ratio(case, allocator, metric));
    match geometric_mean(ratios) {
        Some(mean) => ratio_cell(String::new(), mean).add_attribute(Attribute::Bold),
        None => Cell::new("–"),
    }
}

/// Nanoseconds for one allocation with its free.
fn pairs(results: &Results, cases: &[Case]) -> Table {
    let mut table = empty(results);
    for case in cases {
        let name = match case.threads {
            1 => case.workload.clone(),
            threads => format!("{}, {threads} threads", case.workload),
        };
        let cells = results.allocators.iter().map(|allocator| pair(results, case, allocator));
        table.add_row(std::iter::once(Cell::new(name)).chain(cells));
    }
    align(table)
}

fn pair(results: &Results, case: &Case, allocator: &str) -> Cell {
    let each = results.series(case, allocator).and_then(|series| series.nanoseconds_each());
    let Some(each) = each else {
        return Cell::new("failed").fg(Color::Red);
    };
    match results.ratio(case, allocator, Metric::Time).filter(|_| allocator != results.baseline()) {
        Some(ratio) => ratio_cell(format!("{}  ", time(each)), ratio),
        None => Cell::new(time(each)),
    }
}

/// Throughput of several threads, in throughputs of one.
fn efficiency(results: &Results, cases: &[Case]) -> Table {
    let mut table = empty(results);
    for case in cases.iter().filter(|case| case.threads > 1) {
        let name = format!("{}, {} threads", case.workload, case.threads);
        let speed_up = |allocator: &String| speed_up(results, case, allocator);
        let cells = results.allocators.iter().map(speed_up).map(|value| match value {
            Some(value) => Cell::new(format!("{value:.2}×")),
            None => Cell::new("–"),
        });
        table.add_row(std::iter::once(Cell::new(name)).chain(cells));
    }
    align(table)
}

fn speed_up(results: &Results, case: &Case, allocator: &str) -> Option<f64> {
    let alone = Case { threads: 1, ..case.clone() };
    let each = |case: &Case| results.series(case, allocator)?.nanoseconds_each();
    Some(each(&alone)? / each(case)?)
}

fn empty(results: &Results) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.remove_style(TableComponent::HorizontalLines).remove_style(TableComponent::MiddleIntersections);
    table.set_header(std::iter::once(bold("")).chain(results.allocators.iter().map(|name| bold(name))));
    table
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
            ("trees", "strata", &[200]),
            ("trees", "mimalloc", &[100]),
        ]);
        assert!(text.contains("51.0 ms ±1%  0.50×"), "{text}");
        assert!(text.contains("200 ms ±0%  2.00×"), "{text}");
        let mean = text.lines().find(|line| line.contains("geometric mean")).unwrap();
        assert!(mean.matches("1.00×").count() == 2, "{mean}");
    }

    #[test]
    fn a_missing_series_says_so() {
        let text = printed(&[
            ("json", "strata", &[50]),
            ("json", "mimalloc", &[100]),
            ("trees", "mimalloc", &[100]),
        ]);
        assert!(text.lines().any(|line| line.contains("trees") && line.contains("failed")), "{text}");
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
