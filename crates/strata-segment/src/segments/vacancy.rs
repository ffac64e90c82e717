//! Addresses that are given back although their segment stays: of arenas that were never claimed, and of those without live blocks.
//!
//! ```text
//!   arena 0             arena 1, never claimed        arena 2, all of its pools free
//!   ├ headers │ pools … ┼ ░░░░░░ given back ░░░░░░░░░ ┼ headers │ ░░░ given back ░░░ ┤
//! ```
//!
//! A reader of the index may hold a segment, and a thread that follows a stale hint the header of a pool, for as long as it likes.
//! So an arena's headers stay (two or three pages of its 4 MiB), and all else is unmapped. That happens when something is refused, and
//! when the program asks for it (`trim`): small blocks that were freed must not prevent a huge one.
//!
//! | an arena is | `arenas` | `pools` | `ready` | `vacant` | who may leave it          | to                  |
//! |-------------|----------|---------|---------|----------|---------------------------|---------------------|
//! | reserved    | 1        | none    | 0       | 0        | `claim_among` of `arenas` | ready, or vacant    |
//! | ready       | 0        | any     | 1       | 0        | a claim of all its pools  | vacant              |
//! | vacant      | 0        | none    | 0       | 1        | `claim_among` of `vacant` | ready, or as it was |
//!
//! I1  The thread that moves an arena holds the bit, or all of the bits, that it was found by; in between it is in no set.
//! I2  Others may get the addresses of a vacant arena. `absent` says so before they can, and `contains` reads it.
//! I3  A vacant arena that was ready once (`born`) has closed headers and clean pools, so it becomes ready by its bits alone.
//!
//! Does not know: when. Model: `loom-tests/tests/p24_vacancy.rs`; mutants `vacates_what_is_used`, `vacates_out_of_turn`.

use super::Segments;
use super::asking::Asker;
use super::findable::ALL_RUNS;
use super::index::Kind;
use super::segment::Segment;
use core::ptr::NonNull;
use strata_core::layout::{ARENA_BYTES, USABLE_POOLS};
use strata_core::masks::{run_mask, runs_of};
use strata_core::sync::Ordering::Relaxed;
use strata_core::sync::mutation::{VACATES_IN_TURN, VACATES_WHAT_IS_FREE};
use strata_os::machine;
use strata_os::memory::{self, At};

/// Arenas whose addresses others have: this many are tried before a new segment is made instead.
pub(crate) const TRIES: u32 = 4;

impl Segments<'_> {
    /// Gives the addresses back of all that is not in use. Returns how many bytes.
    pub(crate) fn give_up_addresses(&self) -> u64 {
        let turn = if VACATES_IN_TURN { self.asking.wait_for_turn() } else { Asker::out_of_turn() };
        self.give_up_in_turn(&turn)
    }

    /// The same; a thread that finds nothing meanwhile waits for the end of the turn.
    pub(crate) fn give_up_in_turn(&self, _turn: &Asker<'_>) -> u64 {
        self.returnable().map(|segment| self.vacate(segment)).sum()
    }

    fn vacate(&self, segment: &Segment) -> u64 {
        let reserved = self.vacate_reserved(segment, u64::MAX);
        segment.committed_arenas().fold(reserved, |bytes, arena| bytes + self.vacate_free(segment, arena))
    }

    /// Gives back those of the `wanted` arenas that were never claimed. Returns how many bytes.
    fn vacate_reserved(&self, segment: &Segment, wanted: u64) -> u64 {
        let bytes = segment.vacate_reserved(wanted);
        self.counters.reserved_bytes.subtract(bytes);
        bytes
    }

    /// Changes how many arenas are reserved at a time. Segments made before that give back what they have beyond.
    pub(crate) fn set_segment_arenas(&self, arenas: u64) {
        // Relaxed: the option is stored by itself; nothing is published with it.
        self.tuning.segment_arenas.store(arenas, Relaxed);
        if arenas < u64::from(u64::BITS) && self.counters.segments.get() != 0 {
            let _turn = self.asking.wait_for_turn();
            let beyond = u64::MAX << arenas;
            self.returnable().for_each(|segment| {
                self.vacate_reserved(segment, beyond);
            });
        }
    }

    /// Gives back what lies behind the headers of an arena, if all of its pools are free. Returns how many bytes.
    fn vacate_free(&self, segment: &Segment, arena: u32) -> u64 {
        let bits = &segment.pools[arena as usize];
        if VACATES_WHAT_IS_FREE && !bits.claim_exactly(USABLE_POOLS) {
            return 0;
        }
        let (place, bytes) = segment.behind_headers(arena);
        let dirty = segment.dirty(arena);
        segment.set_out(arena);
        // SAFETY: ours by the claim of all pools; the contents of a free pool are not used.
        if !unsafe { memory::give_back(place, bytes) } {
            segment.set_ready(arena);
            return 0;
        }
        // Only now: an arena that stays has what it was advised to have.
        segment.clear_advised(arena);
        segment.forget_contents(arena, dirty);
        self.counters.count_purged_pools(dirty);
        segment.mark_clean(arena, USABLE_POOLS);
        self.uncount_arena(bytes as u64);
        segment.vacant.release(1 << arena);
        segment.tell(Kind::Roomy);
        bytes as u64
    }

    fn uncount_arena(&self, bytes: u64) {
        self.counters.reserved_bytes.subtract(bytes);
        self.counters.committed_bytes.subtract(ARENA_BYTES as u64);
        self.counters.arenas.subtract(1);
    }

    /// Takes the addresses of a vacant arena of `segment` again, if they are still free, and makes its pools claimable.
    pub(crate) fn revive_in(
        &self,
        segment: &Segment,
        tries: &mut u32,
        take: &dyn Fn(NonNull<u8>) -> bool,
    ) -> bool {
        let mut untried = segment.vacant.glance();
        while *tries > 0 {
            *tries -= 1;
            let lowest = untried & untried.wrapping_neg();
            untried &= !lowest;
            if lowest == 0 {
                return false;
            }
            let Some(mask) = segment.vacant.claim_among(lowest) else { continue };
            match segment.revive(mask.trailing_zeros(), take) {
                Ok(bytes) => {
                    self.counters.reserved_bytes.add(bytes as u64);
                    return true;
                }
                Err(At::Taken) => {}
                Err(_) => return false,
            }
        }
        false
    }
}

impl Segment {
    /// Gives back the addresses of those of the `wanted` arenas that were never claimed. Returns how many bytes.
    fn vacate_reserved(&self, wanted: u64) -> u64 {
        let Some(claimed) = self.arenas.claim_among(wanted) else { return 0 };
        let mut bytes = 0;
        for run in runs_of(claimed) {
            let (start, length) =
                (self.arena(run.trailing_zeros()).as_non_null(), run.count_ones() as usize * ARENA_BYTES);
            self.set_absent(run);
            // SAFETY: reserved with the segment, and ours by the claim of the bits.
            if unsafe { memory::give_back(start, length) } {
                bytes += length as u64;
                self.vacant.release(run);
            } else {
                self.set_present(run);
                self.arenas.release(run);
            }
        }
        self.tell(Kind::Roomy);
        bytes
    }

    /// Makes a vacant arena ready, which the caller holds. Returns by how many bytes the segment has grown.
    fn revive(&self, arena: u32, take: impl FnOnce(NonNull<u8>) -> bool) -> Result<usize, At> {
        let is_born = self.is_born(arena);
        let start = self.arena(arena).as_non_null();
        let (place, bytes) = if is_born { self.behind_headers(arena) } else { (start, ARENA_BYTES) };
        match memory::map_at(place, bytes) {
            At::Mapped => {}
            refusal => {
                self.vacant.release(1 << arena);
                self.tell(Kind::Roomy);
                return Err(refusal);
            }
        }
        self.set_present(1 << arena);
        self.keep_local(place, bytes);
        if take(start) {
            self.set_advised(arena);
        }
        if is_born {
            self.set_ready(arena);
        } else {
            // SAFETY: mapped just now, zero, and ours by the claim of its bit.
            unsafe { self.init_arena(arena) };
            self.show_runs(ALL_RUNS);
        }
        Ok(bytes)
    }

    /// The whole pages behind an arena's headers.
    fn behind_headers(&self, arena: u32) -> (NonNull<u8>, usize) {
        let kept = self.metadata_bytes(arena).next_multiple_of(machine::page_size());
        // SAFETY: within the arena, whose headers are a part of its first pool.
        (unsafe { self.arena(arena).as_non_null().byte_add(kept) }, ARENA_BYTES - kept)
    }

    /// Takes an arena, all of whose pools the caller holds, out of every set, so that no search finds it.
    fn hide(&self, arena: u32) {
        self.open.clear_if(arena, || self.pools[arena as usize].glance() == 0);
        self.ready.clear_if(arena, || true);
        self.idle_once[arena as usize].set(0);
        self.idle_twice[arena as usize].set(0);
    }

    /// Whether an arena that the caller holds was ready once.
    fn is_born(&self, arena: u32) -> bool {
        // Relaxed: ordered by the claim of the arena.
        self.born.load(Relaxed) >> arena & 1 == 1
    }

    /// The arenas whose addresses are the segment's: of others even the headers that stay are left out.
    pub(super) fn present(&self) -> u64 {
        // Relaxed: see `set_absent`.
        run_mask(0, (self.bytes() / ARENA_BYTES) as u32) & !self.absent.load(Relaxed)
    }

    /// Others may get the addresses of these arenas from now on.
    fn set_absent(&self, arenas: u64) {
        // Relaxed, here and below: they get them by a system call that comes later.
        self.absent.fetch_or(arenas, Relaxed);
    }

    fn set_present(&self, arenas: u64) {
        self.absent.fetch_and(!arenas, Relaxed);
    }

    /// No search finds a ready arena from now on, all of whose pools the caller holds.
    fn set_out(&self, arena: u32) {
        self.set_absent(1 << arena);
        self.hide(arena);
    }

    /// The inverse: its pools are claimable again.
    fn set_ready(&self, arena: u32) {
        self.set_present(1 << arena);
        self.show(arena);
        self.show_runs(ALL_RUNS);
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::page_heap::PageHeap;
    use std::vec::Vec;
    use strata_core::layout::{ARENAS_PER_SEGMENT, POOL_BYTES};
    use strata_core::pool::Pool;

    const USABLE: usize = USABLE_POOLS.count_ones() as usize;
    const SEGMENT_BYTES: u64 = (ARENAS_PER_SEGMENT * ARENA_BYTES) as u64;

    fn take(page_heap: &PageHeap, count: usize) -> Vec<&'static Pool> {
        let take = |_| {
            let (start, dirty) = page_heap.allocate_large(POOL_BYTES, 1).unwrap();
            // SAFETY: allocated just now.
            assert!(dirty == 1 || unsafe { start.read() } == 0, "said to be zero");
            // SAFETY: allocated just now.
            unsafe { start.write_bytes(0xa5, POOL_BYTES) };
            // SAFETY: the base of a pool of an arena.
            unsafe { Pool::of_base(start) }
        };
        (0..count).map(take).collect()
    }

    fn free(page_heap: &PageHeap, pools: Vec<&'static Pool>) {
        // SAFETY: the pools of a test have one user, who gives each back once.
        pools.into_iter().for_each(|pool| unsafe { page_heap.free_large(pool) });
    }

    /// Bytes reserved, arenas, used pools.
    fn numbers(page_heap: &PageHeap) -> (u64, u64, u64) {
        let snapshot = page_heap.snapshot();
        assert_eq!(snapshot.arenas * ARENA_BYTES as u64, snapshot.committed_bytes);
        (snapshot.reserved_bytes, snapshot.arenas, snapshot.used_pools)
    }

    #[test]
    fn what_was_never_claimed_is_given_back_and_taken_again() {
        static HEAP: PageHeap = PageHeap::new();
        let held = take(&HEAP, 1);
        assert_eq!(numbers(&HEAP), (SEGMENT_BYTES, 1, 1));
        assert_eq!(HEAP.give_up_addresses(), SEGMENT_BYTES - ARENA_BYTES as u64);
        assert_eq!(numbers(&HEAP), (ARENA_BYTES as u64, 1, 1));
        let more = take(&HEAP, 2 * USABLE);
        assert_eq!(numbers(&HEAP).1, 3);
        assert!(HEAP.contains(more[2 * USABLE - 1].base().addr().get()));
        free(&HEAP, more);
        free(&HEAP, held);
    }

    #[test]
    fn of_an_arena_without_live_blocks_the_headers_stay() {
        static HEAP: PageHeap = PageHeap::new();
        let pools = take(&HEAP, 3 * USABLE);
        let (addresses, last) =
            (pools.iter().map(|pool| pool.base().addr().get()).collect::<Vec<_>>(), pools[0]);
        let live = pools[USABLE];
        free(&HEAP, pools.into_iter().filter(|pool| !core::ptr::eq(*pool, live)).collect());
        HEAP.give_up_addresses();
        let (reserved, arenas, used) = numbers(&HEAP);
        assert_eq!((arenas, used), (1, 1));
        assert!(reserved < (ARENA_BYTES + 4 * POOL_BYTES) as u64, "{reserved}");
        let ours = addresses.iter().filter(|address| HEAP.contains(**address)).count();
        assert_eq!(ours, USABLE, "the rest may be taken by others");
        // The header of a pool may still be read.
        assert_eq!(last.format(), strata_core::pool::Format::Idle);
        let again = take(&HEAP, 3 * USABLE);
        assert_eq!(numbers(&HEAP).1, 4);
        free(&HEAP, again);
    }

    #[test]
    fn addresses_that_others_got_are_left_to_them() {
        static HEAP: PageHeap = PageHeap::new();
        free(&HEAP, take(&HEAP, 1));
        HEAP.give_up_addresses();
        let segment = HEAP.segments().iter().next().unwrap();
        let theirs: Vec<_> = (1..4).map(|arena| segment.arena(arena).as_non_null()).collect();
        let mapped = |start: &NonNull<u8>| memory::map_at(*start, ARENA_BYTES) == At::Mapped;
        if theirs.iter().all(mapped) {
            take(&HEAP, 2 * USABLE);
            assert!(theirs.iter().all(|start| !HEAP.contains(start.addr().get())));
            // SAFETY: mapped above.
            assert!(theirs.iter().all(|start| unsafe { start.read() } == 0));
        }
    }

    #[test]
    fn giving_back_twice_gives_back_nothing() {
        static HEAP: PageHeap = PageHeap::new();
        free(&HEAP, take(&HEAP, 1));
        assert!(HEAP.give_up_addresses() > 0);
        assert_eq!(HEAP.give_up_addresses(), 0);
        assert_eq!(numbers(&HEAP).1, 0);
    }
}
