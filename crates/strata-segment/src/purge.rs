//! Giving memory back to the OS while keeping the addresses (protocol 6).
//!
//! ```text
//!   free + dirty ──look──► free + dirty + aged ──look, a delay later──► claimed ─► purged, clean ─► free
//! ```
//!
//! A pool that was free and dirty at two looks in a row is purged: one look apart is at least the delay, so memory that
//! cycles is left alone. Whoever finds the delay over does the pass; nobody waits for it.
//!
//! I1  The purger holds the claim of what it purges, exactly like an allocator would; so nobody else touches it, and the
//!     bit comes back only after the memory is zero and marked clean.
//! I2  A release is followed by a look: the releaser frees bits, fences, and reads `due`; the pass clears `due`, fences, and
//!     reads the bits. One of the two reads sees the other's write, so either the pass sees the bits or the releaser sees
//!     0 and schedules another pass.
//!
//! Does not know: who allocates. Models: `loom-tests/tests/p9_purge.rs`.
//! Idea: delayed purging (mimalloc), here with two looks instead of a time stamp for each pool. Decision 0005.

use crate::claim::{bits_of, run_mask};
use crate::directory::Directory;
use crate::segment::{Segment, pool_index};
use strata_core::layout::POOL_BYTES;
use strata_core::sync::mutation::{PURGE_CLAIMS, PURGE_CLEANS_FIRST, PURGE_FENCES};
use strata_core::sync::{AtomicU64, Ordering::Relaxed, Ordering::SeqCst, fence};
use strata_os::{clock, memory};

/// When the next look is due.
#[derive(Debug)]
pub(crate) struct PurgeClock {
    /// Milliseconds on the OS layer's clock; 0: nothing to look for.
    due: AtomicU64,
}

/// Which free memory to purge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Which {
    /// What was free at the last look already.
    Aged,
    /// All of it.
    All,
}

impl PurgeClock {
    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self { due: AtomicU64::new(0) }
        }
    }
}

impl Directory {
    /// Notes that there is something to look for.
    pub(crate) fn schedule_purge(&self) {
        full_fence();
        // Relaxed: ordered by the fence (I2).
        if self.purge_clock.due.load(Relaxed) == 0 {
            self.arm(clock::milliseconds());
        }
    }

    fn arm(&self, now: u64) {
        // Relaxed: a number that stands alone.
        let delay = self.tuning.purge_delay_ms.load(Relaxed);
        let due = now.saturating_add(delay).max(1);
        // Relaxed: whoever arms first wins; the value orders nothing.
        let _ = self.purge_clock.due.compare_exchange(0, due, Relaxed, Relaxed);
    }

    /// Changes the delay; a look that is already due comes that much from now, be it sooner or later than before.
    pub fn set_purge_delay(&self, milliseconds: u64) {
        // Relaxed: a number that stands alone.
        self.tuning.purge_delay_ms.store(milliseconds, Relaxed);
        // Relaxed: as in `tick`.
        let due = self.purge_clock.due.load(Relaxed);
        if due != 0 {
            let later = clock::milliseconds().saturating_add(milliseconds).max(1);
            // Relaxed: a look that came first armed by the new delay or will; the value orders nothing.
            let _ = self.purge_clock.due.compare_exchange(due, later, Relaxed, Relaxed);
        }
    }

    /// Looks for memory to give back, if the delay is over: called on slow paths, costs a load if nothing is due.
    #[inline]
    pub fn tick(&self) {
        // Relaxed: a hint; the exchange in `look` tests it.
        let due = self.purge_clock.due.load(Relaxed);
        if due != 0 {
            self.look(due);
        }
    }

    #[cold]
    #[inline(never)]
    fn look(&self, due: u64) {
        let now = clock::milliseconds();
        // Relaxed: the fence below orders (I2).
        if now < due || self.purge_clock.due.compare_exchange(due, 0, Relaxed, Relaxed).is_err() {
            return;
        }
        full_fence();
        if self.pass(Which::Aged) {
            self.arm(now);
        }
    }

    /// Gives everything back that lies free, at once. Returns the bytes purged or unmapped.
    pub fn purge_all(&self) -> u64 {
        let before = self.numbers.purged_bytes.get();
        self.pass(Which::All);
        self.numbers.purged_bytes.get() - before
    }

    /// When memory is refused: gives back what the OS could hand out again. Whether there was anything.
    pub(crate) fn release_kept_memory(&self) -> bool {
        self.purge_all() > 0
    }

    /// One look at everything; whether something free is left that may hold memory.
    fn pass(&self, which: Which) -> bool {
        let mut left = self.huge_shelf.age(which == Which::All, |head| {
            // SAFETY: the shelf handed it over; nobody else knows it.
            unsafe { self.unmap_huge(head) };
        });
        for segment in self.segments() {
            for arena in segment.committed_arenas() {
                left |= self.purge_arena(segment, arena, which);
            }
        }
        left
    }

    fn purge_arena(&self, segment: &Segment, arena: u32, which: Which) -> bool {
        let bits = &segment.pools[arena as usize];
        let aged = &segment.aged[arena as usize];
        let idle = bits.glance() & segment.dirty(arena);
        let wanted = match which {
            // Relaxed: a hint; the claim below decides.
            Which::Aged => idle & aged.load(Relaxed),
            Which::All => idle,
        };
        let claimed =
            if PURGE_CLAIMS { bits.claim_among(wanted) } else { Some(wanted).filter(|mask| *mask != 0) };
        if let Some(claimed) = claimed {
            if !PURGE_CLEANS_FIRST {
                bits.release(claimed);
            }
            let purged = self.purge_pools(segment, arena, claimed);
            segment.mark_clean(arena, purged);
            if PURGE_CLEANS_FIRST && PURGE_CLAIMS && bits.release(claimed) == 0 {
                segment.open.raise(arena);
            }
        }
        let left = bits.glance() & segment.dirty(arena);
        // Relaxed: a hint for the next look.
        aged.store(left, Relaxed);
        left != 0
    }

    /// Purges the claimed pools, each run of neighbours by one call; returns those that are zero now.
    fn purge_pools(&self, segment: &Segment, arena: u32, mut claimed: u64) -> u64 {
        let mut purged = 0;
        while let Some(start) = bits_of(claimed).next() {
            let length = (!(claimed >> start)).trailing_zeros();
            let run = run_mask(start, length);
            let (base, bytes) =
                (segment.arena(arena).pool_base(pool_index(start)), length as usize * POOL_BYTES);
            // SAFETY: committed, and ours by the claim (I1); a free pool's contents are nobody's.
            if unsafe { memory::purge(base, bytes) } {
                purged |= run;
                self.numbers.purged_bytes.add(bytes as u64);
            }
            self.numbers.purge_calls.add(1);
            claimed &= !run;
        }
        purged
    }
}

/// Orders everything before it before everything after it, for the two events of I2.
fn full_fence() {
    if PURGE_FENCES {
        // SeqCst: releaser "frees bits | reads due" against pass "clears due | reads bits" (I2).
        fence(SeqCst);
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use strata_core::pool::Pool;

    /// Dirties one pool and frees it; whether a claim of it found it clean.
    fn dirty_a_pool(directory: &Directory) -> bool {
        let (start, dirty) = directory.allocate_large(POOL_BYTES, 1).unwrap();
        // SAFETY: allocated just now.
        unsafe { start.write_bytes(0xa5, POOL_BYTES) };
        // SAFETY: the base of a pool of an arena.
        let pool = unsafe { Pool::of_base(start) };
        // SAFETY: ours, and used no more.
        unsafe { directory.free_large(pool) };
        dirty == 0
    }

    fn dirty_pools(directory: &Directory) -> u64 {
        directory.census().dirty_pools
    }

    #[test]
    fn a_pool_is_purged_when_it_was_free_at_two_looks() {
        static DIRECTORY: Directory = Directory::new();
        assert!(dirty_a_pool(&DIRECTORY));
        assert_eq!(dirty_pools(&DIRECTORY), 1);
        assert!(DIRECTORY.pass(Which::Aged), "something is left for the second look");
        assert_eq!(dirty_pools(&DIRECTORY), 1);
        assert!(!DIRECTORY.pass(Which::Aged), "nothing is left");
        assert_eq!(dirty_pools(&DIRECTORY), 0);
        assert!(dirty_a_pool(&DIRECTORY), "a purged pool is known to be zero");
    }

    #[test]
    fn a_pool_in_use_at_the_second_look_is_not_purged() {
        static DIRECTORY: Directory = Directory::new();
        dirty_a_pool(&DIRECTORY);
        DIRECTORY.pass(Which::Aged);
        let (start, dirty) = DIRECTORY.allocate_large(POOL_BYTES, 1).unwrap();
        assert_eq!(dirty, 1);
        assert!(!DIRECTORY.pass(Which::Aged));
        // SAFETY: allocated above; `dirty_a_pool` filled it, and nobody zeroed it.
        assert_eq!(unsafe { start.read() }, 0xa5);
        assert_eq!(DIRECTORY.census().purge_calls, 0);
    }

    #[test]
    fn everything_that_is_free_goes_at_once_when_asked_for() {
        static DIRECTORY: Directory = Directory::new();
        let (start, _) = DIRECTORY.allocate_large(5 * POOL_BYTES, 1).unwrap();
        // SAFETY: the base of a pool of an arena.
        let pool = unsafe { Pool::of_base(start) };
        // SAFETY: ours, and used no more.
        unsafe { DIRECTORY.free_large(pool) };
        assert_eq!(DIRECTORY.purge_all(), 5 * POOL_BYTES as u64);
        assert_eq!(
            (DIRECTORY.purge_all(), DIRECTORY.census().purge_calls),
            (0, 1),
            "neighbours go by one call"
        );
    }

    #[test]
    fn a_look_before_the_delay_is_over_purges_nothing() {
        static DIRECTORY: Directory = Directory::new();
        DIRECTORY.set_purge_delay(u64::MAX);
        dirty_a_pool(&DIRECTORY);
        (0..10).for_each(|_| DIRECTORY.tick());
        assert_eq!(dirty_pools(&DIRECTORY), 1);
        DIRECTORY.set_purge_delay(0);
        (0..3).for_each(|_| DIRECTORY.tick());
        assert_eq!(dirty_pools(&DIRECTORY), 0);
    }

    #[test]
    fn nothing_is_due_when_nothing_was_freed() {
        static DIRECTORY: Directory = Directory::new();
        let _ = DIRECTORY.allocate_large(POOL_BYTES, 1);
        assert_eq!(DIRECTORY.purge_clock.due.load(Relaxed), 0);
        assert!(!DIRECTORY.pass(Which::Aged));
    }
}
