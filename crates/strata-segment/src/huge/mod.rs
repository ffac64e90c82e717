//! Huge blocks: mapped, resized, and kept as extents between two uses.
//!
//! Does not know: pools, classes, when memory goes back.

pub(crate) mod block;
pub(crate) mod cache;
pub(crate) mod extent;
mod head;
pub(crate) mod unmapped;
mod zero;

use crate::above::Above;
use crate::counters::Counters;
use crate::in_flight::{Flight, InFlight};
use crate::purge::policy::{Policy, Scope};
use crate::thp::Thp;
use crate::tuning::Tuning;
use cache::HugeCache;
use extent::Extent;
use strata_core::address::UserPtr;
use strata_core::sync::Ordering::Relaxed;
use strata_core::sync::mutation::EXTENTS_ARE_IN_FLIGHT;
use strata_os::memory;
use unmapped::Unmapped;

/// The room: references to what it may reach.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Huge<'heap> {
    pub(crate) tuning: &'heap Tuning,
    pub(crate) cache: &'heap HugeCache,
    pub(crate) unmapped: &'heap Unmapped,
    pub(crate) thp: Thp<'heap>,
    pub(crate) policy: &'heap Policy,
    pub(crate) counters: &'heap Counters,
    pub(crate) in_flight: &'heap InFlight,
    pub(crate) above: &'heap dyn Above,
}

impl Huge<'_> {
    /// Bytes kept for reuse.
    pub(crate) fn kept_bytes(&self) -> u64 {
        self.cache.kept_bytes()
    }

    /// Whether a block with this payload lay where nothing is mapped any more.
    pub(crate) fn was_unmapped(&self, pointer: UserPtr) -> bool {
        self.unmapped.has(pointer)
    }

    /// A pass: unmaps what `scope` says of what is kept. Returns whether something is left.
    pub(crate) fn age(&self, scope: Scope) -> bool {
        let flight = self.begin_flight();
        let scope = if flight.is_some() { scope } else { Scope::Nothing };
        let flight = flight.filter(|_| EXTENTS_ARE_IN_FLIGHT);
        let left = self.cache.age(scope, &self.unmapping());
        drop(flight);
        self.policy.passed_huge(self.counters.huge_bytes.get());
        left
    }

    /// Unmaps `bytes` of what is kept.
    pub(crate) fn shed(&self, bytes: u64) {
        if let Some(_flight) = self.begin_flight() {
            self.cache.shed(bytes, &self.unmapping());
        }
    }

    /// Before extents leave the cache to be unmapped. `None`: there are none, and the caller takes none.
    fn begin_flight(&self) -> Option<Flight<'_>> {
        (self.kept_bytes() != 0).then(|| self.in_flight.begin())
    }

    /// Unmaps what is kept beyond the limit, as it is at `now`.
    fn keep_no_more_than_pays(&self, now: u64) {
        // Relaxed: a number that stands alone.
        let most = self.tuning.huge_keep_bytes.load(Relaxed);
        let bound = most.min(self.policy.huge_limit(self.counters.huge_bytes.get(), now));
        let excess = self.kept_bytes().saturating_sub(bound);
        if excess != 0 {
            self.shed(excess);
        }
    }

    /// Unmaps what the cache hands over.
    fn unmapping(&self) -> impl Fn(Extent) {
        |extent| {
            // SAFETY: the cache handed it over; no other thread knows it.
            unsafe { self.unmap_extent(extent) };
        }
    }

    /// # Safety
    /// - The caller owns the extent, and does not use it again.
    unsafe fn unmap_extent(&self, extent: Extent) {
        let bytes = extent.bytes as u64;
        self.counters.reserved_bytes.subtract(bytes);
        self.counters.committed_bytes.subtract(bytes);
        self.counters.purged_bytes.add(bytes);
        self.unmapped.note(extent.start, extent.bytes);
        // SAFETY: whole pages, the caller's.
        unsafe { memory::release(extent.start, extent.bytes) };
    }
}
