//! One site: its words in the table, what is counted of it, and what its counts stand for.
//!
//! ```text
//!   hash │ size │ rate │ label │ depth │ weight │ allocated · freed · freed by others · written · kept for a peak · requested │ lifetimes … │ frames …
//!   └──────────── never changed once published (T1 of `sites`) ──┘ └────────────── counts ─────────────────────────────────────────┘
//! ```
//!
//! Does not know: how a site is found.

use crate::sites::{Key, Sites};
use strata_core::sync::{AtomicU64, Ordering::Relaxed};

/// Frames of a stack at most.
pub const DEEPEST: usize = 128;
/// Lifetimes are counted by powers of two of milliseconds: below 1 ms, below 2 ms, … and from 16 s on.
pub const LIFETIMES: usize = 16;

pub(crate) const HASH: usize = 0;
pub(crate) const BYTES: usize = 1;
pub(crate) const MEAN: usize = 2;
pub(crate) const LABEL: usize = 3;
pub(crate) const DEPTH: usize = 4;
pub(crate) const WEIGHT: usize = 5;
const ALLOCATED: usize = 6;
const FREED: usize = 7;
const FOREIGN: usize = 8;
const WRITTEN: usize = 9;
const PEAK: usize = 10;
const REQUESTED: usize = 11;
const LIVED: usize = 12;
pub(crate) const FRAMES: usize = LIVED + LIFETIMES;

/// One site of a table.
#[derive(Clone, Copy, Debug)]
pub struct Site<'table> {
    table: &'table Sites,
    offset: usize,
}

/// What a file is to be told of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Nothing.
    None,
    /// Its counts: they changed.
    Counts,
    /// All: it was not told of it.
    Site,
}

/// The bytes that a sample stands for, Z / (1 − exp(−Z / mean)), to two or three in a hundred: what decides whether there is a new peak.
pub(crate) fn weight(bytes: u64, mean: u64) -> u64 {
    if mean <= 1 || bytes / 4 >= mean {
        return bytes;
    }
    // Four terms of its series at 0.
    let (bytes, mean) = (u128::from(bytes), u128::from(mean));
    let square = bytes * bytes / mean;
    (mean + bytes / 2 + square / 12 - square * square / mean / 720) as u64
}

/// Of what a site keeps, the samples that lived at the peak with this number. `None`: what lives now.
pub fn live_at_peak(kept: u64, number: u32) -> Option<u64> {
    ((kept >> 32) as u32 == number).then_some(kept & 0xffff_ffff)
}

impl<'table> Site<'table> {
    /// The site whose words begin there.
    pub(crate) fn at(table: &'table Sites, offset: usize) -> Self {
        Self { table, offset }
    }

    pub(crate) fn word(self, place: usize) -> &'table AtomicU64 {
        self.table.word(self.offset + place)
    }

    fn get(self, place: usize) -> u64 {
        // Relaxed: counts stand alone; all else was there before the site was published (T1).
        self.word(place).load(Relaxed)
    }

    fn count(self, place: usize) {
        // Relaxed: a number that stands alone.
        self.word(place).fetch_add(1, Relaxed);
    }

    /// Whether it is that of a key.
    pub(crate) fn is(self, hash: u64, key: Key<'_>) -> bool {
        self.get(HASH) == hash
            && self.get(BYTES) == key.bytes
            && self.get(MEAN) == key.mean
            && self.label() == key.label
            && self.depth() == key.frames.len()
            && self.frames().zip(key.frames).all(|(ours, theirs)| ours == *theirs as u64)
    }

    /// A number that stands for it, never 0.
    pub fn number(self) -> u32 {
        self.offset as u32
    }

    /// Bytes of a block.
    pub fn bytes(self) -> u64 {
        self.get(BYTES)
    }

    /// The mean distance between samples, in bytes.
    pub fn mean(self) -> u64 {
        self.get(MEAN)
    }

    /// The number of the label that the thread had; 0: none.
    pub fn label(self) -> u32 {
        self.get(LABEL) as u32
    }

    /// Whether it is a label instead of a stack.
    pub fn is_label(self) -> bool {
        self.bytes() == 0
    }

    /// The bytes that one sample stands for, roughly.
    pub fn weight(self) -> u64 {
        self.get(WEIGHT)
    }

    fn depth(self) -> usize {
        // What another process's table says may be anything.
        (self.get(DEPTH) as usize).min(DEEPEST)
    }

    /// Return addresses, the innermost first.
    pub fn frames(self) -> impl ExactSizeIterator<Item = u64> {
        (FRAMES..FRAMES + self.depth()).map(move |place| self.get(place))
    }

    /// The bytes of its frames: of a label its text (`labels`), with zeros behind it.
    pub fn text(self) -> [u8; 8 * DEEPEST] {
        let mut text = [0; 8 * DEEPEST];
        text.chunks_exact_mut(8)
            .zip(self.frames())
            .for_each(|(bytes, word)| bytes.copy_from_slice(&word.to_le_bytes()));
        text
    }

    /// Samples that were allocated.
    pub fn allocated(self) -> u64 {
        self.get(ALLOCATED)
    }

    /// Of those, samples that were freed.
    pub fn freed(self) -> u64 {
        self.get(FREED)
    }

    /// Of those, samples that another thread freed than the one that allocated.
    pub fn freed_by_others(self) -> u64 {
        self.get(FOREIGN)
    }

    /// How long freed samples lived, by powers of two of milliseconds.
    pub fn lifetimes(self) -> [u64; LIFETIMES] {
        core::array::from_fn(|power| self.get(LIVED + power))
    }

    /// Samples that live.
    pub fn live(self) -> u64 {
        // Freed first: a sample that is freed meanwhile was allocated before.
        let freed = self.freed();
        self.allocated().saturating_sub(freed)
    }

    /// Keeps what lives for the peak with this number, unless that was done: before anything of the site changes.
    pub fn keep_for_peak(self, number: u32) {
        // Relaxed, here and below: one word, which says all.
        let word = self.get(PEAK);
        if (word >> 32) as u32 != number {
            let kept = u64::from(number) << 32 | self.live() & 0xffff_ffff;
            let _ = self.word(PEAK).compare_exchange(word, kept, Relaxed, Relaxed);
        }
    }

    /// What is kept: a peak's number, and below it 32 bits of samples that lived then.
    pub fn kept_for_peak(self) -> u64 {
        self.get(PEAK)
    }

    /// Samples that lived at the peak with this number.
    pub fn live_at_peak(self, number: u32) -> u64 {
        live_at_peak(self.kept_for_peak(), number).unwrap_or_else(|| self.live())
    }

    /// A sample was allocated.
    pub fn note_allocated(self) {
        self.count(ALLOCATED);
    }

    /// A sample was freed, after that many milliseconds.
    pub fn note_freed(self, by_another: bool, milliseconds: u64) {
        self.count(FREED);
        if by_another {
            self.count(FOREIGN);
        }
        let power = (u64::BITS - milliseconds.leading_zeros()) as usize;
        self.count(LIVED + power.min(LIFETIMES - 1));
    }

    /// Bytes that were requested by the samples that live.
    pub fn requested(self) -> u64 {
        self.get(REQUESTED)
    }

    /// A sample requested this many bytes, and lives.
    pub fn add_requested(self, bytes: u64) {
        // Relaxed, here and below: a number that stands alone.
        self.word(REQUESTED).fetch_add(bytes, Relaxed);
    }

    /// A sample that requested this many bytes lives no more.
    pub fn subtract_requested(self, bytes: u64) {
        self.word(REQUESTED).fetch_sub(bytes, Relaxed);
    }

    /// A sample counts as freed, at an unknown time.
    pub fn note_forgotten(self) {
        self.count(FREED);
    }

    /// What was counted since this was last asked. For one thread at a time.
    pub fn news(self) -> News {
        let now = self.allocated() + self.freed();
        match self.word(WRITTEN).swap(now, Relaxed) {
            before if before == now => News::None,
            0 => News::Site,
            _ => News::Counts,
        }
    }

    /// Of a label: whether this is asked for the first time. For one thread at a time.
    pub fn is_new(self) -> bool {
        self.word(WRITTEN).swap(1, Relaxed) == 0
    }

    /// Has the next [`news`](Self::news) say all, or [`is_new`](Self::is_new) say yes.
    pub fn is_to_be_told_again(self) {
        // Relaxed: of one thread at a time.
        self.word(WRITTEN).store(0, Relaxed);
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;

    fn site() -> Site<'static> {
        let bytes = size_of::<Sites>().next_multiple_of(4096);
        // SAFETY: mapped just now, zero, which is the empty table.
        let table: &Sites = unsafe { strata_os::memory::map(bytes, 4096).unwrap().cast().as_ref() };
        table.find_or_add(Key { bytes: 16, mean: 1 << 19, label: 0, frames: &[1] }).unwrap()
    }

    #[test]
    fn what_happens_to_samples_is_counted() {
        let site = site();
        (0..5).for_each(|_| site.note_allocated());
        [(false, 0), (true, 1), (false, 3), (false, u64::MAX)]
            .into_iter()
            .for_each(|(by, ms)| site.note_freed(by, ms));
        assert_eq!((site.allocated(), site.freed(), site.freed_by_others()), (5, 4, 1));
        let mut expected = [0; LIFETIMES];
        [0, 1, 2, LIFETIMES - 1].into_iter().for_each(|power| expected[power] = 1);
        assert_eq!(site.lifetimes(), expected);
        assert_eq!([site.news(), site.news()], [News::Site, News::None]);
        site.note_allocated();
        assert_eq!([site.news(), site.news()], [News::Counts, News::None]);
        site.is_to_be_told_again();
        assert_eq!(site.news(), News::Site);
    }

    #[test]
    fn a_sample_weighs_what_it_stands_for() {
        for (bytes, mean) in
            [(16, 1 << 19), (4096, 4096), (10_000, 4096), (16_383, 4096), (1 << 30, 4096), (7, 1)]
        {
            let size = bytes as f64;
            let truth = if mean == 1 { size } else { size / -(-size / f64::from(mean)).exp_m1() };
            let off = weight(bytes, mean as u64) as f64 / truth - 1.0;
            assert!(off.abs() < 0.03, "{bytes} {mean}: {off}");
        }
    }

    #[test]
    fn what_lived_at_a_peak_is_kept_until_the_next_one() {
        let site = site();
        assert_eq!(site.live_at_peak(0), 0);
        (0..5).for_each(|_| site.note_allocated());
        assert_eq!(site.live_at_peak(1), 5, "nothing happened since");
        for _ in 0..3 {
            site.keep_for_peak(1);
            site.note_freed(false, 0);
        }
        assert_eq!((site.live_at_peak(1), site.live_at_peak(2), site.live()), (5, 2, 2));
        site.keep_for_peak(2);
        site.note_allocated();
        assert_eq!((site.live_at_peak(2), site.live()), (2, 3));
    }
}
