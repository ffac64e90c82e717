//! Which thread may touch a watch: the one that adds it, the watcher that checks it, or the one that removes it.
//!
//! ```text
//!             claim            arm             hold              begin_call
//!   vacant ─────────► filling ─────► armed ◄─────────► held ───────────────► calling
//!     ▲                                │     release    │                       │
//!     │   vacate                       │ dismiss        │ dismiss               │ dismiss
//!     └──────────── emptying ◄─────────┘                ▼                       ▼
//!     └──────────────────────────────────────────── dismissed ◄─────────────────┘
//! ```
//!
//! | state     | who may leave it           | to        | ordering           | what becomes visible            |
//! |-----------|----------------------------|-----------|--------------------|---------------------------------|
//! | vacant    | a thread adding a watch    | filling   | `claim`, Acquire   | that the last content is gone   |
//! | filling   | the same                   | armed     | `arm`, Release     | the content                     |
//! | armed     | the watcher                | held      | `hold`, Acquire    | the content                     |
//! |           | the thread that removes it | emptying  | `dismiss`, Acquire | the content, the last call      |
//! | held      | the watcher                | calling   | `begin_call`       |                                 |
//! |           | the watcher                | armed     | `release`, Release | what the call did               |
//! |           | the thread that removes it | dismissed | `dismiss`          |                                 |
//! | calling   | as held                    |           |                    |                                 |
//! | dismissed | the watcher                | vacant    | `vacate`, Release  | that the content is gone        |
//! | emptying  | the thread that removed it | vacant    | `vacate`, Release  | the same                        |
//! | lost      | the thread that removes it | vacant    | `dismiss`          | (the content stays where it is) |
//!
//! I1  The content belongs to one thread in each state: none (vacant, lost), the adder (filling), the watcher (held,
//!     calling, dismissed), the taker (emptying); in *armed* it rests.
//! I2  There is one watcher in a process. In the child of a fork there is none, and a slot that the parent's was busy with
//!     is what `recover` makes of it: *armed* again, or *lost* if it was in the middle of a call.
//! I3  The word counts the uses of the slot, so that a ticket of an earlier one takes nothing away.
//!
//! No thread waits: one that removes a watch while the watcher has it leaves the emptying to the watcher.
//!
//! Does not know: what the content is, when the watcher checks. Model: `loom-tests/tests/p21_watch.rs`; mutants
//! `watch_arm_relaxed`, `watch_release_relaxed`, `watch_vacate_relaxed`, `watch_dismiss_takes_all`.

use strata_core::sync::mutation::{WATCH_ARM, WATCH_DISMISS_HEEDS_THE_WATCHER, WATCH_RELEASE, WATCH_VACATE};
use strata_core::sync::{AtomicU64, Ordering::Acquire, Ordering::Relaxed};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Vacant,
    Filling,
    Armed,
    Held,
    Calling,
    Dismissed,
    Emptying,
    Lost,
}

/// One use of one slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ticket(u64);

/// What the thread that removes a watch must do now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum Dismissed {
    /// Drop the content, then `vacate`.
    Empty,
    /// Nothing: the watcher has it.
    LeaveIt,
    /// Nothing: the ticket's use of the slot was over.
    Gone,
}

/// What the watcher must do now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum After {
    /// Go on.
    Kept,
    /// Drop the content, then `vacate`.
    Empty,
}

/// A state and the number of the use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct SlotWord(u64);

const STATE_BITS: u32 = 3;
const STATES: [State; 1 << STATE_BITS] = [
    State::Vacant,
    State::Filling,
    State::Armed,
    State::Held,
    State::Calling,
    State::Dismissed,
    State::Emptying,
    State::Lost,
];

impl SlotWord {
    const fn new(state: State, ticket: Ticket) -> Self {
        Self(ticket.0 << STATE_BITS | state as u64)
    }

    fn state(self) -> State {
        STATES[(self.0 & (STATES.len() as u64 - 1)) as usize]
    }

    fn ticket(self) -> Ticket {
        Ticket(self.0 >> STATE_BITS)
    }

    fn to(self, state: State) -> Self {
        Self::new(state, self.ticket())
    }
}

impl Ticket {
    /// The number, for those who keep it as such.
    pub(crate) fn number(self) -> u64 {
        self.0
    }

    /// The ticket of this number.
    pub(crate) fn of_number(number: u64) -> Self {
        Self(number)
    }
}

/// The word of one slot.
#[derive(Debug)]
pub(crate) struct Slot(AtomicU64);

impl Slot {
    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self(AtomicU64::new(SlotWord::new(State::Vacant, Ticket(0)).0))
        }
    }

    /// Makes a vacant slot the caller's, who fills it and then [`arm`](Self::arm)s it.
    pub(crate) fn claim(&self) -> Option<Ticket> {
        // Relaxed: a hint; the exchange decides.
        let word = SlotWord(self.0.load(Relaxed));
        let ticket = Ticket(word.ticket().0 + 1);
        // Acquire: the last content is gone; pairs with Release in slot.rs::vacate.
        let claimed = word.state() == State::Vacant
            && self.exchange(word, SlotWord::new(State::Filling, ticket), Acquire);
        claimed.then_some(ticket)
    }

    /// Shows the content to the watcher. For the thread that claimed.
    pub(crate) fn arm(&self, ticket: Ticket) {
        // Release (WATCH_ARM): publishes the content; pairs with Acquire in slot.rs::hold and slot.rs::dismiss.
        self.0.store(SlotWord::new(State::Armed, ticket).0, WATCH_ARM);
    }

    /// Makes the content of an armed slot the watcher's. For the watcher.
    pub(crate) fn hold(&self) -> bool {
        // Relaxed: a hint; the exchange decides.
        let word = SlotWord(self.0.load(Relaxed));
        // Acquire: the content; pairs with Release in slot.rs::arm.
        word.state() == State::Armed && self.exchange(word, word.to(State::Held), Acquire)
    }

    /// Says that a call is about to begin; [`After::Empty`]: it must not. For the watcher, who holds.
    pub(crate) fn begin_call(&self) -> After {
        // Relaxed, here and in the exchange: the content has been the watcher's since `hold`.
        let word = SlotWord(self.0.load(Relaxed));
        let begun = word.state() == State::Held && self.exchange(word, word.to(State::Calling), Relaxed);
        if begun { After::Kept } else { After::Empty }
    }

    /// Ends what `hold` began. For the watcher.
    pub(crate) fn release(&self) -> After {
        // Relaxed: only a dismissal changes the word meanwhile, and then the exchange fails.
        let word = SlotWord(self.0.load(Relaxed));
        let held = matches!(word.state(), State::Held | State::Calling);
        // Release (WATCH_RELEASE): publishes what the call did; pairs with Acquire in slot.rs::hold and slot.rs::dismiss.
        let released = held && self.exchange(word, word.to(State::Armed), WATCH_RELEASE);
        if released { After::Kept } else { After::Empty }
    }

    /// Takes the watch away: no call begins from now on.
    pub(crate) fn dismiss(&self, ticket: Ticket) -> Dismissed {
        loop {
            // Relaxed: a hint; the exchange decides.
            let word = SlotWord(self.0.load(Relaxed));
            if word.ticket() != ticket {
                return Dismissed::Gone;
            }
            let (next, answer) = match word.state() {
                State::Armed => (State::Emptying, Dismissed::Empty),
                State::Held | State::Calling if WATCH_DISMISS_HEEDS_THE_WATCHER => {
                    (State::Dismissed, Dismissed::LeaveIt)
                }
                State::Held | State::Calling => (State::Emptying, Dismissed::Empty),
                // It is not known in what state the content is: it is left where it lies, and overwritten.
                State::Lost => (State::Vacant, Dismissed::LeaveIt),
                State::Vacant | State::Filling | State::Dismissed | State::Emptying => {
                    return Dismissed::Gone;
                }
            };
            // Acquire: the content, and what the last call did; pairs with Release in slot.rs::arm and slot.rs::release.
            if self.exchange(word, word.to(next), Acquire) {
                return answer;
            }
        }
    }

    /// The content is gone. For the thread that was told to drop it.
    pub(crate) fn vacate(&self) {
        // Relaxed: no other thread changes the word in these states.
        let word = SlotWord(self.0.load(Relaxed));
        // Release (WATCH_VACATE): the content is gone; pairs with Acquire in slot.rs::claim.
        self.0.store(word.to(State::Vacant).0, WATCH_VACATE);
    }

    /// Makes of a slot what it can be after a fork, without the parent's watcher (I2). For the one thread of a child that
    /// is about to start its own.
    pub(crate) fn recover(&self) {
        // Relaxed, here and below: what the parent's threads did before the fork is in the child's memory as a whole.
        let word = SlotWord(self.0.load(Relaxed));
        let next = match word.state() {
            State::Held => State::Armed,
            State::Calling => State::Lost,
            State::Dismissed => State::Vacant,
            _ => return,
        };
        let _ = self.exchange(word, word.to(next), Relaxed);
    }

    fn exchange(&self, from: SlotWord, to: SlotWord, order: strata_core::sync::Ordering) -> bool {
        // Relaxed on failure: nothing is read then.
        self.0.compare_exchange(from.0, to.0, order, Relaxed).is_ok()
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    fn armed() -> (Slot, Ticket) {
        let slot = Slot::new();
        let ticket = slot.claim().unwrap();
        slot.arm(ticket);
        (slot, ticket)
    }

    #[test]
    fn a_word_keeps_state_and_use_apart() {
        for state in STATES {
            let word = SlotWord::new(state, Ticket(1 << 60));
            assert_eq!((word.state(), word.ticket()), (state, Ticket(1 << 60)));
        }
    }

    #[test]
    fn a_slot_is_claimed_once_and_again_when_it_was_vacated() {
        let (slot, ticket) = armed();
        assert_eq!(slot.claim(), None);
        assert_eq!(slot.dismiss(ticket), Dismissed::Empty);
        assert_eq!((slot.claim(), slot.hold()), (None, false));
        slot.vacate();
        let next = slot.claim().unwrap();
        assert_ne!(next, ticket);
        slot.arm(next);
        assert_eq!(slot.dismiss(ticket), Dismissed::Gone);
        assert!(slot.hold());
    }

    #[test]
    fn a_watch_that_is_taken_away_while_it_is_looked_at_is_emptied_by_the_watcher() {
        let (slot, ticket) = armed();
        assert!(slot.hold() && !slot.hold());
        assert_eq!(slot.dismiss(ticket), Dismissed::LeaveIt);
        assert_eq!(slot.dismiss(ticket), Dismissed::Gone);
        assert_eq!((slot.begin_call(), slot.release()), (After::Empty, After::Empty));
        slot.vacate();
        assert!(slot.claim().is_some());
    }

    #[test]
    fn a_call_ends_where_it_began_or_with_the_watch() {
        let (slot, ticket) = armed();
        assert!(slot.hold());
        assert_eq!((slot.begin_call(), slot.release()), (After::Kept, After::Kept));
        assert!(slot.hold());
        assert_eq!((slot.begin_call(), slot.dismiss(ticket)), (After::Kept, Dismissed::LeaveIt));
        assert_eq!(slot.release(), After::Empty);
    }

    #[test]
    fn after_a_fork_a_watch_is_armed_unless_it_was_being_called() {
        let (slot, ticket) = armed();
        assert!(slot.hold());
        slot.recover();
        assert!(slot.hold());
        assert_eq!(slot.begin_call(), After::Kept);
        slot.recover();
        assert!(!slot.hold());
        assert_eq!(slot.dismiss(ticket), Dismissed::LeaveIt);
        assert!(slot.claim().is_some());
    }
}
