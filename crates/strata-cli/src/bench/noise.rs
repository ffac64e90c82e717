//! Was the machine quiet enough for the numbers to mean something?

use super::metric::Metric;
use super::results::{Results, Series};

/// Beyond this relative spread a median is a guess.
const WIDE: f64 = 0.05;

/// Warnings to print under the tables, a line each.
pub(crate) fn warnings(results: &Results) -> Vec<String> {
    [busy(results), wide(results), few(results)].into_iter().flatten().collect()
}

fn busy(results: &Results) -> Option<String> {
    let machine = &results.machine;
    (machine.load > 0.5 * machine.cores as f64).then(|| {
        format!(
            "the machine was busy before the first run (load {:.2} on {} cores): stop what else runs and repeat",
            machine.load, machine.cores
        )
    })
}

fn wide(results: &Results) -> Option<String> {
    let spreads: Vec<(f64, &Series)> =
        timed(results).filter_map(|series| Some((spread(series)?, series))).collect();
    let noisy = spreads.iter().filter(|(spread, _)| *spread > WIDE).count();
    let (worst, series) = spreads.iter().max_by(|one, other| one.0.total_cmp(&other.0))?;
    (noisy > 0).then(|| {
        format!(
            "{noisy} of {} medians are uncertain by more than ±{:.0} % (the worst: {} on {}, ±{:.0} %): \
             do not read much into small differences; a quiet machine or more --repetitions help",
            spreads.len(),
            WIDE * 100.0,
            series.case.title(),
            series.allocator,
            worst * 100.0
        )
    })
}

fn few(results: &Results) -> Option<String> {
    let fewest = timed(results).map(|series| series.samples.len()).min()?;
    (fewest < 3).then(|| format!("only {fewest} run(s) of some cases: the spread is unknown"))
}

/// Those whose time is compared.
fn timed(results: &Results) -> impl Iterator<Item = &Series> {
    results
        .series
        .iter()
        .filter(|series| results.kind(&series.case).is_some_and(|kind| Metric::Time.suits(kind)))
}

fn spread(series: &Series) -> Option<f64> {
    series.summary(Metric::Time).map(|summary| summary.relative_spread())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::tests::results;

    fn warnings_of(times: &[u64], load: f64) -> Vec<String> {
        let mut results = results(&[("json", "strata", times)]);
        results.machine.load = load * results.machine.cores as f64;
        warnings(&results)
    }

    #[test]
    fn a_quiet_machine_gets_no_warning() {
        assert!(warnings_of(&[100, 101, 99, 100, 180], 0.1).is_empty());
    }

    #[test]
    fn wide_spreads_name_the_worst() {
        let warnings = warnings_of(&[100, 130, 80, 120, 90], 0.1);
        assert!(warnings[0].contains("json on strata"), "{warnings:?}");
    }

    #[test]
    fn load_before_the_start_and_single_runs_are_told() {
        assert_eq!(warnings_of(&[100], 0.9).len(), 2);
    }
}
