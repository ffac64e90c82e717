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
//! I2  The janitor's only duty is that of every thread: to look when a look is due. So nothing is lost if it is late or
//!     missing, as in the child of a fork: whoever calls the allocator next looks instead.
//! I3  A look that is set while the janitor leaves has somebody, if it is for much: the janitor leaves, fences, and reads `due`;
//!     who sets `due` fences, and reads the word. One of the two sees the other's write.
//!
//! The word also holds the generation of the memory that it is in (`Berth`): `fork` copies the word, but not the thread.
//!
//! Does not know: what the thread runs; `strata-cache` does. Model: `loom-tests/tests/p20_janitor.rs`.

use crate::bell::Bell;
use crate::directory::Directory;
use strata_core::sync::mutation::{JANITOR_MOVES, LEAVING_FENCES, REFUSE_HEEDS_THE_END};
use strata_core::sync::{
    AtomicPtr, AtomicU64, Hint, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::SeqCst,
    fence,
};
use strata_os::clock;
use strata_os::kernel_thread::Berth;

/// How long a look may be overdue before others do the janitor's work.
const GRACE_MS: u64 = 100;

/// Between two looks, however short the delay.
const BREATH_MS: u64 = 2;

/// A look that gives back less has been of no use, and after so many of them in a row the janitor goes, although some pools that
/// are in use may have more another time: they are left to whoever calls the allocator.
const LITTLE_BYTES: u64 = 1 << 20;
const IDLE_LOOKS: u32 = 4;

/// How long nobody tries again where no thread could be started.
const RETRY_MS: u64 = 1000;

/// In models nobody starts threads: what would be read in vain there multiplies the executions.
const IS_CALLED: bool = !cfg!(strata_loom);

/// Starts the thread, or says that it cannot.
pub type Starter = fn();

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
    /// A [`Starter`], once somebody has said how it is done.
    starter: AtomicPtr<()>,
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
                starter: AtomicPtr::new(core::ptr::null_mut()),
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

    /// From now on `start` is called when there is much to give back and nobody to do it.
    pub fn set_starter(&self, start: Starter) {
        // Relaxed: code, which is there already.
        self.starter.store(start as *mut (), Relaxed);
    }

    /// Starts it, if somebody has said how.
    fn call_starter(&self) {
        // Relaxed: as in `set_starter`.
        let start = self.starter.load(Relaxed);
        if !start.is_null() {
            // SAFETY: only `set_starter` writes the word, and it writes a `Starter`.
            let start = unsafe { core::mem::transmute::<*mut (), Starter>(start) };
            start();
        }
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
    fn come_back(&self) -> bool {
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
}

impl Directory {
    /// The janitor's work: looks when a look is due, sleeps otherwise; ends when there is nothing to look for, or little to be
    /// had, and `may_go` says so, or when the library goes.
    pub fn keep_house(&self, may_go: impl Fn() -> bool) {
        let mut idle_looks = 0;
        while self.janitor.word().state() == State::OnDuty {
            let now = clock::milliseconds_past_the_c_library();
            match self.next_look() {
                None if may_go() => {
                    if self.leaves_for_good() {
                        return;
                    }
                }
                None => self.janitor.bell.listen(),
                Some(due) if now < due => self.janitor.bell.listen_for(due - now),
                Some(due) => {
                    let is_idle = self.look_as_janitor(due, now) < LITTLE_BYTES;
                    idle_looks = if is_idle { idle_looks + 1 } else { 0 };
                    if idle_looks > IDLE_LOOKS && self.is_no_more_use() && may_go() && self.leaves_for_good()
                    {
                        return;
                    }
                    self.janitor.bell.listen_for(BREATH_MS);
                }
            }
        }
    }

    /// Whether there is not much to give back, but for what pools in use may have.
    fn is_no_more_use(&self) -> bool {
        self.demand.note_parts_gone();
        !self.has_much_to_give_back()
    }

    /// The janitor goes home, unless a look was set meanwhile for which nobody else has come (I3).
    fn leaves_for_good(&self) -> bool {
        if !self.janitor.go_home() {
            return true;
        }
        leaving_fence();
        self.next_look().is_none() || !self.has_much_to_give_back() || !self.janitor.come_back()
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

    /// Whether there is much to give back, and nobody who would do it if the program fell silent now: a load, if nothing is due.
    #[inline]
    pub fn wants_janitor(&self) -> bool {
        self.next_look().is_some() && self.is_worth_a_janitor()
    }

    #[cold]
    #[inline(never)]
    fn is_worth_a_janitor(&self) -> bool {
        // Relaxed: a number that stands alone.
        let ever = self.tuning.purge_delay_ms.load(Relaxed) != u64::MAX;
        ever && self.janitor.is_missing() && self.has_much_to_give_back()
    }

    /// Something was freed: has a janitor come where that is worth it.
    #[inline]
    pub(crate) fn call_for_janitor(&self) {
        if IS_CALLED && self.wants_janitor() {
            self.janitor.call_starter();
        }
    }

    /// Switches the janitor on or off; one that is there goes.
    pub fn set_janitor(&self, wanted: u64) {
        // Relaxed: a number that stands alone.
        self.tuning.janitor.store(wanted, Relaxed);
        self.janitor.call();
    }
}

/// Orders everything before it before everything after it, for the two events of I3.
pub(crate) fn leaving_fence() {
    if LEAVING_FENCES {
        // SeqCst: janitor "leaves | reads due" against releaser "sets due | reads the word" (I3).
        fence(SeqCst);
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use core::ptr::NonNull;
    use core::sync::atomic::AtomicU32;
    use strata_os::futex;

    static MAY_GO: AtomicU32 = AtomicU32::new(0);

    extern "C" fn stay() {
        // Relaxed: the word stands for itself.
        while MAY_GO.load(Relaxed) == 0 {
            // SAFETY: a word of a static.
            unsafe { futex::wait(NonNull::new(MAY_GO.as_ptr()).unwrap(), 0, None) };
        }
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
        // SAFETY: we hired; the body waits.
        assert_eq!(unsafe { JANITOR.berth().start(stay, c"strata-test") }, Ok(()));
        assert!(JANITOR.begin() && JANITOR.is_on_duty());
        assert!(!JANITOR.hire() && !JANITOR.is_missing());
        assert!(JANITOR.go_home() && JANITOR.is_missing());
        assert!(JANITOR.come_back() && !JANITOR.hire());
        MAY_GO.store(1, Relaxed);
        futex::wake(NonNull::new(MAY_GO.as_ptr()).unwrap());
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
