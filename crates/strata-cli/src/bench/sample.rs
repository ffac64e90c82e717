//! One run, as a benchmark binary prints it.
//!
//! The other half is `benches/src/sample.rs`: that package is not published, so the two name the fields each for itself.

use serde::{Deserialize, Serialize};

/// One run. Times in nanoseconds, memory in bytes; all of the work part only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) workload: String,
    pub(crate) threads: usize,
    pub(crate) operations: u64,
    pub(crate) wall_ns: u64,
    pub(crate) user_ns: u64,
    pub(crate) system_ns: u64,
    pub(crate) rss_start: u64,
    pub(crate) rss_peak: u64,
    pub(crate) rss_end: u64,
    pub(crate) minor_faults: u64,
    pub(crate) major_faults: u64,
    pub(crate) voluntary_switches: u64,
    pub(crate) involuntary_switches: u64,
    pub(crate) checksum: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) details: Option<Details>,
}

/// What only some workloads measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Details {
    Latency(Latency),
    Story(Story),
    Fragmentation(Fragmentation),
}

/// How long single operations took, the clock's own cost included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) clock: Percentiles,
    pub(crate) allocate: Percentiles,
    pub(crate) free: Percentiles,
}

/// Nanoseconds that this part of the operations stayed under.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: u64,
    pub(crate) p90: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    pub(crate) p9999: u64,
    pub(crate) max: u64,
    /// All but one in `10^(index / 4)`.
    pub(crate) curve: Vec<u64>,
}

/// Memory through several phases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Story {
    pub(crate) phases: Vec<Moment>,
    /// (milliseconds since the start, resident bytes).
    pub(crate) resident: Vec<(u64, u64)>,
}

/// Memory beyond what was asked for: inside of blocks, and between them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fragmentation {
    pub(crate) inside: Vec<Inside>,
    pub(crate) outside: Vec<Moment>,
}

/// A mixture of sizes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Inside {
    pub(crate) sizes: String,
    pub(crate) asked_bytes: u64,
    pub(crate) usable_bytes: Option<u64>,
}

/// The end of a phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moment {
    pub(crate) phase: String,
    pub(crate) end_ms: u64,
    pub(crate) live_bytes: u64,
    pub(crate) resident_bytes: u64,
}

impl Sample {
    pub(crate) fn latency(&self) -> Option<&Latency> {
        match &self.details {
            Some(Details::Latency(latency)) => Some(latency),
            _ => None,
        }
    }

    pub(crate) fn story(&self) -> Option<&Story> {
        match &self.details {
            Some(Details::Story(story)) => Some(story),
            _ => None,
        }
    }

    /// The ends of phases, where there are some.
    pub(crate) fn moments(&self) -> &[Moment] {
        match &self.details {
            Some(Details::Story(story)) => &story.phases,
            Some(Details::Fragmentation(fragmentation)) => &fragmentation.outside,
            _ => &[],
        }
    }

    pub(crate) fn fragmentation(&self) -> Option<&Fragmentation> {
        match &self.details {
            Some(Details::Fragmentation(fragmentation)) => Some(fragmentation),
            _ => None,
        }
    }
}

impl Moment {
    /// What is resident for each byte that the program holds.
    pub(crate) fn overhead(&self) -> Option<f64> {
        (self.live_bytes > 0).then(|| self.resident_bytes as f64 / self.live_bytes as f64)
    }
}

impl Inside {
    /// What can be used for each byte that was asked for.
    pub(crate) fn overhead(&self) -> Option<f64> {
        let usable = self.usable_bytes.filter(|_| self.asked_bytes > 0)?;
        Some(usable as f64 / self.asked_bytes as f64)
    }
}

/// A workload, as `--list` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Workload {
    pub(crate) name: String,
    pub(crate) stands_for: String,
    pub(crate) kind: Kind,
}

/// Where a workload's numbers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// A program's work.
    Real,
    /// One operation over and over.
    Micro,
    /// The same on several threads.
    Scaling,
    /// Single operations: percentiles.
    Latency,
    /// Memory over time.
    Story,
    /// Memory beyond what was asked for.
    Fragmentation,
}
