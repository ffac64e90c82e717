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
//! A block's pool says what it is, so whoever gets a larger one need not know. It is as aligned as a smaller one would be: the
//! lender's size is a multiple of every power of two that divides the borrower's.
//!
//! Does not know: who asks. Measured in decision 0016.

use crate::cache::Cache;
use crate::class_counts::{ClassCounts, words_for};
use core::ops::RangeInclusive;
use strata_core::block::BlockPtr;
use strata_core::size_class::SizeClass;

/// What a class borrows before it has a pool of its own. Models have small pools, and count them.
const MOST: u32 = if cfg!(strata_loom) { 0 } else { 3 };
/// Block sizes that borrow; the powers of two among them lend.
const BORROWERS: RangeInclusive<usize> = 80..=1920;

/// Bits of a count.
const BITS: usize = 2;
/// The largest class that borrows; models have fewer classes.
const LARGEST: SizeClass = SizeClass::of(if cfg!(strata_loom) { 1024 } else { *BORROWERS.end() });

/// How many blocks each class has borrowed.
pub(crate) type Borrowed = ClassCounts<BITS, { words_for(LARGEST.index() + 1, BITS) }>;

const _: () = assert!(MOST <= Borrowed::LARGEST);

/// The class that lends to this one.
fn lender_of(class: SizeClass) -> Option<SizeClass> {
    let bytes = class.block_bytes();
    (BORROWERS.contains(&bytes) && !bytes.is_power_of_two()).then(|| SizeClass::of(bytes.next_power_of_two()))
}

impl Cache {
    /// A larger block for a class that has no pool and has had few blocks so far.
    ///
    /// # Safety
    /// - As for [`alloc`](Self::alloc).
    #[inline]
    pub(crate) unsafe fn borrow(&self, class: SizeClass) -> Option<BlockPtr> {
        let lender = lender_of(class)?;
        let has_pool = self.list(class).pool().is_some() || self.queue(class).first().is_some();
        if has_pool || !self.borrowed.count_up_to(MOST, class) {
            return None;
        }
        // SAFETY: the same contract.
        unsafe { self.alloc(lender) }
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::identity::Runtime;
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
    fn a_lender_is_larger_by_less_than_double_and_as_aligned() {
        for class in SizeClass::all() {
            if let Some(lender) = lender_of(class) {
                let (bytes, lent) = (class.block_bytes(), lender.block_bytes());
                assert!(bytes < lent && lent < 2 * bytes, "{bytes} {lent}");
                assert!(lent.trailing_zeros() >= bytes.trailing_zeros());
                assert_eq!(lender_of(lender), None, "a lender that borrows");
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
        assert_eq!(RUNTIME.directory.census().used_pools, 1);
    }

    #[test]
    fn a_thread_that_starts_borrows_anew() {
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
        assert_eq!(RUNTIME.directory.census().used_pools, 0);
    }
}
