//! The thread that gives memory back when nobody else calls: on duty, or not.
//!
//! | state    | who may leave it                            | to       | by                                         |
//! |----------|---------------------------------------------|----------|--------------------------------------------|
//! | absent   | a thread that finds much free               | starting | `hire`, CAS AcqRel                         |
//! | starting | the same                                    | started  | `started`, CAS                             |
//! |          |                                             | refused, gone | `refuse`, `put_off`, CAS              |
//! |          | the new thread, if it is faster             | on duty  | `begin`, CAS                               |
//! | started  | the new thread                              | on duty  | `begin`, CAS                               |
//! |          | whoever unloads the library                 | closed   | `close`, swap: the thread may not have run yet |
//! | on duty  | the janitor, when nothing is left to do     | gone     | `go_home`, CAS                             |
//! |          | whoever unloads the library                 | closed   | `close`, swap                              |
//! | gone     | a thread that finds much free               | starting | `hire`, CAS                                |
//! |          | the janitor, if something came meanwhile    | on duty  | `come_back`, CAS                           |
//! | refused  | a thread that finds much free, a second later | starting | `hire`, CAS                              |
//! | starting, started, on duty | a child of `fork`         | starting | `hire`, CAS: there is no such thread here  |
//! | closed   | nobody                                      |          |                                            |
//!
//! I1  Whoever moves the word to *starting*, or from *started*, *gone* or *on duty* to *closed*, is alone with the thread's
//!     berth. From *started* on there is a thread that has to end before its code may go, whether it has run or not.
//! I2  The janitor's only duty is that of every thread (`duty`): so nothing is lost if it is late or missing.
//!
//! The word also holds the generation of the memory that it is in (`Berth`): `fork` copies the word, but not the thread.
//!
//! Does not know: what it does; `duty` does. Model: `loom-tests/tests/p20_janitor.rs`.

use crate::bell::Bell;
use strata_core::sync::mutation::{JANITOR_MOVES, REFUSE_HEEDS_THE_END};
use strata_core::sync::{AtomicU64, Hint, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};
use strata_os::clock;
use strata_os::kernel_thread::Berth;

/// How long nobody tries again where no thread could be started.
const RETRY_MS: u64 = 1000;

/// What the word says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Absent,
    Starting,
    Started,
    OnDuty,
    Gone,
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
        State::OnDuty,
        State::Gone,
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

/// The janitor's state, and how it is called.
#[derive(Debug)]
pub struct Janitor {
    word: AtomicU64,
    bell: Bell,
    berth: Berth,
    /// When to try again after a refusal.
    retry_at: Hint,
}

impl Janitor {
    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                word: AtomicU64::new(Word::new(State::Absent, 0).0),
                bell: Bell::new(),
                berth: Berth::new(),
                retry_at: Hint::new(0),
            }
        }
    }

    fn word(&self) -> Word {
        // Acquire: the thread's berth; pairs with Release in janitor.rs::exchange.
        Word(self.word.load(Acquire))
    }

    fn exchange(&self, from: Word, to: State) -> bool {
        let to = Word::new(to, self.berth.generation());
        // AcqRel (JANITOR_MOVES): hands the thread's berth over (I1); pairs with Acquire in janitor.rs::word, janitor.rs::close
        // and here. Relaxed on failure: nothing is done then.
        self.word.compare_exchange(from.0, to.0, JANITOR_MOVES, Relaxed).is_ok()
    }

    /// Where the thread runs: of whoever hired, or closed (I1).
    pub fn berth(&self) -> &Berth {
        &self.berth
    }

    /// Whether none is there and one might be: worth a closer look whether there should be.
    pub fn is_missing(&self) -> bool {
        // Relaxed: a hint; `hire` decides.
        self.lacks(Word(self.word.load(Relaxed)))
    }

    fn lacks(&self, word: Word) -> bool {
        match word.state() {
            State::Absent | State::Gone => true,
            State::Starting | State::Started => !self.is_of_here(word),
            // A thread may end otherwise: with a child that shares the memory and calls `exec`, or by a filter.
            State::OnDuty => !self.is_of_here(word) || !self.berth.is_occupied(),
            State::Refused => clock::milliseconds() >= self.retry_at.get(),
            State::Closed => false,
        }
    }

    /// Whether the word was written in this process, not in one above it.
    fn is_of_here(&self, word: Word) -> bool {
        word.generation() == self.berth.generation()
    }

    /// Makes the caller the one who starts it: it has to start, refuse, or put off. `false`: another thread does, or there is one.
    #[must_use = "whoever hired has to start, to refuse, or to put off"]
    pub fn hire(&self) -> bool {
        let word = self.word();
        self.lacks(word) && self.exchange(word, State::Starting)
    }

    /// Whoever hired says that there is a thread now, which whoever closes has to wait for (I1).
    pub fn started(&self) {
        let word = self.word();
        if word.state() == State::Starting {
            // If that fails, the thread has begun by itself, or it was closed and will not begin.
            let _ = self.exchange(word, State::Started);
        }
    }

    /// The new thread reports. `false`: it is not wanted any more.
    pub fn begin(&self) -> bool {
        loop {
            let word = self.word();
            if !matches!(word.state(), State::Starting | State::Started) {
                return false;
            }
            // It fails once at most for whoever started the thread, and once for whoever closes.
            if self.exchange(word, State::OnDuty) {
                return true;
            }
        }
    }

    /// No thread could be started: nobody tries again for a while.
    pub fn refuse(&self) {
        self.retry_at.set(clock::milliseconds() + RETRY_MS);
        self.end_start(State::Refused);
    }

    /// The last thread has not left its berth yet: whoever finds much free next tries again.
    pub fn put_off(&self) {
        self.end_start(State::Gone);
    }

    fn end_start(&self, to: State) {
        let word = self.word();
        if word.state() == State::Starting || !REFUSE_HEEDS_THE_END {
            // If that fails, it was closed, and stays so.
            let _ = self.exchange(word, to);
        }
    }

    /// The janitor ends, since nothing is left to do. `false`: it is to end anyway.
    pub fn go_home(&self) -> bool {
        let word = self.word();
        word.state() == State::OnDuty && self.exchange(word, State::Gone)
    }

    /// The janitor, still there, goes on. `false`: there will be another, or none any more.
    pub(crate) fn come_back(&self) -> bool {
        let word = self.word();
        word.state() == State::Gone && self.exchange(word, State::OnDuty)
    }

    /// Ends it for good. `true`: there is, or was, a thread to wait for, whose berth is the caller's (I1).
    pub fn close(&self) -> bool {
        // AcqRel: takes the thread's berth over (I1); pairs with Release in janitor.rs::exchange.
        let before = Word(self.word.swap(Word::new(State::Closed, 0).0, AcqRel));
        self.bell.ring();
        matches!(before.state(), State::Started | State::OnDuty | State::Gone) && self.is_of_here(before)
    }

    /// Whether it was ended for good: the program or the library is about to go, and nothing is worth giving back.
    pub fn is_closed(&self) -> bool {
        // Relaxed: whoever looks goes on or stops a little later.
        Word(self.word.load(Relaxed)).state() == State::Closed
    }

    /// Whether none could be started when one was wanted last.
    pub(crate) fn is_refused(&self) -> bool {
        // Relaxed: decides only who asks for limits.
        Word(self.word.load(Relaxed)).state() == State::Refused
    }

    /// Whether there is one in this process.
    pub fn is_on_duty(&self) -> bool {
        // Relaxed: decides only who looks.
        let word = Word(self.word.load(Relaxed));
        word.state() == State::OnDuty && !self.lacks(word)
    }

    /// Something is due that was not. Rung whether there is a janitor or not: one who begins at this moment may not be seen.
    pub(crate) fn call(&self) {
        self.bell.ring();
    }

    /// Sleeps until called, at most so many milliseconds; may also return for no reason. For the janitor itself.
    pub(crate) fn rest(&self, milliseconds: Option<u64>) {
        match milliseconds {
            None => self.bell.listen(),
            Some(milliseconds) => self.bell.listen_for(milliseconds),
        }
    }

    /// Whether the janitor is to go on, as it asks itself.
    pub(crate) fn goes_on(&self) -> bool {
        self.word().state() == State::OnDuty
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    static MAY_GO: Bell = Bell::new();

    extern "C" fn stay() {
        MAY_GO.listen();
    }

    #[test]
    fn a_word_keeps_state_and_generation_apart() {
        for state in Word::STATES {
            let word = Word::new(state, 4_194_304);
            assert_eq!((word.state(), word.generation()), (state, 4_194_304));
        }
    }

    #[test]
    fn one_is_hired_at_a_time_and_a_successor_when_it_has_gone() {
        static JANITOR: Janitor = Janitor::new();
        assert!(JANITOR.is_missing() && !JANITOR.go_home());
        assert!(JANITOR.hire() && !JANITOR.hire() && !JANITOR.is_missing());
        // SAFETY: the body waits.
        unsafe { JANITOR.berth().introduce(stay, c"strata-test") };
        // SAFETY: we hired.
        assert_eq!(unsafe { JANITOR.berth().start() }, Ok(()));
        assert!(JANITOR.begin() && JANITOR.is_on_duty());
        assert!(!JANITOR.hire() && !JANITOR.is_missing());
        assert!(JANITOR.go_home() && JANITOR.is_missing());
        assert!(JANITOR.come_back() && !JANITOR.hire());
        MAY_GO.ring();
        JANITOR.berth().wait_until_empty(None);
        assert!(JANITOR.is_missing() && !JANITOR.is_on_duty(), "it has ended without a word");
        assert!(JANITOR.hire());
    }

    #[test]
    fn a_janitor_of_the_parent_is_none_in_the_child() {
        let janitor = Janitor::new();
        for state in [State::Starting, State::Started, State::OnDuty] {
            janitor.word.store(Word::new(state, janitor.berth.generation() + 1).0, Relaxed);
            assert!(janitor.is_missing() && !janitor.is_on_duty(), "{state:?}");
            assert!(janitor.hire());
        }
    }

    #[test]
    fn after_a_refusal_nobody_is_hired_for_a_while_and_after_the_end_never() {
        let janitor = Janitor::new();
        assert!(janitor.hire());
        janitor.refuse();
        assert!(!janitor.hire() && !janitor.is_missing());
        janitor.retry_at.set(0);
        assert!(janitor.is_missing() && janitor.hire());
        janitor.put_off();
        assert!(janitor.hire());
        janitor.refuse();
        assert!(!janitor.close() && !janitor.hire());
        janitor.refuse();
        assert!(janitor.is_closed(), "it stays so");
    }

    #[test]
    fn a_janitor_that_is_dismissed_before_it_began_does_not_begin() {
        let janitor = Janitor::new();
        assert!(janitor.hire());
        assert!(!janitor.close(), "there is no thread yet");
        janitor.started();
        assert!(!janitor.begin());
    }

    #[test]
    fn a_thread_that_was_started_is_waited_for_although_it_has_not_begun() {
        let janitor = Janitor::new();
        assert!(janitor.hire());
        janitor.started();
        assert!(janitor.close());
        assert!(!janitor.begin());
    }
}
