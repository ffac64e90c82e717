//! What happened between two samples, a second.
//!
//! Does not know: how it is shown.

use std::collections::HashMap;

use strata_inspect::{CallCounts, Stats};

use super::sample::{Sample, Thread};

/// Events a second.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rates {
    /// System calls on memory, by name.
    pub(crate) calls: [(&'static str, f64); 5],
    /// Of all threads: batches that came, and magazines that were full.
    pub(crate) refills: f64,
    pub(crate) flushes: f64,
    /// Bytes that were given back.
    pub(crate) purged_bytes: f64,
    /// Batches of each thread, both ways, by its number.
    batches: HashMap<u32, f64>,
}

impl Rates {
    /// Compares two samples; all zero if no time lies between them.
    pub(crate) fn between(before: &Sample, after: &Sample) -> Self {
        let seconds = after.seconds - before.seconds;
        if seconds <= 0.0 {
            return Self::default();
        }
        let rate = |before: u64, after: u64| after.saturating_sub(before) as f64 / seconds;
        let (old, new) = (&before.stats, &after.stats);
        let mut rates = Self {
            calls: [("", 0.0); 5],
            purged_bytes: rate(old.purged_bytes, new.purged_bytes),
            ..Self::default()
        };
        for ((place, (name, old)), (_, new)) in rates.calls.iter_mut().zip(calls(old)).zip(calls(new)) {
            *place = (name, rate(old, new));
        }
        let (old, new) = (batches(before), batches(after));
        for (number, (refills, flushes)) in new {
            let (old_refills, old_flushes) = old.get(&number).copied().unwrap_or_default();
            let (refills, flushes) = (rate(old_refills, refills), rate(old_flushes, flushes));
            rates.refills += refills;
            rates.flushes += flushes;
            rates.batches.insert(number, refills + flushes);
        }
        rates
    }

    /// All system calls on memory.
    pub(crate) fn all_calls(&self) -> f64 {
        self.calls.iter().map(|(_, rate)| rate).sum()
    }

    /// Batches of one thread, both ways.
    pub(crate) fn of_thread(&self, number: u32) -> f64 {
        self.batches.get(&number).copied().unwrap_or(0.0)
    }
}

/// Refills and flushes by the number of the thread; those of all heaps, which have none, together.
fn batches(sample: &Sample) -> HashMap<u32, (u64, u64)> {
    let mut batches: HashMap<u32, (u64, u64)> = HashMap::new();
    for Thread { stats, .. } in &sample.threads {
        let (refills, flushes) = batches.entry(stats.thread).or_default();
        *refills += stats.refills;
        *flushes += stats.flushes;
    }
    batches
}

fn calls(stats: &Stats) -> [(&'static str, u64); 5] {
    let CallCounts { map, unmap, protect, advise, remap, .. } = stats.calls;
    [("mmap", map), ("munmap", unmap), ("mprotect", protect), ("madvise", advise), ("mremap", remap)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::state::tests::sample;

    #[test]
    fn rates_are_differences_over_the_time_between() {
        let (before, mut after) = (sample(1.0), sample(3.0));
        after.stats.calls.advise += 8;
        after.stats.purged_bytes += 4096;
        after.threads[0].stats.refills += 20;
        after.threads[1].stats.flushes += 6;
        let rates = Rates::between(&before, &after);
        assert_eq!(rates.calls[3], ("madvise", 4.0));
        assert_eq!((rates.purged_bytes, rates.refills, rates.flushes), (2048.0, 10.0, 3.0));
        assert_eq!(rates.of_thread(after.threads[0].stats.thread), 10.0);
    }

    #[test]
    fn without_time_between_and_when_counts_fall_there_are_no_rates() {
        let before = sample(1.0);
        assert_eq!(Rates::between(&before, &before), Rates::default());
        let mut after = sample(2.0);
        after.threads[0].stats.refills = 0;
        assert_eq!(Rates::between(&before, &after).refills, 0.0);
    }
}
