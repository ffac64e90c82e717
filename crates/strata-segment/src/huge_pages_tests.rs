//! Tests of which memory is asked for in huge pages.
//!
//! Does not know: what the pages are for.

use super::*;
use crate::purge::Which;
use std::vec::Vec;
use strata_core::layout::LARGEST_RUN_POOLS;

/// A directory for which the kernel has this policy, and gives pages fast.
fn assume(directory: &Directory, policy: HugePages) {
    directory.appetite.policy.set(1 + policy as u64);
    directory.appetite.slow_ns.set(u64::MAX);
}

/// Takes single pools until `bytes` are in use, and fills them.
fn grow_to(directory: &Directory, bytes: u64) -> Vec<&'static Pool> {
    let mut pools = Vec::new();
    while directory.used_pool_bytes() < bytes {
        let pool = directory.claim_pool().unwrap().first;
        // SAFETY: claimed just now: nobody else's, and written whole.
        unsafe { pool.base().write_bytes(1, POOL_BYTES) };
        pools.push(pool);
    }
    pools
}

#[test]
#[cfg_attr(strata_unix, ignore = "only Linux is asked for huge pages")]
fn a_heap_whose_pools_are_not_filled_takes_none() {
    static DIRECTORY: Directory = Directory::new();
    assume(&DIRECTORY, HugePages::Never);
    // More than all other tests of this process touch.
    while DIRECTORY.used_pool_bytes() < 1 << 30 {
        let _untouched = DIRECTORY.claim_pool().unwrap();
    }
    assert!(!DIRECTORY.is_growing_fast());
}

fn advised_arenas(directory: &Directory) -> usize {
    let advised = |segment: &Segment| (0..64).filter(|arena| segment.is_advised(*arena)).count();
    directory.segments().map(advised).sum()
}

#[test]
#[cfg_attr(strata_unix, ignore = "only Linux is asked for huge pages")]
fn a_heap_takes_huge_pages_once_it_grows_fast_for_its_size() {
    static DIRECTORY: Directory = Directory::new();
    assume(&DIRECTORY, HugePages::OnAdvice);
    grow_to(&DIRECTORY, LIGHT_BYTES);
    assert_eq!(advised_arenas(&DIRECTORY), 0);
    grow_to(&DIRECTORY, HEAVY_BYTES + 4 * ARENA_BYTES as u64);
    assert!(advised_arenas(&DIRECTORY) >= 3);
}

#[test]
#[cfg_attr(strata_unix, ignore = "only Linux is asked for huge pages")]
fn a_heap_takes_no_more_once_they_were_slow_to_come() {
    static DIRECTORY: Directory = Directory::new();
    assume(&DIRECTORY, HugePages::OnAdvice);
    grow_to(&DIRECTORY, HEAVY_BYTES + 2 * ARENA_BYTES as u64);
    let before = advised_arenas(&DIRECTORY);
    assert_ne!(before, 0);
    DIRECTORY.appetite.slow_ns.set(0);
    grow_to(&DIRECTORY, HEAVY_BYTES + 6 * ARENA_BYTES as u64);
    assert!(advised_arenas(&DIRECTORY) <= before + 1, "the first that was timed");
}

#[test]
fn a_heap_of_many_arenas_of_which_few_pools_are_in_use_takes_none() {
    static DIRECTORY: Directory = Directory::new();
    assume(&DIRECTORY, HugePages::OnAdvice);
    for pool in grow_to(&DIRECTORY, HEAVY_BYTES) {
        pool.open_run(1);
        // SAFETY: claimed above, used no more.
        unsafe { DIRECTORY.free_large(pool) };
    }
    // Runs that no arena with a single used pool at its middle could hold need arenas of their own.
    let _run = DIRECTORY.claim(LARGEST_RUN_POOLS as u32 - 1, 1).unwrap();
    assert!(!DIRECTORY.is_growing_fast());
}

fn huge_block(directory: &Directory, bytes: usize) -> NonNull<u8> {
    directory.allocate_huge(bytes, 16, false).unwrap().0
}

#[test]
#[cfg_attr(strata_unix, ignore = "only Linux is asked for huge pages")]
fn a_huge_block_in_a_program_that_filled_those_before_is_taken_in_huge_pages() {
    static DIRECTORY: Directory = Directory::new();
    assume(&DIRECTORY, HugePages::OnAdvice);
    assert_eq!(DIRECTORY.pages_for_block(ARENA_BYTES), Pages::Any);
    let bytes = GROWTH_BYTES as usize;
    assert_eq!(DIRECTORY.pages_for_block(bytes), Pages::Huge, "nothing speaks against the first");
    // SAFETY: allocated just now, of this length.
    unsafe { huge_block(&DIRECTORY, bytes).write_bytes(1, bytes) };
    assert_eq!(DIRECTORY.pages_for_block(ARENA_BYTES), Pages::Huge);
    // Nobody touches this one. It is larger than what all other tests of this process hold.
    huge_block(&DIRECTORY, 1 << 30);
    assert_eq!(DIRECTORY.pages_for_block(ARENA_BYTES), Pages::Any);
}

#[test]
fn a_kernel_that_gives_none_is_not_asked_for_any() {
    static DIRECTORY: Directory = Directory::new();
    assume(&DIRECTORY, HugePages::Never);
    grow_to(&DIRECTORY, 2 * HEAVY_BYTES);
    assert_eq!(advised_arenas(&DIRECTORY), 0);
}

#[test]
#[cfg_attr(strata_unix, ignore = "only Linux is asked for huge pages")]
fn the_user_has_the_last_word() {
    static NEVER: Directory = Directory::new();
    assume(&NEVER, HugePages::OnAdvice);
    NEVER.tuning.huge_pages.store(HugePageChoice::Never as u64, Relaxed);
    grow_to(&NEVER, 2 * HEAVY_BYTES);
    assert_eq!(advised_arenas(&NEVER), 0);
    static ALWAYS: Directory = Directory::new();
    assume(&ALWAYS, HugePages::OnAdvice);
    ALWAYS.tuning.huge_pages.store(HugePageChoice::Always as u64, Relaxed);
    grow_to(&ALWAYS, ARENA_BYTES as u64 / 2);
    assert_eq!(advised_arenas(&ALWAYS), 1);
}

#[test]
#[cfg_attr(strata_unix, ignore = "only Linux is asked for huge pages")]
fn what_may_be_in_memory_because_of_huge_pages_counts_until_it_goes() {
    static DIRECTORY: Directory = Directory::new();
    assume(&DIRECTORY, HugePages::OnAdvice);
    DIRECTORY.tuning.huge_pages.store(HugePageChoice::Always as u64, Relaxed);
    let _held = DIRECTORY.claim_pool().unwrap();
    let pools = || {
        let census = DIRECTORY.census();
        (census.resident_pools, census.clean_pools, DIRECTORY.holdings().held_bytes / POOL_BYTES as u64)
    };
    let all = (ARENA_BYTES / POOL_BYTES) as u64;
    assert_eq!(pools(), (all, 0, all));
    assert_eq!(DIRECTORY.holdings().idle_bytes, (all - 2) * POOL_BYTES as u64);
    DIRECTORY.purge_all();
    assert_eq!(pools(), (2, all - 2, 2));
    assert_eq!(DIRECTORY.holdings().idle_bytes, 0);
}

#[test]
#[cfg_attr(strata_unix, ignore = "only Linux is asked for huge pages")]
fn what_nobody_used_of_an_arena_with_huge_pages_goes_too() {
    static DIRECTORY: Directory = Directory::new();
    assume(&DIRECTORY, HugePages::OnAdvice);
    let pools = grow_to(&DIRECTORY, HEAVY_BYTES + 4 * ARENA_BYTES as u64 + ARENA_BYTES as u64 / 2);
    let advised = advised_arenas(&DIRECTORY);
    let last = pools.last().unwrap();
    // SAFETY: claimed from a segment.
    let (segment, arena) = unsafe { Segment::of(last) };
    assert!(segment.is_advised(arena) && segment.dirty(arena) == 0 && segment.free_with_memory(arena) != 0);
    while DIRECTORY.pass(Which::Settled) {}
    assert!(!segment.is_advised(arena));
    assert_eq!(segment.free_with_memory(arena), 0);
    assert_eq!(advised_arenas(&DIRECTORY), advised - 1, "full arenas keep theirs");
}

#[test]
#[cfg_attr(strata_unix, ignore = "only Linux is asked for huge pages")]
fn an_arena_that_was_purged_shuns_huge_pages_until_it_is_taken_again() {
    static DIRECTORY: Directory = Directory::new();
    assume(&DIRECTORY, HugePages::OnAdvice);
    let heavy = grow_to(&DIRECTORY, HEAVY_BYTES + 8 * ARENA_BYTES as u64);
    let advised = advised_arenas(&DIRECTORY);
    let (kept, given_back) = heavy.split_at(heavy.len() - 4 * USABLE_POOLS.count_ones() as usize);
    for pool in given_back {
        pool.open_run(1);
        // SAFETY: claimed above, used no more.
        unsafe { DIRECTORY.free_large(pool) };
    }
    DIRECTORY.purge_all();
    assert!(advised_arenas(&DIRECTORY) <= advised - 4);
    grow_to(&DIRECTORY, HEAVY_BYTES + 8 * ARENA_BYTES as u64);
    assert!(advised_arenas(&DIRECTORY) >= advised - 1, "{} pools were kept", kept.len());
}
