//! Memory beyond what was asked for, as multiples of it: inside of blocks, and between them.

use comfy_table::{Cell, Table};

use super::{align, empty};
use crate::bench::metric::Metric;
use crate::bench::plan::Case;
use crate::bench::results::Results;
use strata_harness::sample::{Fragmentation, Sample};

type Tell = fn(&Fragmentation, usize) -> Option<f64>;

/// Usable over asked for each mixture of sizes, then resident over alive after each step.
pub(crate) fn of(results: &Results, case: &Case) -> Table {
    let mut table = empty(results);
    let first =
        results.series.iter().find(|series| series.case == *case).and_then(|series| series.samples.first());
    let Some(first) = first.and_then(Sample::fragmentation) else { return align(table) };
    for (index, inside) in first.inside.iter().enumerate() {
        let title = format!("inside blocks, {}", inside.sizes);
        table.add_row(row(results, case, title, index, |seen, index| seen.inside.get(index)?.overhead()));
    }
    for (index, moment) in first.outside.iter().enumerate() {
        let title = format!("{}, {} held", moment.phase, Metric::PeakMemory.format(moment.live_bytes as f64));
        table.add_row(row(results, case, title, index, |seen, index| seen.outside.get(index)?.overhead()));
    }
    align(table)
}

fn row(results: &Results, case: &Case, title: String, index: usize, tell: Tell) -> Vec<Cell> {
    let cells = results.allocators.iter().map(|allocator| {
        let series = results.series(case, allocator);
        let median =
            series.and_then(|series| series.median_ratio(|sample| tell(sample.fragmentation()?, index)));
        Cell::new(median.map_or_else(|| "not known".to_owned(), |ratio| format!("{ratio:.2}×")))
    });
    std::iter::once(Cell::new(title)).chain(cells).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::tests::{results, sample};
    use strata_harness::sample::{Details, Inside, Kind, Moment};

    #[test]
    fn what_an_allocator_does_not_tell_is_not_known() {
        let mut results = results(&[("fragmentation", "system", &[]), ("fragmentation", "rallocator", &[])]);
        results.workloads[0].kind = Kind::Fragmentation;
        let case = Case { workload: "fragmentation".to_owned(), threads: 1 };
        for (allocator, usable_bytes) in [("system", Some(150)), ("rallocator", None)] {
            let inside = Inside { sizes: "small".to_owned(), asked_bytes: 100, usable_bytes };
            let moment = Moment { phase: "filled".to_owned(), end_ms: 1, live_bytes: 8, resident_bytes: 10 };
            let details =
                Details::Fragmentation(Fragmentation { inside: vec![inside], outside: vec![moment] });
            results.add(&case, allocator, Sample { details: Some(details), ..sample("fragmentation", 1) });
        }
        let text = of(&results, &case).to_string();
        assert!(text.contains("1.50×") && text.contains("not known"), "{text}");
        assert_eq!(text.matches("1.25×").count(), 2, "{text}");
    }
}
