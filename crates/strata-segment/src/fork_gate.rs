//! A fork waits until no other thread is inside an operation, and threads that begin one meanwhile wait for the fork.
//!
//! `fork` copies memory, but only one thread: what the others had claimed at that moment would stay claimed in the child for ever, and
//! hints that they were about to set would be missing.
//!
//! ```text
//!   a thread     announces itself │ fence │ is a fork in progress? no ──► works ──► leaves
//!                                                   yes ──► leaves, waits, comes again
//!   the forker   says so          │ fence │ waits until all have left ──► fork ──► says that it is over, in parent and child
//! ```
//!
//! | gate   | who may leave it        | to     | by                  | what becomes visible                       |
//! |--------|-------------------------|--------|---------------------|--------------------------------------------|
//! | open   | a thread that forks     | closed | `close`, CAS        |                                            |
//! | closed | the same, and its child | open   | `open`, CAS Release | what the fork read, before others write it |
//!
//! I1  Of a thread that announces itself and one that forks at the same time, one sees the other: each writes, fences, and reads.
//! I2  No wait lasts for ever. The forking thread goes on after a second: what others are in the middle of by then is missing in the
//!     child. A thread that waits for a fork goes on after half of that, since the forking one may wait for a lock of the
//!     program or of the C library that the waiting thread holds. The forking thread waits for no other if it allocates on the way.
//!
//! I3  A thread that holds forks off waits for none that may wait for a fork: so one that takes a turn (`asking`) holds forks off first. Nor does
//!     it enter by a second word: it would wait for the fork that waits for the first.
//!
//! I5  A child takes for unfinished only what was: a thread that announces itself after the forking one has seen all leave finds the gate
//!     closed and does nothing, but its word may be copied meanwhile. Not so one that goes on in spite of the fork (I2), or a signal handler
//!     that interrupts the announcement: these say so in the word.
//!
//! A thread announces itself by plain stores to a word of its own (`Presence`). Threads without such a word (the purge thread, those that
//! have no cache) share one count. Who fences:
//!
//! | fences by       | when                                                     | a thread that enters | the forking thread                          |
//! |-----------------|----------------------------------------------------------|----------------------|---------------------------------------------|
//! | each thread     | until the library is loaded; where there is no other way | a whole fence        | a whole fence                               |
//! | both            | in between                                               | a whole fence        | the same, and raises a barrier in all others |
//! | the forking one | the kernel has granted `strata_os::barrier`              | the light fence      | the same                                    |
//!
//! I4  A fork that raises no barrier because it found that each thread fences is seen by every thread that relies on barriers: between the two
//!     changes of the word is a fence, which comes after the fork's, and whose thread the other one has heard of (Acquire).
//!
//! The word changes when the library is loaded; and back if a filter of system calls that came later refuses the barrier.
//! Only the fork that learns of that has no proof: it sleeps for a millisecond, by when a processor has made its stores visible.
//!
//! Does not know: what threads are in the middle of. Model: `loom-tests/tests/p15_fork.rs`; mutants `gate_unfenced`, `gate_not_raised`,
//! `gate_relied_on_early`, `gate_relied_on_relaxed`, `gate_left_relaxed`, `gate_opened_relaxed`, `gate_announced_is_inside`.

use crate::pause::pause;
use strata_core::sync::mutation::{
    GATE_BELIEVES_LEFT, GATE_FENCES, GATE_LEFT, GATE_OPENED, GATE_RAISES, GATE_RAISES_FIRST, GATE_RELIES,
};
use strata_core::sync::{
    AsymmetricFence, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, Ordering::SeqCst,
    fence,
};
use strata_os::{barrier, thread};

/// How often a waiting thread lets others run before it sleeps.
const YIELDS: u32 = 16;
/// How often it sleeps then, a millisecond each (I2).
const NAPS_FOR_THREADS: u32 = if cfg!(strata_loom) { u32::MAX / 2 } else { 1000 };
const NAPS_FOR_A_FORK: u32 = if cfg!(strata_loom) { u32::MAX / 2 } else { 500 };

/// In the word of a thread that went on although a fork was in progress (I5).
const IN_SPITE_OF_A_FORK: u64 = 1 << 32;

/// Whether the owner of this word is inside an operation: how often it is, one within the other.
#[derive(Debug)]
pub struct Presence(AtomicU64);

impl Presence {
    strata_core::const_unless_loom! {
        /// Outside: all-zero bytes.
        pub fn none() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    /// Whether its thread is inside an operation, or about to be.
    pub fn is_inside(&self) -> bool {
        // Acquire: what it did before it left; pairs with Release in fork_gate.rs::drop.
        self.0.load(Acquire) != 0
    }

    /// Of a thread that a fork left behind.
    pub fn forget(&self) {
        // Relaxed: the caller is its one user now.
        self.0.store(0, Relaxed);
    }
}

/// Closed while a process forks.
#[derive(Debug)]
pub struct ForkGate {
    /// 0: open; else the thread that forks.
    closed_by: AtomicU64,
    /// 1: the thread that closed it has seen all others leave.
    all_left: AtomicU64,
    strangers: AtomicU64,
    /// Who fences: [`BY_EACH`], [`BY_BOTH`] or [`BY_FORKER`].
    fenced: AtomicU64,
    barrier: AsymmetricFence,
}

const BY_EACH: u64 = 0;
const BY_BOTH: u64 = 1;
const BY_FORKER: u64 = 2;

/// Forks wait until this is dropped.
#[derive(Debug)]
#[must_use = "forks are held off until this is dropped"]
pub struct Inside<'word> {
    word: &'word AtomicU64,
    before: u64,
}

/// The same of a thread without a word of its own.
#[derive(Debug)]
#[must_use = "forks are held off until this is dropped"]
pub struct StrangerInside<'gate>(&'gate AtomicU64);

/// Which function holds forks off while an operation takes many steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forks {
    /// The caller, for all steps.
    HeldOff,
    /// Each step for itself.
    BetweenSteps,
}

impl ForkGate {
    strata_core::const_unless_loom! {
        /// An open one.
        pub fn new() -> Self {
            Self {
                closed_by: AtomicU64::new(0),
                all_left: AtomicU64::new(0),
                strangers: AtomicU64::new(0),
                fenced: AtomicU64::new(BY_EACH),
                barrier: AsymmetricFence::new(),
            }
        }
    }

    /// From now on the forking thread fences for all: the kernel has granted `strata_os::barrier`.
    pub fn fence_by_forker(&self) {
        if GATE_RAISES_FIRST {
            // Release: the grant comes first; pairs with Acquire in fork_gate.rs::fence_for_all.
            self.fenced.store(BY_BOTH, Release);
            // SeqCst: here "both fence | the forking one fences" against fork "closes the gate | asks who fences" (I4).
            fence(SeqCst);
        }
        // Release: the fence; pairs with Acquire in fork_gate.rs::fence_between.
        self.fenced.store(BY_FORKER, Release);
    }

    /// Between an announcement and the read of the gate (I1).
    #[inline]
    fn fence_between(&self) {
        // Acquire (GATE_RELIES): the closing of forks that raise no barrier (I4); pairs with Release in fork_gate.rs::fence_by_forker.
        if self.fenced.load(GATE_RELIES) == BY_FORKER {
            self.barrier.light();
        } else if GATE_FENCES {
            // SeqCst: thread "enters | reads the gate" against fork "closes the gate | reads the words" (I1).
            fence(SeqCst);
        }
    }

    /// Between the closing of the gate and the read of the words (I1).
    fn fence_for_all(&self) {
        if GATE_FENCES {
            // SeqCst: fork "closes the gate | reads the words" against thread "enters | reads the gate" (I1); and "closes the gate | asks who
            // fences" against `fence_by_forker` (I4).
            fence(SeqCst);
        }
        // Acquire: the grant; pairs with Release in fork_gate.rs::fence_by_forker.
        if self.fenced.load(Acquire) == BY_EACH || !GATE_RAISES || self.barrier.heavy(raise) {
            return;
        }
        // Relaxed: right at any time.
        self.fenced.store(BY_EACH, Relaxed);
        thread::nap();
    }

    /// Holds forks off, by the calling thread's own word.
    #[inline]
    pub fn enter<'word>(&self, presence: &'word Presence) -> Inside<'word> {
        let word = &presence.0;
        // Relaxed: only this thread writes it.
        let before = word.load(Relaxed);
        // Relaxed: ordered by the fence.
        word.store(before + 1, Relaxed);
        self.fence_between();
        if self.is_closed() {
            self.enter_while_closed(word, before);
        }
        Inside { word, before }
    }

    #[cold]
    #[inline(never)]
    fn enter_while_closed(&self, word: &AtomicU64, before: u64) {
        if before == 0 {
            return self.enter_again(word);
        }
        // It does not wait within an operation (I3). The outer one may be no more than announced, if a signal handler interrupted it: says so
        // (I5). Relaxed: ordered by the fence.
        word.store((before + 1) | IN_SPITE_OF_A_FORK, Relaxed);
        self.fence_between();
    }

    fn enter_again(&self, word: &AtomicU64) {
        let enter = |count| {
            // Release (GATE_LEFT): nothing was done yet, but what was before is seen; pairs with Acquire in fork_gate.rs::is_inside.
            word.store(count, GATE_LEFT);
            self.fence_between();
        };
        self.wait_for_the_fork(enter);
    }

    /// Holds forks off, on a thread without a word of its own.
    pub fn enter_as_stranger(&self) -> StrangerInside<'_> {
        let enter = |count: u64| {
            if count == 0 {
                // Release (GATE_LEFT): as in fork_gate.rs::drop; pairs with Acquire in fork_gate.rs::close.
                self.strangers.fetch_sub(1, GATE_LEFT);
            } else {
                // Relaxed: ordered by the fence.
                self.strangers.fetch_add(1, Relaxed);
            }
            self.fence_between();
        };
        enter(1);
        if self.is_closed() {
            self.wait_for_the_fork(enter);
        }
        StrangerInside(&self.strangers)
    }

    /// Leaves, waits for the fork, and enters again: `enter(0)` leaves. It is outside while it waits: else the child would take it to be inside.
    fn wait_for_the_fork(&self, enter: impl Fn(u64)) {
        let mut pauses = 0..YIELDS + NAPS_FOR_A_FORK;
        loop {
            enter(0);
            let mut is_over = || {
                pauses.next().is_none_or(|before| {
                    pause(before, YIELDS);
                    !self.is_closed()
                })
            };
            while !is_over() {}
            let gives_up = pauses.is_empty();
            enter(if gives_up { 1 | IN_SPITE_OF_A_FORK } else { 1 });
            if gives_up || !self.is_closed() {
                return;
            }
        }
    }

    /// Holds forks off for a step, unless the caller does for all.
    pub(crate) fn enter_for_step(&self, forks: Forks) -> Option<StrangerInside<'_>> {
        // Models fork only where that is what is modelled; everywhere else it would cost too many executions.
        (forks == Forks::BetweenSteps && !cfg!(strata_loom)).then(|| self.enter_as_stranger())
    }

    /// Whether another thread forks.
    fn is_closed(&self) -> bool {
        // Acquire: the fork has read what the caller is about to write; pairs with Release in fork_gate.rs::open.
        let closed_by = self.closed_by.load(Acquire);
        closed_by != 0 && (cfg!(strata_loom) || closed_by != this_thread())
    }

    /// Closes the gate, and waits until `others` have left, all words but the caller's own; but not for long (I2). Whether they have.
    pub fn close<'word, Words: Iterator<Item = &'word Presence>>(&self, others: impl Fn() -> Words) -> bool {
        let mut pauses = 0..YIELDS + NAPS_FOR_THREADS;
        // Relaxed: ordered by the fence. Another fork may be in progress.
        while self.closed_by.compare_exchange(0, this_thread(), Relaxed, Relaxed).is_err() {
            let Some(before) = pauses.next() else { return false };
            pause(before, YIELDS);
        }
        self.fence_for_all();
        // Acquire: what they did; pairs with Release in fork_gate.rs::drop.
        let is_anybody_inside = || self.strangers.load(Acquire) != 0 || others().any(Presence::is_inside);
        let all_left = pauses.into_iter().any(|before| {
            let all_left = !is_anybody_inside();
            if !all_left {
                pause(before, YIELDS);
            }
            all_left
        });
        // Relaxed: only the thread that forks reads it, in the child.
        self.all_left.store(all_left.into(), Relaxed);
        all_left
    }

    /// In a child, whose gate is closed yet: whether the thread whose word this is was inside an operation when the process was forked (I5).
    pub fn was_inside(&self, presence: &Presence) -> bool {
        // Relaxed, all: there is one thread, which wrote the first two itself.
        let all_left = self.closed_by.load(Relaxed) == this_thread() && self.all_left.load(Relaxed) == 1;
        // Relaxed: as above.
        let word = presence.0.load(Relaxed);
        if all_left && GATE_BELIEVES_LEFT { word & IN_SPITE_OF_A_FORK != 0 } else { word != 0 }
    }

    /// Opens the gate, in the parent.
    pub fn open(&self) {
        // Release (GATE_OPENED): others write after the fork has read; pairs with Acquire in fork_gate.rs::is_closed. Relaxed on
        // failure: another fork took too long, and this one went on beside it.
        let _ = self.closed_by.compare_exchange(this_thread(), 0, GATE_OPENED, Relaxed);
    }

    /// Opens the gate in the child, where there is one thread.
    pub fn open_in_child(&self) {
        // Relaxed, both: there is no other thread.
        self.strangers.store(0, Relaxed);
        self.closed_by.store(0, Relaxed);
    }
}

impl Default for ForkGate {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Inside<'_> {
    #[inline]
    fn drop(&mut self) {
        // Release (GATE_LEFT): what was done; pairs with Acquire in fork_gate.rs::is_inside.
        self.word.store(self.before, GATE_LEFT);
    }
}

impl Drop for StrangerInside<'_> {
    fn drop(&mut self) {
        // Release (GATE_LEFT): what was done; pairs with Acquire in fork_gate.rs::close.
        self.0.fetch_sub(1, GATE_LEFT);
    }
}

/// A barrier in all threads. A child of `fork` may have to ask for the right again.
fn raise() -> bool {
    barrier::raise() || barrier::register() && barrier::raise()
}

/// Not zero.
fn this_thread() -> u64 {
    thread::mark() as u64 | 1
}

#[cfg(all(test, not(strata_loom)))]
#[path = "fork_gate_tests.rs"]
mod tests;
