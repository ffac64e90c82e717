//! The face for purging, for its options, and for the numbers.
//!
//! Does not know: how any of it is done.

use super::PageHeap;
use crate::fork_gate::Forks;
use crate::segments::asking::Asker;
use crate::segments::hugetlb::Reserved;
use crate::stats::{Footprint, Snapshot, footprint};
use strata_core::size_class::SizeClass;
use strata_core::sync::Hint;
use strata_os::machine::HugetlbPage;

/// Purging.
impl PageHeap {
    /// Makes a purge pass if one is due and no other thread makes it: called on slow paths, costs two loads if nothing is
    /// due.
    #[inline]
    pub fn tick(&self) {
        self.purge().tick();
    }

    /// An unowned pool has room, and so perhaps free pages: schedules a pass.
    #[inline]
    pub fn schedule_decommit(&self) {
        self.purge().schedule_decommit();
    }

    /// Gives everything back that is free, at once. Returns the bytes purged or unmapped.
    pub fn purge_all(&self) -> u64 {
        self.purge().purge_all()
    }

    /// [`purge_all`](Self::purge_all) in steps. Stops after the first step that gives something back and ends past `deadline`
    /// (milliseconds of the clock). Returns whether that was all.
    pub fn purge_until(&self, deadline: u64) -> bool {
        self.purge().purge_until(deadline)
    }

    /// `purge_all`, and the addresses of whatever is not used.
    pub fn trim(&self) -> u64 {
        let before = self.purged_bytes();
        self.purge_all();
        self.give_up_addresses();
        self.purged_bytes() - before
    }

    /// Gives back the addresses of all that is not in use. Returns how many bytes.
    pub fn give_up_addresses(&self) -> u64 {
        // Before the turn: a thread that waits for it holds forks off.
        let _held_off = self.fork_gate.enter_for_step(Forks::BetweenSteps);
        self.segments().give_up_addresses()
    }

    /// The same; a thread that finds nothing meanwhile waits for the end of the turn.
    pub(super) fn give_up_in_turn(&self, turn: &Asker<'_>) {
        self.segments().give_up_in_turn(turn);
    }

    /// In a child of `fork`, in its only thread: nothing is held up by what other threads were in the middle of.
    pub fn begin_in_child(&self) {
        self.in_flight.forget();
        self.fork_gate.open_in_child();
    }

    /// Asks all caches to give back what they can, when they next come to a slow path.
    pub fn request_flush(&self) {
        self.policy.request_flush();
    }

    /// The word that counts the requests to flush: another process requests one by changing it.
    pub fn flush_requests_word(&self) -> &Hint {
        self.policy.flush_requests_word()
    }

    /// How often all caches were asked to flush.
    #[inline]
    pub fn flush_requests(&self) -> u32 {
        self.policy.flush_requests()
    }

    /// The purge thread's work: makes passes when they are due, sleeps otherwise. Ends when there is nothing to give back, or little, and
    /// `may_go` allows it, or when the library is unloaded.
    pub fn run_purge_thread(&self, may_go: impl Fn() -> bool) {
        self.purge().run_thread(may_go);
    }

    /// Starts a purge thread where that is worth it: after something was freed, and on slow paths. Costs a load if nothing is due.
    #[inline]
    pub fn ensure_purge_thread(&self) {
        self.purge().ensure_thread();
    }
}

/// Choices.
impl PageHeap {
    /// Changes the delay; a pass that is already due is due the new delay from now, be it sooner or later than before.
    pub fn set_purge_delay(&self, milliseconds: u64) {
        self.purge().set_delay(milliseconds);
    }

    /// Changes how memory is given back. Once `MADV_FREE` is no longer wanted, what was purged with it is purged for good.
    pub fn set_purge_way(&self, way: u64) {
        self.purge().set_way(way);
    }

    /// Switches the purge thread on or off; a running one exits.
    pub fn set_purge_thread(&self, wanted: u64) {
        self.purge().set_thread(wanted);
    }

    /// Changes how many arenas are reserved at a time. Segments made before that give back what they have beyond.
    pub fn set_segment_arenas(&self, arenas: u64) {
        let _held_off = self.fork_gate.enter_for_step(Forks::BetweenSteps);
        self.segments().set_segment_arenas(arenas);
    }

    /// Takes `bytes` of explicit huge pages for small, medium and large blocks: as much of it as there is.
    pub fn reserve_hugetlb(&self, page: HugetlbPage, bytes: u64) -> Reserved {
        self.segments().reserve_hugetlb(page, bytes)
    }
}

/// Numbers.
impl PageHeap {
    /// Counts everything.
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::of(self.segments(), self.huge_cache.kept_bytes());
        for (class, place) in SizeClass::all().zip(&mut snapshot.classes) {
            place.pool_flow = self.class_pools.read(class);
        }
        snapshot
    }

    /// From now on the peaks are what there is now.
    pub fn reset_peaks(&self) {
        self.counters.reset_peaks();
        self.class_pools.reset_peaks();
    }

    /// The memory of pools, and the part of it that is free: some ten nanoseconds for each arena, since pool headers are not read.
    pub fn footprint(&self) -> Footprint {
        footprint(self.segments(), self.huge_cache.kept_bytes())
    }

    /// Purge passes that gave memory back, since the start.
    #[inline]
    pub fn passes(&self) -> u64 {
        self.counters.passes.get()
    }

    /// Bytes given back to the OS since the start.
    pub fn purged_bytes(&self) -> u64 {
        self.counters.purged_bytes.get()
    }

    /// Whether `address` lies in a segment of ours (huge mappings are not found).
    pub fn contains(&self, address: usize) -> bool {
        self.segments().contains(address)
    }
}
