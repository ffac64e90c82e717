//! A thread's own partial pools give their free pages back: whenever somebody looked for memory to give back, or the program
//! takes more than ever.
//!
//! S1  At most [`POOLS_A_LOOK`] pools are looked at after one look, beginning with another class each time, so that a thread
//!     with very many of them gets to all in turn.
//!
//! Does not know: clocks, pages; the segment layer does.

use crate::cache::Cache;
use strata_core::pool::Pool;
use strata_core::size_class::{CLASS_COUNT, SizeClass};
use strata_segment::Sweep;

/// Pools looked at after one look: 256 MiB of them.
const POOLS_A_LOOK: u32 = 4096;

/// Pools that may yet be looked at, and those that were in use until now and may be worth another look.
struct Round {
    left: u32,
    waiting: u32,
}

impl Cache {
    fn looks(&self) -> u32 {
        self.directory().looks() as u32
    }

    fn heights(&self) -> u32 {
        self.directory().heights() as u32
    }

    /// Sweeps if somebody looked since the last time, or from a new height; as long as there are partial pools, somebody will.
    #[inline]
    pub(crate) fn sweep_after_a_look(&self) {
        if self.looks() != self.looks_seen.get() {
            self.sweep_now();
        }
        if self.heights() != self.heights_seen.get() {
            self.sweep_for_rise();
        }
        if self.partial_pools.get() != 0 {
            self.directory().keep_looking();
        }
    }

    #[cold]
    fn sweep_now(&self) {
        self.looks_seen.set(self.looks());
        self.give_back_held();
        match self.sweep(Sweep::Idle) {
            0 => self.sleep(),
            waiting => self.wake_for(waiting),
        }
    }

    /// The program takes more memory than ever: free pages of the largest blocks' pools go first, of the pools that blocks are taken
    /// from last, until as much went as came. What lies behind the blocks of a pool goes even if that is in use.
    #[cold]
    #[inline(never)]
    fn sweep_for_rise(&self) {
        self.heights_seen.set(self.heights());
        let mut left = POOLS_A_LOOK;
        SizeClass::all().rev().for_each(|class| self.sweep_from_the_end(class, &mut left));
    }

    fn sweep_from_the_end(&self, class: SizeClass, left: &mut u32) {
        if let Some(pool) = self.list(class).pool() {
            // SAFETY: ours, and of this class.
            unsafe { self.directory().dig_tail(class, pool) };
        }
        let mut next = self.queue(class).last();
        while let Some(pool) = next
            && *left != 0
            && !self.directory().is_enough(Sweep::Rise)
        {
            // SAFETY: ours, in a queue and so not current, and none without live blocks is.
            let _ = unsafe { self.directory().sweep_pool(class, pool, Sweep::Rise) };
            // SAFETY: ours, and of this class.
            unsafe { self.directory().dig_tail(class, pool) };
            *left -= 1;
            next = self.queue(class).before(pool);
        }
    }

    /// Looks at the partial pools, in bounds (S1); returns how many wait for the next look.
    pub(crate) fn sweep(&self, which: Sweep) -> u32 {
        let mut round = Round { left: POOLS_A_LOOK, waiting: 0 };
        let start = self.looks_seen.get() as usize % CLASS_COUNT;
        let indices = (start..CLASS_COUNT).chain(0..start);
        indices.map(SizeClass::from_index).for_each(|class| self.sweep_class(class, which, &mut round));
        round.waiting + self.partial_pools.get().saturating_sub(POOLS_A_LOOK)
    }

    fn sweep_class(&self, class: SizeClass, which: Sweep, round: &mut Round) {
        let first: Option<&Pool> = self.queue(class).first();
        while round.left != 0
            && let Some(pool) = self.queue(class).first()
        {
            // SAFETY: ours, in a queue and so not current, and none without live blocks is.
            let is_waiting = unsafe { self.directory().sweep_pool(class, pool, which) };
            self.queue(class).rotate();
            round.left -= 1;
            round.waiting += u32::from(is_waiting);
            if self
                .queue(class)
                .first()
                .is_some_and(|next| first.is_some_and(|first| core::ptr::eq(first, next)))
            {
                break;
            }
        }
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::identity::Runtime;
    use crate::scene::{free, new};
    use std::vec::Vec;

    /// Two blocks to a pool, and eight.
    const LARGE: SizeClass = SizeClass::of(32 << 10);
    const SMALL: SizeClass = SizeClass::of(8 << 10);

    /// Sixteen pools of small blocks, one of which lives in each.
    fn make_sparse_pools(cache: &Cache) {
        let blocks: Vec<_> = (0..8 * 16).map(|_| new(cache, SMALL)).collect();
        let freed = blocks.into_iter().enumerate().filter(|(index, _)| index % 8 != 0);
        freed.for_each(|(_, block)| free(cache, block, SMALL));
    }

    #[test]
    fn a_program_that_grows_beyond_its_peak_gives_back_what_its_own_sparse_pools_have_free() {
        static RUNTIME: Runtime = Runtime::new();
        RUNTIME.directory.set_purge_delay(u64::MAX - 1);
        let cache = RUNTIME.enter().unwrap();
        make_sparse_pools(cache);
        assert_eq!(RUNTIME.directory.purged_bytes(), 0);
        let _held: Vec<_> = (0..2 * 80).map(|_| new(cache, LARGE)).collect();
        let free_bytes = 15 * 7 * SMALL.block_bytes() as u64;
        assert!((free_bytes / 2..=free_bytes).contains(&RUNTIME.directory.purged_bytes()));
    }

    #[test]
    fn a_program_that_takes_what_it_had_before_digs_nothing() {
        static RUNTIME: Runtime = Runtime::new();
        RUNTIME.directory.set_purge_delay(u64::MAX - 1);
        let cache = RUNTIME.enter().unwrap();
        let held: Vec<_> = (0..2 * 80).map(|_| new(cache, LARGE)).collect();
        held.into_iter().for_each(|block| free(cache, block, LARGE));
        make_sparse_pools(cache);
        let _held: Vec<_> = (0..2 * 60).map(|_| new(cache, LARGE)).collect();
        assert_eq!(RUNTIME.directory.purged_bytes(), 0);
    }

    #[test]
    fn a_program_that_grows_beyond_its_peak_gives_back_what_lies_behind_the_blocks_of_its_pools() {
        static RUNTIME: Runtime = Runtime::new();
        RUNTIME.directory.set_purge_delay(u64::MAX - 1);
        let cache = RUNTIME.enter().unwrap();
        let used: Vec<_> = (0..2 * 8).map(|_| new(cache, LARGE)).collect();
        used.into_iter().for_each(|block| free(cache, block, LARGE));
        // A page each of the pools that were used before.
        let classes = [16, 32, 48, 64].map(SizeClass::of);
        let small = classes.map(|class| new(cache, class));
        let _held: Vec<_> = (0..2 * 80).map(|_| new(cache, LARGE)).collect();
        let tails = classes.len() as u64 * (15 << 12);
        assert_eq!(RUNTIME.directory.purged_bytes(), tails);
        small.into_iter().zip(classes).for_each(|(block, class)| free(cache, block, class));
    }
}
