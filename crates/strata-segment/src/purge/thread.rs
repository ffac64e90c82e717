//! The thread that gives memory back when no other thread calls: running, or not.
//!
//! | state                      | who may leave it                               | to              | by                                               |
//! |----------------------------|------------------------------------------------|-----------------|--------------------------------------------------|
//! | absent                     | a thread that sees much free                   | starting        | `claim_start`, CAS AcqRel                        |
//! | starting                   | the same                                       | started         | `started`, CAS                                   |
//! |                            |                                                | refused, exited | `refuse`, `put_off`, CAS                         |
//! |                            | the new thread, if it is faster                | running         | `begin`, CAS                                     |
//! | started                    | the new thread                                 | running         | `begin`, CAS                                     |
//! |                            | the thread that unloads the library            | closed          | `close`, swap: the thread may not have run yet   |
//! | running                    | the purge thread, when nothing is left to do   | exited          | `exit`, CAS                                      |
//! |                            | the thread that unloads the library            | closed          | `close`, swap                                    |
//! | exited                     | a thread that sees much free                   | starting        | `claim_start`, CAS                               |
//! |                            | the purge thread, if a pass came due meanwhile | running         | `resume`, CAS                                    |
//! | refused                    | a thread that sees much free, a second later   | starting        | `claim_start`, CAS                               |
//! | starting, started, running | a child of `fork`                              | starting        | `claim_start`, CAS: there is no such thread here |
//! | closed                     | none                                           |                 |                                                  |
//!
//! I1  The thread that moves the word to *starting*, or from *started*, *exited* or *running* to *closed*, is alone with the purge
//!     thread's berth. From *started* on there is a thread that has to end before its code may go, whether it has run or not.
//! I2  The purge thread's only duty is that of every thread (`duty`): so nothing is lost if it is late or missing.
//!
//! The word also holds the generation of the memory that it is in (`Berth`): `fork` copies the word, but not the thread.
//!
//! Does not know: what it does; `duty` does. Model: `loom-tests/tests/p20_purge_thread.rs`.

use crate::purge::parker::Parker;
use strata_core::sync::mutation::{PURGE_THREAD_MOVES, REFUSE_HEEDS_THE_END};
use strata_core::sync::{AtomicU64, Hint, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};
use strata_os::clock;
use strata_os::kernel_thread::Berth;

/// Milliseconds without another attempt after a start was refused.
const RETRY_MS: u64 = 1000;

/// The states of the table above.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Absent,
    Starting,
    Started,
    Running,
    Exited,
    Refused,
    Closed,
}

/// A state, and the generation that it holds for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Word(u64);

impl Word {
    const STATES: [State; 7] = [
        State::Absent,
        State::Starting,
        State::Started,
        State::Running,
        State::Exited,
        State::Refused,
        State::Closed,
    ];

    const fn new(state: State, generation: u64) -> Self {
        Self(generation << 8 | state as u64)
    }

    fn state(self) -> State {
        Self::STATES[(self.0 & 7).min(6) as usize]
    }

    fn generation(self) -> u64 {
        self.0 >> 8
    }
}

/// The purge thread's state, and how it is woken.
#[derive(Debug)]
pub struct PurgeThread {
    pub(crate) word: AtomicU64,
    parker: Parker,
    berth: Berth,
    /// When to try again after a refusal.
    retry_at: Hint,
}

impl PurgeThread {
    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                word: AtomicU64::new(Word::new(State::Absent, 0).0),
                parker: Parker::new(),
                berth: Berth::new(),
                retry_at: Hint::new(0),
            }
        }
    }

    fn word(&self) -> Word {
        // Acquire: the thread's berth; pairs with Release in purge/thread.rs::exchange.
        Word(self.word.load(Acquire))
    }

    fn exchange(&self, from: Word, to: State) -> bool {
        let to = Word::new(to, self.berth.generation());
        // AcqRel (PURGE_THREAD_MOVES): hands the thread's berth over (I1); pairs with Acquire in purge/thread.rs::word, purge/thread.rs::close
        // and here. Relaxed on failure: nothing is done then.
        self.word.compare_exchange(from.0, to.0, PURGE_THREAD_MOVES, Relaxed).is_ok()
    }

    /// The thread's stack and slot, for the caller that claimed the start, or closed (I1).
    pub fn berth(&self) -> &Berth {
        &self.berth
    }

    /// Whether no thread is there and one could be: worth asking whether there should be one.
    pub fn is_missing(&self) -> bool {
        // Relaxed: a hint; `claim_start` decides.
        self.lacks(Word(self.word.load(Relaxed)))
    }

    fn lacks(&self, word: Word) -> bool {
        match word.state() {
            State::Absent | State::Exited => true,
            State::Starting | State::Started => !self.is_of_here(word),
            // A thread may end in other ways: with a child that shares the memory and calls `exec`, or by a seccomp filter.
            State::Running => !self.is_of_here(word) || !self.berth.is_occupied(),
            State::Refused => clock::milliseconds() >= self.retry_at.get(),
            State::Closed => false,
        }
    }

    /// Whether the word was written in this process, not in a parent.
    fn is_of_here(&self, word: Word) -> bool {
        word.generation() == self.berth.generation()
    }

    /// Gives the caller the right to start the thread: it must then start, refuse or put off. `false`: another caller has it, or a thread runs.
    #[must_use = "who claims the start has to start it, to refuse, or to put off"]
    pub fn claim_start(&self) -> bool {
        let word = self.word();
        self.lacks(word) && self.exchange(word, State::Starting)
    }

    /// To be called after a claimed start succeeded: there is a thread now, for which `close` has to wait (I1).
    pub fn started(&self) {
        let word = self.word();
        if word.state() == State::Starting {
            // If that fails, the thread has begun already, or it was closed and will not begin.
            let _ = self.exchange(word, State::Started);
        }
    }

    /// The new thread begins. `false`: it is no longer wanted, and has to end.
    pub fn begin(&self) -> bool {
        loop {
            let word = self.word();
            if !matches!(word.state(), State::Starting | State::Started) {
                return false;
            }
            // Fails at most twice: once because the starting thread moved the word to *started*, once because another closed it.
            if self.exchange(word, State::Running) {
                return true;
            }
        }
    }

    /// No thread could be started: the next attempt is in a second.
    pub fn refuse(&self) {
        self.retry_at.set(clock::milliseconds() + RETRY_MS);
        self.end_start(State::Refused);
    }

    /// The last thread has not left its berth yet: the next thread that sees much free tries again.
    pub fn put_off(&self) {
        self.end_start(State::Exited);
    }

    fn end_start(&self, to: State) {
        let word = self.word();
        if word.state() == State::Starting || !REFUSE_HEEDS_THE_END {
            // If that fails, it was closed, and stays so.
            let _ = self.exchange(word, to);
        }
    }

    /// The purge thread exits, since nothing is left to do. `false`: it was closed, and has to end anyway.
    pub fn exit(&self) -> bool {
        let word = self.word();
        word.state() == State::Running && self.exchange(word, State::Exited)
    }

    /// The purge thread goes on instead of exiting. `false`: another will be started, or none any more.
    pub(super) fn resume(&self) -> bool {
        let word = self.word();
        word.state() == State::Exited && self.exchange(word, State::Running)
    }

    /// Ends it for good. `true`: there is, or was, a thread to wait for, whose berth is the caller's (I1).
    pub fn close(&self) -> bool {
        // AcqRel: takes the thread's berth over (I1); pairs with Release in purge/thread.rs::exchange.
        let before = Word(self.word.swap(Word::new(State::Closed, 0).0, AcqRel));
        self.parker.unpark();
        matches!(before.state(), State::Started | State::Running | State::Exited) && self.is_of_here(before)
    }

    /// Whether it was ended for good: the program ends or the library is unloaded, so nothing is worth giving back.
    pub fn is_closed(&self) -> bool {
        // Relaxed: a pass that misses it stops a little later.
        Word(self.word.load(Relaxed)).state() == State::Closed
    }

    /// Whether the last attempt to start one was refused.
    pub(super) fn is_refused(&self) -> bool {
        // Relaxed: decides only which thread asks for limits.
        Word(self.word.load(Relaxed)).state() == State::Refused
    }

    /// Whether one runs in this process.
    pub fn is_running(&self) -> bool {
        // Relaxed: decides only which thread makes the pass.
        let word = Word(self.word.load(Relaxed));
        word.state() == State::Running && !self.lacks(word)
    }

    /// A pass is due that was not. Unparks even if no purge thread is seen: one that begins at this moment may not be visible yet.
    pub(super) fn wake(&self) {
        self.parker.unpark();
    }

    /// Sleeps until woken, at most `milliseconds`; may also return spuriously. For the purge thread itself.
    pub(super) fn park(&self, milliseconds: Option<u64>) {
        match milliseconds {
            None => self.parker.park(),
            Some(milliseconds) => self.parker.park_for(milliseconds),
        }
    }

    /// Whether the purge thread may go on; for the purge thread itself.
    pub(super) fn may_run(&self) -> bool {
        self.word().state() == State::Running
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    static MAY_GO: Parker = Parker::new();

    extern "C" fn stay() {
        MAY_GO.park();
    }

    #[test]
    fn a_word_keeps_state_and_generation_apart() {
        for state in Word::STATES {
            let word = Word::new(state, 4_194_304);
            assert_eq!((word.state(), word.generation()), (state, 4_194_304));
        }
    }

    #[test]
    #[cfg_attr(
        strata_tsan,
        ignore = "the sanitizer must know each thread that it checks: there is no purge thread (p20_purge_thread is its model)"
    )]
    fn one_is_spawned_at_a_time_and_a_successor_when_it_has_exited() {
        static THREAD: PurgeThread = PurgeThread::new();
        assert!(THREAD.is_missing() && !THREAD.exit());
        assert!(THREAD.claim_start() && !THREAD.claim_start() && !THREAD.is_missing());
        // SAFETY: the body waits.
        unsafe { THREAD.berth().introduce(stay, c"strata-test") };
        // SAFETY: the start is ours.
        assert_eq!(unsafe { THREAD.berth().start() }, Ok(()));
        assert!(THREAD.begin() && THREAD.is_running());
        assert!(!THREAD.claim_start() && !THREAD.is_missing());
        assert!(THREAD.exit() && THREAD.is_missing());
        assert!(THREAD.resume() && !THREAD.claim_start());
        MAY_GO.unpark();
        THREAD.berth().wait_until_empty(None);
        assert!(THREAD.is_missing() && !THREAD.is_running(), "it has ended without a transition");
        assert!(THREAD.claim_start());
    }

    #[test]
    #[cfg_attr(
        strata_tsan,
        ignore = "the sanitizer must know each thread that it checks: there is no purge thread (p20_purge_thread is its model)"
    )]
    fn a_purge_thread_of_the_parent_is_none_in_the_child() {
        let thread = PurgeThread::new();
        for state in [State::Starting, State::Started, State::Running] {
            thread.word.store(Word::new(state, thread.berth.generation() + 1).0, Relaxed);
            assert!(thread.is_missing() && !thread.is_running(), "{state:?}");
            assert!(thread.claim_start());
        }
    }

    #[test]
    fn after_a_refusal_none_is_spawned_for_a_while_and_after_the_end_never() {
        let thread = PurgeThread::new();
        assert!(thread.claim_start());
        thread.refuse();
        assert!(!thread.claim_start() && !thread.is_missing());
        thread.retry_at.set(0);
        assert!(thread.is_missing() && thread.claim_start());
        thread.put_off();
        assert!(thread.claim_start());
        thread.refuse();
        assert!(!thread.close() && !thread.claim_start());
        thread.refuse();
        assert!(thread.is_closed(), "it stays so");
    }

    #[test]
    fn a_purge_thread_that_is_closed_before_it_began_does_not_begin() {
        let thread = PurgeThread::new();
        assert!(thread.claim_start());
        assert!(!thread.close(), "there is no thread yet");
        thread.started();
        assert!(!thread.begin());
    }

    #[test]
    #[cfg_attr(
        strata_tsan,
        ignore = "the sanitizer must know each thread that it checks: there is no purge thread (p20_purge_thread is its model)"
    )]
    fn a_thread_that_was_started_is_waited_for_although_it_has_not_begun() {
        let thread = PurgeThread::new();
        assert!(thread.claim_start());
        thread.started();
        assert!(thread.close());
        assert!(!thread.begin());
    }
}
