//! One sample of a process.
//!
//! A sample costs the process nothing: its memory is read by `process_vm_readv`, which pages are there by the kernel's `pagemap`, and what
//! it has in all from `/proc/PID/status`. (`smaps`, which `strata explain` reads, holds the process's list of mappings for long.)
//!
//! Does not know: what is shown.

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result};
use strata_inspect::{Footprint, Heap, Kernel, Stats, ThreadStats, Waterfall};

use super::purging::Purging;
use crate::inspect::process::Process;
use crate::inspect::reading::Reading;

/// A thread, or a heap.
#[derive(Clone, Debug)]
pub(crate) struct Thread {
    pub(crate) name: String,
    pub(crate) stats: ThreadStats,
}

/// A process at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Seconds since the first sample.
    pub(crate) seconds: f64,
    pub(crate) pid: u32,
    pub(crate) name: String,
    pub(crate) waterfall: Waterfall,
    /// Of the largest allocator in the process.
    pub(crate) stats: Stats,
    pub(crate) threads: Vec<Thread>,
    /// Threads of the process, whether they have a cache or not.
    pub(crate) all_threads: usize,
    pub(crate) purging: Purging,
}

/// Takes samples of one process.
#[derive(Debug)]
pub(crate) struct Sampler {
    process: Process,
    start: Instant,
}

impl Sampler {
    /// For a process that may be read.
    pub(crate) fn new(process: Process) -> Self {
        Self { process, start: Instant::now() }
    }

    /// Takes one.
    pub(crate) fn sample(&mut self) -> Result<Sample> {
        let process = &self.process;
        let reading = process.reading();
        let heaps = reading.heaps()?;
        let mut footprint = Footprint::default();
        let is_known = heaps.iter().all(|heap| heap.add_footprint(&mut footprint));
        let kernel = kernel(process.pid()).filter(|_| is_known);
        let kernel = kernel.with_context(|| format!("process {} has ended", process.pid()))?;
        let names = process.threads();
        let looked = heaps.iter().map(|heap| of_heap(heap, &names));
        let largest = looked.max_by_key(|(_, stats, _)| stats.committed_bytes);
        let (heap, stats, threads) = largest.context("it has no allocator any more")?;
        Ok(Sample {
            seconds: self.start.elapsed().as_secs_f64(),
            pid: process.pid(),
            name: process.name(),
            waterfall: Waterfall::new(&footprint, &kernel),
            purging: Purging::of(heap, &stats, &footprint),
            stats,
            threads,
            all_threads: names.len(),
        })
    }
}

/// What the kernel counts, without a walk over page tables.
pub(crate) fn kernel(pid: u32) -> Option<Kernel> {
    Kernel::of_status(&fs::read(format!("/proc/{pid}/status")).ok()?)
}

fn of_heap<'a, 'p>(
    heap: &'a Heap<'p, Reading<'p>>,
    names: &[(u32, String)],
) -> (&'a Heap<'p, Reading<'p>>, Stats, Vec<Thread>) {
    let mut threads = Vec::new();
    let stats = heap.stats_and_threads(&mut |stats| {
        let name = names.iter().find(|(number, _)| *number == stats.thread);
        let name = match name {
            Some((_, name)) => name.clone(),
            None if stats.thread == 0 => "a heap".to_owned(),
            None => "before fork".to_owned(),
        };
        threads.push(Thread { name, stats });
    });
    (heap, stats, threads)
}
