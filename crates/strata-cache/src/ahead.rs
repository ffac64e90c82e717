//! Whether a thread evidently grows, class by class: it filled several fresh pools one after another.
//!
//! The memory of the next one is taken in one call then (`strata-segment/ahead.rs`). It is the only one of its class that is not
//! filled yet, so what waits to be used is a thirty-second of the class at most, and half of that on average.
//!
//! I1  A class's count is that of the fresh pools that it opened since it last found room elsewhere (in a pool that somebody left,
//!     or whose memory was used before) or last had a pool that came empty. So a thread that only dabbles in a class, or whose
//!     blocks come and go, never counts far.
//!
//! Does not know: how memory is taken. Measured: decision 0009.

use crate::cache::Cache;
use crate::class_counts::{ClassCounts, words_for};
use strata_core::pool::{Memory, Pool, UNIT_BYTES};
use strata_core::size_class::{CLASS_COUNT, SizeClass};

/// Pools that are filled before the next one's memory is taken ahead: two megabytes.
const SEVERAL: u32 = 32;

/// Carving touches every page of smaller blocks, unless they are taken untouched to be zero (`alloc_zeroable`, which is no growth).
/// Of larger ones the program may use the beginning only.
const LARGEST_BYTES: usize = UNIT_BYTES;

/// Bits of a count.
const BITS: usize = 8;

/// How many fresh pools each class opened one after another (I1), up to [`SEVERAL`].
pub(crate) type FreshPools = ClassCounts<BITS, { words_for(CLASS_COUNT, BITS) }>;

const _: () = assert!(SEVERAL <= FreshPools::LARGEST);

impl Cache {
    /// A pool was claimed for `class`, and will be filled next.
    pub(crate) fn note_claimed(&self, class: SizeClass, pool: &Pool, memory: Memory) {
        match memory {
            Memory::Used => self.fresh.forget_class(class),
            Memory::Zero if is_touched_whole(class) && is_evident(&self.fresh, class) => {
                self.directory().take_ahead(pool);
            }
            Memory::Zero => {}
        }
    }
}

/// Counts one more; whether several were opened before it.
fn is_evident(fresh: &FreshPools, class: SizeClass) -> bool {
    !fresh.count_up_to(SEVERAL, class)
}

fn is_touched_whole(class: SizeClass) -> bool {
    class.block_bytes() <= LARGEST_BYTES
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    /// Opens fresh pools until it is evident; how many it took.
    fn opened_until_evident(fresh: &FreshPools, class: SizeClass) -> usize {
        1 + (0..).take_while(|_| !is_evident(fresh, class)).count()
    }

    #[test]
    fn growth_is_evident_once_several_fresh_pools_were_filled_and_stays_so() {
        let (fresh, class) = (FreshPools::new(), SizeClass::of(48));
        assert_eq!(opened_until_evident(&fresh, class), SEVERAL as usize + 1);
        assert!((0..100).all(|_| is_evident(&fresh, class)));
    }

    #[test]
    fn a_class_that_found_room_elsewhere_begins_again() {
        let (fresh, class) = (FreshPools::new(), SizeClass::of(48));
        let _ = opened_until_evident(&fresh, class);
        fresh.forget_class(class);
        assert_eq!(opened_until_evident(&fresh, class), SEVERAL as usize + 1);
    }

    #[test]
    fn each_class_counts_for_itself() {
        let fresh = FreshPools::new();
        for class in SizeClass::all().step_by(2) {
            let _ = opened_until_evident(&fresh, class);
        }
        for (index, class) in SizeClass::all().enumerate() {
            assert_eq!(is_evident(&fresh, class), index % 2 == 0, "class {index}");
        }
        fresh.forget();
        assert!(SizeClass::all().all(|class| !is_evident(&fresh, class)));
    }

    #[test]
    fn of_blocks_larger_than_a_page_nothing_is_known() {
        assert!(is_touched_whole(SizeClass::of(4096)));
        assert!(!is_touched_whole(SizeClass::of(4097)));
    }

    #[test]
    fn blocks_that_are_taken_untouched_are_no_sign_of_growth() {
        static RUNTIME: crate::identity::Runtime = crate::identity::Runtime::new();
        let cache = RUNTIME.enter().unwrap();
        let class = SizeClass::of(LARGEST_BYTES);
        for _ in 0..2 * SEVERAL * Pool::capacity(class) {
            // SAFETY: the caches of a test have one user.
            assert!(unsafe { cache.alloc_zeroable(class) }.is_some());
        }
        assert_eq!(opened_until_evident(&cache.fresh, class), SEVERAL as usize + 1);
    }
}
