//! Tests of which memory is asked for in huge pages.
//!
//! Does not know: what the pages are for.

use super::*;
use crate::page_heap::PageHeap;
use crate::purge::policy::Scope;
use std::vec::Vec;
use strata_core::layout::LARGEST_RUN_POOLS;
use strata_os::machine;

/// A page heap for which the kernel has this policy, and gives pages fast.
fn assume(page_heap: &PageHeap, policy: HugePages) {
    page_heap.thp.policy.set(1 + policy as u64);
    page_heap.thp.slow_ns.set(u64::MAX);
}

/// Takes single pools until `bytes` are in use, and fills them.
fn grow_to(page_heap: &PageHeap, bytes: u64) -> Vec<&'static Pool> {
    let mut pools = Vec::new();
    while page_heap.thp().used_pool_bytes() < bytes {
        let pool = page_heap.claim_pool().unwrap().first;
        // SAFETY: claimed just now by this test, and written whole.
        unsafe { pool.base().write_bytes(1, POOL_BYTES) };
        pools.push(pool);
    }
    pools
}

#[test]
#[cfg_attr(strata_unix, ignore = "only Linux is asked for huge pages")]
fn a_heap_whose_pools_are_not_filled_takes_none() {
    static HEAP: PageHeap = PageHeap::new();
    assume(&HEAP, HugePages::OnAdvice);
    while HEAP.thp().used_pool_bytes() < 4 * HEAVY_BYTES {
        let _untouched = HEAP.claim_pool().unwrap();
    }
    assert_eq!(advised_arenas(&HEAP), 0);
}

#[test]
#[cfg_attr(strata_unix, ignore = "only Linux is asked for huge pages")]
fn a_heap_that_fills_its_pools_no_longer_takes_no_more_than_as_much_again() {
    static HEAP: PageHeap = PageHeap::new();
    assume(&HEAP, HugePages::OnAdvice);
    grow_to(&HEAP, 2 * HEAVY_BYTES);
    while HEAP.thp().used_pool_bytes() < 8 * HEAVY_BYTES {
        let _untouched = HEAP.claim_pool().unwrap();
    }
    assert!(advised_arenas(&HEAP) as u64 <= 4 * HEAVY_BYTES / ARENA_BYTES as u64);
}

#[test]
#[cfg_attr(strata_unix, ignore = "only Linux is asked for huge pages")]
fn where_every_program_has_huge_pages_memory_that_would_not_ask_for_any_declines() {
    static HEAP: PageHeap = PageHeap::new();
    assume(&HEAP, HugePages::Always);
    assert_eq!(HEAP.thp().pages_for_arena(), Pages::Any, "the first is not worth the question");
    let _first = HEAP.claim_pool().unwrap();
    assert_eq!(HEAP.thp().pages_for_arena(), Pages::Small);
    assert_eq!([HEAP.thp().pages_for_block(1 << 30), HEAP.thp().pages_for_zeroes()], [Pages::Small; 2]);
    while HEAP.thp().used_pool_bytes() < 2 * HEAVY_BYTES {
        let _untouched = HEAP.claim_pool().unwrap();
    }
    assert_eq!(advised_arenas(&HEAP), 0);
}

#[test]
#[cfg_attr(strata_unix, ignore = "only Linux is asked for huge pages")]
fn where_every_program_has_huge_pages_a_heavy_heap_that_is_filled_has_them_however_slowly_it_grows() {
    static HEAP: PageHeap = PageHeap::new();
    assume(&HEAP, HugePages::Always);
    grow_to(&HEAP, HEAVY_BYTES + ARENA_BYTES as u64);
    let (slow, before) = (Rate { bytes: 0, milliseconds: 1000 }, advised_arenas(&HEAP));
    assert!(HEAP.thp().growth_pays(slow));
    grow_to(&HEAP, 2 * HEAVY_BYTES);
    assert!(advised_arenas(&HEAP) > before);
}

fn advised_arenas(page_heap: &PageHeap) -> usize {
    let advised = |segment: &Segment| (0..64).filter(|arena| segment.is_advised(*arena)).count();
    page_heap.segments().iter().map(advised).sum()
}

#[test]
#[cfg_attr(strata_unix, ignore = "only Linux is asked for huge pages")]
fn a_heap_takes_huge_pages_once_it_grows_fast_for_its_size() {
    static HEAP: PageHeap = PageHeap::new();
    assume(&HEAP, HugePages::OnAdvice);
    grow_to(&HEAP, LIGHT_BYTES);
    assert_eq!(advised_arenas(&HEAP), 0);
    grow_to(&HEAP, HEAVY_BYTES + 4 * ARENA_BYTES as u64);
    assert!(advised_arenas(&HEAP) >= 3);
}

#[test]
#[cfg_attr(strata_unix, ignore = "only Linux is asked for huge pages")]
fn a_heap_takes_no_more_once_they_were_slow_to_come() {
    static HEAP: PageHeap = PageHeap::new();
    assume(&HEAP, HugePages::OnAdvice);
    grow_to(&HEAP, HEAVY_BYTES + 2 * ARENA_BYTES as u64);
    let before = advised_arenas(&HEAP);
    assert_ne!(before, 0);
    HEAP.thp.slow_ns.set(0);
    grow_to(&HEAP, HEAVY_BYTES + 6 * ARENA_BYTES as u64);
    assert!(advised_arenas(&HEAP) <= before + 1, "the first that was timed");
}

#[test]
fn a_heap_of_many_arenas_of_which_few_pools_are_in_use_takes_none() {
    static HEAP: PageHeap = PageHeap::new();
    assume(&HEAP, HugePages::OnAdvice);
    for pool in grow_to(&HEAP, HEAVY_BYTES) {
        pool.open_run(1);
        // SAFETY: claimed above, used no more.
        unsafe { HEAP.free_large(pool) };
    }
    // Runs that no arena with a single used pool at its middle could hold need arenas of their own.
    let _run = HEAP.claim(LARGEST_RUN_POOLS as u32 - 1, 1).unwrap();
    assert!(!HEAP.thp().pays_for_arena());
}

fn huge_block(page_heap: &PageHeap, bytes: usize) -> NonNull<u8> {
    page_heap.allocate_huge(bytes, 16, false).unwrap().0
}

fn filled_huge_block(page_heap: &PageHeap, bytes: usize) -> NonNull<u8> {
    let block = huge_block(page_heap, bytes);
    // SAFETY: allocated just now, of this length.
    unsafe { block.write_bytes(1, bytes) };
    block
}

const MIB: usize = 1 << 20;

#[test]
#[cfg_attr(strata_unix, ignore = "only Linux is asked for huge pages")]
fn a_huge_block_is_taken_in_huge_pages_once_the_one_before_was_filled_and_no_longer_than_twice_that() {
    static HEAP: PageHeap = PageHeap::new();
    assume(&HEAP, HugePages::OnAdvice);
    assert_eq!(HEAP.thp().pages_for_block(64 * MIB), Pages::Any, "nothing is known");
    filled_huge_block(&HEAP, 20 * MIB);
    assert_eq!(HEAP.thp().pages_for_block(64 * MIB), Pages::Any);
    assert_eq!(HEAP.thp().pages_for_block(40 * MIB), Pages::Huge);
}

#[test]
#[cfg_attr(strata_unix, ignore = "only Linux is asked for huge pages")]
fn a_huge_block_of_a_program_with_few_of_them_is_not() {
    static HEAP: PageHeap = PageHeap::new();
    assume(&HEAP, HugePages::OnAdvice);
    filled_huge_block(&HEAP, 5 * MIB);
    assert_eq!(HEAP.thp().pages_for_block(5 * MIB), Pages::Any);
}

#[test]
#[cfg_attr(strata_unix, ignore = "only Linux is asked for huge pages")]
fn a_huge_block_that_is_not_filled_ends_it() {
    static HEAP: PageHeap = PageHeap::new();
    assume(&HEAP, HugePages::OnAdvice);
    filled_huge_block(&HEAP, 20 * MIB);
    let in_huge_pages = huge_block(&HEAP, 25 * MIB);
    // A byte in each huge page: all of it seems filled, except what lies behind the last one.
    for at in (0..25 * MIB).step_by(HUGE_PAGE_BYTES) {
        // SAFETY: within the block.
        let place = unsafe { in_huge_pages.byte_add(at) };
        // SAFETY: within the block.
        unsafe { place.write(1) };
    }
    assert_eq!(HEAP.thp().pages_for_block(25 * MIB), Pages::Any);
    let untouched = huge_block(&HEAP, 25 * MIB);
    assert_eq!(HEAP.thp().pages_for_block(25 * MIB), Pages::Any);
    let _live = untouched;
}

#[test]
#[cfg_attr(strata_unix, ignore = "only Linux is asked for huge pages")]
fn a_huge_block_that_is_freed_before_the_next_comes_is_evidence_too() {
    static HEAP: PageHeap = PageHeap::new();
    assume(&HEAP, HugePages::OnAdvice);
    let block = filled_huge_block(&HEAP, 20 * MIB);
    // SAFETY: ours, used no more.
    unsafe { HEAP.free_huge(strata_core::address::UserPtr::new(block)) };
    HEAP.purge_all();
    assert_eq!(HEAP.thp().pages_for_block(20 * MIB), Pages::Huge);
}

/// How many huge pages the kernel had no room for, of all processes: its memory may be in pieces.
fn refused_huge_pages() -> u64 {
    let text = std::fs::read_to_string("/proc/vmstat").unwrap_or_default();
    let count = text.lines().find_map(|line| line.strip_prefix("thp_fault_fallback "));
    count.and_then(|count| count.parse().ok()).unwrap_or(0)
}

#[test]
#[cfg_attr(strata_unix, ignore = "only Linux is asked for huge pages")]
fn a_huge_block_that_grows_does_so_in_huge_pages_if_what_it_has_is_filled() {
    static HEAP: PageHeap = PageHeap::new();
    assume(&HEAP, HugePages::OnAdvice);
    let resident_when_longer = |fill: bool| {
        let block = huge_block(&HEAP, 40 * MIB);
        if fill {
            // SAFETY: allocated just now, of this length.
            unsafe { block.write_bytes(1, 40 * MIB) };
        }
        let user = strata_core::address::UserPtr::new(block);
        // SAFETY: ours; used where it is now.
        let grown = match unsafe { HEAP.resize_huge(user, 40 * MIB, 80 * MIB) } {
            crate::huge::block::Resized::Moved(block) => block,
            _ => block,
        };
        let page = machine::page_size();
        let [touched, beside] = [60 * MIB, 60 * MIB + page].map(|at| {
            // SAFETY: within the block.
            unsafe { grown.byte_add(at) }
        });
        // SAFETY: within the block.
        unsafe { touched.write(1) };
        let mut answer = [0];
        assert!(memory::find_resident(beside, &mut answer));
        answer[0] & 1
    };
    assert_eq!(resident_when_longer(false), 0);
    let before = refused_huge_pages();
    let resident = resident_when_longer(true);
    assert!(resident == 1 || refused_huge_pages() > before, "not asked for");
}

#[test]
fn a_kernel_that_gives_none_is_not_asked_for_any() {
    static HEAP: PageHeap = PageHeap::new();
    assume(&HEAP, HugePages::Never);
    grow_to(&HEAP, 2 * HEAVY_BYTES);
    assert_eq!(advised_arenas(&HEAP), 0);
}

#[test]
#[cfg_attr(strata_unix, ignore = "only Linux is asked for huge pages")]
fn the_option_has_the_last_word() {
    static NEVER: PageHeap = PageHeap::new();
    assume(&NEVER, HugePages::OnAdvice);
    NEVER.tuning.huge_pages.store(HugePageChoice::Never as u64, Relaxed);
    grow_to(&NEVER, 2 * HEAVY_BYTES);
    assert_eq!(advised_arenas(&NEVER), 0);
    static ALWAYS: PageHeap = PageHeap::new();
    assume(&ALWAYS, HugePages::OnAdvice);
    ALWAYS.tuning.huge_pages.store(HugePageChoice::Always as u64, Relaxed);
    grow_to(&ALWAYS, ARENA_BYTES as u64 / 2);
    assert_eq!(advised_arenas(&ALWAYS), 1);
}

#[test]
#[cfg_attr(strata_unix, ignore = "only Linux is asked for huge pages")]
fn what_may_be_in_memory_because_of_huge_pages_counts_until_it_goes() {
    static HEAP: PageHeap = PageHeap::new();
    assume(&HEAP, HugePages::OnAdvice);
    HEAP.tuning.huge_pages.store(HugePageChoice::Always as u64, Relaxed);
    let _held = HEAP.claim_pool().unwrap();
    let pools = || {
        let snapshot = HEAP.snapshot();
        (snapshot.resident_pools, snapshot.clean_pools, HEAP.footprint().held_bytes / POOL_BYTES as u64)
    };
    let all = (ARENA_BYTES / POOL_BYTES) as u64;
    assert_eq!(pools(), (all, 0, all));
    assert_eq!(HEAP.footprint().idle_bytes, (all - 2) * POOL_BYTES as u64);
    HEAP.purge_all();
    assert_eq!(pools(), (2, all - 2, 2));
    assert_eq!(HEAP.footprint().idle_bytes, 0);
}

#[test]
#[cfg_attr(strata_unix, ignore = "only Linux is asked for huge pages")]
fn what_was_never_used_of_an_arena_with_huge_pages_goes_too() {
    static HEAP: PageHeap = PageHeap::new();
    assume(&HEAP, HugePages::OnAdvice);
    HEAP.tuning.huge_pages.store(HugePageChoice::Always as u64, Relaxed);
    let pools = grow_to(&HEAP, HEAVY_BYTES + 4 * ARENA_BYTES as u64 + ARENA_BYTES as u64 / 2);
    let advised = advised_arenas(&HEAP);
    let last = pools.last().unwrap();
    // SAFETY: claimed from a segment.
    let (segment, arena) = unsafe { Segment::of(last) };
    assert!(segment.is_advised(arena) && segment.dirty(arena) == 0 && segment.free_with_memory(arena) != 0);
    while HEAP.purge().pass(Scope::Idle) {}
    assert!(!segment.is_advised(arena));
    assert_eq!(segment.free_with_memory(arena), 0);
    assert_eq!(advised_arenas(&HEAP), advised - 1, "full arenas keep theirs");
}

#[test]
#[cfg_attr(strata_unix, ignore = "only Linux is asked for huge pages")]
fn an_arena_that_was_purged_shuns_huge_pages_until_it_is_taken_again() {
    static HEAP: PageHeap = PageHeap::new();
    assume(&HEAP, HugePages::OnAdvice);
    HEAP.tuning.huge_pages.store(HugePageChoice::Always as u64, Relaxed);
    let heavy = grow_to(&HEAP, HEAVY_BYTES + 8 * ARENA_BYTES as u64);
    let advised = advised_arenas(&HEAP);
    let (kept, given_back) = heavy.split_at(heavy.len() - 4 * USABLE_POOLS.count_ones() as usize);
    for pool in given_back {
        pool.open_run(1);
        // SAFETY: claimed above, used no more.
        unsafe { HEAP.free_large(pool) };
    }
    HEAP.purge_all();
    assert!(advised_arenas(&HEAP) <= advised - 4);
    grow_to(&HEAP, HEAVY_BYTES + 8 * ARENA_BYTES as u64);
    assert!(advised_arenas(&HEAP) >= advised - 1, "{} pools were kept", kept.len());
}
