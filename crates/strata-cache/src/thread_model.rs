//! The current thread's cache, in models: there is no thread word; each actor has its cache as a value.
//!
//! A sentinel (a cache that was never entered) is that of a thread that is ending, as `DEAD` is in the shipped build.
//!
//! Does not know: which thread calls.

use crate::cache::Cache;
use crate::magazine::Magazine;
use crate::registry::Runtime;
use core::cell::Cell;
use strata_core::block::BlockPtr;
use strata_core::pool::Memory;
use strata_core::size_class::SizeClass;
use strata_segment::{Inside, PageHeap};

std::thread_local! {
    // All threads of a model are one thread of the system; a model has one runtime at a time.
    static SHARED: Cell<Option<&'static Runtime>> = const { Cell::new(None) };
}

/// Names the runtime that a model has instead of the shipped build's one static.
pub fn share(runtime: &'static Runtime) {
    SHARED.set(Some(runtime));
}

fn shared() -> &'static Runtime {
    SHARED.get().expect("the model has shared its runtime")
}

/// In models a thread has the cache that it calls by.
pub(crate) fn own_or(cache: &Cache) -> &Cache {
    cache
}

pub(crate) fn own(cache: &Cache) -> Option<&Cache> {
    cache.runtime().map(|_| cache)
}

pub(crate) fn page_heap(_cache: &Cache) -> &'static PageHeap {
    &shared().page_heap
}

pub(crate) fn shared_page_heap() -> &'static PageHeap {
    &shared().page_heap
}

pub(crate) fn note_returned_without_cache(class: SizeClass) {
    shared().departed.note_returned(class);
    shared().outside.note_returned(class);
}

/// Forks are modelled separately.
pub(crate) fn hold_off_forks(cache: &Cache) -> Option<Inside<'_>> {
    cache.hold_off_forks()
}

/// Models call by hand.
pub(crate) fn ensure_purge_thread() {}

/// Models profile nothing.
pub(crate) fn heed_profile(_cache: &Cache) {}

pub(crate) fn begin_heap_profile(_heap: &Cache) {}

pub(crate) fn end_heap_profile(_heap: &Cache) {}

pub(crate) fn note_freed(_block: BlockPtr) {}

pub(crate) fn note_leaving(_magazine: Magazine<'_>, _count: u32) {}

pub(crate) fn note_refusal() {}

/// # Safety
/// - As for [`Cache::free`].
pub(crate) unsafe fn free_by_sentinel(sentinel: &Cache, class: SizeClass, block: BlockPtr) {
    // SAFETY: the same contract.
    unsafe { sentinel.free_without_cache(class, block) };
}

pub(crate) fn alloc_zeroable_without_cache(
    sentinel: &Cache,
    class: SizeClass,
    size: usize,
) -> Option<(BlockPtr, Memory)> {
    alloc_without_cache(sentinel, class, size).map(|block| (block, Memory::Used))
}

pub(crate) fn alloc_without_cache(_sentinel: &Cache, class: SizeClass, _size: usize) -> Option<BlockPtr> {
    shared().alloc_past_caches(class)
}
