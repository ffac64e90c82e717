//! `--compare`: what became slower or bigger since an earlier run, the spread of both taken into account.
//!
//! A change counts where the middle halves of the two series do not overlap *and* the medians differ by more than 2 %.
//! The baseline allocator is the yardstick for the machine itself: if mimalloc became slower too, the machine did.

use super::metric::Metric;
use super::results::{Results, Series};
use strata_harness::statistics::{Summary, geometric_mean};

/// Smaller changes of a median do not count.
const THRESHOLD: f64 = 0.02;
/// From here on the machine is said to have changed.
const DRIFT: f64 = 0.03;

/// What happened to one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Worse,
    Better,
    Same,
}

/// The comparison as text.
pub(crate) fn report(old: &Results, new: &Results) -> String {
    let mut lines = vec![heading(old)];
    lines.extend(caveats(old, new));
    for metric in Metric::ALL {
        let changes: Vec<(Verdict, String)> =
            suited(new, metric).filter_map(|series| change(old, series, metric)).collect();
        lines.extend(listed(&changes, Verdict::Worse, metric.worse()));
        lines.extend(listed(&changes, Verdict::Better, metric.better()));
        let same = changes.iter().filter(|(verdict, _)| *verdict == Verdict::Same).count();
        lines.push(format!("{}: {same} of {} within the spread", metric.title(), changes.len()));
    }
    lines.join("\n")
}

fn heading(old: &Results) -> String {
    format!("Compared with Strata {} on {}:", old.strata, old.machine)
}

fn caveats(old: &Results, new: &Results) -> Vec<String> {
    let mut caveats = Vec::new();
    if !old.machine.is_like(&new.machine) {
        caveats
            .push("warning: another machine; only the ratios between allocators can be compared".to_owned());
    }
    if old.effort.scale != new.effort.scale {
        let (then, now) = (old.effort.scale, new.effort.scale);
        caveats.push(format!(
            "warning: another amount of work (--scale {then} then, {now} now): repeat with the same"
        ));
    }
    caveats.extend(drift(old, new));
    caveats
}

/// How the baseline itself changed.
fn drift(old: &Results, new: &Results) -> Option<String> {
    let baseline = new.baseline();
    let series =
        suited(new, Metric::Time).filter(|series| series.allocator == baseline && baseline != "strata");
    let ratio = geometric_mean(series.filter_map(|series| {
        let (then, now) = summaries(old, series, Metric::Time)?;
        Some(now.median / then.median)
    }))?;
    let change = (ratio - 1.0) * 100.0;
    ((ratio - 1.0).abs() > DRIFT).then(|| {
        format!("warning: {baseline}'s own times changed by {change:+.1} %: the machine or its load did")
    })
}

fn change(old: &Results, series: &Series, metric: Metric) -> Option<(Verdict, String)> {
    let (then, now) = summaries(old, series, metric)?;
    let percent = (now.median / then.median - 1.0) * 100.0;
    let [before, after] = [&then, &now].map(|summary| metric.format(summary.median));
    // What is printed the same is the same: five page faults and a half, and six.
    let verdict = if before == after { Verdict::Same } else { verdict(&then, &now) };
    let line =
        format!("  {} on {}: {before} → {after} ({percent:+.1} %)", series.case.title(), series.allocator);
    Some((verdict, line))
}

fn suited(results: &Results, metric: Metric) -> impl Iterator<Item = &Series> {
    results
        .series
        .iter()
        .filter(move |series| results.kind(&series.case).is_some_and(|kind| metric.suits(kind)))
}

fn summaries(old: &Results, series: &Series, metric: Metric) -> Option<(Summary, Summary)> {
    Some((old.series(&series.case, &series.allocator)?.summary(metric)?, series.summary(metric)?))
}

fn verdict(then: &Summary, now: &Summary) -> Verdict {
    if now.first_quartile > then.third_quartile && now.median > then.median * (1.0 + THRESHOLD) {
        Verdict::Worse
    } else if now.third_quartile < then.first_quartile && now.median < then.median * (1.0 - THRESHOLD) {
        Verdict::Better
    } else {
        Verdict::Same
    }
}

fn listed(changes: &[(Verdict, String)], wanted: Verdict, title: &str) -> Vec<String> {
    let lines: Vec<String> =
        changes.iter().filter(|(verdict, _)| *verdict == wanted).map(|(_, line)| line.clone()).collect();
    if lines.is_empty() { lines } else { [vec![format!("{title}:")], lines].concat() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::tests::results;
    use strata_harness::sample::{Details, Fragmentation, Kind, Moment};

    fn judged(then: &[f64], now: &[f64]) -> Verdict {
        let [then, now] = [then, now].map(|values| Summary::of(values.iter().copied()).unwrap());
        verdict(&then, &now)
    }

    #[test]
    fn a_change_beyond_both_spreads_counts() {
        assert_eq!(judged(&[100.0, 101.0, 102.0], &[110.0, 111.0, 112.0]), Verdict::Worse);
        assert_eq!(judged(&[110.0, 111.0, 112.0], &[100.0, 101.0, 102.0]), Verdict::Better);
    }

    #[test]
    fn the_same_change_drowns_in_a_wide_spread() {
        assert_eq!(judged(&[90.0, 101.0, 130.0], &[80.0, 111.0, 125.0]), Verdict::Same);
    }

    #[test]
    fn a_certain_but_tiny_change_is_none() {
        assert_eq!(judged(&[100.0, 100.0, 100.0], &[101.0, 101.0, 101.0]), Verdict::Same);
    }

    #[test]
    fn the_report_names_what_became_slower_and_counts_the_rest() {
        let old = results(&[("json", "strata", &[100, 101, 102]), ("json", "mimalloc", &[120, 121, 122])]);
        let new = results(&[("json", "strata", &[150, 151, 152]), ("json", "mimalloc", &[120, 121, 122])]);
        let report = report(&old, &new);
        assert!(report.contains("slower:\n  json on strata: 101 ms → 151 ms (+49.5 %)"), "{report}");
        assert!(report.contains("time: 1 of 2 within the spread"), "{report}");
        assert!(!report.contains("warning"), "{report}");
    }

    #[test]
    fn a_change_that_the_numbers_do_not_show_is_none() {
        let with_faults = |faults: [u64; 2]| {
            let mut results = results(&[("json", "strata", &[100, 100])]);
            let samples = &mut results.series[0].samples;
            samples.iter_mut().zip(faults).for_each(|(sample, faults)| sample.minor_faults = faults);
            results
        };
        let report = report(&with_faults([1, 2]), &with_faults([2, 2]));
        assert!(report.contains("page faults: 1 of 1 within the spread"), "{report}");
    }

    /// A fragmentation run at whose end that many MiB were resident.
    fn kept(mebibytes: u64) -> Results {
        let mut results = results(&[("churn", "strata", &[100])]);
        results.workloads[0].kind = Kind::Fragmentation;
        let moment =
            Moment { phase: "24:00".into(), end_ms: 1, live_bytes: 1, resident_bytes: mebibytes << 20 };
        let details = Details::Fragmentation(Fragmentation { inside: Vec::new(), outside: vec![moment] });
        results.series[0].samples[0].details = Some(details);
        results
    }

    #[test]
    fn what_is_kept_at_the_end_is_compared_where_nobody_looks_at_the_time() {
        let report = report(&kept(10), &kept(30));
        assert!(report.contains("more kept:\n  churn on strata: 10.0 MiB → 30.0 MiB (+200.0 %)"), "{report}");
        assert!(!report.contains("slower:"), "{report}");
    }

    #[test]
    fn a_slower_yardstick_means_a_slower_machine() {
        let old = results(&[("json", "strata", &[100]), ("json", "mimalloc", &[100])]);
        let new = results(&[("json", "strata", &[120]), ("json", "mimalloc", &[120])]);
        assert!(report(&old, &new).contains("mimalloc's own times changed by +20.0 %"));
    }
}
