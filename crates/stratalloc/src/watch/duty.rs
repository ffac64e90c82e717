//! Whether there is a watcher in this process: one thread, started by the thread that finds it missing.
//!
//! | state             | who may leave it                           | to       | by                        |
//! |-------------------|--------------------------------------------|----------|---------------------------|
//! | absent            | a thread adding a watch                    | starting | `claim_start`, CAS AcqRel |
//! | starting          | the same                                   | running  | `started`, CAS Release    |
//! |                   |                                            | absent   | `refused`, CAS Release    |
//! | starting, running | a child of `fork`, where no such thread is | starting | `claim_start`, CAS AcqRel |
//! | any               | the unloading thread                       | closed   | `close`, swap AcqRel      |
//! | closed            | none                                       |          |                           |
//!
//! D1  The thread that moved the word to *starting*, or from *running* to *closed*, is alone with the thread's place.
//! D2  The thread that moved it to *starting* in a child of a fork is the only one that may ready the watches for a new watcher.
//!
//! The word also holds the number of the process: `fork` copies the word, but not the thread.
//!
//! Does not know: how a thread is started, what it does. Model: `loom-tests/tests/p21_watch.rs`; mutant `watch_starts_twice`.

use strata_core::sync::mutation::WATCH_START_EXCHANGES;
use strata_core::sync::{
    AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Absent,
    Starting,
    Running,
    Closed,
}

/// A state, and the process that it holds for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Word(u64);

impl Word {
    const STATES: [State; 4] = [State::Absent, State::Starting, State::Running, State::Closed];

    const fn new(state: State, process: u64) -> Self {
        Self(process << 2 | state as u64)
    }

    fn state(self) -> State {
        Self::STATES[(self.0 & 3) as usize]
    }

    fn process(self) -> u64 {
        self.0 >> 2
    }
}

/// What a thread that adds a watch must do about the watcher.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum Start {
    /// Start it, and say whether it started.
    First,
    /// The same, once the watches are readied: the parent's watcher is not in this process.
    AfterFork,
    /// Nothing: there is one, or another thread is starting it.
    Unneeded,
    /// There will be none: the library is being unloaded, or the process ends.
    Closed,
}

/// The word.
#[derive(Debug)]
pub(crate) struct Duty(AtomicU64);

impl Duty {
    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self(AtomicU64::new(Word::new(State::Absent, 0).0))
        }
    }

    /// Asks for a watcher in the process of this number.
    pub(crate) fn claim_start(&self, process: u64) -> Start {
        loop {
            // Acquire: the thread's place; pairs with Release in duty.rs::started.
            let word = Word(self.0.load(Acquire));
            let start = match word.state() {
                State::Closed => return Start::Closed,
                State::Absent => Start::First,
                State::Starting | State::Running if word.process() != process => Start::AfterFork,
                State::Starting | State::Running => return Start::Unneeded,
            };
            if self.move_to_starting(word, Word::new(State::Starting, process)) {
                return start;
            }
        }
    }

    fn move_to_starting(&self, from: Word, to: Word) -> bool {
        if WATCH_START_EXCHANGES {
            // AcqRel: hands the thread's place over (D1); pairs with duty.rs::refused. Relaxed: the loop reads again.
            return self.0.compare_exchange(from.0, to.0, AcqRel, Relaxed).is_ok();
        }
        self.0.store(to.0, Release);
        true
    }

    /// The thread has started. `false`: it was closed meanwhile, and must be joined by the caller.
    pub(crate) fn started(&self, process: u64) -> bool {
        self.leave_starting(State::Running, process)
    }

    /// The thread could not be started; the next one who asks tries again.
    pub(crate) fn refused(&self, process: u64) {
        let _ = self.leave_starting(State::Absent, process);
    }

    fn leave_starting(&self, to: State, process: u64) -> bool {
        let (from, to) = (Word::new(State::Starting, process), Word::new(to, process));
        // Release: hands the thread's place over (D1); pairs with Acquire in duty.rs::claim_start and duty.rs::close.
        self.0.compare_exchange(from.0, to.0, Release, Relaxed).is_ok()
    }

    /// Whether the watcher goes on.
    pub(crate) fn goes_on(&self) -> bool {
        // Relaxed: the parker that wakes it orders what matters.
        Word(self.0.load(Relaxed)).state() != State::Closed
    }

    /// Ends the watcher for good. `true`: there is one in this process, and the caller must join it.
    pub(crate) fn close(&self, process: u64) -> bool {
        // AcqRel: takes the thread's place over (D1); pairs with Release in duty.rs::started.
        let before = Word(self.0.swap(Word::new(State::Closed, 0).0, AcqRel));
        before.state() == State::Running && before.process() == process
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    #[test]
    fn one_is_started_and_another_only_after_a_refusal() {
        let duty = Duty::new();
        assert_eq!((duty.claim_start(7), duty.claim_start(7)), (Start::First, Start::Unneeded));
        duty.refused(7);
        assert_eq!(duty.claim_start(7), Start::First);
        assert!(duty.started(7));
        assert_eq!(duty.claim_start(7), Start::Unneeded);
    }

    #[test]
    fn a_child_starts_its_own() {
        let duty = Duty::new();
        assert_eq!(duty.claim_start(7), Start::First);
        assert!(duty.started(7));
        assert_eq!((duty.claim_start(8), duty.claim_start(8)), (Start::AfterFork, Start::Unneeded));
        assert!(duty.started(8) && duty.close(8));
    }

    #[test]
    fn a_parents_watcher_is_not_joined_in_the_child() {
        let duty = Duty::new();
        assert_eq!(duty.claim_start(7), Start::First);
        assert!(duty.started(7) && !duty.close(8));
    }

    #[test]
    fn after_the_end_none_is_started() {
        let duty = Duty::new();
        assert_eq!(duty.claim_start(7), Start::First);
        assert!(duty.goes_on() && !duty.close(7));
        assert_eq!((duty.claim_start(7), duty.goes_on(), duty.started(7)), (Start::Closed, false, false));
    }
}
