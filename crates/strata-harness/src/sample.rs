//! What one run of one workload cost: the line that a benchmark binary prints and `strata bench` reads.
//!
//! Does not know: what a workload does; medians.

use serde::{Deserialize, Serialize};

/// One run. Times in nanoseconds, memory in bytes; all of the work part only, unless said otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The workload's name.
    pub workload: String,
    /// How many threads were asked for (workloads that scale), else 1.
    pub threads: usize,
    /// How many operations the work consists of; 0 where that has no meaning.
    pub operations: u64,
    /// From the start of the work to its end, freeing included.
    pub wall_ns: u64,
    /// Processor time in user mode, all threads.
    pub user_ns: u64,
    /// Processor time in the kernel, all threads.
    pub system_ns: u64,
    /// Resident memory when the input stood ready.
    pub rss_start: u64,
    /// Most resident memory during the work, the input included.
    pub rss_peak: u64,
    /// Resident memory once the work had freed everything; the input still lives.
    pub rss_end: u64,
    /// Page faults served without reading from a disk.
    pub minor_faults: u64,
    /// Page faults that waited for a disk.
    pub major_faults: u64,
    /// Times a thread gave up its processor (waited).
    pub voluntary_switches: u64,
    /// Times a thread was put off its processor: a sign of a busy machine.
    pub involuntary_switches: u64,
    /// The work's result; a different one under another allocator is an error.
    pub checksum: u64,
    /// What only this workload measures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
}

/// What only some workloads measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Details {
    /// Single operations, timed one by one.
    Latency(Latency),
    /// Memory over time.
    Story(Story),
    /// Memory beyond what was asked for.
    Fragmentation(Fragmentation),
}

/// How long single operations took, the clock's own cost included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Nothing at all, timed in the same way.
    pub clock: Percentiles,
    /// One allocation.
    pub allocate: Percentiles,
    /// One free.
    pub free: Percentiles,
}

/// Nanoseconds that this part of the operations stayed under.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Half of them.
    pub p50: u64,
    /// Nine of ten.
    pub p90: u64,
    /// All but one in a hundred.
    pub p99: u64,
    /// All but one in a thousand.
    pub p999: u64,
    /// All but one in ten thousand.
    pub p9999: u64,
    /// All.
    pub max: u64,
    /// All but one in `10^(index / 4)`, for a curve.
    pub curve: Vec<u64>,
}

/// Memory through several phases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Story {
    /// The phases in their order.
    pub phases: Vec<Moment>,
    /// (milliseconds since the start, resident bytes), every few milliseconds.
    pub resident: Vec<(u64, u64)>,
}

/// Memory beyond what was asked for: inside of blocks, and between them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fragmentation {
    /// By range of sizes.
    pub inside: Vec<Inside>,
    /// After each step; resident since before the first block.
    pub outside: Vec<Moment>,
}

/// A mixture of sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inside {
    /// From the smallest to the largest.
    pub sizes: String,
    /// The sum of what was asked for.
    pub asked_bytes: u64,
    /// The sum of what could be used; not known of every allocator.
    pub usable_bytes: Option<u64>,
}

/// The end of a phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// What was done.
    pub phase: String,
    /// When it ended, in milliseconds since the start.
    pub end_ms: u64,
    /// What the program held then.
    pub live_bytes: u64,
    /// What was resident then.
    pub resident_bytes: u64,
}

impl Sample {
    /// Where there are some: how long single operations took.
    pub fn latency(&self) -> Option<&Latency> {
        match &self.details {
            Some(Details::Latency(latency)) => Some(latency),
            _ => None,
        }
    }

    /// Where there is one: memory through several phases.
    pub fn story(&self) -> Option<&Story> {
        match &self.details {
            Some(Details::Story(story)) => Some(story),
            _ => None,
        }
    }

    /// The ends of phases, where there are some.
    pub fn moments(&self) -> &[Moment] {
        match &self.details {
            Some(Details::Story(story)) => &story.phases,
            Some(Details::Fragmentation(fragmentation)) => &fragmentation.outside,
            _ => &[],
        }
    }

    /// Where it was measured: memory beyond what was asked for.
    pub fn fragmentation(&self) -> Option<&Fragmentation> {
        match &self.details {
            Some(Details::Fragmentation(fragmentation)) => Some(fragmentation),
            _ => None,
        }
    }
}

impl Moment {
    /// What is resident for each byte that the program holds.
    pub fn overhead(&self) -> Option<f64> {
        (self.live_bytes > 0).then(|| self.resident_bytes as f64 / self.live_bytes as f64)
    }
}

impl Inside {
    /// What can be used for each byte that was asked for.
    pub fn overhead(&self) -> Option<f64> {
        let usable = self.usable_bytes.filter(|_| self.asked_bytes > 0)?;
        Some(usable as f64 / self.asked_bytes as f64)
    }
}

/// A workload, as `--list` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// What one types.
    pub name: String,
    /// The program that it stands for.
    pub stands_for: String,
    /// Where its numbers are shown.
    pub kind: Kind,
}

/// Where a workload's numbers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A program's work: time, memory and faults are compared.
    Real,
    /// One operation over and over: nanoseconds each.
    Micro,
    /// The same on several threads: throughput and efficiency.
    Scaling,
    /// Single operations: percentiles.
    Latency,
    /// Memory over time.
    Story,
    /// Memory beyond what was asked for.
    Fragmentation,
}
