//! The thread that gives memory back when nobody else calls: on duty, or not.
//!
//! | state    | who may leave it                            | to       | by                                         |
//! |----------|---------------------------------------------|----------|--------------------------------------------|
//! | absent   | a thread that finds a janitor worth it      | starting | `hire`, CAS AcqRel                         |
//! | starting | the same                                    | started  | `started`, CAS                             |
//! |          |                                             | refused  | `refuse`, CAS                              |
//! |          | the new thread, if it is faster             | on duty  | `begin`, CAS                               |
//! | started  | the new thread                              | on duty  | `begin`, CAS                               |
//! |          | whoever unloads the library                 | closed   | `close`, swap: the thread may not have run yet |
//! | on duty  | the janitor, when the process is down to it | gone     | `go_home`, CAS                             |
//! |          | whoever unloads the library                 | closed   | `close`, swap                              |
//! |          | a child of `fork`, where there is none      | starting | `hire`, CAS                                |
//! | starting, started, on duty | a child of `fork` that looks | absent | `is_on_duty`, CAS                         |
//! | gone     | a thread that finds a janitor worth it      | starting | `hire`, CAS; it joins the old thread first |
//! | refused, closed | nobody                               |          |                                            |
//!
//! I1  Whoever moves the word to *starting*, or from *started*, *gone* or *on duty* to *closed*, is alone with the thread's
//!     place. From *started* on there is a thread that has to be joined before its code may go, whether it has run or not.
//! I2  The janitor's only duty is that of every thread: to look when a look is due. So nothing is lost if it is late or
//!     missing, as in the child of a fork: whoever calls the allocator next looks instead.
//!
//! The word also holds the number of the process that the janitor is in: `fork` copies the word, but not the thread.
//!
//! Does not know: how a thread is started; `strata-cache` does. Model: `loom-tests/tests/p20_janitor.rs`.

use crate::bell::Bell;
use crate::directory::Directory;
use strata_core::sync::mutation::{JANITOR_MOVES, REFUSE_HEEDS_THE_END};
use strata_core::sync::{AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};
use strata_os::{clock, machine};

/// How long a look may be overdue before others do the janitor's work.
const GRACE_MS: u64 = 100;

/// Between two looks, however short the delay.
const BREATH_MS: u64 = 2;

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

/// A state, and the process that it holds for.
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

    const fn new(state: State, process: u64) -> Self {
        Self(process << 8 | state as u64)
    }

    fn state(self) -> State {
        Self::STATES[(self.0 & 7).min(6) as usize]
    }

    fn process(self) -> u64 {
        self.0 >> 8
    }

    /// What it means in this process: a thread that a parent had is not here.
    fn state_here(self) -> State {
        match self.state() {
            State::Starting | State::Started | State::OnDuty | State::Gone
                if self.process() != machine::process() =>
            {
                State::Absent
            }
            state => state,
        }
    }
}

/// Whether an earlier thread has to be joined before a new one may take its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "who hired has to start, or to refuse"]
pub enum Hired {
    /// There was none.
    First,
    /// There was one, which has ended or is about to.
    Successor,
}

/// The janitor's state, and how it is called.
#[derive(Debug)]
pub struct Janitor {
    word: AtomicU64,
    bell: Bell,
}

impl Janitor {
    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self { word: AtomicU64::new(Word::new(State::Absent, 0).0), bell: Bell::new() }
        }
    }

    fn word(&self) -> Word {
        // Acquire: the thread's place; pairs with Release in janitor.rs::exchange.
        Word(self.word.load(Acquire))
    }

    fn exchange(&self, from: Word, to: State) -> bool {
        let to = Word::new(to, machine::process());
        // AcqRel (JANITOR_MOVES): hands the thread's place over (I1); pairs with Acquire in janitor.rs::word, janitor.rs::close
        // and here. Relaxed on failure: nothing is done then.
        self.word.compare_exchange(from.0, to.0, JANITOR_MOVES, Relaxed).is_ok()
    }

    /// Whether none was ever hired, or the last has gone home: worth a closer look whether there should be one.
    #[inline]
    pub fn is_missing(&self) -> bool {
        // Relaxed: a hint; `hire` decides.
        matches!(Word(self.word.load(Relaxed)).state(), State::Absent | State::Gone)
    }

    /// Makes the caller the one who starts it. `None`: another thread does, or there is one.
    pub fn hire(&self) -> Option<Hired> {
        let word = self.word();
        let hired = match word.state_here() {
            State::Absent => Hired::First,
            State::Gone => Hired::Successor,
            _ => return None,
        };
        self.exchange(word, State::Starting).then_some(hired)
    }

    /// Whoever hired says that there is a thread now, which whoever closes has to join (I1).
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

    /// No thread could be started: nobody tries again.
    pub fn refuse(&self) {
        let word = self.word();
        if word.state() == State::Starting || !REFUSE_HEEDS_THE_END {
            // If that fails, it was closed, and stays so.
            let _ = self.exchange(word, State::Refused);
        }
    }

    /// The janitor ends, since nobody else is left. `false`: it is to end anyway.
    pub fn go_home(&self) -> bool {
        let word = self.word();
        word.state() == State::OnDuty && self.exchange(word, State::Gone)
    }

    /// Ends it for good. `true`: there is, or was, a thread to join, which the caller is alone with (I1).
    pub fn close(&self) -> bool {
        // AcqRel: takes the thread's place over (I1); pairs with Release in janitor.rs::exchange.
        let before = Word(self.word.swap(Word::new(State::Closed, 0).0, AcqRel));
        self.bell.ring();
        matches!(before.state_here(), State::Started | State::OnDuty | State::Gone)
    }

    /// Whether it was ended for good: the program or the library is about to go, and nothing is worth giving back.
    pub fn is_closed(&self) -> bool {
        // Relaxed: whoever looks goes on or stops a little later.
        Word(self.word.load(Relaxed)).state() == State::Closed
    }

    /// Whether there is one in this process; a child of `fork` forgets its parent's.
    pub fn is_on_duty(&self) -> bool {
        // Relaxed: decides only who looks.
        let word = Word(self.word.load(Relaxed));
        if word.state() != word.state_here() {
            let _ = self.exchange(word, State::Absent);
            return false;
        }
        word.state() == State::OnDuty
    }

    /// Something is due that was not. Rung whether there is a janitor or not: one who begins at this moment may not be seen.
    pub(crate) fn call(&self) {
        self.bell.ring();
    }
}

impl Directory {
    /// The janitor's work: looks when a look is due, sleeps otherwise; ends when there is nothing to look for and `may_go`
    /// says so, or when the library goes.
    pub fn keep_house(&self, may_go: impl Fn() -> bool) {
        while self.janitor.word().state() == State::OnDuty {
            let now = clock::milliseconds();
            match self.next_look() {
                None if may_go() && self.janitor.go_home() => return,
                None => self.janitor.bell.listen(),
                Some(due) if now < due => self.janitor.bell.listen_for(due - now),
                Some(due) => {
                    self.look(due, now);
                    self.janitor.bell.listen_for(BREATH_MS);
                }
            }
        }
    }

    /// When the next look is due, if the janitor is to look at all.
    fn next_look(&self) -> Option<u64> {
        // Relaxed: a number that stands alone; a change rings the bell.
        let wanted = self.tuning.janitor.load(Relaxed) != 0;
        self.purge_clock.due().filter(|_| wanted)
    }

    /// Whether a look that is due can be left to the janitor.
    pub(crate) fn janitor_looks(&self, due: u64, now: u64) -> bool {
        // Relaxed: a number that stands alone.
        now < due.saturating_add(GRACE_MS)
            && self.tuning.janitor.load(Relaxed) != 0
            && self.janitor.is_on_duty()
    }

    /// Switches the janitor on or off; one that is there stays, and sleeps.
    pub fn set_janitor(&self, wanted: u64) {
        // Relaxed: a number that stands alone.
        self.tuning.janitor.store(wanted, Relaxed);
        self.janitor.call();
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_word_keeps_state_and_process_apart() {
        for state in Word::STATES {
            let word = Word::new(state, 4_194_304);
            assert_eq!((word.state(), word.process()), (state, 4_194_304));
        }
    }

    #[test]
    fn one_is_hired_at_a_time_and_a_successor_when_it_has_gone() {
        let janitor = Janitor::new();
        assert!(janitor.is_missing() && !janitor.go_home());
        assert_eq!(janitor.hire(), Some(Hired::First));
        assert_eq!((janitor.hire(), janitor.is_missing()), (None, false));
        assert!(janitor.begin() && janitor.is_on_duty());
        assert_eq!((janitor.hire(), janitor.is_missing()), (None, false));
        assert!(janitor.go_home() && janitor.is_missing());
        assert_eq!(janitor.hire(), Some(Hired::Successor));
    }

    #[test]
    fn a_janitor_of_the_parent_is_none_in_the_child() {
        let janitor = Janitor::new();
        for state in [State::Starting, State::Started, State::OnDuty] {
            janitor.word.store(Word::new(state, machine::process() + 1).0, Relaxed);
            assert!(!janitor.is_missing(), "nobody has looked yet");
            assert!(!janitor.is_on_duty() && janitor.is_missing(), "{state:?}");
            assert_eq!(janitor.hire(), Some(Hired::First));
        }
    }

    #[test]
    fn after_a_refusal_or_the_end_nobody_is_hired() {
        let janitor = Janitor::new();
        assert_eq!(janitor.hire(), Some(Hired::First));
        janitor.refuse();
        assert_eq!((janitor.hire(), janitor.is_missing(), janitor.close()), (None, false, false));
        assert_eq!(janitor.hire(), None);
        janitor.refuse();
        assert!(janitor.is_closed(), "it stays so");
    }

    #[test]
    fn a_janitor_that_is_dismissed_before_it_began_does_not_begin() {
        let janitor = Janitor::new();
        assert_eq!(janitor.hire(), Some(Hired::First));
        assert!(!janitor.close(), "there is no thread yet");
        janitor.started();
        assert!(!janitor.begin());
    }

    #[test]
    fn a_thread_that_was_started_is_joined_although_it_has_not_begun() {
        let janitor = Janitor::new();
        assert_eq!(janitor.hire(), Some(Hired::First));
        janitor.started();
        assert!(janitor.close());
        assert!(!janitor.begin());
    }
}
