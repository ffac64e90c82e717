//! Time, memory and faults of real work: a row for each workload, their geometric mean at the foot.

use comfy_table::{Attribute, Cell, Table};

use super::{ROOMY, align, bold, empty, missing, ratio_cell};
use crate::bench::metric::Metric;
use crate::bench::plan::Case;
use crate::bench::results::Results;
use strata_harness::statistics::geometric_mean;

pub(crate) fn of(results: &Results, cases: &[Case], metric: Metric) -> Table {
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
    let series = results.series(case, allocator);
    let Some((series, summary)) = series.and_then(|series| Some((series, series.summary(metric)?))) else {
        return missing(results, case, allocator);
    };
    let value = metric.format(summary.median);
    let spread = match metric {
        Metric::Time | Metric::Processor if results.allocators.len() <= ROOMY && series.samples.len() > 1 => {
            format!(" ±{:.0}%", summary.relative_spread() * 100.0)
        }
        _ => String::new(),
    };
    let uncertainty = results.uncertainty(case, allocator, metric);
    match results.ratio(case, allocator, metric).filter(|_| allocator != results.baseline()) {
        Some(ratio) if results.allocators.len() > ROOMY => ratio_cell(String::new(), ratio, uncertainty),
        Some(ratio) => ratio_cell(format!("{value}{spread}  "), ratio, uncertainty),
        None => Cell::new(format!("{value}{spread}")),
    }
}

/// Of all cases: a mean of some would not compare with the others.
fn mean(results: &Results, cases: &[Case], allocator: &str, metric: Metric) -> Cell {
    if cases.iter().any(|case| results.series(case, allocator).is_none()) {
        return Cell::new("–");
    }
    let ratios = cases.iter().filter_map(|case| results.ratio(case, allocator, metric));
    let uncertainty = cases.iter().map(|case| results.uncertainty(case, allocator, metric)).sum::<f64>();
    match geometric_mean(ratios) {
        Some(mean) => {
            ratio_cell(String::new(), mean, uncertainty / cases.len() as f64).add_attribute(Attribute::Bold)
        }
        None => Cell::new("–"),
    }
}
