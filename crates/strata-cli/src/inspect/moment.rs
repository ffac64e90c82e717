//! Everything that is known of a process at one moment, alive or dead.
//!
//! Does not know: what is said of it.

use strata_inspect::{Facts, Footprint, Heap, Kernel, Requested, Sparse, Stats, Target, Waterfall};
use strata_profile::Profile;

/// What there is.
pub(crate) struct Moment {
    /// Of all allocators; what an allocator says of itself, the largest does.
    pub(crate) facts: Facts<'static>,
    /// Of the largest allocator in the process.
    pub(crate) stats: Stats,
    pub(crate) heaps: usize,
    /// What its heap profiler has recorded, while it is on.
    pub(crate) profile: Option<Profile>,
}

/// Memory in huge pages from which on a sample of it is read.
const MUCH_IN_HUGE_PAGES: u64 = 4 << 20;

impl Moment {
    /// Inspects a process with these allocators. `None`: it ended meanwhile.
    pub(crate) fn of<T: Target>(target: &T, heaps: &[Heap<'_, T>]) -> Option<Self> {
        let mut footprint = Footprint::default();
        let is_known = heaps.iter().all(|heap| heap.add_footprint(&mut footprint));
        let kernel = Kernel::of(target).filter(|kernel| is_known && kernel.resident > 0)?;
        let (largest, stats) = largest(heaps);
        let sparse = sparse(heaps, &footprint);
        let mut facts = Facts::new(Waterfall::new(&footprint, &kernel), footprint);
        facts.sparse = sparse;
        facts.caches = stats.caches;
        facts.about = largest.map(Heap::about).unwrap_or_default();
        facts.swapped_bytes = kernel.swapped;
        facts.committed_bytes = heaps.iter().map(Heap::committed_bytes).sum();
        facts.reserved_bytes = heaps.iter().map(Heap::reserved_bytes).sum();
        Some(Self { facts, stats, heaps: heaps.len(), profile: None })
    }

    /// The same with what its heap profiler has recorded, which says what was requested.
    pub(crate) fn with_profile(mut self, profile: Option<Profile>) -> Self {
        let requested = profile.as_ref().and_then(|profile| profile.requested);
        let requested = requested.map(|requested| Requested {
            bytes: requested.bytes,
            of_bytes: requested.of_bytes,
            standard_error: requested.standard_error,
        });
        self.facts.waterfall = self.facts.waterfall.with_requested(requested);
        Self { profile, ..self }
    }
}

/// The allocator that holds most, and its statistics.
pub(crate) fn largest<'a, 'p, T: Target>(heaps: &'a [Heap<'p, T>]) -> (Option<&'a Heap<'p, T>>, Stats) {
    let with_stats = heaps.iter().map(|heap| (heap, heap.stats()));
    match with_stats.max_by_key(|(_, stats)| stats.committed_bytes) {
        Some((heap, stats)) => (Some(heap), stats),
        None => (None, Stats::zero()),
    }
}

fn sparse<T: Target>(heaps: &[Heap<'_, T>], footprint: &Footprint) -> Sparse {
    let mut all = Sparse::default();
    if footprint.in_huge_pages >= MUCH_IN_HUGE_PAGES {
        for sparse in heaps.iter().map(Heap::sparse) {
            all.in_huge_pages += sparse.in_huge_pages;
            all.zero_bytes += sparse.zero_bytes;
            all.samples += sparse.samples;
        }
    }
    all
}
