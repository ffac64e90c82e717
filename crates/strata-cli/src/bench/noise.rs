//! Was the machine quiet enough for the numbers of `strata bench` to mean something?

use strata_harness::noise::{busy, few, wide};

use super::metric::Metric;
use super::results::{Results, Series};

/// Warnings to print under the tables, a line each.
pub(crate) fn warnings(results: &Results) -> Vec<String> {
    let named = |series: &Series| {
        let spread = series.summary(Metric::Time)?.relative_spread();
        Some((spread, format!("{} on {}", series.case.title(), series.allocator)))
    };
    let fewest = timed(results).map(|series| series.samples.len()).min();
    let warnings = [busy(&results.machine), wide(timed(results).filter_map(named)), fewest.and_then(few)];
    warnings.into_iter().flatten().collect()
}

/// Those whose time is compared.
fn timed(results: &Results) -> impl Iterator<Item = &Series> {
    let is_timed = |series: &&Series| results.kind(&series.case).is_some_and(|kind| Metric::Time.suits(kind));
    results.series.iter().filter(is_timed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::tests::results;

    #[test]
    fn a_quiet_machine_gets_no_warning_and_a_busy_one_all() {
        let warnings_of = |times: &[u64], load: f64| {
            let mut results = results(&[("json", "strata", times)]);
            results.machine.load = load * results.machine.cores as f64;
            warnings(&results)
        };
        assert!(warnings_of(&[100, 101, 99, 100, 180], 0.1).is_empty());
        assert!(warnings_of(&[100, 130, 80, 120, 90], 0.1)[0].contains("json on strata"));
        assert_eq!(warnings_of(&[100], 0.9).len(), 2);
    }
}
