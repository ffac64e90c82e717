//! Strata beside the best of its peers in each workload: one may be the fastest here, another the smallest there.
//!
//! Peers are allocators of others; the variants with a global lock are ours.

use super::metric::Metric;
use super::plan::Case;
use super::results::Results;
use strata_harness::sample::Kind;
use strata_harness::statistics::geometric_mean;

const SUBJECT: &str = "strata";
/// How the names of our own variants begin.
const OURS: [&str; 3] = [SUBJECT, "gil", "pymalloc"];

const KINDS: [Kind; 3] = [Kind::Real, Kind::Story, Kind::Fragmentation];

/// A line that says how much Strata takes of what the best peer does, as geometric means; `None` without a peer.
pub(crate) fn line(results: &Results) -> Option<String> {
    let parts: Vec<String> =
        [Metric::Time, Metric::PeakMemory].into_iter().filter_map(|metric| part(results, metric)).collect();
    (!parts.is_empty())
        .then(|| format!("Strata ÷ the best peer of each workload, geometric mean: {}", parts.join(", ")))
}

fn part(results: &Results, metric: Metric) -> Option<String> {
    let suitable = KINDS.into_iter().filter(|kind| metric.suits(*kind));
    let cases: Vec<Case> = suitable.flat_map(|kind| results.cases(kind)).collect();
    let ratios: Vec<f64> = cases.iter().filter_map(|case| ratio(results, case, metric)).collect();
    let mean = geometric_mean(ratios.iter().copied())?;
    Some(format!("{} {mean:.2}× ({} workloads)", metric.title(), ratios.len()))
}

fn ratio(results: &Results, case: &Case, metric: Metric) -> Option<f64> {
    let median =
        |allocator: &str| results.series(case, allocator)?.summary(metric).map(|summary| summary.median);
    let peers = results.allocators.iter().filter(|name| OURS.iter().all(|own| !name.starts_with(own)));
    let best = peers.filter_map(|peer| median(peer)).min_by(f64::total_cmp)?;
    (best > 0.0).then_some(median(SUBJECT)? / best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::tests::results;

    #[test]
    fn each_workload_has_a_best_peer_of_its_own_and_our_variants_are_none() {
        let results = results(&[
            ("json", "strata", &[50]),
            ("json", "mimalloc", &[100]),
            ("json", "system", &[200]),
            ("json", "gil", &[1]),
            ("trees", "strata", &[80]),
            ("trees", "mimalloc", &[100]),
            ("trees", "system", &[40]),
        ]);
        let line = line(&results).unwrap();
        assert!(line.ends_with("time 1.00× (2 workloads), peak memory (RSS) 1.00× (2 workloads)"), "{line}");
    }

    #[test]
    fn without_a_peer_nothing_is_said() {
        assert_eq!(line(&results(&[("json", "strata", &[50]), ("json", "gil", &[50])])), None);
    }
}
