//! What a thread does besides allocating, on slow paths, when its block is allocated: pools and limits follow what it is busy with.
//!
//! | when                              | what                                                                    |
//! |-----------------------------------|-------------------------------------------------------------------------|
//! | after each refill                 | the class's pool is abandoned, unless the thread is busy with the class |
//! | every 64 refills                  | classes that had few of them are quiet: their pools are abandoned       |
//! | after a purge pass                | magazines that nothing changed since the last one are emptied           |
//! | memory is short (a flush request) | all magazines are emptied, all pools abandoned                          |
//! | each time                         | a purge pass, if one is due and no other thread makes it                |
//!
//! Does not know: clocks; the segment layer reads those. Idea: one ordered pass (tcmalloc's `background.cc`).

use crate::cache::Cache;
use crate::registry::Runtime;
use crate::thread;
use strata_core::size_class::SizeClass;
use strata_core::sync::mutation::{ABANDON_FLUSHES, ABANDON_LETS_GO};
use strata_segment::Inside;

/// Refills in a round.
const ROUND: u32 = 64;
/// Refills of a class in a round that make the thread busy with it; so it is busy with four classes at most. Models have four: all that
/// their few pools allow at once (`World::enter_busy`).
const BUSY: u32 = if cfg!(strata_loom) { 4 } else { 16 };
/// Flushes between two checks of the clock, on a thread that hardly allocates.
const FLUSHES: u32 = 16;

impl Cache {
    /// A class was refilled, and a block is allocated; forks are held off until that operation is complete.
    #[inline]
    pub(crate) fn maintain_after_refill(&self, class: SizeClass, held_off: Option<Inside<'_>>) {
        self.note_refill(class);
        let refills = self.refills.get().wrapping_add(1);
        self.refills.set(refills);
        let ends_round = refills.is_multiple_of(ROUND);
        if ends_round {
            self.end_round();
        }
        drop(held_off);
        if ends_round {
            thread::ensure_purge_thread();
        }
        self.maintain();
    }

    /// Counts a refill of a class; its pool is abandoned unless the thread is busy with it.
    #[inline]
    pub(crate) fn note_refill(&self, class: SizeClass) {
        let state = self.class(class);
        state.refills.set(state.refills.get() + 1);
        self.deepen_if_missed(class);
        if state.refills.get() < BUSY && state.busy.get() == 0 {
            self.detach(class);
        }
    }

    /// A block was freed into a full magazine, and is dealt with.
    #[inline]
    pub(crate) fn maintain_after_flush(&self) {
        let flushes = self.flushes.get().wrapping_add(1);
        self.flushes.set(flushes);
        if flushes.is_multiple_of(FLUSHES) {
            self.maintain();
        }
    }

    /// Classes that had few refills in this round are quiet.
    #[cold]
    fn end_round(&self) {
        for class in SizeClass::all() {
            let state = self.class(class);
            let is_busy = state.refills.get() >= BUSY;
            if !is_busy && state.busy.get() != 0 {
                self.detach(class);
            }
            state.busy.set(is_busy.into());
            state.refills.set(0);
        }
    }

    pub(crate) fn maintain(&self) {
        let page_heap = self.page_heap();
        let requests = page_heap.flush_requests();
        if self.requests.get() != requests {
            self.requests.set(requests);
            self.let_go();
            thread::heed_profile(self);
        }
        let passes = page_heap.passes() as u32;
        if self.passes.get() != passes {
            self.passes.set(passes);
            self.close_quiet();
        }
        if self.runtime().is_some_and(|runtime| runtime.registry.has_orphans()) {
            self.empty_an_orphan();
        }
        page_heap.tick();
    }

    /// Empties the cache of a thread that a fork left behind, if there is one; whether there was.
    #[cold]
    #[inline(never)]
    fn empty_an_orphan(&self) -> bool {
        let _held_off = self.hold_off_forks();
        self.runtime().is_some_and(Runtime::empty_an_orphan)
    }

    /// The same for all of them.
    pub(crate) fn empty_orphans(&self) {
        while self.empty_an_orphan() {}
    }

    /// Empties the magazines in which nothing changed since the last purge pass.
    #[cold]
    fn close_quiet(&self) {
        let _held_off = self.hold_off_forks();
        for class in SizeClass::all() {
            let (state, count) = (self.class(class), self.magazine(class).count());
            if count == state.seen.get() && state.visited.get() == 0 {
                self.close(class);
            }
            state.visited.set(0);
            state.seen.set(self.magazine(class).count());
        }
    }

    /// Empties all magazines, and abandons all pools.
    pub(crate) fn let_go(&self) {
        let _held_off = self.hold_off_forks();
        self.flush_all();
        SizeClass::all().for_each(|class| self.detach(class));
    }

    /// Empties the cache of a thread that ends: its blocks go to their pools, its pools to all threads (P4).
    ///
    /// # Safety
    /// - The caller is the thread whose cache this is, and holds forks off: by another word, so that waiting for one here would keep both
    ///   waiting.
    pub(crate) unsafe fn abandon(&self) {
        if self.runtime().is_none() {
            return;
        }
        if ABANDON_FLUSHES {
            self.flush_all();
        }
        for class in SizeClass::all() {
            if ABANDON_LETS_GO {
                self.detach(class);
            }
            self.class(class).forget();
        }
    }

    /// Gives everything back that the thread has ready: blocks to their pools, pools to all threads.
    ///
    /// # Safety
    /// - The caller is the thread whose cache this is.
    pub unsafe fn collect(&self) {
        // What it counts is drawn anew, which changes no chance.
        thread::end_heap_profile(self);
        if self.runtime().is_some() {
            self.let_go();
            self.empty_orphans();
            self.page_heap().tick();
        }
        thread::begin_heap_profile(self);
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use crate::registry::Runtime;
    use crate::scene::{free, new};
    use std::vec::Vec;
    use strata_core::size_class::SizeClass;

    #[test]
    fn a_cache_is_flushed_when_all_are_asked_to() {
        static RUNTIME: Runtime = Runtime::new();
        let cache = RUNTIME.enter().unwrap();
        let (class, other) = (SizeClass::of(100), SizeClass::of(5000));
        let blocks: Vec<_> = (0..1000).map(|_| new(cache, class)).collect();
        let kept = blocks.len() / 2;
        blocks.into_iter().skip(kept).for_each(|block| free(cache, block, class));
        assert_ne!(cache.magazine(class).count(), 0);
        RUNTIME.page_heap.request_flush();
        new(cache, other);
        assert_eq!(cache.magazine(class).count(), 0);
        assert!(cache.active(class).is_none());
    }

    #[test]
    fn a_class_that_falls_quiet_abandons_its_pool_and_a_busy_one_keeps_it() {
        static RUNTIME: Runtime = Runtime::new();
        let cache = RUNTIME.enter().unwrap();
        let (quiet, busy) = (SizeClass::of(64), SizeClass::of(128));
        let _held: Vec<_> = (0..1000).map(|_| new(cache, quiet)).collect();
        assert!(cache.active(quiet).is_some());
        let _held: Vec<_> = (0..4000).map(|_| new(cache, busy)).collect();
        assert!(cache.active(quiet).is_none() && cache.active(busy).is_some());
    }

    #[test]
    fn a_magazine_that_nothing_changes_is_emptied_with_the_second_pass() {
        static RUNTIME: Runtime = Runtime::new();
        let cache = RUNTIME.enter().unwrap();
        let (class, other) = (SizeClass::of(256), SizeClass::of(32 << 10));
        let blocks: Vec<_> = (0..40).map(|_| new(cache, class)).collect();
        blocks.into_iter().for_each(|block| free(cache, block, class));
        let mut held = Vec::new();
        for _ in 0..4 {
            assert_ne!(cache.magazine(class).count(), 0);
            RUNTIME.page_heap.purge_all();
            held.push(new(cache, other));
            if cache.magazine(class).count() == 0 {
                return;
            }
        }
        panic!("{} blocks stay", cache.magazine(class).count());
    }

    #[test]
    fn collecting_leaves_no_pool_in_use_when_no_block_is() {
        static RUNTIME: Runtime = Runtime::new();
        let (cache, other) = (RUNTIME.enter().unwrap(), RUNTIME.enter().unwrap());
        let blocks: Vec<_> = SizeClass::all().map(|class| (new(cache, class), class)).collect();
        for (index, (block, class)) in blocks.into_iter().enumerate() {
            free(if index % 2 == 0 { cache } else { other }, block, class);
        }
        // SAFETY: the caches of a test have one user.
        unsafe { other.collect() };
        // SAFETY: the caches of a test have one user.
        unsafe { cache.collect() };
        assert_eq!(RUNTIME.page_heap.snapshot().used_pools, 0);
    }
}
