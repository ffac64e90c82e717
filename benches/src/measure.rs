//! Reads the process's clocks and counters around the work.
//!
//! The peak is reset (`/proc/self/clear_refs`) once the input stands ready, so that it belongs to the work and to what
//! lives during it. Where the kernel refuses that, the peak since the start of the process is what is left.

use std::fs::{self, File};
use std::io::Read;
use std::iter::Sum;
use std::time::Instant;

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nix::unistd::{SysconfVar, sysconf};

use crate::workloads::{Job, Settings};
use strata_harness::sample::Sample;

/// Runs `job` and says what it cost.
#[must_use]
pub fn measure(workload: &str, settings: &Settings, job: Job) -> Sample {
    let rss_start = resident_bytes();
    reset_peak();
    let before = Counters::read(UsageWho::RUSAGE_SELF);
    let start = Instant::now();
    let outcome = job();
    let elapsed = start.elapsed();
    let spent = Counters::read(UsageWho::RUSAGE_SELF).since(&before);
    Sample {
        workload: workload.to_owned(),
        threads: settings.threads,
        operations: outcome.operations,
        wall_ns: outcome.wall.unwrap_or(elapsed).as_nanos() as u64,
        user_ns: spent.user_ns.saturating_sub(outcome.load.user_ns),
        system_ns: spent.system_ns.saturating_sub(outcome.load.system_ns),
        rss_start,
        rss_peak: peak_bytes(),
        rss_end: resident_bytes(),
        minor_faults: spent.minor_faults,
        major_faults: spent.major_faults,
        voluntary_switches: spent.voluntary_switches,
        involuntary_switches: spent.involuntary_switches,
        checksum: outcome.checksum,
        details: outcome.details,
    }
}

/// Time of processors, by what they did.
#[derive(Debug, Default, Clone, Copy)]
pub struct ProcessorTime {
    user_ns: u64,
    system_ns: u64,
}

impl ProcessorTime {
    /// What this thread took since it began.
    #[must_use]
    pub fn of_this_thread() -> Self {
        let Counters { user_ns, system_ns, .. } = Counters::read(UsageWho::RUSAGE_THREAD);
        Self { user_ns, system_ns }
    }
}

impl Sum for ProcessorTime {
    fn sum<I: Iterator<Item = Self>>(times: I) -> Self {
        times.fold(Self::default(), |sum, time| Self {
            user_ns: sum.user_ns + time.user_ns,
            system_ns: sum.system_ns + time.system_ns,
        })
    }
}

/// The kernel's running totals for this process, or this thread.
#[derive(Debug, Default)]
struct Counters {
    user_ns: u64,
    system_ns: u64,
    minor_faults: u64,
    major_faults: u64,
    voluntary_switches: u64,
    involuntary_switches: u64,
}

impl Counters {
    fn read(whose: UsageWho) -> Self {
        getrusage(whose).map(|usage| Self::from_usage(&usage)).unwrap_or_default()
    }

    fn from_usage(usage: &Usage) -> Self {
        Self {
            user_ns: nanoseconds(usage.user_time()),
            system_ns: nanoseconds(usage.system_time()),
            minor_faults: count(usage.minor_page_faults()),
            major_faults: count(usage.major_page_faults()),
            voluntary_switches: count(usage.voluntary_context_switches()),
            involuntary_switches: count(usage.involuntary_context_switches()),
        }
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            user_ns: self.user_ns.saturating_sub(before.user_ns),
            system_ns: self.system_ns.saturating_sub(before.system_ns),
            minor_faults: self.minor_faults.saturating_sub(before.minor_faults),
            major_faults: self.major_faults.saturating_sub(before.major_faults),
            voluntary_switches: self.voluntary_switches.saturating_sub(before.voluntary_switches),
            involuntary_switches: self.involuntary_switches.saturating_sub(before.involuntary_switches),
        }
    }
}

fn nanoseconds(time: TimeVal) -> u64 {
    count(time.tv_sec()) * 1_000_000_000 + count(time.tv_usec()) * 1_000
}

fn count(value: impl TryInto<u64>) -> u64 {
    value.try_into().unwrap_or(0)
}

/// Resident memory now.
#[must_use]
pub fn resident_bytes() -> u64 {
    status_bytes("VmRSS:")
}

/// Resident memory now, asked for without an allocation: who watches must not take part.
#[must_use]
pub fn resident_bytes_quietly() -> u64 {
    let mut text = [0_u8; 128];
    let length = File::open("/proc/self/statm").and_then(|mut file| file.read(&mut text)).unwrap_or(0);
    let pages = text[..length].split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    pages.iter().fold(0, |number, digit| number * 10 + u64::from(digit.wrapping_sub(b'0'))) * page_bytes()
}

/// What `statm` counts in.
fn page_bytes() -> u64 {
    sysconf(SysconfVar::PAGE_SIZE).ok().flatten().and_then(|bytes| bytes.try_into().ok()).unwrap_or(4_096)
}

fn peak_bytes() -> u64 {
    status_bytes("VmHWM:")
}

fn reset_peak() {
    // "5" asks for exactly this. Refused in some containers; the peak then includes the preparation.
    let _refused = fs::write("/proc/self/clear_refs", "5");
}

fn status_bytes(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    kibibytes(&status, field).unwrap_or(0) * 1024
}

/// The value of a line such as `VmHWM:     5320 kB`.
fn kibibytes(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with(field))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_line_is_read_by_its_whole_name() {
        let status = "VmPeak:\t   99 kB\nVmHWM:\t    5320 kB\nVmRSS:\t    4 kB\n";
        assert_eq!(kibibytes(status, "VmHWM:"), Some(5320));
        assert_eq!(kibibytes(status, "VmRSS:"), Some(4));
        assert_eq!(kibibytes(status, "VmSwap:"), None);
    }

    #[test]
    fn both_ways_to_ask_for_resident_memory_agree() {
        let [quietly, loudly] = [resident_bytes_quietly(), resident_bytes()];
        assert!(quietly > loudly / 2 && loudly > quietly / 2, "{quietly} {loudly}");
    }

    #[test]
    fn a_thread_that_works_takes_time() {
        let time = loop {
            let time = ProcessorTime::of_this_thread();
            if time.user_ns + time.system_ns > 0 {
                break time;
            }
        };
        let sum: ProcessorTime = [time, time].into_iter().sum();
        assert_eq!((sum.user_ns, sum.system_ns), (2 * time.user_ns, 2 * time.system_ns));
    }

    #[test]
    fn touched_memory_shows_in_the_peak() {
        let before = peak_bytes();
        let block = std::hint::black_box(vec![1_u8; 32 << 20]);
        assert!(peak_bytes() >= before + (16 << 20), "{} bytes touched", block.len());
    }
}
