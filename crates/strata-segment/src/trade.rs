//! Memory that lies free on one side while the other takes fresh memory: pools, and what huge blocks left.
//!
//! ```text
//!   an arena is taken            ──► as much of what waits on the shelf is unmapped
//!   a huge block comes, or grows ──► as many of the free pools are purged
//! ```
//!
//! Neither side can use what the other has free. So a program whose phases want small blocks and one long buffer in turn would
//! hold the most that each of them ever wanted, until the looks, which come later than the next phase, find it free.
//!
//! What was given up so may be missed and has to be faulted in again. Therefore no more is given up than the program holds,
//! counted from when nothing lay free at a look: at worst, memory is faulted in twice. A program that is known to miss
//! what it gives back (`demand`) gives up nothing.
//!
//! Does not know: when a look comes. Measured: decision 0017.

use crate::claim::bits_of;
use crate::directory::Directory;
use crate::purge::PurgeWay;
use crate::segment::Segment;
use strata_core::layout::POOL_BYTES;
use strata_core::sync::{Hint, Ordering::Relaxed};

/// What one side gave up for the other.
#[derive(Debug)]
pub(crate) struct Trade {
    /// Bytes, since nothing lay free.
    given: Hint,
}

impl Trade {
    pub(crate) const fn new() -> Self {
        Self { given: Hint::new(0) }
    }

    /// Bytes that may still be given up by a program that holds so many.
    fn allowance(&self, held: u64) -> u64 {
        held.saturating_sub(self.given.get())
    }

    /// Nothing lies free: whatever is wanted next is faulted in anyway.
    pub(crate) fn forget(&self) {
        self.given.set(0);
    }
}

impl Directory {
    /// Pools take so many bytes of fresh memory: what huge blocks left goes for them.
    pub(crate) fn trade_kept(&self, bytes: usize) {
        let kept = self.huge_shelf.kept_bytes();
        if kept != 0 {
            let given = self.may_give(bytes).min(kept);
            self.huge_shelf.shed(given, &self.unmapping());
            self.trade.given.add(given);
        }
    }

    /// A huge block takes so many bytes of fresh memory: free pools go for it.
    pub(crate) fn trade_pools(&self, bytes: usize) {
        let most = self.may_give(bytes) / POOL_BYTES as u64;
        let given = self.purge_some(most as u32);
        self.trade.given.add(u64::from(given) * POOL_BYTES as u64);
    }

    /// How many of `bytes` may be given up.
    fn may_give(&self, bytes: usize) -> u64 {
        // Relaxed: a number that stands alone.
        let never = self.tuning.purge_delay_ms.load(Relaxed) == u64::MAX;
        if never || self.demand.is_patient() {
            return 0;
        }
        self.trade.allowance(self.returnable_bytes()).min(bytes as u64)
    }

    /// Purges up to so many free pools, of arenas that lent pages to huge ones none; how many.
    fn purge_some(&self, most: u32) -> u32 {
        let mut left = most;
        for segment in self.segments().filter(|segment| !segment.is_pinned()) {
            for arena in segment.committed_arenas() {
                if left == 0 {
                    return most;
                }
                if !segment.is_advised(arena) {
                    left -= self.purge_few(segment, arena, left);
                }
            }
        }
        most - left
    }

    fn purge_few(&self, segment: &Segment, arena: u32, most: u32) -> u32 {
        let idle = segment.free_with_memory(arena);
        if idle == 0 {
            return 0;
        }
        // The lowest are taken first by whoever wants pools.
        let spared = bits_of(idle).take((idle.count_ones().saturating_sub(most)) as usize);
        let wanted = spared.fold(idle, |mask, bit| mask & !(1 << bit));
        self.purge_among(segment, arena, wanted, PurgeWay::Now).count_ones()
    }
}
