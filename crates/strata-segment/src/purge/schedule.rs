//! When a purge pass is due, and which thread makes it.
//!
//! ```text
//!   a release ──arms──► due ──(half a delay later)──► one pass ──something left?──► armed again
//!                                                       └─ nothing left: 0 until the next release
//! ```
//!
//! The purge thread makes it if there is one; otherwise the first thread that finds it due on a slow path. None waits.
//!
//! C1  A release is followed by a pass: the releaser frees bits, fences, and reads `due`; the pass clears `due`, fences, and
//!     reads the bits. One of the two reads sees the other's write, so either the pass sees the bits or the releaser sees
//!     0 and arms another one.
//! C2  The purge thread is woken after `due` is set, so it finds the pass (`parker.rs` I1).
//! C3  Who makes a pass and leaves something asks for the purge thread afterwards, as who frees does: one that began while nothing
//!     was due is gone.
//!
//! Does not know: what a pass does. Models: `loom-tests/tests/p9_purge.rs`, `loom-tests/tests/p20_purge_thread.rs`; mutants
//! `purge_no_fence`, `armed_in_silence`.

use super::Purge;
use super::duty::exit_fence;
use super::policy::{Returned, Scope};
use strata_core::layout::POOL_BYTES;
use strata_core::sync::mutation::{ARM_CALLS, PURGE_FENCES};
use strata_core::sync::{AtomicU64, Ordering::Relaxed, Ordering::SeqCst, fence};
use strata_os::clock;

/// Passes within a delay: memory goes when it was free at one more than that, in a row.
const PASSES_A_DELAY: u64 = 2;

/// When the next pass is due.
#[derive(Debug)]
pub(crate) struct PurgeSchedule {
    /// Milliseconds on the OS layer's clock; 0: nothing to give back.
    pub(crate) due: AtomicU64,
}

impl PurgeSchedule {
    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self { due: AtomicU64::new(0) }
        }
    }

    /// When the next pass is due, if there is anything to give back.
    pub(super) fn due(&self) -> Option<u64> {
        // Relaxed: a hint; a thread that acts on it exchanges the word.
        Some(self.due.load(Relaxed)).filter(|due| *due != 0)
    }

    /// Whether it was `from` until now, and is `to` from now on.
    fn exchange(&self, from: u64, to: u64) -> bool {
        // Relaxed: the value orders nothing; the fences of C1 do.
        self.due.compare_exchange(from, to, Relaxed, Relaxed).is_ok()
    }
}

impl Purge<'_> {
    /// Notes that there is something to give back.
    pub(crate) fn schedule(&self) {
        full_fence();
        self.arm_if_nothing_is_due();
        self.ensure_thread();
    }

    /// Reads the clock by a system call, since the purge thread comes here, too, and calls nothing of the C library: its own pass has
    /// cleared what was due when it releases a pool whose last blocks were freed meanwhile.
    fn arm_if_nothing_is_due(&self) {
        if self.schedule.due().is_none() {
            self.arm(clock::milliseconds_past_the_c_library());
        }
    }

    fn arm(&self, now: u64) {
        if self.schedule.exchange(0, self.due_after(now)) && ARM_CALLS {
            self.thread.wake();
            // The thread that scheduled the pass reads next whether there is a purge thread, which may be exiting.
            exit_fence();
        }
    }

    fn due_after(&self, now: u64) -> u64 {
        // Relaxed: the option is read by itself; nothing is published with it.
        let delay = self.tuning.purge_delay_ms.load(Relaxed);
        let interval = if delay == u64::MAX { delay } else { delay / PASSES_A_DELAY };
        now.saturating_add(interval).max(1)
    }

    /// Changes the delay; a pass that is already due is due the new delay from now, be it sooner or later than before.
    pub(crate) fn set_delay(&self, milliseconds: u64) {
        // Relaxed: the option is stored by itself; nothing is published with it.
        self.tuning.purge_delay_ms.store(milliseconds, Relaxed);
        if let Some(due) = self.schedule.due() {
            // If it fails, a pass came first, and armed by the new delay or will.
            let _ = self.schedule.exchange(due, self.due_after(clock::milliseconds()));
            self.thread.wake();
        }
    }

    /// Makes a purge pass if one is due and no other thread makes it: called on slow paths, costs a load if nothing is
    /// due.
    #[inline]
    pub(crate) fn tick(&self) {
        if let Some(due) = self.schedule.due() {
            self.pass_if_late(due);
        }
    }

    /// An unowned pool has room, and so perhaps free pages: schedules a pass.
    #[inline]
    pub(crate) fn schedule_decommit(&self) {
        self.policy.left_partial();
        full_fence();
        self.arm_if_nothing_is_due();
        self.ensure_thread();
    }

    #[cold]
    #[inline(never)]
    fn pass_if_late(&self, due: u64) {
        let now = clock::milliseconds();
        if now >= due && !self.is_left_to_the_thread(due, now) {
            self.pass_if_first(due, now);
        }
    }

    /// Makes the pass that was due at `due`, unless another thread does. Limits are left to the purge thread, where there can be one, and to
    /// those who take memory: asking takes a descriptor, which the program could meet.
    fn pass_if_first(&self, due: u64, now: u64) {
        if self.schedule.exchange(due, 0) {
            self.pass_now(now, !self.may_have_thread() && self.is_near_limit());
            // One that began meanwhile may have found nothing due, and be gone.
            self.ensure_thread();
        }
    }

    /// The same by the purge thread, which does not ask for limits where the program would meet the descriptors that it takes. Returns
    /// the bytes that were given back meanwhile.
    pub(super) fn pass_on_the_thread(&self, due: u64, now: u64) -> u64 {
        let before = self.purged_bytes();
        if self.schedule.exchange(due, 0) {
            self.pass_now(now, self.thread.berth().is_apart() && self.is_near_limit());
        }
        self.purged_bytes() - before
    }

    fn pass_now(&self, now: u64, is_near_limit: bool) {
        full_fence();
        let scope = self.policy.on_pass(self.segments.footprint(), now);
        let before = self.counters.purged_pools.get();
        let partial = self.policy.partial();
        let left = self.pass(if is_near_limit { Scope::All } else { scope });
        let bytes = (self.counters.purged_pools.get() - before) * POOL_BYTES as u64;
        self.policy.returned(Returned::ByPass { bytes, now });
        if left {
            self.arm(now);
        } else {
            self.policy.inspected_partial(partial);
            self.policy.nothing_is_free();
        }
    }
}

/// Orders everything before it before everything after it, for the two events of C1.
fn full_fence() {
    if PURGE_FENCES {
        // SeqCst: releaser "frees bits | reads due" against pass "clears due | reads bits" (C1).
        fence(SeqCst);
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::page_heap::PageHeap;
    use crate::purge::parker::Parker;
    use strata_core::address::UserPtr;
    use strata_core::pool::Pool;

    fn dirty_a_pool(page_heap: &PageHeap) {
        let (start, _) = page_heap.allocate_large(POOL_BYTES, 1).unwrap();
        // SAFETY: the base of a pool of an arena.
        let pool = unsafe { Pool::of_base(start) };
        // SAFETY: ours, and used no more.
        unsafe { page_heap.free_large(pool) };
    }

    #[test]
    fn a_pass_before_the_delay_is_over_purges_nothing() {
        static HEAP: PageHeap = PageHeap::new();
        HEAP.set_purge_delay(u64::MAX);
        dirty_a_pool(&HEAP);
        (0..10).for_each(|_| HEAP.tick());
        assert_eq!(HEAP.snapshot().dirty_pools, 1);
        HEAP.set_purge_delay(0);
        (0..=PASSES_A_DELAY).for_each(|_| HEAP.tick());
        assert_eq!(HEAP.snapshot().dirty_pools, 0);
    }

    #[test]
    #[cfg_attr(
        strata_tsan,
        ignore = "the sanitizer must know each thread that it checks: there is no purge thread (p20_purge_thread is its model)"
    )]
    fn who_makes_a_pass_leaves_what_is_left_to_a_purge_thread() {
        extern "C" fn stay() {
            MAY_GO.park();
        }
        static MAY_GO: Parker = Parker::new();
        static HEAP: PageHeap = PageHeap::new();
        HEAP.set_purge_delay(0);
        let (start, _) = HEAP.allocate_huge(64 << 20, 16, false).unwrap();
        // SAFETY: ours, and used no more.
        unsafe { HEAP.free_huge(UserPtr::new(start)) };
        let thread = &HEAP.purge_thread;
        // SAFETY: the body waits.
        unsafe { thread.berth().introduce(stay, c"strata-test") };
        HEAP.tick();
        assert!(HEAP.purge_schedule.due().is_some(), "what was freed a moment ago stays for a pass");
        assert!(!thread.is_missing());
        MAY_GO.unpark();
        thread.berth().wait_until_empty(None);
    }

    #[test]
    fn nothing_is_due_when_nothing_was_freed() {
        static HEAP: PageHeap = PageHeap::new();
        let _ = HEAP.allocate_large(POOL_BYTES, 1);
        assert_eq!(HEAP.purge_schedule.due(), None);
        assert!(!HEAP.purge().pass(Scope::Idle));
    }

    #[test]
    fn a_pass_that_left_nothing_is_the_last() {
        static HEAP: PageHeap = PageHeap::new();
        HEAP.set_purge_delay(0);
        dirty_a_pool(&HEAP);
        (0..=PASSES_A_DELAY).for_each(|_| HEAP.tick());
        assert_eq!(HEAP.purge_schedule.due(), None);
    }
}
