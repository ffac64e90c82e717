//! What the janitor does while it is there, when it comes, and when it goes.
//!
//! ```text
//!   something was freed ──► a look is due, much lies free, none is there ──► started ──► looks ──► nothing left, or little ──► gone
//! ```
//!
//! D1  Its only duty is that of every thread: to look when a look is due. So nothing is lost if it is late or missing, as in the
//!     child of a fork: whoever calls the allocator next looks instead.
//! D2  A look that is set while it leaves has somebody, if it is for much: the janitor leaves, fences, and reads `due`; who sets
//!     `due` fences, and reads the word. One of the two sees the other's write.
//!
//! Does not know: how a look is made; `purge_clock` does. Model: `loom-tests/tests/p20_janitor.rs`; mutant `janitor_leaves_unseen`.
//! Decision 0008.

use crate::directory::Directory;
use strata_core::sync::mutation::LEAVING_FENCES;
use strata_core::sync::{Ordering::Relaxed, Ordering::SeqCst, fence};
use strata_os::clock;
use strata_os::kernel_thread::Refusal;

/// How long a look may be overdue before others do the janitor's work.
const GRACE_MS: u64 = 100;

/// Between two looks, however short the delay.
const BREATH_MS: u64 = 2;

/// A look that gives back less has been of no use, and after so many of them in a row the janitor goes, although some pools that
/// are in use may have more another time: they are left to whoever calls the allocator.
const LITTLE_BYTES: u64 = 1 << 20;
const IDLE_LOOKS: u32 = 4;

impl Directory {
    /// The janitor's work: looks when a look is due, sleeps otherwise; ends when there is nothing to look for, or little to be
    /// had, and `may_go` says so, or when the library goes.
    pub fn keep_house(&self, may_go: impl Fn() -> bool) {
        let mut idle_looks = 0;
        while self.janitor.goes_on() {
            let now = clock::milliseconds_past_the_c_library();
            match self.next_look() {
                None if may_go() => {
                    if self.leaves_for_good() {
                        return;
                    }
                }
                None => self.janitor.rest(None),
                Some(due) if now < due => self.janitor.rest(Some(due - now)),
                Some(due) => {
                    let is_idle = self.look_as_janitor(due, now) < LITTLE_BYTES;
                    idle_looks = if is_idle { idle_looks + 1 } else { 0 };
                    if idle_looks > IDLE_LOOKS && self.is_no_more_use() && may_go() && self.leaves_for_good()
                    {
                        return;
                    }
                    self.janitor.rest(Some(BREATH_MS));
                }
            }
        }
    }

    /// Whether there is not much to give back, but for what pools in use may have.
    fn is_no_more_use(&self) -> bool {
        self.demand.note_parts_gone(self.demand.parts());
        !self.has_much_to_give_back()
    }

    /// The janitor goes home, unless a look was set meanwhile for which nobody else has come (D2).
    fn leaves_for_good(&self) -> bool {
        if !self.janitor.go_home() {
            return true;
        }
        leaving_fence();
        self.next_look().is_none() || !self.has_much_to_give_back() || !self.janitor.come_back()
    }

    /// When the next look is due, if the janitor is to look at all.
    fn next_look(&self) -> Option<u64> {
        self.purge_clock.due().filter(|_| self.is_janitor_wanted())
    }

    /// Whether the user wants one.
    fn is_janitor_wanted(&self) -> bool {
        // Relaxed: a number that stands alone; a change rings the bell.
        self.tuning.janitor.load(Relaxed) != 0
    }

    /// Whether there can be a janitor, be there one or not.
    pub(crate) fn may_have_janitor(&self) -> bool {
        self.janitor.berth().can_start() && self.is_janitor_wanted() && !self.janitor.is_refused()
    }

    /// Whether a look that is due can be left to the janitor.
    pub(crate) fn janitor_looks(&self, due: u64, now: u64) -> bool {
        now < due.saturating_add(GRACE_MS) && self.is_janitor_wanted() && self.janitor.is_on_duty()
    }

    /// Whether there is much to give back, and nobody who would do it if the program fell silent now: a load, if nothing is due.
    #[inline]
    fn wants_janitor(&self) -> bool {
        self.next_look().is_some() && self.is_worth_a_janitor()
    }

    #[cold]
    #[inline(never)]
    fn is_worth_a_janitor(&self) -> bool {
        // Relaxed: a number that stands alone.
        let ever = self.tuning.purge_delay_ms.load(Relaxed) != u64::MAX;
        ever && self.janitor.is_missing() && self.has_much_to_give_back()
    }

    /// Has a janitor come where that is worth it: after something was freed, and on slow paths. A load, if nothing is due.
    #[inline]
    pub fn call_for_janitor(&self) {
        if self.janitor.berth().can_start() && self.wants_janitor() {
            self.start_janitor();
        }
    }

    #[cold]
    #[inline(never)]
    fn start_janitor(&self) {
        if !self.janitor.hire() {
            return;
        }
        // SAFETY: whoever hired is alone with the berth (I1 of `Janitor`).
        match unsafe { self.janitor.berth().start() } {
            Ok(()) => self.janitor.started(),
            Err(Refusal::Occupied) => self.janitor.put_off(),
            Err(Refusal::Refused) => self.janitor.refuse(),
        }
    }

    /// Switches the janitor on or off; one that is there goes.
    pub fn set_janitor(&self, wanted: u64) {
        // Relaxed: a number that stands alone.
        self.tuning.janitor.store(wanted, Relaxed);
        self.janitor.call();
    }
}

/// Orders everything before it before everything after it, for the two events of D2.
pub(crate) fn leaving_fence() {
    if LEAVING_FENCES {
        // SeqCst: janitor "leaves | reads due" against releaser "sets due | reads the word" (D2).
        fence(SeqCst);
    }
}
