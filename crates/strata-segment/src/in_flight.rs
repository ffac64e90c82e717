//! Free memory in flight: in the hands of a thread that gives it back, and in no place where a search finds it.
//!
//! ```text
//!   a thread that gives back     begins │ fence │ takes what is free ──► OS, or back to where it was ──► lands
//!   a thread that is refused     ticket │ searches everywhere, asks the OS │ fence │ word as it was, none in flight? refused
//!                                                                                    otherwise ──► waits until none is, searches again
//! ```
//!
//! | word              | who may change it         | to                       | by                       | what becomes visible |
//! |-------------------|---------------------------|--------------------------|--------------------------|----------------------|
//! | flights, landings | a thread that gives back  | one flight more          | `begin`, add             |                      |
//! | flights, landings | the same                  | one less, a landing more | `drop`, add Release      | what it gave back    |
//! | flights, landings | the same, if it gives nothing back | one less        | `keep`, subtract         |                      |
//!
//! The purge thread took an extent from the cache of huge blocks, or a free pool, and lost its processor before the kernel had the
//! memory: under a limit another thread was refused then what the program had freed long before.
//!
//! I1  Who misses in a search what another thread took sees that thread in flight, or its landing: one begins, fences and takes; the
//!     other searches, fences and reads.
//! I2  No wait lasts for ever: after a second, and after some searches, it is a refusal. What did not land by then is not waited for again:
//!     it may be in flight in a parent, or in the very thread that is refused, which a signal interrupted.
//! I3  A landing is one of something: a flight that took nothing is none, or every pass over nothing would be followed by another search.
//!
//! Not announced, since it would cost each refill and flush a fence: a pool of another class that a refill took by a stale bit and puts
//! back, and one that a flush found empty and gives back. A thread that wants the last block, just then, is refused.
//!
//! Does not know: what is in flight. Model: `loom-tests/tests/p33_in_flight.rs`; mutants `flight_unfenced`, `landing_relaxed`,
//! `landing_unseen`, `pool_unannounced`, `extent_unannounced`.

use crate::pause::pause;
use strata_core::sync::mutation::{FLIGHT_FENCES, LANDED, LANDINGS_COUNT};
use strata_core::sync::{AtomicU64, Hint, Ordering::Acquire, Ordering::Relaxed, Ordering::SeqCst, fence};

/// How often a refused thread lets others run before it sleeps.
const YIELDS: u32 = 64;
/// How often it sleeps, a millisecond each (I2).
const NAPS: u32 = if cfg!(strata_loom) { u32::MAX / 2 } else { 1000 };

/// How often it searches again since something landed meanwhile: once would do, if all landings were of what it missed.
const SEARCHES: u32 = 3;
/// The same where each of many threads takes one block of what another has in hand: so many of them at once lose no race for good.
const SEARCHES_FOR_A_BLOCK: u32 = 64;

/// A landing, above 32 bits of flights.
const LANDING: u64 = 1 << 32;

/// How many threads give back what is free, and how often one was done.
#[derive(Debug)]
pub(crate) struct InFlight {
    word: AtomicU64,
    /// So many flights will never land, as far as is known (I2).
    lost: Hint,
}

/// What its thread took lands when this is dropped.
#[derive(Debug)]
#[must_use = "nothing is in flight any more when this is dropped"]
pub(crate) struct Flight<'word>(&'word AtomicU64);

impl InFlight {
    strata_core::const_unless_loom! {
        /// Nothing.
        pub(crate) fn nothing() -> Self {
            Self { word: AtomicU64::new(0), lost: Hint::new(0) }
        }
    }

    /// The caller is about to take something free, in order to give it back.
    pub(crate) fn begin(&self) -> Flight<'_> {
        // Relaxed: ordered by the fence.
        self.word.fetch_add(1, Relaxed);
        if FLIGHT_FENCES {
            // SeqCst: giver "begins | takes" against searcher "searches | reads the word" (I1).
            fence(SeqCst);
        }
        Flight(&self.word)
    }

    /// Takes what is free, if there is something, in order to give it back: it is in flight as long as the first value lives (I3).
    pub(crate) fn take<T>(&self, take: impl FnOnce() -> Option<T>) -> Option<(Flight<'_>, T)> {
        let flight = self.begin();
        match take() {
            Some(taken) => Some((flight, taken)),
            None => {
                flight.keep();
                None
            }
        }
    }

    /// What `search` finds; it is repeated while what it missed may have been in flight.
    pub(crate) fn search_until_all_landed<T>(&self, search: impl FnMut() -> Option<T>) -> Option<T> {
        self.search_at_most(SEARCHES, search)
    }

    /// The same for one block of a pool, which the search holds no longer than it takes.
    pub(crate) fn search_for_a_block<T>(&self, search: impl FnMut() -> Option<T>) -> Option<T> {
        self.search_at_most(SEARCHES_FOR_A_BLOCK, search)
    }

    fn search_at_most<T>(&self, searches: u32, mut search: impl FnMut() -> Option<T>) -> Option<T> {
        let mut pauses = 0..YIELDS + NAPS;
        for _ in 0..searches {
            // Acquire: what landed before; pairs with Release in in_flight.rs::drop.
            let before = self.word.load(Acquire);
            if let Some(found) = search() {
                return Some(found);
            }
            // SeqCst: searcher "searches | reads the word" against giver "begins | takes" (I1).
            fence(SeqCst);
            while self.flights() > self.lost.get() {
                let Some(pauses) = pauses.next() else {
                    self.forget();
                    return None;
                };
                pause(pauses, YIELDS);
            }
            // Acquire: as above.
            if self.word.load(Acquire) == before {
                return None;
            }
        }
        None
    }

    /// How many are in flight.
    fn flights(&self) -> u64 {
        // Relaxed: the caller reads the word again.
        let flights = self.word.load(Relaxed) % LANDING;
        if flights < self.lost.get() {
            self.lost.set(flights);
        }
        flights
    }

    /// What is in flight now does not land, as far as is known: in a child of `fork`, what other threads had.
    pub(crate) fn forget(&self) {
        self.lost.set(self.flights());
    }
}

impl Flight<'_> {
    /// What its thread took, if anything, is not given back: no landing (I3).
    pub(crate) fn keep(self) {
        // Relaxed: nothing is published.
        self.0.fetch_sub(1, Relaxed);
        core::mem::forget(self);
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let landed = if LANDINGS_COUNT { LANDING } else { 0 };
        // Release (LANDED): what was given back; pairs with Acquire in in_flight.rs::search_until_all_landed.
        self.0.fetch_add(landed.wrapping_sub(1), LANDED);
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use core::cell::Cell;

    #[test]
    fn a_search_while_nothing_is_in_flight_is_made_once() {
        let (in_flight, searches) = (InFlight::nothing(), Cell::new(0));
        drop(in_flight.begin());
        let found = in_flight.search_until_all_landed(|| {
            searches.set(searches.get() + 1);
            None::<()>
        });
        assert_eq!((found, searches.get()), (None, 1));
    }

    #[test]
    fn what_was_in_flight_is_found_when_it_landed() {
        let in_flight = InFlight::nothing();
        let free = AtomicU64::new(0);
        let flight = in_flight.begin();
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let searcher = scope.spawn(|| {
                in_flight.search_until_all_landed(|| {
                    let _ = tell.send(());
                    // Relaxed: ordered by the landing.
                    (free.load(Relaxed) != 0).then_some(())
                })
            });
            told.recv().unwrap();
            free.store(1, Relaxed);
            drop(flight);
            assert_eq!(searcher.join().unwrap(), Some(()));
        });
    }

    #[test]
    fn who_lands_while_another_searches_is_noticed() {
        let (in_flight, searches) = (InFlight::nothing(), Cell::new(0));
        let found = in_flight.search_until_all_landed(|| {
            searches.set(searches.get() + 1);
            if searches.get() == 1 {
                drop(in_flight.begin());
            }
            (searches.get() == 2).then_some(())
        });
        assert_eq!(found, Some(()));
    }

    #[test]
    fn who_wants_one_block_searches_again_however_many_others_had_the_pool_meanwhile() {
        let (in_flight, searches) = (InFlight::nothing(), Cell::new(0));
        let found = in_flight.search_for_a_block(|| {
            searches.set(searches.get() + 1);
            drop(in_flight.begin());
            (searches.get() == 40).then_some(())
        });
        assert_eq!(found, Some(()));
    }

    #[test]
    fn what_is_taken_and_kept_did_not_land() {
        let (in_flight, searches) = (InFlight::nothing(), Cell::new(0));
        let found = in_flight.search_until_all_landed(|| {
            searches.set(searches.get() + 1);
            in_flight.take(|| Some(())).into_iter().for_each(|(flight, ())| flight.keep());
            None::<()>
        });
        assert_eq!((found, searches.get()), (None, 1));
    }

    #[test]
    fn what_never_lands_is_waited_for_no_longer_than_a_second_or_so() {
        let in_flight = InFlight::nothing();
        core::mem::forget(in_flight.begin());
        assert_eq!(in_flight.search_until_all_landed(|| None::<()>), None);
        assert_eq!(in_flight.lost.get(), 1, "and no second time");
        assert!(in_flight.take(|| None::<()>).is_none());
        assert_eq!(in_flight.search_until_all_landed(|| None::<()>), None);
    }
}
