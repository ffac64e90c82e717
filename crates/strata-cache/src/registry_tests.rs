//! Slots are claimed, found again and freed, however many there are.

use super::*;
use crate::slabs::CACHES_PER_SLAB;
use std::vec::Vec;
use strata_core::address::UserPtr;

#[test]
fn threads_one_after_the_other_use_the_same_slot() {
    static RUNTIME: Runtime = Runtime::new();
    let first = RUNTIME.enter().unwrap();
    for _ in 0..1000 {
        // SAFETY: the cache is used no more.
        unsafe { RUNTIME.leave(first) };
        assert!(core::ptr::eq(RUNTIME.enter().unwrap(), first));
    }
    assert_eq!((RUNTIME.registry.live(), RUNTIME.registry.ever()), (1, 1001));
}

#[test]
fn caches_beyond_a_slab_are_found_and_freed_in_the_next_one() {
    static RUNTIME: Runtime = Runtime::new();
    let caches: Vec<_> = (0..3 * CACHES_PER_SLAB).map(|_| RUNTIME.enter().unwrap()).collect();
    let mut addresses: Vec<_> = caches.iter().map(|cache| core::ptr::from_ref(*cache).addr()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    assert_eq!(addresses.len(), 3 * CACHES_PER_SLAB);
    assert_eq!(RUNTIME.registry.caches().count(), 3 * CACHES_PER_SLAB);
    for cache in &caches {
        // SAFETY: the cache is used no more.
        unsafe { RUNTIME.leave(cache) };
    }
    assert_eq!((RUNTIME.registry.live(), RUNTIME.registry.caches().count()), (0, 0));
    let again = RUNTIME.enter().unwrap();
    assert!(core::ptr::eq(again, caches[0]));
}

#[test]
fn a_block_without_a_cache_comes_from_a_pool_and_leaves_it_unowned() {
    static RUNTIME: Runtime = Runtime::new();
    let page_heap = &RUNTIME.page_heap;
    let (class, larger) = (SizeClass::of(48), SizeClass::of(10 << 10));
    let blocks: Vec<_> = [class, class, larger].map(|class| RUNTIME.alloc_past_caches(class).unwrap()).into();
    assert_ne!(blocks[0], blocks[1]);
    assert_eq!((RUNTIME.registry.live(), page_heap.snapshot().classes[class.index()].pools), (0, 1));
    let cache = RUNTIME.enter().unwrap();
    // SAFETY: blocks of this runtime; the cache of a test has one user.
    blocks.iter().for_each(|block| unsafe { cache.free_unsized(UserPtr::new(block.as_non_null())) });
    // SAFETY: the cache of a test has one user.
    unsafe { cache.collect() };
    assert_eq!(page_heap.snapshot().used_pools, 0);
}
