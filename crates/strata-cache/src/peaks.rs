//! The most blocks that were outside of pools at once, live or ready: by class, in all, and by cache.
//!
//! ```text
//!   a batch comes or goes ──► taken − returned, of one class and thread ──32 KiB off what was said last?──► shared counts, their peaks
//! ```
//!
//! What is outside is not counted at each moment: threads say by the batch what they took and gave back (`turnover`), in words of their
//! own. Here each says it to all, but only once it is off by [`STEP_BYTES`]: so the shared words are written as often as pools change hands, and
//! what turns over within that is not seen. A peak may be that much too low, or too high, for each thread and class.
//!
//! Owner: counts of all have none; what a cache said is its owner's.
//! Does not know: what of it lives, and what is ready. Model: `loom-tests/tests/p32_peaks.rs` (P32).

use crate::cache::Cache;
use core::mem::offset_of;
use strata_core::counters::{Flow, Flowed};
use strata_core::size_class::{CLASS_COUNT, SizeClass};
use strata_core::sync::mutation::SAID_RAISES;
use strata_core::sync::{Ordering::Relaxed, OwnedUsize, StatisticWord};

/// By how many bytes what a thread said of a class may be off.
const STEP_BYTES: usize = 32 << 10;
/// Classes that are counted; in models none, each execution of which has words of its own.
const KEPT: usize = if cfg!(strata_loom) { 0 } else { CLASS_COUNT };

/// What threads said, of all of them.
#[derive(Debug)]
pub struct Outside {
    bytes: Flow,
    classes: [Flow; KEPT],
}

/// Where its parts are: bytes of all classes, blocks of the first one.
pub(crate) const FIELDS: [usize; 2] = [offset_of!(Outside, bytes), offset_of!(Outside, classes)];

impl Outside {
    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self { bytes: Flow::zero(), classes: strata_core::each_slot!(Flow::zero(); KEPT) }
        }
    }

    /// So many more blocks of a class are outside, or fewer.
    fn change(&self, class: SizeClass, more: i32) {
        let blocks = self.classes.get(class.index());
        let count = u64::from(more.unsigned_abs());
        let bytes = count * class.block_bytes() as u64;
        if more > 0 {
            blocks.into_iter().for_each(|blocks| blocks.add(count));
            self.bytes.add(bytes);
        } else {
            blocks.into_iter().for_each(|blocks| blocks.subtract(count));
            self.bytes.subtract(bytes);
        }
    }

    /// A block was given back by a thread that has no cache.
    pub(crate) fn note_returned(&self, class: SizeClass) {
        self.change(class, -1);
    }

    /// What was said of a class, in blocks.
    pub fn class(&self, class: SizeClass) -> Flowed {
        self.classes.get(class.index()).map_or(Flowed::default(), Flow::read)
    }

    /// What was said of all classes, in bytes.
    pub fn bytes(&self) -> Flowed {
        self.bytes.read()
    }

    /// From now on the peaks are what there is now.
    pub fn reset_peaks(&self) {
        self.classes.iter().chain([&self.bytes]).for_each(Flow::reset_peak);
    }
}

/// What one cache said, of all classes, in bytes: less than nothing if it gave back more than it took.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Said {
    bytes: OwnedUsize,
    peak: StatisticWord,
}

/// Where the peak is in it.
pub(crate) const PEAK: usize = offset_of!(Said, peak);

impl Said {
    strata_core::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self { bytes: OwnedUsize::zero(), peak: StatisticWord::new(0) }
        }
    }

    fn add(&self, bytes: isize) {
        let now = self.bytes.get().wrapping_add_signed(bytes);
        self.bytes.set(now);
        // Relaxed: nothing is inferred from it. One that is reset just now is what there is, or is raised to it.
        if !SAID_RAISES || now as isize > self.peak.load(Relaxed) as isize {
            // Relaxed: as above.
            self.peak.store(now as u64, Relaxed);
        }
    }

    /// Whose cache this is ends: the next one said nothing yet.
    pub(crate) fn forget(&self) {
        // Not written if it is zero: the page may be untouched.
        if self.bytes.get() != 0 || self.peak() != 0 {
            self.bytes.set(0);
            // Relaxed: as in `add`.
            self.peak.store(0, Relaxed);
        }
    }

    /// What it said: nothing, if it gave back more than it took.
    pub(crate) fn bytes(&self) -> u64 {
        (self.bytes.get() as isize).max(0) as u64
    }

    /// The most it was: a racy read.
    pub(crate) fn peak(&self) -> u64 {
        // Relaxed: as in `add`.
        self.peak.load(Relaxed)
    }

    /// From now on the peak is what there is now, for any thread to say.
    pub(crate) fn reset_peak(&self) {
        let now = self.bytes.glance();
        // Relaxed: as in `add`.
        self.peak.store(if now > usize::MAX / 2 { 0 } else { now as u64 }, Relaxed);
    }
}

impl Cache {
    /// A batch of a class came or went: tells all of it if that is much.
    #[inline]
    pub(crate) fn say_what_is_outside(&self, class: SizeClass) {
        let more = self.unsaid(class);
        if more.unsigned_abs() as usize * class.block_bytes() >= STEP_BYTES {
            self.say(class, more);
        }
    }

    /// Blocks of a class that are outside now, beyond what was said.
    fn unsaid(&self, class: SizeClass) -> i32 {
        let state = self.class(class);
        state.turnover.outside().wrapping_sub(state.said.get()) as i32
    }

    #[cold]
    fn say(&self, class: SizeClass, more: i32) {
        if cfg!(strata_loom) {
            return;
        }
        let said = &self.class(class).said;
        said.set(said.get().wrapping_add_signed(more));
        if let Some(runtime) = self.runtime() {
            runtime.outside.change(class, more);
        }
        self.said.add(more as isize * class.block_bytes() as isize);
    }

    /// Its thread ends, and the counts of what it took and gave back go on without it: tells the rest.
    pub(crate) fn say_the_rest(&self, class: SizeClass) {
        let more = self.unsaid(class);
        if more != 0 {
            self.say(class, more);
        }
        self.class(class).said.set(0);
    }

    /// The most bytes that it took out of pools less what it gave back: a racy read.
    pub fn outside_peak(&self) -> u64 {
        self.said.peak()
    }

    /// From now on that is what it is now, for any thread to say.
    pub fn reset_outside_peak(&self) {
        self.said.reset_peak();
    }
}

/// The same words, such as are explored: for the model.
#[cfg(strata_loom)]
mod explored {
    use super::{Flow, Outside, OwnedUsize, Said, SizeClass, StatisticWord};

    /// What one thread says of its cache, and what all said.
    #[derive(Debug)]
    pub struct Sayer(Said);

    impl Sayer {
        /// It said nothing yet.
        pub fn explored() -> Self {
            Self(Said { bytes: OwnedUsize::zero(), peak: StatisticWord::explored(0) })
        }

        /// So many more blocks of a class are outside, or fewer: the thread's own verb.
        pub fn say(&self, outside: &Outside, class: SizeClass, more: i32) {
            outside.change(class, more);
            self.0.add(more as isize * class.block_bytes() as isize);
        }

        /// Its peak.
        pub fn peak(&self) -> u64 {
            self.0.peak()
        }
    }

    impl Outside {
        /// Nothing yet, and explored.
        pub fn explored() -> Self {
            Self { bytes: Flow::explored(), classes: [] }
        }
    }
}

#[cfg(strata_loom)]
pub use explored::Sayer;

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::registry::Runtime;
    use crate::scene::{free, new};
    use std::vec::Vec;

    /// What each thread and class may be off by, in blocks.
    fn step(class: SizeClass) -> u64 {
        (STEP_BYTES / class.block_bytes()) as u64
    }

    #[test]
    fn a_peak_is_what_was_outside_to_within_a_step_and_stays() {
        static RUNTIME: Runtime = Runtime::new();
        let (one, other) = (RUNTIME.enter().unwrap(), RUNTIME.enter().unwrap());
        let classes = [48, 1024, 10 << 10].map(SizeClass::of);
        for class in classes {
            let blocks: Vec<_> = (0..5000).map(|_| new(one, class)).collect();
            let during = RUNTIME.outside.class(class);
            assert!(during.current.abs_diff(5000) <= step(class) + 64, "{class:?}: {during:?}");
            blocks.into_iter().for_each(|block| free(other, block, class));
            let after = RUNTIME.outside.class(class);
            assert_eq!(after.peak, during.peak);
            assert!(after.current <= 2 * step(class) + 128, "{class:?}: {after:?}");
        }
        let largest = 5000 * (10 << 10);
        assert!(RUNTIME.outside.bytes().peak.abs_diff(largest) <= largest / 50);
        assert!(one.outside_peak() >= largest && other.outside_peak() == 0);
        RUNTIME.outside.reset_peaks();
        [one, other].into_iter().for_each(Cache::reset_outside_peak);
        assert_eq!(RUNTIME.outside.bytes().peak, RUNTIME.outside.bytes().current);
        let small = SizeClass::of(16);
        let _kept: Vec<_> = (0..10_000).map(|_| new(one, small)).collect();
        assert!(RUNTIME.outside.class(small).peak.abs_diff(10_000) <= step(small));
    }

    #[test]
    fn what_threads_that_ended_said_is_what_they_took_and_gave_back() {
        static RUNTIME: Runtime = Runtime::new();
        let class = SizeClass::of(160);
        let (one, other) = (RUNTIME.enter().unwrap(), RUNTIME.enter().unwrap());
        let blocks: Vec<_> = (0..777).map(|_| new(one, class)).collect();
        blocks.into_iter().skip(100).for_each(|block| free(other, block, class));
        for cache in [one, other] {
            // SAFETY: the caches of a test have one user, who uses them no more.
            unsafe { RUNTIME.leave(cache) };
        }
        let live = RUNTIME.page_heap.snapshot().classes;
        for class in SizeClass::all() {
            let said = RUNTIME.outside.class(class).current;
            assert_eq!(said, live[class.index()].live_blocks, "{class:?}");
        }
        let bytes = |class: SizeClass| live[class.index()].live_blocks * class.block_bytes() as u64;
        assert_eq!(RUNTIME.outside.bytes().current, SizeClass::all().map(bytes).sum::<u64>());
        let next = RUNTIME.enter().unwrap();
        assert_eq!(next.outside_peak(), 0, "a thread that starts said nothing yet");
    }

    #[test]
    fn what_turns_over_in_a_thread_is_not_told() {
        static RUNTIME: Runtime = Runtime::new();
        let (cache, class) = (RUNTIME.enter().unwrap(), SizeClass::of(64));
        for _ in 0..1000 {
            let blocks: Vec<_> = (0..300).map(|_| new(cache, class)).collect();
            blocks.into_iter().for_each(|block| free(cache, block, class));
        }
        let said = RUNTIME.outside.class(class);
        assert!(said.came + said.gone <= 2 * step(class), "{said:?}");
    }
}
