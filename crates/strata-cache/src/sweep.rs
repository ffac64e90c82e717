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

/// Pools that may yet be looked at, and those that were in use until now and may be worth another look.
struct Round {
    left: u32,
    waiting: u32,
}

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
        self.empty_pockets();
        match self.sweep(Sweep::Idle) {
            0 => self.sleep(),
            waiting => self.wake_for(waiting),
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
