//! The metrics: one list, whatever they are written for. Names are those that dashboards for jemalloc's gauges expect.
//!
//! The six gauges that such dashboards subtract from each other come first: `resident − allocated` is waste,
//! `active − allocated` fragmentation, `retained` addresses without memory.
//!
//! Does not know: how a metric is written.

use crate::stats::{ClassStats, Stats};
use core::fmt;
use strata_core::layout::POOL_BYTES;

/// What is measured: a family of samples with one name.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    name: &'static str,
    help: &'static str,
    kind: MetricKind,
    source: Source,
}

/// Whether a metric may fall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// It may: what there is at this moment.
    Gauge,
    /// It may not: what there was since the start.
    Counter,
}

/// Where the samples of a metric come from.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// One sample.
    Total(fn(&Stats) -> u64),
    /// One for each size class that has pools.
    Classes(fn(&ClassStats) -> u64),
    /// One for each size class that was ever in use.
    UsedClasses(fn(&ClassStats) -> u64),
    /// One for each kind of system call on memory.
    Calls,
}

/// One number of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// What tells it from the metric's other samples; `None` if it is the only one.
    pub label: Option<Label>,
    /// Bytes if the metric's name says so, else a count.
    pub value: u64,
}

/// What tells samples of one metric apart. Its `Display` is the label's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Label {
    /// A size class: the bytes of its blocks.
    Size(u64),
    /// A system call.
    Call(&'static str),
}

impl Label {
    /// The label's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Size(_) => "size",
            Self::Call(_) => "call",
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size(bytes) => bytes.fmt(f),
            Self::Call(name) => name.fmt(f),
        }
    }
}

/// All metrics: gauges, gauges of size classes, counters.
pub const METRICS: &[Metric] = &[
    gauge("strata_allocated_bytes", "Bytes of the blocks that the program has.", Stats::allocated_bytes),
    gauge(
        "strata_active_bytes",
        "Bytes of the pools and mappings in which blocks live.",
        Stats::active_bytes,
    ),
    gauge("strata_resident_bytes", "Bytes that may be in memory, in use or free.", |stats| {
        stats.resident_bytes
    }),
    gauge("strata_retained_bytes", "Bytes of addresses without memory.", Stats::retained_bytes),
    gauge("strata_metadata_bytes", "Bytes that describe arenas.", Stats::metadata_bytes),
    gauge("strata_mapped_bytes", "Bytes that may be touched.", |stats| stats.committed_bytes),
    gauge("strata_reserved_bytes", "Bytes of addresses held.", |stats| stats.reserved_bytes),
    gauge("strata_ready_bytes", "Bytes of free blocks in the magazines of threads.", |stats| {
        stats.ready_bytes
    }),
    gauge("strata_free_bytes", "Bytes of free blocks in pools in use.", Stats::free_bytes),
    gauge("strata_lazily_purged_bytes", "Resident bytes that the kernel may take.", |stats| {
        stats.lazily_purged_bytes
    }),
    gauge("strata_pinned_bytes", "Bytes of explicit huge pages, which stay.", |stats| stats.pinned_bytes),
    gauge("strata_large_allocated_bytes", "Of the allocated bytes, those in runs of pools.", |stats| {
        stats.large_bytes
    }),
    gauge(
        "strata_huge_allocated_bytes",
        "Of the allocated bytes, those in mappings of their own.",
        |stats| stats.huge_bytes,
    ),
    gauge("strata_huge_kept_bytes", "Bytes of freed huge blocks that wait for reuse.", |stats| {
        stats.huge_kept_bytes
    }),
    gauge("strata_committed_peak_bytes", "The most bytes that might be touched at once.", |stats| {
        stats.flows.committed_bytes.peak
    }),
    gauge("strata_pools_peak_bytes", "The most bytes of pools that were in use at once.", |stats| {
        stats.flows.used_pools.peak * POOL_BYTES as u64
    }),
    gauge(
        "strata_blocks_peak_bytes",
        "The most bytes of blocks outside of pools at once, sampled.",
        |stats| stats.flows.block_bytes.peak,
    ),
    gauge("strata_huge_peak_bytes", "The most bytes of huge allocations at once.", |stats| {
        stats.flows.huge_bytes.peak
    }),
    gauge("strata_used_pools", "Pools of 64 KiB in use.", |stats| stats.used_pools),
    gauge("strata_dirty_pools", "Free pools that may be in memory.", |stats| stats.dirty_pools),
    gauge("strata_clean_pools", "Free pools without memory.", |stats| stats.clean_pools),
    gauge("strata_arenas", "Arenas of 4 MiB in use.", |stats| stats.arenas),
    gauge("strata_caches", "Caches of threads and heaps in use.", |stats| stats.caches),
    of_classes(
        "strata_class_allocated_bytes",
        "Bytes of the blocks of a size class that the program has.",
        |class| class.live_bytes(),
    ),
    of_classes("strata_class_ready_bytes", "Bytes of a size class in magazines of threads.", |class| {
        class.ready_blocks * class.block_bytes
    }),
    of_classes("strata_class_free_bytes", "Bytes of free blocks of a size class in pools in use.", |class| {
        class.free_blocks() * class.block_bytes
    }),
    of_classes(
        "strata_class_peak_bytes",
        "The most bytes of a size class outside of pools at once, sampled.",
        ClassStats::peak_bytes,
    ),
    of_classes("strata_class_pools", "Pools in use for a size class.", |class| class.pools),
    counter("strata_purged_bytes", "Bytes given back to the system.", |stats| stats.purged_bytes),
    counter("strata_purges", "Calls that gave memory of free pools back.", |stats| stats.purges),
    counter("strata_pools_claimed", "Pools of 64 KiB claimed.", |stats| stats.flows.used_pools.total_in),
    counter("strata_pools_released", "Pools of 64 KiB released.", |stats| stats.flows.used_pools.total_out),
    counter("strata_large_taken_bytes", "Bytes of runs of pools taken for large allocations.", |stats| {
        stats.flows.large_bytes.total_in
    }),
    counter("strata_large_returned_bytes", "Bytes of runs of pools given back.", |stats| {
        stats.flows.large_bytes.total_out
    }),
    counter("strata_huge_taken_bytes", "Bytes of huge allocations made.", |stats| {
        stats.flows.huge_bytes.total_in
    }),
    counter("strata_huge_returned_bytes", "Bytes of huge allocations freed.", |stats| {
        stats.flows.huge_bytes.total_out
    }),
    total_of_classes(
        "strata_class_taken_blocks",
        "Blocks of a size class that went from pools to magazines.",
        |class| class.taken_blocks,
    ),
    total_of_classes(
        "strata_class_returned_blocks",
        "Blocks of a size class that went back to pools.",
        |class| class.returned_blocks,
    ),
    counter("strata_caches_opened", "Caches handed out.", |stats| stats.caches_ever),
    counter("strata_refused_calls", "System calls on memory that were refused.", |stats| stats.calls.failed),
    calls("strata_calls", "System calls on memory."),
];

const fn gauge(name: &'static str, help: &'static str, value: fn(&Stats) -> u64) -> Metric {
    Metric { name, help, kind: MetricKind::Gauge, source: Source::Total(value) }
}

const fn of_classes(name: &'static str, help: &'static str, value: fn(&ClassStats) -> u64) -> Metric {
    Metric { name, help, kind: MetricKind::Gauge, source: Source::Classes(value) }
}

const fn total_of_classes(name: &'static str, help: &'static str, value: fn(&ClassStats) -> u64) -> Metric {
    Metric { name, help, kind: MetricKind::Counter, source: Source::UsedClasses(value) }
}

const fn counter(name: &'static str, help: &'static str, value: fn(&Stats) -> u64) -> Metric {
    Metric { name, help, kind: MetricKind::Counter, source: Source::Total(value) }
}

const fn calls(name: &'static str, help: &'static str) -> Metric {
    Metric { name, help, kind: MetricKind::Counter, source: Source::Calls }
}

impl Metric {
    /// The family's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What it says, as one sentence.
    pub const fn help(&self) -> &'static str {
        self.help
    }

    /// Whether it may fall.
    pub const fn kind(&self) -> MetricKind {
        self.kind
    }

    /// What its samples have behind its name.
    pub const fn suffix(&self) -> &'static str {
        match self.kind {
            MetricKind::Gauge => "",
            MetricKind::Counter => "_total",
        }
    }

    /// Whether its samples are bytes; its name ends in `_bytes` then.
    pub fn is_in_bytes(&self) -> bool {
        self.name.ends_with("_bytes")
    }

    /// Tells the samples at one moment.
    pub fn samples(&self, stats: &Stats, mut each: impl FnMut(Sample)) {
        match self.source {
            Source::Total(value) => each(Sample { label: None, value: value(stats) }),
            Source::Classes(value) => {
                for class in stats.classes.iter().filter(|class| class.pools > 0) {
                    each(Sample { label: Some(Label::Size(class.block_bytes)), value: value(class) });
                }
            }
            Source::UsedClasses(value) => {
                for class in stats.classes.iter().filter(|class| class.taken_blocks > 0) {
                    each(Sample { label: Some(Label::Size(class.block_bytes)), value: value(class) });
                }
            }
            Source::Calls => {
                for (call, value) in stats.calls_by_name() {
                    each(Sample { label: Some(Label::Call(call)), value });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_stands_twice_and_each_metric_says_what_it_is() {
        for (index, metric) in METRICS.iter().enumerate() {
            assert!(METRICS.iter().skip(index + 1).all(|other| other.name != metric.name), "{}", metric.name);
            assert!(metric.name.starts_with("strata_") && metric.help.ends_with('.'), "{metric:?}");
            assert!(!metric.name.ends_with("_total"), "{}: the samples of a counter have it", metric.name);
        }
    }

    #[test]
    fn classes_without_pools_have_no_samples() {
        let mut stats = Stats::zero();
        stats.classes[2].pools = 3;
        let pools = METRICS.iter().find(|metric| metric.name == "strata_class_pools").unwrap();
        let mut seen = std::vec::Vec::new();
        pools.samples(&stats, |sample| seen.push(sample));
        assert_eq!(seen, [Sample { label: Some(Label::Size(48)), value: 3 }]);
    }
}
