//! The statistics as text that Prometheus scrapes, in both dialects, written into a buffer of the caller's.
//!
//! The six gauges that dashboards for jemalloc subtract from each other come first, under the names that they expect:
//! `resident − allocated` is waste, `active − allocated` fragmentation, `retained` addresses without memory.
//!
//! | dialect     | content type                                              | differs in                                  |
//! |-------------|-----------------------------------------------------------|---------------------------------------------|
//! | Prometheus  | `text/plain; version=0.0.4`                               | a counter's family ends in `_total`         |
//! | OpenMetrics | `application/openmetrics-text; version=1.0.0; charset=utf-8` | it does not; units; `# EOF` at the end    |
//!
//! Does not know: who scrapes.

use crate::stats::{ClassStats, Stats};
use core::fmt::{self, Write};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Version 0.0.4, which everything reads.
    Prometheus,
    /// Version 1.0.0.
    OpenMetrics,
}

impl Dialect {
    /// What the answer to a scrape says of its text.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The one that a scraper's `Accept` header asks for.
    pub fn of_accept(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Prometheus }
    }
}

/// A family of which there is one sample: its name, what it says, and its value.
type Single = (&'static str, &'static str, fn(&Stats) -> u64);

const GAUGES: &[Single] = &[
    ("strata_allocated_bytes", "Bytes of the blocks that the program has.", Stats::allocated_bytes),
    ("strata_active_bytes", "Bytes of the pools and mappings in which blocks live.", Stats::active_bytes),
    ("strata_resident_bytes", "Bytes that may be in memory, in use or free.", |stats| stats.resident_bytes),
    ("strata_retained_bytes", "Bytes of addresses without memory.", Stats::retained_bytes),
    ("strata_metadata_bytes", "Bytes that describe arenas.", Stats::metadata_bytes),
    ("strata_mapped_bytes", "Bytes that may be touched.", |stats| stats.committed_bytes),
    ("strata_reserved_bytes", "Bytes of addresses held.", |stats| stats.reserved_bytes),
    ("strata_ready_bytes", "Bytes of free blocks in the magazines of threads.", |stats| stats.ready_bytes),
    ("strata_free_bytes", "Bytes of free blocks in pools in use.", Stats::free_bytes),
    ("strata_lazily_purged_bytes", "Resident bytes that the kernel may take.", |stats| {
        stats.lazily_purged_bytes
    }),
    ("strata_pinned_bytes", "Bytes of explicit huge pages, which stay.", |stats| stats.pinned_bytes),
    ("strata_large_allocated_bytes", "Of the allocated bytes, those in runs of pools.", |stats| {
        stats.large_bytes
    }),
    ("strata_huge_allocated_bytes", "Of the allocated bytes, those in mappings of their own.", |stats| {
        stats.huge_bytes
    }),
    ("strata_huge_kept_bytes", "Bytes of freed huge blocks that wait for reuse.", |stats| {
        stats.huge_kept_bytes
    }),
    ("strata_used_pools", "Pools of 64 KiB in use.", |stats| stats.used_pools),
    ("strata_dirty_pools", "Free pools that may be in memory.", |stats| stats.dirty_pools),
    ("strata_clean_pools", "Free pools without memory.", |stats| stats.clean_pools),
    ("strata_arenas", "Arenas of 4 MiB in use.", |stats| stats.arenas),
    ("strata_caches", "Caches of threads and heaps in use.", |stats| stats.caches),
];

const COUNTERS: &[Single] = &[
    ("strata_purged_bytes", "Bytes given back to the system.", |stats| stats.purged_bytes),
    ("strata_purges", "Calls that gave memory of free pools back.", |stats| stats.purges),
    ("strata_caches_opened", "Caches handed out.", |stats| stats.caches_ever),
    ("strata_refused_calls", "System calls on memory that were refused.", |stats| stats.calls.failed),
];

/// A gauge with a sample for each size class that has pools.
type OfClass = (&'static str, &'static str, fn(&ClassStats) -> u64);

const CLASS_GAUGES: &[OfClass] = &[
    ("strata_class_allocated_bytes", "Bytes of the blocks of a size class that the program has.", |class| {
        class.live_bytes()
    }),
    ("strata_class_ready_bytes", "Bytes of a size class in magazines of threads.", |class| {
        class.ready_blocks * class.block_bytes
    }),
    ("strata_class_free_bytes", "Bytes of free blocks of a size class in pools in use.", |class| {
        class.free_blocks() * class.block_bytes
    }),
    ("strata_class_pools", "Pools in use for a size class.", |class| class.pools),
];

impl Stats {
    /// Writes all metrics.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_metrics(&self, dialect: Dialect, out: &mut impl Write) -> fmt::Result {
        for (name, help, value) in GAUGES {
            dialect.head(out, name, help, "gauge", "")?;
            writeln!(out, "{name} {}", value(self))?;
        }
        for (name, help, value) in CLASS_GAUGES {
            dialect.head(out, name, help, "gauge", "")?;
            for class in self.classes.iter().filter(|class| class.pools > 0) {
                writeln!(out, "{name}{{size=\"{}\"}} {}", class.block_bytes, value(class))?;
            }
        }
        for (name, help, value) in COUNTERS {
            dialect.head(out, name, help, "counter", "_total")?;
            writeln!(out, "{name}_total {}", value(self))?;
        }
        dialect.head(out, "strata_calls", "System calls on memory.", "counter", "_total")?;
        for (call, count) in self.calls_by_name() {
            writeln!(out, "strata_calls_total{{call=\"{call}\"}} {count}")?;
        }
        match dialect {
            Dialect::Prometheus => Ok(()),
            Dialect::OpenMetrics => writeln!(out, "# EOF"),
        }
    }
}

impl Dialect {
    fn head(self, out: &mut impl Write, name: &str, help: &str, kind: &str, suffix: &str) -> fmt::Result {
        let suffix = match self {
            Self::Prometheus => suffix,
            Self::OpenMetrics => "",
        };
        writeln!(out, "# TYPE {name}{suffix} {kind}")?;
        if self == Self::OpenMetrics && name.ends_with("_bytes") {
            writeln!(out, "# UNIT {name} bytes")?;
        }
        writeln!(out, "# HELP {name}{suffix} {help}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn text(dialect: Dialect) -> String {
        let mut stats = Stats::zero();
        stats.huge_bytes = 4096;
        stats.classes[2].pools = 3;
        let mut out = String::new();
        stats.write_metrics(dialect, &mut out).unwrap();
        out
    }

    #[test]
    fn both_dialects_have_the_same_samples() {
        let samples = |text: &str| -> std::vec::Vec<String> {
            text.lines().filter(|line| !line.starts_with('#')).map(String::from).collect()
        };
        let (classic, open) = (text(Dialect::Prometheus), text(Dialect::OpenMetrics));
        assert_eq!(samples(&classic), samples(&open));
        assert!(classic.contains("strata_allocated_bytes 4096\n"), "{classic}");
        assert!(classic.contains("strata_class_pools{size=\"48\"} 3\n"), "{classic}");
        assert!(open.ends_with("\n# EOF\n") && !classic.contains("EOF"));
    }

    #[test]
    fn a_counters_family_is_named_as_the_dialect_wants_it() {
        assert!(text(Dialect::Prometheus).contains("# TYPE strata_purges_total counter\n"));
        assert!(text(Dialect::OpenMetrics).contains("# TYPE strata_purges counter\n"));
    }

    #[test]
    fn a_scraper_gets_what_it_accepts() {
        let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2";
        assert_eq!(Dialect::of_accept(accept), Dialect::OpenMetrics);
        assert_eq!(Dialect::of_accept("text/plain"), Dialect::Prometheus);
    }
}
