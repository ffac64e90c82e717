//! One thread at a time asks the OS for more memory; the others that need some wait for it, and search again.
//!
//! ```text
//!   ticket ──► search ──nothing──► begin ──┬─ no thread asked since the ticket: the caller asks ──► done, a round later
//!                                          └─ one did, or does: wait until it is over  ────► search again
//! ```
//!
//! | state  | who may leave it                                                            | to                  | by                  | what becomes visible |
//! |--------|-----------------------------------------------------------------------------|---------------------|---------------------|----------------------|
//! | idle   | a thread that found nothing since its ticket                                | asking              | `begin`, CAS        |                      |
//! | asking | the asker                                                                   | idle, a round later | `drop`, CAS Release | what it was given    |
//! |        | a thread that waited for too long, or whose process does not have the asker | asking              | `begin`, CAS        |                      |
//!
//! Where every thread without a pool took a segment of its own, a thousand threads that started at once took most of a
//! limit on addresses for segments of which all but one were given back, and the others were refused meanwhile.
//!
//! I1  A thread that begins with a ticket has searched after the last round: what that round brought is not enough.
//! I2  A refusal counts only for the asker. A thread that is not the asker is never refused; it searches again.
//! I3  No wait lasts for ever: a fork copies the word but not the asker (the word holds the process); a signal handler that
//!     interrupts the asker is the same thread and does not wait; after a second any thread takes over. Then two threads ask,
//!     which costs addresses and nothing else: `page_heap/` publishes whatever comes.
//!
//! Does not know: what is asked for. Model: `loom-tests/tests/p23_one_asks.rs`; mutants `asks_without_turn`, `asked_relaxed`.

use crate::pause::pause;
use strata_core::sync::mutation::{ASKED, ASKS_IN_TURN};
use strata_core::sync::{AtomicU64, Ordering::Acquire, Ordering::Relaxed};
use strata_os::{machine, thread};

/// How often a waiting thread lets others run before it sleeps: most askers are done by then.
const YIELDS: u32 = 64;
/// How often it sleeps, a millisecond each, before it asks itself.
const NAPS: u32 = if cfg!(strata_loom) { u32::MAX / 2 } else { 1000 };

/// Whether a thread asks, which one, and in which round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "a ticket is drawn before the search that it stands for"]
pub(crate) struct Ticket(u64);

impl Ticket {
    const PART_BITS: u32 = 22;
    const PART: u64 = (1 << Self::PART_BITS) - 1;
    const ROUND: u64 = 1 << (2 * Self::PART_BITS);

    fn asker(self) -> u64 {
        self.0 & (Self::ROUND - 1)
    }

    fn is_idle(self) -> bool {
        self.asker() == 0
    }

    /// The same round, with the calling thread as its asker.
    fn of_caller(self) -> Self {
        Self(self.0 - self.asker() + (this_process() << Self::PART_BITS) + this_thread())
    }

    /// The next round, in which no thread asks yet.
    fn done(self) -> Self {
        Self((self.0 - self.asker()).wrapping_add(Self::ROUND))
    }

    /// Whether the asker is in another process: a parent that forked while it asked.
    fn is_elsewhere(self) -> bool {
        self.asker() >> Self::PART_BITS != this_process()
    }

    /// Whether the asker is the calling thread, interrupted. Models have one thread of the system for all of theirs.
    fn is_own(self) -> bool {
        !cfg!(strata_loom) && self.asker() & Self::PART == this_thread()
    }
}

fn this_process() -> u64 {
    machine::process() & Ticket::PART
}

/// Not zero, and rarely another thread's: then that one does not wait where it should.
fn this_thread() -> u64 {
    let spread = (thread::mark() as u64 >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    spread >> (u64::BITS - Ticket::PART_BITS) | 1
}

/// The turn.
#[derive(Debug)]
pub(crate) struct Asking(AtomicU64);

/// The right to ask, until it is dropped. `None`: within a turn of the same thread, which goes on afterwards.
#[derive(Debug)]
#[must_use = "the turn ends when this is dropped"]
pub(crate) struct Asker<'word>(Option<(&'word Asking, Ticket)>);

impl Asking {
    strata_core::const_unless_loom! {
        /// No thread asks.
        pub(crate) fn new() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    /// Drawn before a search, for `begin` if that finds nothing.
    #[inline]
    pub(crate) fn ticket(&self) -> Ticket {
        // Acquire: sees what the last round brought; pairs with Release in asking.rs::drop.
        Ticket(self.0.load(Acquire))
    }

    /// The caller's turn, if no thread asked since `ticket` was drawn. `None`: one did, and is done: search again.
    #[cold]
    pub(crate) fn begin(&self, ticket: Ticket) -> Option<Asker<'_>> {
        if !ASKS_IN_TURN {
            return Some(Asker::out_of_turn());
        }
        if ticket.is_idle() || ticket.is_elsewhere() {
            return self.take(ticket);
        }
        if ticket.is_own() {
            return Some(Asker::out_of_turn());
        }
        if self.wait(ticket) { None } else { self.take(ticket) }
    }

    /// A turn whatever other threads do.
    #[cold]
    pub(super) fn wait_for_turn(&self) -> Asker<'_> {
        loop {
            if let Some(turn) = self.begin(self.ticket()) {
                return turn;
            }
        }
    }

    fn take(&self, ticket: Ticket) -> Option<Asker<'_>> {
        let mine = ticket.of_caller();
        // Relaxed: the ticket saw what there was (I1), and nothing is published yet.
        let taken = self.0.compare_exchange(ticket.0, mine.0, Relaxed, Relaxed);
        taken.is_ok().then(|| Asker(Some((self, mine))))
    }

    /// Until the word is another. `false`: it took too long (I3).
    fn wait(&self, ticket: Ticket) -> bool {
        (0..YIELDS + NAPS).any(|pauses| {
            pause(pauses, YIELDS);
            // Relaxed: the caller draws another ticket.
            self.0.load(Relaxed) != ticket.0
        })
    }
}

impl Asker<'_> {
    /// For a thread that need not, or must not, wait.
    pub(super) fn out_of_turn() -> Self {
        Self(None)
    }
}

impl Drop for Asker<'_> {
    fn drop(&mut self) {
        if let Some((asking, ticket)) = self.0 {
            // Release (ASKED): publishes what was given; pairs with Acquire in asking.rs::ticket. Relaxed on failure: another
            // thread took over (I3).
            let _ = asking.0.compare_exchange(ticket.0, ticket.done().0, ASKED, Relaxed);
        }
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_for_one_turn() {
        let asking = Asking::new();
        let (first, second) = (asking.ticket(), asking.ticket());
        drop(asking.begin(first).unwrap());
        assert!(asking.begin(second).is_none(), "another thread asked meanwhile");
        assert!(asking.begin(asking.ticket()).is_some());
    }

    #[test]
    fn a_thread_that_is_interrupted_while_it_asks_does_not_wait_for_itself() {
        let asking = Asking::new();
        let turn = asking.begin(asking.ticket()).unwrap();
        let during = asking.ticket();
        drop(asking.begin(during).unwrap());
        assert_eq!(asking.ticket(), during, "the turn goes on");
        drop(turn);
        assert!(asking.ticket().is_idle());
    }

    #[test]
    fn others_wait_until_the_turn_is_over_and_then_search_again() {
        let asking = Asking::new();
        let turn = asking.begin(asking.ticket()).unwrap();
        std::thread::scope(|scope| {
            let others: [_; 4] = std::array::from_fn(|_| {
                let during = asking.ticket();
                let asking = &asking;
                scope.spawn(move || asking.begin(during).is_none())
            });
            drop(turn);
            others.into_iter().for_each(|other| assert!(other.join().unwrap()));
        });
    }

    #[test]
    fn a_thread_that_waits_for_long_sleeps() {
        let sleeps = |status: &std::path::Path| -> u64 {
            let status = std::fs::read_to_string(status).unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            line.unwrap().trim().parse().unwrap()
        };
        let asking = Asking::new();
        let turn = asking.begin(asking.ticket()).unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let during = asking.ticket();
            let asking = &asking;
            let waiter = scope.spawn(move || {
                let own = std::fs::read_link("/proc/thread-self").unwrap();
                let status = std::path::Path::new("/proc").join(own).join("status");
                tell.send((sleeps(&status), status)).unwrap();
                let _ = asking.begin(during);
            });
            let (before, status) = told.recv().unwrap();
            let deadline = std::time::Instant::now() + core::time::Duration::from_secs(60);
            while sleeps(&status) == before && std::time::Instant::now() < deadline {
                std::thread::sleep(core::time::Duration::from_millis(10));
            }
            let slept = sleeps(&status) > before;
            drop(turn);
            waiter.join().unwrap();
            assert!(slept, "it never slept");
        });
    }

    #[test]
    fn what_another_process_left_undone_is_taken_over() {
        let asking = Asking::new();
        let elsewhere = (this_process() ^ 1) << Ticket::PART_BITS | this_thread();
        asking.0.store(elsewhere, Relaxed);
        drop(asking.begin(asking.ticket()).unwrap());
        assert!(asking.ticket().is_idle());
    }

    #[test]
    fn rounds_come_round() {
        let last = Ticket(u64::MAX - (Ticket::ROUND - 1));
        assert_eq!(last.of_caller().done(), Ticket(0));
    }
}
