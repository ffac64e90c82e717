//! A class of which a program has few blocks is served by a larger one: most programs have one or two blocks of most classes.
//!
//! The first blocks of a class are of the next power of two:
//!
//! ```text
//!    80 …  112 ─► 128      each class its first three blocks, then a pool of its own:
//!   144 …  240 ─► 256      a page for eight classes instead of eight pages
//!   288 …  480 ─► 512
//!   576 …  960 ─► 1024     smaller classes are in use everywhere; of larger ones
//!  1152 … 1920 ─► 2048     a page holds no two blocks
//! ```
//!
//! Above 8 KiB, where blocks come in spans of up to half a megabyte, a class without one is served by the next two classes, if one of
//! these has one or two: a quarter more for a block is less than a span for a few.
//!
//! A block's pool records its class, so the holder of a larger one need not know. It is as aligned as a smaller one would be: the
//! larger size is a multiple of every power of two that divides the smaller.
//!
//! Does not know: what allocates. Measured in decisions 0016 and 0038.

use crate::cache::Cache;
use core::ops::RangeInclusive;
use strata_core::block::BlockPtr;
use strata_core::layout::{LARGEST_SINGLE_BYTES, POOL_BYTES};
use strata_core::pool::Memory;
use strata_core::size_class::{CLASS_COUNT, SizeClass};

/// Blocks of a class that are promoted before it has a pool of its own. Models have small pools, and count them.
const MOST: u32 = if cfg!(strata_loom) { 0 } else { 3 };
/// Block sizes that are promoted; the powers of two among them serve.
const PROMOTED: RangeInclusive<usize> = 80..=1920;

/// Classes above one with spans that may serve in its stead.
const NEAR: usize = 2;
/// Spans of a larger class up to which it serves others: of one that has more, another class's own are few beside them.
const FEW_SPANS: u32 = 2;

/// The class that serves instead of this one.
fn promotion_of(class: SizeClass) -> Option<SizeClass> {
    let bytes = class.block_bytes();
    (PROMOTED.contains(&bytes) && !bytes.is_power_of_two()).then(|| SizeClass::of(bytes.next_power_of_two()))
}

/// Whether blocks of a class come in spans. In models none is served by another.
const fn has_spans(class: SizeClass) -> bool {
    class.block_bytes() > LARGEST_SINGLE_BYTES && !cfg!(strata_loom)
}

/// The classes that may serve instead of one with spans: those right above it that are as aligned (`size_class.rs`, I2).
fn near(class: SizeClass) -> impl Iterator<Item = SizeClass> {
    let alignment = |class: SizeClass| (class.block_bytes() | POOL_BYTES).trailing_zeros();
    let end = CLASS_COUNT.min(class.index() + 1 + NEAR);
    let larger = (class.index() + 1..end).map(SizeClass::from_index);
    larger.filter(move |larger| alignment(*larger) >= alignment(class))
}

impl Cache {
    /// A block that is ready, for a class with spans that was served by a larger one last.
    pub(crate) fn promote_to_ready(&self, class: SizeClass) -> Option<BlockPtr> {
        if !has_spans(class) || self.class(class).promoted.get() == 0 {
            return None;
        }
        near(class).find_map(|larger| self.magazine(larger).pop())
    }

    /// A larger block for a class with spans of which there is none, of a class of which there are few.
    pub(crate) fn promote_to_near(&self, class: SizeClass) -> Option<(BlockPtr, Memory)> {
        if !has_spans(class) {
            return None;
        }
        let pools = |class| self.page_heap().pools_of(class);
        if pools(class) != 0 {
            self.class(class).promoted.set(0);
            return None;
        }
        let block = near(class)
            .filter(|larger| (1..=FEW_SPANS * larger.span_pools()).contains(&pools(*larger)))
            .find_map(|larger| self.promote_to(larger));
        self.class(class).promoted.set(block.is_some().into());
        block
    }

    /// A block of a larger class.
    fn promote_to(&self, larger: SizeClass) -> Option<(BlockPtr, Memory)> {
        if let Some(ready) = self.magazine(larger).pop() {
            return Some((ready, Memory::Used));
        }
        self.class(larger).visited.set(1);
        let block = self.take_batch(larger, self.next_batch(larger))?;
        self.note_refill(larger);
        Some(block)
    }

    /// A larger block for a class that has had few blocks so far.
    pub(crate) fn promote(&self, class: SizeClass) -> Option<BlockPtr> {
        let state = self.class(class);
        let promoted = state.promoted.get();
        if promoted >= MOST || state.batch.get() != 0 {
            return None;
        }
        let larger = promotion_of(class)?;
        state.promoted.set(promoted + 1);
        self.promote_to(larger).map(|(block, _)| block)
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::registry::Runtime;
    use crate::scene;
    use std::vec::Vec;
    use strata_core::address::UserPtr;
    use strata_core::pool::{Format, Pool};

    fn new(cache: &Cache, bytes: usize) -> UserPtr {
        scene::new(cache, SizeClass::of(bytes))
    }

    /// Bytes of the block, as its pool has it.
    fn bytes_of(block: UserPtr) -> usize {
        // SAFETY: a block of a pool.
        match unsafe { block.pool() }.format() {
            Format::Blocks(class) => class.block_bytes(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_promotion_is_to_less_than_double_and_as_aligned() {
        for class in SizeClass::all() {
            if let Some(larger) = promotion_of(class) {
                let (bytes, promoted) = (class.block_bytes(), larger.block_bytes());
                assert!(bytes < promoted && promoted < 2 * bytes, "{bytes} {promoted}");
                assert!(promoted.trailing_zeros() >= bytes.trailing_zeros());
                assert_eq!(promotion_of(larger), None, "promoted twice");
            }
        }
    }

    #[test]
    fn a_near_class_is_at_most_a_quarter_larger_and_as_aligned() {
        for class in SizeClass::all().filter(|class| has_spans(*class)) {
            for larger in near(class) {
                let (bytes, promoted) = (class.block_bytes(), larger.block_bytes());
                assert!(bytes < promoted && promoted * 4 <= bytes * 5);
                assert!((0..=16).all(|shift| bytes % (1 << shift) != 0 || promoted % (1 << shift) == 0));
            }
        }
        assert_eq!(near(SizeClass::of(36 << 10)).count(), 2);
    }

    #[test]
    fn a_class_without_a_span_is_served_by_a_near_one_as_long_as_that_has_few() {
        static RUNTIME: Runtime = Runtime::new();
        let cache = RUNTIME.enter().unwrap();
        let (bytes, larger) = (36 << 10, 40 << 10);
        let span = Pool::capacity(SizeClass::of(larger));
        assert_eq!(bytes_of(new(cache, larger)), larger);
        let sizes: Vec<_> = (0..=FEW_SPANS * span).map(|_| bytes_of(new(cache, bytes))).collect();
        let (own, promoted) = sizes.split_last().unwrap();
        assert!(promoted.iter().all(|size| *size == larger) && *own == bytes, "{sizes:?}");
        assert_eq!(bytes_of(new(cache, bytes)), bytes, "it has one of its own");
    }

    #[test]
    fn a_class_that_was_promoted_takes_what_is_ready_without_a_refill() {
        static RUNTIME: Runtime = Runtime::new();
        let cache = RUNTIME.enter().unwrap();
        let (class, larger) = (SizeClass::of(36 << 10), SizeClass::of(40 << 10));
        let _kept = scene::new(cache, larger);
        for _ in 0..8 {
            let blocks = [(); 3].map(|()| scene::new(cache, class));
            blocks.into_iter().for_each(|block| scene::free(cache, block, larger));
        }
        let refills = cache.batches().0;
        assert_eq!(bytes_of(scene::new(cache, class)), 40 << 10);
        assert_eq!(cache.batches().0, refills);
    }

    #[test]
    fn the_first_three_blocks_of_a_class_are_larger_and_the_fourth_is_its_own() {
        static RUNTIME: Runtime = Runtime::new();
        let cache = RUNTIME.enter().unwrap();
        let sizes = [(); 5].map(|()| bytes_of(new(cache, 700)));
        assert_eq!(sizes, [1024, 1024, 1024, 704, 704]);
        assert_eq!(bytes_of(new(cache, 64)), 64);
        assert_eq!(bytes_of(new(cache, 2300)), 2304);
    }

    #[test]
    fn a_page_serves_the_first_blocks_of_several_classes() {
        static RUNTIME: Runtime = Runtime::new();
        let cache = RUNTIME.enter().unwrap();
        (144..=256).step_by(16).for_each(|bytes| {
            let _ = new(cache, bytes);
        });
        assert_eq!(RUNTIME.page_heap.snapshot().used_pools, 1);
    }

    #[test]
    fn a_thread_that_starts_is_served_larger_blocks_anew() {
        static RUNTIME: Runtime = Runtime::new();
        for _ in 0..3 {
            let cache = RUNTIME.enter().unwrap();
            let block = new(cache, 700);
            assert_eq!(bytes_of(block), 1024);
            // SAFETY: the block's last use, with the class that was asked for.
            unsafe { cache.free(block, SizeClass::of(700)) };
            // SAFETY: the cache is used no more.
            unsafe { RUNTIME.leave(cache) };
        }
        assert_eq!(RUNTIME.page_heap.snapshot().used_pools, 0);
    }
}
