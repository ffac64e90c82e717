//! What one run of one workload cost: the line that a benchmark binary prints.
//!
//! `strata bench` reads it (`bench/sample.rs` there); a field added here is added there.

use serde::Serialize;

/// One run. Times in nanoseconds, memory in bytes; all of the work part only, unless said otherwise.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
}
