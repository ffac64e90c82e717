//! Small loops: nanoseconds for each allocation with its free, and what more threads add.

use comfy_table::{Cell, Table};

use super::{ROOMY, align, empty, missing, ratio_cell};
use crate::bench::metric::Metric;
use crate::bench::plan::Case;
use crate::bench::results::Results;
use strata_harness::units::time;

/// Nanoseconds for one allocation with its free, by the clock or by the processor.
pub(crate) fn pairs(results: &Results, cases: &[Case], metric: Metric) -> Table {
    let mut table = empty(results);
    for case in cases {
        let cells = results.allocators.iter().map(|allocator| pair(results, case, allocator, metric));
        table.add_row(std::iter::once(Cell::new(case.title())).chain(cells));
    }
    align(table)
}

fn pair(results: &Results, case: &Case, allocator: &str, metric: Metric) -> Cell {
    let each = results.series(case, allocator).and_then(|series| series.each(metric));
    let Some(each) = each else {
        return missing(results, case, allocator);
    };
    match results.ratio(case, allocator, metric).filter(|_| allocator != results.baseline()) {
        Some(_) if results.allocators.len() > ROOMY => Cell::new(time(each)),
        Some(ratio) => {
            ratio_cell(format!("{}  ", time(each)), ratio, results.uncertainty(case, allocator, metric))
        }
        None => Cell::new(time(each)),
    }
}

/// Throughput of several threads, in throughputs of one.
pub(crate) fn efficiency(results: &Results, cases: &[Case]) -> Table {
    let mut table = empty(results);
    for case in cases.iter().filter(|case| case.threads > 1) {
        let speed_up = |allocator: &String| speed_up(results, case, allocator);
        let cells = results.allocators.iter().map(speed_up).map(|value| match value {
            Some(value) => Cell::new(format!("{value:.2}×")),
            None => Cell::new("–"),
        });
        table.add_row(std::iter::once(Cell::new(case.title())).chain(cells));
    }
    align(table)
}

fn speed_up(results: &Results, case: &Case, allocator: &str) -> Option<f64> {
    let alone = Case { threads: 1, ..case.clone() };
    let each = |case: &Case| results.series(case, allocator)?.nanoseconds_each();
    Some(each(&alone)? / each(case)?)
}
