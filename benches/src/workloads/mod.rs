//! The register of workloads, and what one is: a preparation off the clock that returns the work.

use std::time::Duration;

use serde::Serialize;

use crate::checksum::Checksum;
use crate::measure::ProcessorTime;
use crate::subject::{Subject, UsableSize};
use strata_harness::sample::Details;

pub use crate::subject::Threads;
pub use strata_harness::sample::Kind;

mod box_pair;
mod churn;
mod csv_columns;
mod fragmentation;
mod grow;
mod http_service;
mod independent;
mod inverted_index;
mod json;
mod large_cycle;
mod latency;
mod ledger;
mod lru_cache;
mod many_threads;
mod memory_story;
mod pipeline;
mod rayon_sort;
mod replace;
mod same_again;
mod session_table;
mod short_threads;
mod sparse;
mod together;
mod transfer;
mod trees;
#[cfg(feature = "whole")]
mod whole_only;
#[cfg(not(feature = "whole"))]
mod whole_only {
    pub(super) const ALL: &[super::Workload] = &[];
}

/// How much work, on how many threads.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Factor on the amount of work; 1.0 is half a second to one and a half on an ordinary core.
    pub scale: f64,
    /// Threads of a workload that scales; the others choose for themselves.
    pub threads: usize,
    /// Asks the allocator how long a block is, where it can tell.
    pub usable_size: Option<UsableSize>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { scale: 1.0, threads: 1, usable_size: None }
    }
}

impl Settings {
    /// `full` at scale 1, never less than one.
    #[must_use]
    pub fn count(&self, full: usize) -> usize {
        ((full as f64 * self.scale).round() as usize).max(1)
    }
}

/// What the work came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Equal under every allocator.
    pub checksum: u64,
    /// How many operations it took; 0 where that has no meaning.
    pub operations: u64,
    /// The part that counts, where the workload knows it better than a clock around the whole job.
    pub wall: Option<Duration>,
    /// What the load took that is no part of the program in question: not counted.
    pub load: ProcessorTime,
    /// What only this workload measures.
    pub details: Option<Details>,
}

impl Outcome {
    /// A plain outcome: the clock around the job is right, and there is nothing else to tell.
    #[must_use]
    pub fn new(checksum: u64, operations: usize) -> Self {
        Self { checksum, operations: operations as u64, ..Self::default() }
    }
}

impl From<Checksum> for Outcome {
    fn from(checksum: Checksum) -> Self {
        Self::new(checksum.value(), 0)
    }
}

/// The work, its input inside it.
pub type Job = Box<dyn FnOnce() -> Outcome>;

/// A workload of the suite.
#[derive(Debug, Serialize)]
pub struct Workload {
    /// What one types.
    pub name: &'static str,
    /// The program that it stands for.
    pub stands_for: &'static str,
    /// Where its numbers are shown.
    pub kind: Kind,
    /// Whether it ever starts a thread.
    #[serde(skip)]
    pub threads: Threads,
    /// Makes the input and returns the work.
    #[serde(skip)]
    pub prepare: fn(&Settings) -> Job,
}

/// Every workload that takes little time to build, in the order of the tables.
static PLAIN: &[Workload] = &[
    json::WORKLOAD,
    inverted_index::WORKLOAD,
    rayon_sort::WORKLOAD,
    pipeline::WORKLOAD,
    lru_cache::WORKLOAD,
    trees::WORKLOAD,
    short_threads::WORKLOAD,
    http_service::WORKLOAD,
    csv_columns::WORKLOAD,
    grow::WORKLOAD,
    large_cycle::WORKLOAD,
    same_again::WORKLOAD,
    many_threads::EVENTS,
    many_threads::ROUNDS,
    box_pair::WORKLOAD,
    independent::ALONE,
    replace::ALIGNED,
    replace::BOXES_1K,
    replace::BOXES_4K,
    replace::BOXES_100K,
    replace::SMALL,
    replace::MIXED,
    session_table::WORKLOAD,
    independent::WORKLOAD,
    transfer::PRODUCER_CONSUMER,
    transfer::ALL_TO_ALL,
    latency::WORKLOAD,
    memory_story::WORKLOAD,
    many_threads::SLEEPING,
    many_threads::TURNS,
    many_threads::SIZES_ONCE,
    fragmentation::WORKLOAD,
    sparse::WORKLOAD,
    churn::WORKLOAD,
];

/// Every workload, in the order of the tables.
pub fn all() -> impl Iterator<Item = &'static Workload> {
    PLAIN.iter().chain(whole_only::ALL)
}

/// Those that may run on `subject`.
pub fn offered(subject: Subject) -> impl Iterator<Item = &'static Workload> {
    all().filter(move |workload| subject.takes(workload.threads))
}

/// The workload called `name`.
///
/// # Errors
/// When `subject` is not offered such a one; the message lists those that it is.
pub fn find(name: &str, subject: Subject) -> Result<&'static Workload, String> {
    offered(subject).find(|workload| workload.name == name).ok_or_else(|| {
        let names: Vec<_> = offered(subject).map(|workload| workload.name).collect();
        format!("no workload is called {name:?}; choose from {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TINY: Settings = Settings { scale: 0.002, threads: 2, usable_size: None };

    #[test]
    fn every_workload_computes_the_same_twice() {
        for workload in all() {
            let [first, second] = [(), ()].map(|()| (workload.prepare)(&TINY)().checksum);
            assert_eq!(first, second, "{}", workload.name);
        }
    }

    #[test]
    fn names_are_unique() {
        for workload in all() {
            assert!(
                std::ptr::eq(find(workload.name, Subject::PLAIN).unwrap(), workload),
                "{}",
                workload.name
            );
        }
    }

    #[test]
    fn an_allocator_for_one_thread_is_offered_nothing_that_starts_more() {
        let offered: Vec<_> =
            offered(Subject::PLAIN.for_one_thread()).map(|workload| workload.name).collect();
        assert!(offered.contains(&"box_pair") && !offered.contains(&"independent"), "{offered:?}");
        assert!(find("rayon_sort", Subject::PLAIN.for_one_thread()).is_err());
    }

    #[test]
    fn an_unknown_name_gets_the_list() {
        assert!(find("jsn", Subject::PLAIN).unwrap_err().contains("json, inverted_index"));
    }

    #[test]
    fn the_smallest_scale_still_does_something() {
        assert_eq!(Settings { scale: 1e-9, ..TINY }.count(1000), 1);
        assert_eq!(Settings { scale: 0.25, ..TINY }.count(1000), 250);
    }
}
