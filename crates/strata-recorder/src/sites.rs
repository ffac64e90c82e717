//! Which stacks allocated: a table of sites without locks, in memory that is never given back.
//!
//! ```text
//!   stack, size, rate ──hash──► index │ 0 · · tag, offset · 0 … │ ──► words │ … size, rate, depth, counts, lifetimes, frames … │
//!                               next place if another's is there               appended, never moved
//! ```
//!
//! | an index place is | who may leave it | to    | by                                                                       |
//! |-------------------|------------------|-------|--------------------------------------------------------------------------|
//! | empty             | any thread       | taken | `publish`: CAS Release; who finds it taken compares, and goes on          |
//! | taken             | nobody           |       |                                                                          |
//!
//! A site is a stack, a block size, a rate and a label, so each sample of it stands for as many bytes as any other: who reads the table
//! makes estimates of its counts, and nothing here is in floating point. What is in no way a stack but has a text instead is a label
//! (`labels`).
//!
//! T1  The words of a site are written before its place is published, and only its counts change after that.
//! T2  Two threads that add the same site at the same time get the same one: the words of the one that comes second are lost.
//!
//! Does not know: how stacks are found, when there is a new peak. Model: `loom-tests/tests/p29_sites.rs`.

use strata_core::sync::mutation::{SITE_EXCHANGES, SITE_PUBLISH};
use strata_core::sync::{AtomicU64, Ordering::Acquire, Ordering::Relaxed};

/// Places of the index.
const PLACES: usize = if cfg!(strata_loom) { 2 } else { 1 << 16 };
/// Places that are looked at before a site is given up.
const TRIED: usize = if cfg!(strata_loom) { 2 } else { 64 };
/// Words of all sites together: 8 MiB, some 15,600 sites of 40 frames.
const WORDS: usize = if cfg!(strata_loom) { 128 } else { 1 << 20 };
/// Frames of a stack at most.
pub const DEEPEST: usize = 128;
/// Lifetimes are counted by powers of two of milliseconds: below 1 ms, below 2 ms, … and from 16 s on.
pub const LIFETIMES: usize = 16;

const HASH: usize = 0;
const BYTES: usize = 1;
const MEAN: usize = 2;
const LABEL: usize = 3;
const DEPTH: usize = 4;
const WEIGHT: usize = 5;
const ALLOCATED: usize = 6;
const FREED: usize = 7;
const FOREIGN: usize = 8;
const WRITTEN: usize = 9;
const PEAK: usize = 10;
const LIVED: usize = 11;
const FRAMES: usize = LIVED + LIFETIMES;

/// All sites; all-zero bytes are the empty table. Another process reads it, too.
#[derive(Debug)]
#[repr(C)]
pub struct Sites {
    /// Words of `words` that are in use.
    used: AtomicU64,
    lost: AtomicU64,
    index: [AtomicU64; PLACES],
    words: [AtomicU64; WORDS],
}

/// One site of a table.
#[derive(Clone, Copy, Debug)]
pub struct Site<'table> {
    table: &'table Sites,
    offset: usize,
}

/// What is asked of a site.
#[derive(Clone, Copy, Debug)]
pub struct Key<'frames> {
    /// Bytes of a block.
    pub bytes: u64,
    /// The mean distance between samples, in bytes.
    pub mean: u64,
    /// The number of the label that the thread has; 0: none.
    pub label: u32,
    /// Return addresses, the innermost first.
    pub frames: &'frames [usize],
}

impl Key<'_> {
    /// Never 0.
    fn hash(&self) -> u64 {
        let numbers = [self.bytes, self.mean, self.label.into()].into_iter();
        let all = numbers.chain(self.frames.iter().map(|frame| *frame as u64));
        let mixed = all.fold(0xcbf2_9ce4_8422_2325, |hash: u64, word| {
            (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
        });
        mixed | 1
    }
}

/// The bytes that a sample stands for, Z / (1 − exp(−Z / mean)), to two or three in a hundred: what decides whether there is a new peak.
fn weight(bytes: u64, mean: u64) -> u64 {
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

/// What an index place says: which site, and a part of its hash.
fn entry(hash: u64, offset: usize) -> u64 {
    hash & !0xffff_ffff | offset as u64
}

impl Sites {
    strata_core::const_unless_loom! {
        /// The empty table.
        pub fn new() -> Self {
            Self {
                used: AtomicU64::new(0),
                lost: AtomicU64::new(0),
                index: strata_core::each_slot!(AtomicU64::new(0); PLACES),
                words: strata_core::each_slot!(AtomicU64::new(0); WORDS),
            }
        }
    }

    /// The site with this key, added if there is none. `None`: the table is full, which is counted.
    pub fn find_or_add(&self, key: Key<'_>) -> Option<Site<'_>> {
        let hash = key.hash();
        let mut fresh = None;
        for step in 0..TRIED {
            let place = self.index.get((hash as usize >> 8).wrapping_add(step) % PLACES)?;
            // Acquire: the site's words; pairs with Release in sites.rs::publish.
            let mut found = place.load(Acquire);
            if found == 0 {
                let Some(site) = fresh.or_else(|| self.append(hash, key)) else { break };
                fresh = Some(site);
                match Self::publish(place, entry(hash, site.offset)) {
                    Ok(()) => return Some(site),
                    Err(others) => found = others,
                }
            }
            let site = Site { table: self, offset: (found & 0xffff_ffff) as usize };
            if found ^ hash <= 0xffff_ffff && site.is(hash, key) {
                return Some(site);
            }
        }
        // Relaxed: a number that stands alone.
        self.lost.fetch_add(1, Relaxed);
        None
    }

    fn publish(place: &AtomicU64, entry: u64) -> Result<(), u64> {
        if !SITE_EXCHANGES {
            place.store(entry, SITE_PUBLISH);
            return Ok(());
        }
        // Release (SITE_PUBLISH): carries the site's words (T1); pairs with Acquire in sites.rs::find_or_add. Acquire: another's, the same.
        place.compare_exchange(0, entry, SITE_PUBLISH, Acquire).map(|_| ())
    }

    /// Writes a site that nobody knows of yet.
    fn append(&self, hash: u64, key: Key<'_>) -> Option<Site<'_>> {
        let length = FRAMES + key.frames.len();
        // Relaxed, here and below: nobody else has these words before they are published. Offset 0 is none.
        let offset = self.used.fetch_add(length as u64, Relaxed) as usize + 1;
        if offset.checked_add(length)? > WORDS {
            return None;
        }
        let site = Site { table: self, offset };
        let numbers = [(HASH, hash), (BYTES, key.bytes), (MEAN, key.mean), (LABEL, key.label.into())];
        let derived = [(DEPTH, key.frames.len() as u64), (WEIGHT, weight(key.bytes, key.mean))];
        numbers.into_iter().chain(derived).for_each(|(place, word)| site.word(place).store(word, Relaxed));
        (FRAMES..).zip(key.frames).for_each(|(place, frame)| site.word(place).store(*frame as u64, Relaxed));
        Some(site)
    }

    /// The site that a number stands for.
    pub fn site(&self, number: u32) -> Option<Site<'_>> {
        (number != 0 && (number as usize) < WORDS - FRAMES)
            .then_some(Site { table: self, offset: number as usize })
    }

    /// All sites.
    pub fn iter(&self) -> impl Iterator<Item = Site<'_>> {
        // Acquire: as in `find_or_add`; pairs with Release in sites.rs::publish.
        let taken = self.index.iter().map(|place| place.load(Acquire)).filter(|entry| *entry != 0);
        taken.map(|entry| Site { table: self, offset: (entry & 0xffff_ffff) as usize })
    }

    /// Samples that found no room.
    pub fn lost(&self) -> u64 {
        // Relaxed: a number that stands alone.
        self.lost.load(Relaxed)
    }
}

impl Default for Sites {
    fn default() -> Self {
        Self::new()
    }
}

impl<'table> Site<'table> {
    fn word(self, place: usize) -> &'table AtomicU64 {
        // In range by construction: `append` and `Sites::site`; a wrong one is the first, which is nobody's.
        self.table.words.get(self.offset + place).unwrap_or(&self.table.words[0])
    }

    fn get(self, place: usize) -> u64 {
        // Relaxed: counts stand alone; all else was there before the site was published (T1).
        self.word(place).load(Relaxed)
    }

    fn count(self, place: usize) {
        // Relaxed: a number that stands alone.
        self.word(place).fetch_add(1, Relaxed);
    }

    fn is(self, hash: u64, key: Key<'_>) -> bool {
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

    /// A sample was freed, after so many milliseconds.
    pub fn note_freed(self, by_another: bool, milliseconds: u64) {
        self.count(FREED);
        if by_another {
            self.count(FOREIGN);
        }
        let power = (u64::BITS - milliseconds.leading_zeros()) as usize;
        self.count(LIVED + power.min(LIFETIMES - 1));
    }

    /// A sample counts as freed, at a time that nobody knows.
    pub fn note_forgotten(self) {
        self.count(FREED);
    }

    /// Whether anything was counted since this was last asked. For one thread at a time.
    pub fn is_news(self) -> bool {
        let now = self.allocated() + self.freed();
        let before = self.word(WRITTEN).swap(now, Relaxed);
        before != now
    }

    /// Has the next [`is_news`](Self::is_news) say yes.
    pub fn is_to_be_told_again(self) {
        // Relaxed: of one thread at a time.
        self.word(WRITTEN).store(0, Relaxed);
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use std::boxed::Box;
    use std::vec::Vec;

    fn table() -> &'static Sites {
        // SAFETY: mapped just now, zero, which is the empty table.
        unsafe {
            strata_os::memory::map(size_of::<Sites>().next_multiple_of(4096), 4096).unwrap().cast().as_ref()
        }
    }

    fn key(bytes: u64, frames: &[usize]) -> Key<'_> {
        Key { bytes, mean: 1 << 19, label: 0, frames }
    }

    #[test]
    fn the_same_stack_size_and_rate_are_one_site() {
        let table = table();
        let site = table.find_or_add(key(16, &[1, 2, 3])).unwrap();
        let others = [
            key(32, &[1, 2, 3]),
            key(16, &[1, 2]),
            key(16, &[1, 2, 4]),
            Key { mean: 1, ..key(16, &[1, 2, 3]) },
            Key { label: 7, ..key(16, &[1, 2, 3]) },
        ];
        let mut numbers: Vec<_> = others.map(|key| table.find_or_add(key).unwrap().number()).into();
        numbers.push(site.number());
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 6);
        assert_eq!(table.find_or_add(key(16, &[1, 2, 3])).unwrap().number(), site.number());
        assert_eq!(
            (site.bytes(), site.mean(), site.frames().collect::<Vec<_>>()),
            (16, 1 << 19, [1, 2, 3].into())
        );
        assert_eq!(table.iter().count(), 6);
    }

    #[test]
    fn what_happens_to_samples_is_counted() {
        let site = table().find_or_add(key(16, &[1])).unwrap();
        (0..5).for_each(|_| site.note_allocated());
        [(false, 0), (true, 1), (false, 3), (false, u64::MAX)]
            .into_iter()
            .for_each(|(by, ms)| site.note_freed(by, ms));
        assert_eq!((site.allocated(), site.freed(), site.freed_by_others()), (5, 4, 1));
        let mut expected = [0; LIFETIMES];
        [0, 1, 2, LIFETIMES - 1].into_iter().for_each(|power| expected[power] = 1);
        assert_eq!(site.lifetimes(), expected);
        assert!(site.is_news() && !site.is_news());
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
        let site = table().find_or_add(key(16, &[1])).unwrap();
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

    #[test]
    fn a_full_table_says_so_and_keeps_what_it_has() {
        let table = table();
        let frames: Box<[usize]> = (0..128).collect();
        let first = table.find_or_add(key(1, &frames)).unwrap().number();
        let added =
            (2..100_000).take_while(|bytes| table.find_or_add(key(*bytes, &frames)).is_some()).count();
        assert!((5000..100_000).contains(&added), "{added}");
        assert_eq!((table.find_or_add(key(1, &frames)).unwrap().number(), table.lost()), (first, 1));
    }
}
