//! Slots are claimed, found again and freed, however many there are.

use super::*;
use crate::slabs::CACHES_PER_SLAB;
use core::iter;
use core::time::Duration;
use std::vec::Vec;
use strata_core::address::UserPtr;
use strata_core::sync::{AtomicU64, Ordering::Relaxed};

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

/// A pass that holds forks off while it waits for one would keep both waiting for half a second.
#[test]
fn no_fork_waits_for_the_passes_of_a_thread_without_a_cache() {
    static RUNTIME: Runtime = Runtime::new();
    static IS_OVER: AtomicU64 = AtomicU64::new(0);
    const FORKS: usize = 20;
    RUNTIME.page_heap.set_purge_delay(0);
    let (cache, class) = (RUNTIME.enter().unwrap(), SizeClass::of(200 << 10));
    let use_pools = || {
        while IS_OVER.load(Relaxed) == 0 {
            let block = RUNTIME.alloc_past_caches(class).unwrap();
            // A pass is due.
            // SAFETY: a block of this runtime; the cache has one user.
            unsafe { cache.free_unsized(UserPtr::new(block.as_non_null())) };
        }
    };
    let fork_gate = &RUNTIME.page_heap.fork_gate;
    let close = |_: &usize| {
        // So that the other thread is in the middle of something.
        std::thread::sleep(Duration::from_millis(2));
        let have_left = fork_gate.close(iter::empty);
        fork_gate.open();
        !have_left
    };
    std::thread::scope(|scope| {
        scope.spawn(use_pools);
        while RUNTIME.page_heap.passes() == 0 {
            std::thread::yield_now();
        }
        let in_vain = (0..FORKS).filter(close).count();
        IS_OVER.store(1, Relaxed);
        assert!(in_vain < FORKS / 4, "{in_vain} of {FORKS} forks waited in vain");
    });
}

#[test]
fn a_counting_cache_in_the_slot_of_a_heap_goes_with_its_thread() {
    static RUNTIME: Runtime = Runtime::new();
    let heap = RUNTIME.enter().unwrap();
    heap.make_heap();
    // SAFETY: the cache is used no more.
    unsafe { RUNTIME.leave(heap) };
    let front = RUNTIME.enter_in_front().unwrap();
    assert!(core::ptr::eq(front, heap));
    assert_eq!((front.stays_after_fork.get(), front.is_heap()), (0, false));
    // SAFETY: it holds no block, and is used no more.
    unsafe { RUNTIME.leave_in_front(front) };
}
