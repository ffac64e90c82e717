//! What is resident beside what is held, moment by moment: the books of the workloads about fragmentation.
//!
//! What the workload itself needs to keep track of its blocks is allocated and touched before the first entry, so that it
//! is no part of the numbers.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use crate::measure::resident_bytes_quietly;
use strata_harness::sample::{Details, Fragmentation, Moment};

/// Entries that need no allocation.
const ENTRIES: usize = 16;

/// Naps while memory settles, and how long one is: two seconds, more than the delays after which allocators give back.
const NAPS: u32 = 40;
const NAP: Duration = Duration::from_millis(50);

/// What was resident at the start, and the moments since.
pub(super) struct Ledger {
    start: Instant,
    before: u64,
    pub(super) moments: Vec<Moment>,
}

impl Ledger {
    /// Opens the books: what is resident from now on is on the account of the blocks.
    pub(super) fn open() -> Self {
        let moments = Vec::with_capacity(ENTRIES);
        Self { start: Instant::now(), before: resident_bytes_quietly(), moments }
    }

    /// Writes down what is held and what is resident for it.
    pub(super) fn note(&mut self, phase: &str, live_bytes: usize) {
        self.moments.push(Moment {
            phase: phase.to_owned(),
            end_ms: self.start.elapsed().as_millis() as u64,
            live_bytes: live_bytes as u64,
            resident_bytes: resident_bytes_quietly().saturating_sub(self.before),
        });
    }

    /// The sum of what was held, for the checksum, and the books for the sample.
    pub(super) fn close(self) -> (u64, Details) {
        let sum = self.moments.iter().map(|moment| moment.live_bytes).sum();
        (sum, Details::Fragmentation(Fragmentation { inside: Vec::new(), outside: self.moments }))
    }
}

/// Two seconds of a program with little to do: it sleeps most of the time and calls `work` in between.
pub(super) fn settle(mut work: impl FnMut()) {
    for _ in 0..NAPS {
        thread::sleep(NAP);
        work();
    }
}

/// An empty vector of which `capacity` elements are touched.
pub(super) fn touched<T>(capacity: usize, element: impl FnMut() -> T) -> Vec<T> {
    let mut elements = Vec::with_capacity(capacity);
    elements.resize_with(capacity, element);
    black_box(&mut elements).clear();
    elements
}
