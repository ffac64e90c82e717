//! Which of the targets hold: said, not asserted.
//!
//! | target                                                                              |
//! |-------------------------------------------------------------------------------------|
//! | no program slower than on the best of the peers by more than 5 %                     |
//! | geometric mean of time at most 0.95 × that of the peer whose mean is best            |
//! | geometric mean of peak memory no more than glibc's                                   |
//! | geometric mean of peak memory, over each program's smallest peer, at most 1.05 ×     |

use super::allocators::{GLIBC, STRATA, is_peer};
use super::results::{Clock, Metric, Results};
use strata_harness::statistics::geometric_mean;

/// One line for each target; none without Strata or without peers.
pub(super) fn of(results: &Results, clock: Clock) -> Vec<String> {
    let time = Metric::Time(clock);
    [slower(results, time), mean_time(results, time), mean_peak(results), smallest_peak(results)]
        .into_iter()
        .flatten()
        .collect()
}

/// Strata's median over another allocator's.
pub(super) fn ratio_to(results: &Results, program: &str, allocator: &str, metric: Metric) -> Option<f64> {
    Some(results.median(program, STRATA, metric)? / results.median(program, allocator, metric)?)
}

/// Strata's median over the least of its peers'.
pub(super) fn ratio_to_best(results: &Results, program: &str, metric: Metric) -> Option<f64> {
    let ratios = peers(results).filter_map(|peer| ratio_to(results, program, peer, metric));
    ratios.reduce(f64::max)
}

/// The mean of Strata's ratios to one peer.
pub(super) fn mean_to(results: &Results, allocator: &str, metric: Metric) -> Option<f64> {
    let programs = results.programs.iter();
    geometric_mean(programs.filter_map(|program| ratio_to(results, program, allocator, metric)))
}

/// The mean of Strata's ratios to each program's best peer.
pub(super) fn mean_to_best(results: &Results, metric: Metric) -> Option<f64> {
    geometric_mean(results.programs.iter().filter_map(|program| ratio_to_best(results, program, metric)))
}

fn peers(results: &Results) -> impl Iterator<Item = &str> {
    results.allocators.iter().map(|one| one.name.as_str()).filter(|name| is_peer(name))
}

fn slower(results: &Results, time: Metric) -> Option<String> {
    const MOST: f64 = 1.05;
    let ratios =
        results.programs.iter().filter_map(|program| Some((program, ratio_to_best(results, program, time)?)));
    let (slow, other): (Vec<_>, Vec<_>) = ratios.partition(|(_, ratio)| *ratio > MOST);
    if slow.is_empty() && other.is_empty() {
        return None;
    }
    let named: Vec<String> = slow.iter().map(|(program, ratio)| format!("{program} {ratio:.2} ×")).collect();
    let tail = if named.is_empty() { String::new() } else { format!(": {}", named.join(", ")) };
    Some(format!("{}: no program slower than on its best peer by more than 5 %{tail}", word(slow.is_empty())))
}

fn mean_time(results: &Results, time: Metric) -> Option<String> {
    const MOST: f64 = 0.95;
    let means = peers(results).filter_map(|peer| Some((peer, mean_to(results, peer, time)?)));
    let (peer, mean) = means.max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(format!(
        "{}: mean of time at most {MOST} × the best peer's ({peer}): {mean:.3} ×",
        word(mean <= MOST)
    ))
}

fn mean_peak(results: &Results) -> Option<String> {
    let mean = mean_to(results, GLIBC, Metric::Peak)?;
    Some(format!("{}: mean of peak memory no more than glibc's: {mean:.3} ×", word(mean <= 1.0)))
}

fn smallest_peak(results: &Results) -> Option<String> {
    const MOST: f64 = 1.05;
    let mean = mean_to_best(results, Metric::Peak)?;
    let held = word(mean <= MOST);
    Some(format!("{held}: mean of peak memory at most {MOST} × each program's smallest peer's: {mean:.3} ×"))
}

fn word(holds: bool) -> &'static str {
    if holds { "holds" } else { "does not hold" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Sample;
    use crate::results::testing::results;

    const WALL: Clock = Clock::Wall;

    fn sample(time: u64, peak: u64) -> Sample {
        Sample { wall_ns: time, processor_ns: time, peak_bytes: peak, faults: 1 }
    }

    #[test]
    fn a_program_is_compared_with_its_own_best_peer() {
        let results = results(&[
            ("git", "strata", sample(100, 100)),
            ("git", "glibc", sample(200, 100)),
            ("git", "jemalloc", sample(80, 200)),
        ]);
        assert_eq!(ratio_to_best(&results, "git", Metric::Time(WALL)), Some(1.25));
        let lines = of(&results, WALL);
        assert!(lines[0].starts_with("does not hold") && lines[0].contains("git 1.25 ×"), "{lines:?}");
        assert!(lines[1].starts_with("does not hold") && lines[1].contains("jemalloc"), "{lines:?}");
        assert!(lines[2].starts_with("holds") && lines[3].starts_with("holds"), "{lines:?}");
    }

    #[test]
    fn the_best_mean_is_of_one_peer_over_all_programs() {
        let results = results(&[
            ("git", "strata", sample(90, 1)),
            ("git", "glibc", sample(100, 1)),
            ("git", "jemalloc", sample(400, 1)),
            ("lua", "strata", sample(90, 1)),
            ("lua", "glibc", sample(100, 1)),
            ("lua", "jemalloc", sample(50, 1)),
        ]);
        let line = &of(&results, WALL)[1];
        assert!(line.starts_with("holds") && line.contains("glibc") && line.contains("0.900"), "{line}");
    }

    #[test]
    fn without_strata_there_is_nothing_to_say() {
        assert!(of(&results(&[("git", "glibc", sample(1, 1))]), WALL).is_empty());
    }
}
