//! The first blocks of a class are of the next power of two: most programs have one or two blocks of most classes.
//!
//! ```text
//!    80 …  112 ─► 128      each class its first three blocks, then a pool of its own:
//!   144 …  240 ─► 256      a page for eight classes instead of eight pages
//!   288 …  480 ─► 512
//!   576 …  960 ─► 1024     smaller classes are in use everywhere; of larger ones
//!  1152 … 1920 ─► 2048     a page holds no two blocks
//! ```
//!
//! A block's pool records its class, so the holder of a larger one need not know. It is as aligned as a smaller one would be: the
//! larger size is a multiple of every power of two that divides the smaller.
//!
//! Does not know: what allocates. Measured in decision 0016.

use crate::cache::Cache;
use core::ops::RangeInclusive;
use strata_core::block::BlockPtr;
use strata_core::size_class::SizeClass;

/// Blocks of a class that are promoted before it has a pool of its own. Models have small pools, and count them.
const MOST: u32 = if cfg!(strata_loom) { 0 } else { 3 };
/// Block sizes that are promoted; the powers of two among them serve.
const PROMOTED: RangeInclusive<usize> = 80..=1920;

/// The class that serves instead of this one.
fn promotion_of(class: SizeClass) -> Option<SizeClass> {
    let bytes = class.block_bytes();
    (PROMOTED.contains(&bytes) && !bytes.is_power_of_two()).then(|| SizeClass::of(bytes.next_power_of_two()))
}

impl Cache {
    /// A larger block for a class that has had few blocks so far.
    pub(crate) fn promote(&self, class: SizeClass) -> Option<BlockPtr> {
        let state = self.class(class);
        let promoted = state.promoted.get();
        if promoted >= MOST || state.batch.get() != 0 {
            return None;
        }
        let larger = promotion_of(class)?;
        state.promoted.set(promoted + 1);
        if let Some(ready) = self.magazine(larger).pop() {
            return Some(ready);
        }
        self.class(larger).visited.set(1);
        let (block, _) = self.take_batch(larger, self.next_batch(larger))?;
        self.note_refill(larger);
        Some(block)
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::registry::Runtime;
    use crate::scene;
    use strata_core::address::UserPtr;
    use strata_core::pool::Format;

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
