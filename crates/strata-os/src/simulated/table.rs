//! The state of every page that the simulated OS has handed out, and the moves that are legal.
//!
//! | move             | from              | to        |
//! |------------------|-------------------|-----------|
//! | `TAKE_RESERVED`  | released          | reserved  |
//! | `TAKE_COMMITTED` | released          | committed |
//! | `COMMIT`         | reserved, purged  | committed |
//! | `DECOMMIT`       | committed, purged | reserved  |
//! | `PURGE`          | committed, purged | purged    |
//! | `POPULATE`       | committed, purged | committed |
//! | `RELEASE`        | all but released  | released  |
//!
//! A word per granule of 64 KiB, found by hashing, holds the granule's number and the states of its sixteen pages of
//! 4 KiB, two bits each, so that both change in one compare-and-swap:
//!
//! ```text
//!   63            32 31                                   0
//!  ├ granule number ┼ page 15 │ page 14 │  …  │ page 0 (2) ┤        all zero: an unused word
//! ```
//!
//! G1  A granule's word never moves and its number never changes; only its states do.
//! G2  All pages of a range that one call moves are checked one by one; a move that races with another one on the same
//!     page is found illegal by one of the two, unless both are legal in either order.
//!
//! Does not know: sizes of pages beyond 4 KiB, failures, memory.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

const PAGE_SHIFT: u32 = 12;
const GRANULE_SHIFT: u32 = 16;
const PAGE_BITS: usize = 2;
const STATES_BITS: u32 = 32;
const WORDS_SHIFT: u32 = 20;
const WORD_COUNT: usize = 1 << WORDS_SHIFT;
/// A single range beyond this is refused, as an address space would that is nearly full: 16 GiB.
pub(super) const LARGEST_RANGE_BYTES: usize = (WORD_COUNT / 4) << GRANULE_SHIFT;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Released,
    Reserved,
    Committed,
    Purged,
}

impl State {
    const ALL: [State; 4] = [State::Released, State::Reserved, State::Committed, State::Purged];
}

/// Which states may become which; `to` is `None` for a check that changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Move {
    verb: &'static str,
    from: &'static [State],
    to: Option<State>,
}

impl Move {
    pub(super) const TAKE_RESERVED: Move =
        Move { verb: "reserve", from: &[State::Released], to: Some(State::Reserved) };
    pub(super) const TAKE_COMMITTED: Move =
        Move { verb: "map", from: &[State::Released], to: Some(State::Committed) };
    pub(super) const COMMIT: Move =
        Move { verb: "commit", from: &[State::Reserved, State::Purged], to: Some(State::Committed) };
    pub(super) const DECOMMIT: Move = Move { verb: "decommit", from: USABLE, to: Some(State::Reserved) };
    pub(super) const PURGE: Move = Move { verb: "purge", from: USABLE, to: Some(State::Purged) };
    pub(super) const POPULATE: Move = Move { verb: "populate", from: USABLE, to: Some(State::Committed) };
    pub(super) const RELEASE: Move = Move { verb: "release", from: HELD, to: Some(State::Released) };
    pub(super) const USE: Move = Move { verb: "use", from: USABLE, to: None };
    pub(super) const HOLD: Move = Move { verb: "name or advise", from: HELD, to: None };

    /// The same move, only checked.
    const fn checked_only(self) -> Move {
        Move { to: None, ..self }
    }

    /// The next state, or a panic that says which page is in which state.
    fn apply(self, page: usize, state: State) -> State {
        assert!(self.from.contains(&state), "{} of the {state:?} page {:#x}", self.verb, page << PAGE_SHIFT);
        self.to.unwrap_or(state)
    }
}

const USABLE: &[State] = &[State::Committed, State::Purged];
const HELD: &[State] = &[State::Reserved, State::Committed, State::Purged];

static WORDS: [AtomicU64; WORD_COUNT] = [const { AtomicU64::new(0) }; WORD_COUNT];

/// Panics unless `step` is legal for each page of the range.
pub(super) fn check(ptr: NonNull<u8>, size: usize, step: Move) {
    make(ptr, size, step.checked_only());
}

/// Bytes of the range that may be written, purged or not.
pub(super) fn promised_bytes(ptr: NonNull<u8>, size: usize) -> usize {
    let pages = ptr.addr().get() >> PAGE_SHIFT..(ptr.addr().get() + size) >> PAGE_SHIFT;
    let is_promised = |page: &usize| {
        let word = word_of(page >> (GRANULE_SHIFT - PAGE_SHIFT));
        // Relaxed: as in `update`.
        matches!(state_in(word.load(Ordering::Relaxed), *page), State::Committed | State::Purged)
    };
    pages.filter(is_promised).count() << PAGE_SHIFT
}

fn state_in(word: u64, page: usize) -> State {
    let shift = (page % (1 << (GRANULE_SHIFT - PAGE_SHIFT))) * PAGE_BITS;
    State::ALL[(word >> shift) as usize & 0b11]
}

/// Makes `step` for each page of the range, or panics.
pub(super) fn make(ptr: NonNull<u8>, size: usize, step: Move) {
    let pages = ptr.addr().get() >> PAGE_SHIFT..(ptr.addr().get() + size) >> PAGE_SHIFT;
    let mut next = pages.start;
    while next < pages.end {
        let granule = next >> (GRANULE_SHIFT - PAGE_SHIFT);
        let end = ((granule + 1) << (GRANULE_SHIFT - PAGE_SHIFT)).min(pages.end);
        update(word_of(granule), |word| (next..end).fold(word, |word, page| moved(word, page, step)));
        next = end;
    }
}

fn moved(word: u64, page: usize, step: Move) -> u64 {
    let shift = (page % (1 << (GRANULE_SHIFT - PAGE_SHIFT))) * PAGE_BITS;
    let state = state_in(word, page);
    word & !(0b11 << shift) | (step.apply(page, state) as u64) << shift
}

fn update(word: &AtomicU64, change: impl Fn(u64) -> u64) {
    // Relaxed: a word is all there is to know of a granule; it publishes no memory.
    let mut seen = word.load(Ordering::Relaxed);
    // Relaxed: as above.
    while let Err(now) = word.compare_exchange_weak(seen, change(seen), Ordering::Relaxed, Ordering::Relaxed)
    {
        seen = now;
    }
}

/// The word of a granule, which takes the first unused one of its chain if it has none.
fn word_of(granule: usize) -> &'static AtomicU64 {
    let number = (granule as u64) << STATES_BITS;
    let start = granule.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (usize::BITS - WORDS_SHIFT);
    let mut chain = (start..start + WORD_COUNT).map(|index| &WORDS[index % WORD_COUNT]);
    chain
        .find(|word| is_or_becomes(word, number))
        .expect("the simulated OS has seen more addresses than it can tell apart")
}

fn is_or_becomes(word: &AtomicU64, number: u64) -> bool {
    // Relaxed: as in `update`.
    let taken = word.compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed);
    taken.is_ok() || taken.is_err_and(|seen| seen >> STATES_BITS == number >> STATES_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    const PAGE: usize = 1 << PAGE_SHIFT;

    /// A page of a granule that no process holds and no other test uses.
    fn page(granule: usize, page: usize) -> NonNull<u8> {
        let address = 0x7ff0_0000_0000 + (granule << GRANULE_SHIFT) + page * PAGE;
        NonNull::new(core::ptr::without_provenance_mut(address)).unwrap()
    }

    fn is_legal(ptr: NonNull<u8>, size: usize, step: Move) -> bool {
        catch_unwind(|| check(ptr, size, step)).is_ok()
    }

    #[test]
    fn a_page_goes_through_its_life() {
        let ptr = page(1, 3);
        let life =
            [Move::TAKE_RESERVED, Move::COMMIT, Move::PURGE, Move::PURGE, Move::COMMIT, Move::DECOMMIT];
        for step in life.into_iter().chain([Move::RELEASE, Move::TAKE_COMMITTED, Move::RELEASE]) {
            make(ptr, PAGE, step);
        }
    }

    #[test]
    fn each_state_refuses_what_its_row_does_not_allow() {
        let ptr = page(40, 0);
        let legal = |steps: [Move; 4]| steps.map(|step| is_legal(ptr, PAGE, step));
        let steps = [Move::TAKE_RESERVED, Move::COMMIT, Move::PURGE, Move::RELEASE];
        assert_eq!(legal(steps), [true, false, false, false]);
        make(ptr, PAGE, Move::TAKE_RESERVED);
        assert_eq!(legal(steps), [false, true, false, true]);
        make(ptr, PAGE, Move::COMMIT);
        assert_eq!(legal(steps), [false, false, true, true]);
        make(ptr, PAGE, Move::PURGE);
        assert_eq!(legal(steps), [false, true, true, true]);
    }

    #[test]
    fn a_range_is_legal_only_if_all_its_pages_are() {
        let start = page(80, 14);
        make(start, 4 * PAGE, Move::TAKE_RESERVED);
        assert!(is_legal(start, 4 * PAGE, Move::COMMIT));
        assert!(!is_legal(start, 5 * PAGE, Move::COMMIT));
        make(page(81, 1), PAGE, Move::COMMIT);
        assert!(!is_legal(start, 4 * PAGE, Move::COMMIT));
        make(start, 3 * PAGE, Move::COMMIT);
        make(start, 4 * PAGE, Move::RELEASE);
        assert!(!is_legal(page(80, 15), PAGE, Move::RELEASE));
    }

    #[test]
    fn threads_that_meet_in_a_granule_lose_no_state() {
        std::thread::scope(|scope| {
            for number in 0..16 {
                scope.spawn(move || {
                    for _ in 0..1000 {
                        make(page(120, number), PAGE, Move::TAKE_COMMITTED);
                        make(page(120, number), PAGE, Move::RELEASE);
                    }
                });
            }
        });
    }

    #[test]
    fn of_two_threads_that_take_one_page_one_is_told() {
        let won = std::thread::scope(|scope| {
            let take = || catch_unwind(|| make(page(160, 0), PAGE, Move::TAKE_RESERVED)).is_ok();
            let threads = [scope.spawn(take), scope.spawn(take)];
            threads.map(|thread| thread.join().unwrap()).into_iter().filter(|won| *won).count()
        });
        assert_eq!(won, 1);
    }
}
