//! What the purge thread does, when it is started, and when it exits.
//!
//! ```text
//!   something was freed ──► a pass is due, much lies free, none runs ──► started ──► passes ──► nothing left, or little ──► exits
//! ```
//!
//! D1  Its only duty is one that every thread has: to make a pass when one is due. So nothing is lost if it is late or missing, as in
//!     the child of a fork: the next caller of the allocator makes the pass instead.
//! D2  A pass that is scheduled while it exits is made, if it is for much: the purge thread exits, fences, and reads `due`; the thread
//!     that sets `due` fences, and reads the word. One of the two sees the other's write.
//!
//! Does not know: how a pass is made; `schedule` does. Model: `loom-tests/tests/p20_purge_thread.rs`; mutant `purge_thread_exits_unseen`.
//! Decision 0008.

use super::Purge;
use strata_core::sync::mutation::EXIT_FENCES;
use strata_core::sync::{Ordering::Relaxed, Ordering::SeqCst, fence};
use strata_os::clock;
use strata_os::kernel_thread::Refusal;

/// How long a pass may be overdue before others do the purge thread's work.
const GRACE_MS: u64 = 100;

/// Between two passes, however short the delay.
const BREATH_MS: u64 = 2;

/// A pass that gives back less was not worth it, and after this many in a row the purge thread exits, although some pools in use
/// may yield more later: they are left to the next thread that calls the allocator.
const LITTLE_BYTES: u64 = 1 << 20;
const IDLE_PASSES: u32 = 4;

impl Purge<'_> {
    /// The purge thread's work: makes passes when they are due, sleeps otherwise. Ends when there is nothing to give back, or little, and
    /// `may_go` allows it, or when the library is unloaded.
    pub(crate) fn run_thread(&self, may_go: impl Fn() -> bool) {
        let mut idle_passes = 0;
        while self.thread.may_run() {
            let now = clock::milliseconds_past_the_c_library();
            match self.next_pass() {
                None if may_go() => {
                    if self.exits_for_good() {
                        return;
                    }
                }
                None => self.thread.park(None),
                Some(due) if now < due => self.thread.park(Some(due - now)),
                Some(due) => {
                    let is_idle = self.pass_on_the_thread(due, now) < LITTLE_BYTES;
                    idle_passes = if is_idle { idle_passes + 1 } else { 0 };
                    if idle_passes > IDLE_PASSES && self.is_no_more_use() && may_go() && self.exits_for_good()
                    {
                        return;
                    }
                    self.thread.park(Some(BREATH_MS));
                }
            }
        }
    }

    /// Whether there is little to give back, not counting what pools in use may have.
    fn is_no_more_use(&self) -> bool {
        self.policy.inspected_partial(self.policy.partial());
        !self.has_much_to_give_back()
    }

    /// Whether what is free, or may be, justifies a thread that gives it back.
    fn has_much_to_give_back(&self) -> bool {
        self.policy.is_worth_a_thread(self.huge.kept_bytes(), self.counters.committed_bytes.get())
    }

    /// Exits, unless a pass was scheduled meanwhile that no other thread will make (D2).
    fn exits_for_good(&self) -> bool {
        if !self.thread.exit() {
            return true;
        }
        exit_fence();
        self.next_pass().is_none() || !self.has_much_to_give_back() || !self.thread.resume()
    }

    /// When the next pass is due, if the purge thread is to make any.
    fn next_pass(&self) -> Option<u64> {
        self.schedule.due().filter(|_| self.is_thread_wanted())
    }

    /// Whether the option allows one.
    fn is_thread_wanted(&self) -> bool {
        // Relaxed: a number that stands alone; a change unparks the thread.
        self.tuning.purge_thread.load(Relaxed) != 0
    }

    /// Whether a purge thread may run in this process, whether it does or not.
    pub(super) fn may_have_thread(&self) -> bool {
        self.thread.berth().can_start() && self.is_thread_wanted() && !self.thread.is_refused()
    }

    /// Whether a pass that is due can be left to the purge thread.
    pub(super) fn is_left_to_the_thread(&self, due: u64, now: u64) -> bool {
        now < due.saturating_add(GRACE_MS) && self.is_thread_wanted() && self.thread.is_running()
    }

    /// Whether there is much to give back, and no thread would do it if the program fell silent now. Costs a load if nothing is due.
    #[inline]
    fn wants_thread(&self) -> bool {
        self.next_pass().is_some() && self.is_worth_a_thread()
    }

    #[cold]
    #[inline(never)]
    fn is_worth_a_thread(&self) -> bool {
        !self.is_never() && self.thread.is_missing() && self.has_much_to_give_back()
    }

    /// Starts a purge thread where that is worth it: after something was freed, and on slow paths. Costs a load if nothing is due.
    #[inline]
    pub(crate) fn ensure_thread(&self) {
        if self.thread.berth().can_start() && self.wants_thread() {
            self.spawn_thread();
        }
    }

    #[cold]
    #[inline(never)]
    fn spawn_thread(&self) {
        if !self.thread.claim_start() {
            return;
        }
        // SAFETY: the one that claimed the start is alone with the berth (I1 of `PurgeThread`).
        match unsafe { self.thread.berth().start() } {
            Ok(()) => self.thread.started(),
            Err(Refusal::Occupied) => self.thread.put_off(),
            Err(Refusal::Refused) => self.thread.refuse(),
        }
    }

    /// Switches the purge thread on or off; a running one exits.
    pub(crate) fn set_thread(&self, wanted: u64) {
        // Relaxed: a number that stands alone.
        self.tuning.purge_thread.store(wanted, Relaxed);
        self.thread.wake();
    }
}

/// Orders everything before it before everything after it, for the two events of D2.
pub(super) fn exit_fence() {
    if EXIT_FENCES {
        // SeqCst: purge thread "exits | reads due" against releaser "sets due | reads the word" (D2).
        fence(SeqCst);
    }
}
