//! The face for pools, and for runs of them.
//!
//! Does not know: how any of it is done.

use super::PageHeap;
use crate::pools::claim::{ClaimedRun, Wanted};
use crate::pools::release::publish;
use core::ptr::NonNull;
use strata_core::layout::{ARENA_BYTES, POOL_BYTES};
use strata_core::pool::{OwnedPool, Pool};
use strata_core::size_class::SizeClass;
use strata_core::sync::mutation::POOLS_ARE_IN_FLIGHT;

/// Pools.
impl PageHeap {
    /// Claims a pool for `class`, or as many as its span has.
    ///
    /// `None`: the OS gives no more, even after everything that is free was given back; but others may have something in hand, for which
    /// [`own_scarce`](Self::own_scarce) waits.
    pub fn claim_for(&self, class: SizeClass) -> Option<ClaimedRun> {
        self.claim_wanted(Wanted::Span(class))
    }

    /// Claims one pool.
    pub fn claim_pool(&self) -> Option<ClaimedRun> {
        self.claim(1, 1)
    }

    /// Claims `pools` consecutive pools of one arena, 1 to `LARGEST_RUN_POOLS`, the first at a multiple of `step` pools.
    ///
    /// `None`: the OS gives no more, and nothing is in flight that could be given back.
    pub fn claim(&self, pools: u32, step: u32) -> Option<ClaimedRun> {
        self.in_flight.search_until_all_landed(|| self.claim_wanted(Wanted::Run { pools, step }))
    }

    fn claim_wanted(&self, wanted: Wanted) -> Option<ClaimedRun> {
        self.claim_in_turn(wanted).inspect(|run| self.note_taken(run, wanted))
    }

    fn claim_in_turn(&self, wanted: Wanted) -> Option<ClaimedRun> {
        loop {
            let ticket = self.asking.ticket();
            if let Some(run) = self.pools().claim(wanted) {
                return Some(run);
            }
            let Some(_turn) = self.asking.begin(ticket) else { continue };
            if wanted.pools() > 1 {
                self.purge().reclaim_pools(ARENA_BYTES);
            }
            if self.grow() {
                continue;
            }
            if let Some(remote) = self.pools().claim_remote(wanted) {
                return Some(remote);
            }
            let grown = self.release_kept_memory() && self.grow();
            if !grown {
                return self.pools().claim_late(wanted);
            }
        }
    }

    /// Opens what was claimed for `class`, whose magazine lies at `magazine` in a cache; the caller owns it from now on.
    pub fn open_pool(&self, run: ClaimedRun, class: SizeClass, magazine: u32) -> OwnedPool {
        self.class_pools.count_opened(class);
        run.open(class, magazine)
    }

    /// Pools were claimed, some of which may be without memory.
    fn note_taken(&self, run: &ClaimedRun, wanted: Wanted) {
        if run.dirty == 0 {
            self.thp().note_untouched(run.first, wanted.pools());
        }
    }

    /// Makes memory for at least one more arena's pools available. `false`: the OS refused.
    fn grow(&self) -> bool {
        self.purge().make_room(ARENA_BYTES);
        self.purge().reclaim_kept(ARENA_BYTES);
        let take = || self.segments().take_more(&|start| self.thp().take_arena(start));
        // The first arena says nothing about the next, and no clock was read yet.
        if self.segments().is_without_arenas() { take() } else { self.thp.timed(take) }
    }

    /// When memory is refused: gives back what the OS could hand out again. Returns whether there was anything.
    pub(super) fn release_kept_memory(&self) -> bool {
        self.request_flush();
        self.purge().purge_all_for_more() > 0
    }

    /// Becomes the owner of an unowned pool of `class` that has room. Where several nodes have memory, of one of the caller's.
    ///
    /// The search starts at bit `start` of each arena, so that threads with different starts rarely want the same pool.
    #[inline]
    pub fn adopt(&self, class: SizeClass, start: u32) -> Option<OwnedPool> {
        self.pools().adopt(class, start)
    }

    /// Becomes the owner of any unowned pool of `class` with a free block, on any node. Walks all headers.
    #[cold]
    pub fn adopt_scarce(&self, class: SizeClass) -> Option<OwnedPool> {
        let pools = self.pools();
        let adopted = pools.adopt(class, 0).or_else(|| pools.adopt_remote(class));
        adopted.or_else(|| pools.adopt_scarce(class, &self.in_flight))
    }

    /// The same, or of a free pool, when the OS gave no more: waits for what others have in hand.
    #[cold]
    pub fn own_scarce(&self, class: SizeClass, magazine: u32) -> Option<OwnedPool> {
        self.in_flight.search_until_all_landed(|| self.search_everywhere(class, magazine))
    }

    /// What `take` takes of a pool of `class` that the caller has for no longer than that; others who are refused wait for it.
    #[cold]
    pub fn take_from_any<T>(
        &self,
        class: SizeClass,
        magazine: u32,
        take: impl Fn(&OwnedPool) -> Option<T>,
    ) -> Option<T> {
        let at_hand = || self.pools().adopt(class, 0).or_else(|| self.own_free(class, magazine));
        let search = || at_hand().or_else(|| self.search_everywhere(class, magazine));
        self.in_flight.search_for_a_block(|| {
            let (flight, pool) = self.in_flight.take(search)?;
            let _flight = POOLS_ARE_IN_FLIGHT.then_some(flight);
            let taken = take(&pool);
            self.abandon(pool);
            taken
        })
    }

    fn search_everywhere(&self, class: SizeClass, magazine: u32) -> Option<OwnedPool> {
        self.adopt_scarce(class).or_else(|| self.own_free(class, magazine))
    }

    fn own_free(&self, class: SizeClass, magazine: u32) -> Option<OwnedPool> {
        Some(self.open_pool(self.claim_for(class)?, class, magazine))
    }

    /// Bytes of pools and of huge blocks in use: a racy read.
    pub fn used_bytes(&self) -> u64 {
        self.counters.used_bytes()
    }

    /// Pools of a class that are in use: a racy read.
    #[inline]
    pub fn pools_of(&self, class: SizeClass) -> u32 {
        self.class_pools.current(class)
    }

    /// Gives a pool without live blocks back to its arena.
    pub fn release_pool(&self, pool: OwnedPool) {
        self.pools().release(pool);
    }

    /// Abandons a pool that the caller does not need: without live blocks it goes back to its arena, else it is unowned from
    /// now on, and published if it has room.
    #[inline]
    pub fn abandon(&self, pool: OwnedPool) {
        self.pools().abandon(pool);
    }

    /// Sets the bit of a pool of `class` that a free has just given room, and schedules a purge pass for it.
    #[cold]
    pub fn publish_room(&self, class: SizeClass, pool: &Pool) {
        publish(class, pool);
        self.schedule_decommit();
    }

    /// Faults in a pool that the caller owns, and that was never touched since the kernel gave its addresses.
    #[cold]
    pub fn prefault(&self, pool: &Pool) {
        self.prefaults().take(pool);
    }
}

/// Runs of pools.
impl PageHeap {
    /// Allocates `bytes` (at most `LARGEST_RUN_POOLS` pools) at a multiple of `align` (at most as many). The bit mask says which pools,
    /// from bit 0 on, may hold something.
    pub fn allocate_large(&self, bytes: usize, align: usize) -> Option<(NonNull<u8>, u64)> {
        let pools = bytes.div_ceil(POOL_BYTES) as u32;
        let step = (align / POOL_BYTES).max(1) as u32;
        let Some(run) = self.claim(pools, step) else {
            strata_os::probe!("refused", bytes);
            return None;
        };
        self.purge().fill_run(&run, pools, bytes);
        run.first.open_run(pools);
        self.counters.count_large(pools);
        Some((run.first.base(), run.dirty))
    }

    /// Makes a large allocation longer without moving it. `false`: the pools behind it are not free.
    ///
    /// # Safety
    /// - `first` is the first pool of a run that is the caller's.
    pub unsafe fn grow_large(&self, first: &Pool, bytes: usize) -> bool {
        // SAFETY: the first pool of the caller's run, by this function's contract.
        unsafe { self.pools().grow_large(first, bytes) }
    }

    /// Gives the tail of a large allocation back.
    ///
    /// # Safety
    /// - `first` is the first pool of the caller's run, and nothing behind `bytes` is used again.
    pub unsafe fn shrink_large(&self, first: &Pool, bytes: usize) {
        // SAFETY: the first pool of the caller's run, whose tail is not used again, by this function's contract.
        unsafe { self.pools().shrink_large(first, bytes) }
    }

    /// Gives a large allocation back.
    ///
    /// # Safety
    /// - `first` is the first pool of the caller's run, which is not used again.
    pub unsafe fn free_large(&self, first: &Pool) {
        // SAFETY: the first pool of the caller's run, not used again, by this function's contract.
        unsafe { self.pools().free_large(first) }
    }
}
