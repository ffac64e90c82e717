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
}
