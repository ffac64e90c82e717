//! Percentiles of single allocations and frees.

use comfy_table::{Cell, Table};

use super::{align, empty};
use crate::bench::plan::Case;
use crate::bench::results::Results;
use strata_harness::sample::{Latency, Percentiles};
use strata_harness::units::time;

type Pick = fn(&Latency) -> &Percentiles;

const OPERATIONS: [(&str, Pick); 3] = [
    ("clock alone", |latency| &latency.clock),
    ("allocate", |latency| &latency.allocate),
    ("free", |latency| &latency.free),
];

type Part = fn(&Percentiles) -> u64;

const PARTS: [(&str, Part); 5] = [
    ("p50", |percentiles| percentiles.p50),
    ("p99", |percentiles| percentiles.p99),
    ("p99.9", |percentiles| percentiles.p999),
    ("p99.99", |percentiles| percentiles.p9999),
    ("max", |percentiles| percentiles.max),
];

/// Medians over the runs.
pub(crate) fn of(results: &Results, case: &Case) -> Table {
    let mut table = empty(results);
    for (operation, pick) in OPERATIONS {
        for (name, part) in PARTS {
            let cells = results.allocators.iter().map(|allocator| {
                let series = results.series(case, allocator);
                let median = series.and_then(|series| {
                    series.median_of(|sample| sample.latency().map(|latency| part(pick(latency))))
                });
                Cell::new(median.map_or_else(|| "–".to_owned(), time))
            });
            table.add_row(std::iter::once(Cell::new(format!("{operation}, {name}"))).chain(cells));
        }
    }
    align(table)
}
