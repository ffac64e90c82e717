//! A thread's own partial pools give their free pages back: whenever somebody looked for memory to give back.
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

impl Cache {
    fn looks(&self) -> u32 {
        self.directory().looks() as u32
    }

    /// Sweeps if somebody looked since the last time; as long as there are partial pools, somebody will.
    #[inline]
    pub(crate) fn sweep_after_a_look(&self) {
        if self.looks() != self.looks_seen.get() {
            self.sweep_now();
        }
        if self.partial_pools.get() != 0 {
            self.directory().keep_looking();
        }
    }

    #[cold]
    fn sweep_now(&self) {
        self.looks_seen.set(self.looks());
        self.sweep(Sweep::Idle);
    }

    /// Looks at the partial pools, in bounds (S1).
    pub(crate) fn sweep(&self, which: Sweep) {
        let mut left = POOLS_A_LOOK;
        let start = self.looks_seen.get() as usize % CLASS_COUNT;
        let indices = (start..CLASS_COUNT).chain(0..start);
        indices.map(SizeClass::from_index).for_each(|class| left = self.sweep_class(class, which, left));
    }

    fn sweep_class(&self, class: SizeClass, which: Sweep, mut left: u32) -> u32 {
        let first: Option<&Pool> = self.queue(class).first();
        while left != 0
            && let Some(pool) = self.queue(class).first()
        {
            // SAFETY: ours, in a queue and so not current, and none without live blocks is.
            let _ = unsafe { self.directory().sweep_pool(class, pool, which) };
            self.queue(class).rotate();
            left -= 1;
            if self
                .queue(class)
                .first()
                .is_some_and(|next| first.is_some_and(|first| core::ptr::eq(first, next)))
            {
                break;
            }
        }
        left
    }
}
