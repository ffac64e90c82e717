//! Whether a program fills the memory that it takes, as far as the kernel knows: memory taken in small pages is checked when more
//! is taken.
//!
//! ```text
//!   taken in small pages ──watch──► a witness ──trust is short──► checked ─┬─ in memory ──► trust: that many bytes may come unchecked
//!                                                                         └─ not yet ──► no trust; checked once more
//! ```
//!
//! I1  Nothing is trusted unless something was watched and found filled; a witness found unfilled ends all trust at once.
//! I2  In huge pages everything seems filled, so no witness is in huge pages; what is taken in them uses up trust (`spend`).
//!
//! The second check is for threads, and for programs that take two things and fill them afterwards: the first is not filled yet when the
//! second is taken.
//!
//! A check asks about a few pages in several places (`mincore`, 3 µs in all), touches nothing, and needs no right to the memory. All words
//! are hints: two threads at once may check twice, or lose a witness.
//!
//! Does not know: what was taken, and what follows. Decision 0024.

use core::ptr::NonNull;
use strata_core::sync::Hint;
use strata_os::{machine, memory};

/// Places that are checked, …
const PLACES: usize = 4;
/// … and pages of each.
const PAGES_A_PLACE: usize = 64;

/// Filled: all but one page in `FILLED_BUT_FOR` are in memory.
const FILLED_BUT_FOR: usize = 8;

/// Untouched: at most one page in `UNTOUCHED_BUT_FOR` is.
const UNTOUCHED_BUT_FOR: usize = 64;

/// Plenty: this many times as much.
const PLENTY: u64 = 2;

/// Less than this says too little: many programs touch the first and the last page of a block and leave the rest.
const LEAST_WITNESS_BYTES: usize = 64 << 10;

/// What is known of one kind of memory.
#[derive(Debug)]
pub(crate) struct Evidence {
    /// Where the witness begins; 0: there is none.
    start: Hint,
    bytes: Hint,
    /// The trust that it earns, in bytes.
    earns: Hint,
    /// Whether it was checked before: 1 or 0.
    was_checked: Hint,
    trust: Hint,
}

impl Evidence {
    pub(super) const fn new() -> Self {
        Self {
            start: Hint::new(0),
            bytes: Hint::new(0),
            earns: Hint::new(0),
            was_checked: Hint::new(0),
            trust: Hint::new(0),
        }
    }

    /// Memory was taken in small pages: if it is found filled, that justifies `earns` bytes. A witness that waits for its second check
    /// stays.
    pub(crate) fn watch(&self, start: NonNull<u8>, bytes: usize, earns: u64) {
        if self.was_checked.get() == 0 && bytes >= LEAST_WITNESS_BYTES {
            self.bytes.set(bytes as u64);
            self.earns.set(earns);
            self.start.set(start.addr().get() as u64);
        }
    }

    /// Whether `bytes` may be taken unchecked: at once, or after a check of the witness.
    pub(crate) fn speaks_for(&self, bytes: u64) -> bool {
        if self.trust.get() < bytes {
            self.check();
        }
        self.trust.get() >= bytes
    }

    /// Whether `bytes` may be taken unchecked and the next ones need no witness either.
    pub(super) fn is_plenty_for(&self, bytes: u64) -> bool {
        self.trust.get() / PLENTY >= bytes
    }

    /// Notes that `bytes` were taken unchecked, and leave no witness.
    pub(super) fn spend(&self, bytes: u64) {
        self.trust.set(self.trust.get().saturating_sub(bytes));
    }

    /// Memory that may hold the witness is about to be given back, or used for something else: checks it a last time.
    pub(super) fn check_before_it_goes(&self, start: NonNull<u8>, bytes: usize) {
        let into = self.start.get().wrapping_sub(start.addr().get() as u64);
        if into < bytes as u64 {
            self.check();
            self.dismiss();
        }
    }

    fn check(&self) {
        let Some(start) = NonNull::new(core::ptr::without_provenance_mut(self.start.get() as usize)) else {
            return;
        };
        if is_filled(start, self.bytes.get() as usize) {
            self.trust.set(self.trust.get().max(self.earns.get()));
            self.dismiss();
        } else {
            self.trust.set(0);
            if self.was_checked.take() != 0 {
                self.dismiss();
            } else {
                self.was_checked.set(1);
            }
        }
    }

    fn dismiss(&self) {
        self.start.set(0);
        self.was_checked.set(0);
    }
}

/// Whether nearly all of a range is in memory, judging by some places. `false` if the kernel does not say.
pub(super) fn is_filled(start: NonNull<u8>, bytes: usize) -> bool {
    Sample::of(start, bytes)
        .is_some_and(|sample| sample.resident >= sample.pages - sample.pages / FILLED_BUT_FOR)
}

/// Whether almost nothing of a range is in memory, judging by some places. `false` if the kernel does not say.
pub(crate) fn is_untouched(start: NonNull<u8>, bytes: usize) -> bool {
    Sample::of(start, bytes).is_some_and(|sample| sample.resident <= sample.pages / UNTOUCHED_BUT_FOR)
}

/// Some pages of a range, and how many of them are in memory.
struct Sample {
    pages: usize,
    resident: usize,
}

impl Sample {
    fn of(start: NonNull<u8>, bytes: usize) -> Option<Self> {
        let pages = bytes / machine::page_size();
        let length = pages.div_ceil(PLACES).min(PAGES_A_PLACE);
        let last = pages.checked_sub(length).filter(|_| length != 0)?;
        let at = |place| resident_pages(start, last * place / (PLACES - 1), length);
        Some(Self { pages: PLACES * length, resident: (0..PLACES).map(at).sum::<Option<usize>>()? })
    }
}

/// How many of some pages, from the one with this index on, are in memory.
fn resident_pages(start: NonNull<u8>, index: usize, pages: usize) -> Option<usize> {
    let mut answer = [0; PAGES_A_PLACE];
    let answer = &mut answer[..pages];
    let place = start.map_addr(|start| start.saturating_add(index * machine::page_size()));
    memory::find_resident(place, answer).then(|| answer.iter().filter(|page| **page & 1 == 1).count())
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;
    const BYTES: usize = 4 * MIB;

    fn map(bytes: usize) -> NonNull<u8> {
        let start = memory::map(bytes, bytes).unwrap();
        // SAFETY: mapped just now.
        unsafe { memory::advise_small_pages(start, bytes) };
        start
    }

    fn write(start: NonNull<u8>, from: usize, bytes: usize) {
        // SAFETY: the tests stay within what they mapped.
        let place = unsafe { start.byte_add(from) };
        // SAFETY: the tests stay within what they mapped.
        unsafe { place.write_bytes(1, bytes) };
    }

    #[test]
    fn what_is_filled_but_for_a_little_is_filled_and_what_is_touched_here_and_there_is_not() {
        let start = map(BYTES);
        assert!(!is_filled(start, BYTES));
        (0..BYTES).step_by(64 << 10).for_each(|place| write(start, place, 1));
        assert!(!is_filled(start, BYTES));
        assert!(!is_untouched(start, BYTES));
        write(start, 0, BYTES - BYTES / 32);
        assert!(is_filled(start, BYTES));
    }

    #[test]
    fn what_is_touched_in_one_place_is_untouched() {
        let start = map(BYTES);
        write(start, BYTES / 2, 1);
        write(start, 0, 1);
        assert!(is_untouched(start, BYTES));
        // SAFETY: mapped above.
        assert!(unsafe { memory::release(start, BYTES) });
        assert!(!is_untouched(start.map_addr(|start| start | 1 << 63), BYTES), "the kernel does not say");
    }

    #[test]
    fn what_is_filled_at_both_ends_only_is_not() {
        let start = map(BYTES);
        write(start, 0, MIB);
        write(start, 3 * MIB, MIB);
        assert!(!is_filled(start, BYTES));
    }

    /// How many bytes, of the first ten, may be taken unchecked.
    fn trust(evidence: &Evidence) -> u64 {
        (1..=10).take_while(|bytes| evidence.speaks_for(*bytes)).count() as u64
    }

    #[test]
    fn nothing_is_trusted_before_something_was_found_filled_and_no_more_than_that_speaks_for() {
        let evidence = Evidence::new();
        assert!(!evidence.speaks_for(1));
        let start = map(BYTES);
        write(start, 0, BYTES);
        evidence.watch(start, BYTES, 7);
        assert!(evidence.speaks_for(7));
        evidence.spend(3);
        assert_eq!(trust(&evidence), 4, "it is checked once");
        evidence.spend(9);
        assert!(!evidence.speaks_for(1));
    }

    #[test]
    fn nothing_is_checked_while_there_is_trust() {
        let (evidence, filled, empty) = (Evidence::new(), map(BYTES), map(BYTES));
        write(filled, 0, BYTES);
        evidence.watch(filled, BYTES, 7);
        assert!(evidence.speaks_for(7));
        evidence.watch(empty, BYTES, 9);
        evidence.spend(1);
        assert!(evidence.speaks_for(6) && evidence.is_plenty_for(3) && !evidence.is_plenty_for(4));
    }

    #[test]
    fn what_is_not_filled_ends_all_trust_and_is_checked_once_more() {
        let (evidence, filled, empty) = (Evidence::new(), map(BYTES), map(BYTES));
        write(filled, 0, BYTES);
        evidence.watch(filled, BYTES, 7);
        assert!(evidence.speaks_for(7));
        evidence.watch(empty, BYTES, 9);
        assert!(!evidence.speaks_for(8) && evidence.trust.get() == 0);
        evidence.watch(filled, BYTES, 7);
        write(empty, 0, BYTES);
        assert!(evidence.speaks_for(9), "the other did not take its place");
    }

    #[test]
    fn what_was_found_unfilled_twice_makes_way_for_the_next() {
        let (evidence, filled, empty) = (Evidence::new(), map(BYTES), map(BYTES));
        write(filled, 0, BYTES);
        evidence.watch(empty, BYTES, 9);
        assert!(!evidence.speaks_for(1) && !evidence.speaks_for(1));
        evidence.watch(filled, BYTES, 7);
        assert!(evidence.speaks_for(7));
    }

    #[test]
    fn a_witness_is_checked_before_it_is_given_back() {
        let (evidence, start) = (Evidence::new(), map(BYTES));
        write(start, 0, BYTES);
        // SAFETY: within the range.
        let behind = unsafe { start.byte_add(MIB) };
        evidence.watch(behind, MIB, 7);
        evidence.check_before_it_goes(start, MIB);
        evidence.check_before_it_goes(start, 2 * MIB);
        // SAFETY: ours, used no more.
        assert!(unsafe { memory::release(start, BYTES) });
        assert!(evidence.speaks_for(7));
    }

    #[test]
    fn what_is_too_little_is_no_witness() {
        let (evidence, start) = (Evidence::new(), map(BYTES));
        write(start, 0, BYTES);
        evidence.watch(start, LEAST_WITNESS_BYTES / 2, 7);
        assert!(!evidence.speaks_for(1));
    }
}
