//! Numbers that all threads count up and any thread reads (P19).
//!
//! Each counter is one word, so no reading is torn; a reader that adds several may see one before and one after an event
//! that touches both. Quiet counters are exact.
//!
//! Does not know: what is counted. Model: `loom-tests/tests/p19_counters.rs`; no other explores them.

use crate::sync::mutation::{COUNTER_EXCHANGES, FLOW_RAISES, FLOW_TELLS_NO_LESS};
use crate::sync::{Ordering::Relaxed, StatisticWord};

/// A count of events or bytes that may also shrink.
#[repr(transparent)]
#[derive(Debug)]
pub struct Counter(StatisticWord);

impl Counter {
    crate::const_unless_loom! {
        /// Zero.
        pub fn zero() -> Self {
            Self(StatisticWord::new(0))
        }
    }

    /// Counts `amount` more.
    #[inline]
    pub fn add(&self, amount: u64) {
        self.add_and_get(amount);
    }

    /// The same; the value afterwards.
    #[inline]
    fn add_and_get(&self, amount: u64) -> u64 {
        // Relaxed: nothing is inferred from a counter about other memory.
        let before = if COUNTER_EXCHANGES {
            self.0.fetch_add(amount, Relaxed)
        } else {
            let before = self.0.load(Relaxed);
            self.0.store(before.wrapping_add(amount), Relaxed);
            before
        };
        before.wrapping_add(amount)
    }

    /// Counts `amount` less. Transiently it may wrap when another thread's `add` is still on its way; see `get`.
    #[inline]
    pub fn subtract(&self, amount: u64) {
        // Relaxed: as in `add`.
        self.0.fetch_sub(amount, Relaxed);
    }

    /// The value; a transient wrap below zero reads as zero.
    pub fn get(&self) -> u64 {
        // Relaxed: as in `add`.
        let value = self.0.load(Relaxed);
        if value > u64::MAX / 2 { 0 } else { value }
    }
}

/// What came and what went of something since the start, and the most that there was at once.
///
/// Three words. Each addition counts, then compares what there is with the peak: so a peak that two threads make together may be
/// seen by one of them a little later, but is never lost.
#[derive(Debug)]
pub struct Flow {
    came: Counter,
    gone: Counter,
    peak: StatisticWord,
}

/// A [`Flow`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flowed {
    /// What there is: `came − gone`.
    pub current: u64,
    /// The most there was, since the start or since the peaks were reset.
    pub peak: u64,
    /// All that ever came.
    pub came: u64,
    /// All that ever went.
    pub gone: u64,
}

impl Flow {
    crate::const_unless_loom! {
        /// Nothing yet.
        pub fn zero() -> Self {
            Self { came: Counter::zero(), gone: Counter::zero(), peak: StatisticWord::new(0) }
        }
    }

    /// Where the words are, in bytes from the start, for a reader of another process: what came, what went, the peak.
    pub const FIELDS: [u32; 3] = [
        core::mem::offset_of!(Self, came) as u32,
        core::mem::offset_of!(Self, gone) as u32,
        core::mem::offset_of!(Self, peak) as u32,
    ];

    /// This much came.
    #[inline]
    pub fn add(&self, amount: u64) {
        let came = self.came.add_and_get(amount);
        self.raise_peak(came.saturating_sub(self.gone.get()));
    }

    #[inline]
    fn raise_peak(&self, current: u64) {
        // Relaxed: as for a counter.
        let mut peak = self.peak.load(Relaxed);
        while current > peak {
            if !FLOW_RAISES {
                // Relaxed: a mutant.
                return self.peak.store(current, Relaxed);
            }
            // Relaxed: as for a counter.
            match self.peak.compare_exchange(peak, current, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(other) => peak = other,
            }
        }
    }

    /// This much went.
    #[inline]
    pub fn subtract(&self, amount: u64) {
        self.gone.add(amount);
    }

    /// What was `from` is `to` from now on.
    #[inline]
    pub fn change(&self, from: u64, to: u64) {
        if to > from { self.add(to - from) } else { self.subtract(from - to) }
    }

    /// What there is. What went may be counted before what came, by another thread: that reads as nothing for a moment.
    pub fn get(&self) -> u64 {
        self.came.get().saturating_sub(self.gone.get())
    }

    /// All of it.
    pub fn read(&self) -> Flowed {
        // What went is read first, so that all of it has come.
        let gone = self.gone.get();
        let came = self.came.get();
        let current = came.saturating_sub(gone);
        // Relaxed: as for a counter.
        let peak = self.peak.load(Relaxed);
        let peak = if FLOW_TELLS_NO_LESS { peak.max(current) } else { peak };
        Flowed { current, peak, came, gone }
    }

    /// From now on the peak is what there is now at least.
    pub fn reset_peak(&self) {
        // Relaxed: as for a counter. A peak that another thread raises just now may be lost; `read` tells no less than there is.
        self.peak.store(self.get(), Relaxed);
    }
}

/// The same of things of which there are fewer than 2³² at once, in two words: for many of them.
///
/// What there is and the most there was are one word, so the peak is exact.
#[derive(Debug)]
pub struct CompactFlow {
    came: Counter,
    held: StatisticWord,
}

/// The word of a [`CompactFlow`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// What there is.
    pub current: u32,
    /// The most there was.
    pub peak: u32,
}

impl Held {
    /// What a word says.
    pub const fn from_word(word: u64) -> Self {
        Self { current: (word >> 32) as u32, peak: word as u32 }
    }

    const fn word(self) -> u64 {
        (self.current as u64) << 32 | self.peak as u64
    }

    fn with_more(self, count: u32) -> Self {
        let current = self.current.wrapping_add(count);
        // One that went before it came, for a moment, is no peak.
        let is_sane = current < u32::MAX / 2;
        Self { current, peak: if is_sane { self.peak.max(current) } else { self.peak } }
    }

    fn with_less(self, count: u32) -> Self {
        Self { current: self.current.wrapping_sub(count), ..self }
    }

    /// What there is; below zero for a moment: nothing.
    const fn or_nothing(self) -> u32 {
        if self.current > u32::MAX / 2 { 0 } else { self.current }
    }

    fn with_peak_reset(self) -> Self {
        Self { peak: self.current, ..self }
    }
}

impl CompactFlow {
    crate::const_unless_loom! {
        /// Nothing yet.
        pub fn zero() -> Self {
            Self { came: Counter::zero(), held: StatisticWord::new(0) }
        }
    }

    /// Where the words are, in bytes from the start, for a reader of another process: what came, and [`Held`].
    pub const FIELDS: [u32; 2] =
        [core::mem::offset_of!(Self, came) as u32, core::mem::offset_of!(Self, held) as u32];

    /// This many came.
    pub fn add(&self, count: u32) {
        self.came.add(count.into());
        self.change(|held| held.with_more(count));
    }

    /// This many went.
    pub fn subtract(&self, count: u32) {
        self.change(|held| held.with_less(count));
    }

    /// From now on the peak is what there is now.
    pub fn reset_peak(&self) {
        self.change(Held::with_peak_reset);
    }

    fn change(&self, to: impl Fn(Held) -> Held) {
        // Relaxed: as for a counter.
        let mut word = self.held.load(Relaxed);
        loop {
            let next = to(Held::from_word(word)).word();
            // Relaxed: as for a counter.
            match self.held.compare_exchange(word, next, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(other) => word = other,
            }
        }
    }

    /// What there is.
    #[inline]
    pub fn get(&self) -> u32 {
        // Relaxed: as for a counter.
        Held::from_word(self.held.load(Relaxed)).or_nothing()
    }

    /// All of it.
    pub fn read(&self) -> Flowed {
        // Relaxed: as for a counter.
        Flowed::of_compact(self.came.get(), Held::from_word(self.held.load(Relaxed)))
    }
}

impl Flowed {
    /// What the two words of a [`CompactFlow`] say.
    pub fn of_compact(came: u64, held: Held) -> Self {
        let current = held.or_nothing().into();
        Self { current, peak: held.peak.into(), came, gone: came.saturating_sub(current) }
    }
}

/// Such as are explored: for the model.
#[cfg(strata_loom)]
mod explored {
    use super::{CompactFlow, Counter, Flow, StatisticWord};

    impl Counter {
        /// Zero, and explored.
        pub fn explored() -> Self {
            Self(StatisticWord::explored(0))
        }
    }

    impl Flow {
        /// Nothing yet, and explored.
        pub fn explored() -> Self {
            let (came, gone) = (Counter::explored(), Counter::explored());
            Self { came, gone, peak: StatisticWord::explored(0) }
        }
    }

    impl CompactFlow {
        /// Nothing yet, and explored.
        pub fn explored() -> Self {
            Self { came: Counter::explored(), held: StatisticWord::explored(0) }
        }
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_compact_flow_tells_the_same() {
        let flow = CompactFlow::zero();
        [2, 3].into_iter().for_each(|count| flow.add(count));
        (0..3).for_each(|_| flow.subtract(1));
        flow.add(1);
        assert_eq!(flow.read(), Flowed { current: 3, peak: 5, came: 6, gone: 3 });
        flow.reset_peak();
        assert_eq!(flow.read().peak, 3);
    }

    #[test]
    fn what_goes_before_it_comes_is_neither_there_nor_a_peak() {
        let flow = CompactFlow::zero();
        flow.subtract(1);
        assert_eq!((flow.read().current, flow.read().peak), (0, 0));
        flow.add(1);
        assert_eq!((flow.read().current, flow.read().peak), (0, 0));
    }

    #[test]
    fn a_flow_tells_what_is_there_what_passed_and_the_most_there_was() {
        let flow = Flow::zero();
        flow.add(10);
        flow.add(20);
        flow.subtract(25);
        flow.change(5, 8);
        assert_eq!(flow.read(), Flowed { current: 8, peak: 30, came: 33, gone: 25 });
        flow.change(8, 2);
        assert_eq!(flow.read(), Flowed { current: 2, peak: 30, came: 33, gone: 31 });
        flow.reset_peak();
        assert_eq!(flow.read().peak, 2);
        flow.add(1);
        assert_eq!((flow.read().peak, flow.get()), (3, 3));
    }
}
