//! Which stacks allocated: a table of sites without locks, in memory that is never given back.
//!
//! ```text
//!   stack, size, rate ──hash──► index │ 0 · · tag, offset · 0 … │ ──► words │ … size, rate, depth, counts, lifetimes, frames … │
//!                               next place if another's is there               appended, never moved
//! ```
//!
//! | an index place is | who may leave it | to    | by                                                               |
//! |-------------------|------------------|-------|------------------------------------------------------------------|
//! | empty             | any thread       | taken | `publish`: CAS Release; who finds it taken compares, and goes on |
//! | taken             | none             |       |                                                                  |
//!
//! A site is a stack, a block size, a rate and a label, so each sample of it stands for as many bytes as any other: who reads the table
//! makes estimates of its counts, and nothing here is in floating point. A label has a place in the table, too: it is a text instead
//! of a stack.
//!
//! T1  The words of a site are written before its place is published, and only its counts change after that.
//! T2  Two threads that add the same site at the same time get the same one: the words of the one that comes second are lost.
//!
//! Does not know: how stacks are found, when there is a new peak. Model: `loom-tests/tests/p29_sites.rs`.

use crate::site::{BYTES, DEPTH, FRAMES, HASH, LABEL, MEAN, Site, WEIGHT, weight};
use strata_core::sync::mutation::{SITE_EXCHANGES, SITE_PUBLISH};
use strata_core::sync::{AtomicU64, Ordering::Acquire, Ordering::Relaxed};

/// Places of the index.
const PLACES: usize = if cfg!(strata_loom) { 2 } else { 1 << 16 };
/// Places that are searched before a site is given up.
const TRIED: usize = if cfg!(strata_loom) { 2 } else { 64 };
/// Words of all sites together: 8 MiB, some 15,600 sites of 40 frames.
const WORDS: usize = if cfg!(strata_loom) { 128 } else { 1 << 20 };

/// All sites; all-zero bytes are the empty table. Another process reads it, too.
#[derive(Debug)]
#[repr(C)]
pub struct Sites {
    /// Words of `words` that are in use, the first of which is no site's.
    used: AtomicU64,
    lost: AtomicU64,
    index: [AtomicU64; PLACES],
    words: [AtomicU64; WORDS],
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
                match Self::publish(place, entry(hash, site.number() as usize)) {
                    Ok(()) => return Some(site),
                    Err(others) => found = others,
                }
            }
            let site = Site::at(self, (found & 0xffff_ffff) as usize);
            if found ^ hash <= 0xffff_ffff && site.is(hash, key) {
                return Some(site);
            }
        }
        // Relaxed: a number that stands alone.
        self.lost.fetch_add(1, Relaxed);
        None
    }

    /// The site with this key, if there is one.
    pub fn find(&self, key: Key<'_>) -> Option<Site<'_>> {
        let hash = key.hash();
        let places =
            (0..TRIED).filter_map(|step| self.index.get((hash as usize >> 8).wrapping_add(step) % PLACES));
        // Acquire: the site's words; pairs with Release in sites.rs::publish.
        let entries = places.map(|place| place.load(Acquire)).take_while(|entry| *entry != 0);
        let same_hash = entries.filter(|entry| entry ^ hash <= 0xffff_ffff);
        let mut sites = same_hash.map(|entry| Site::at(self, (entry & 0xffff_ffff) as usize));
        sites.find(|site| site.is(hash, key))
    }

    fn publish(place: &AtomicU64, entry: u64) -> Result<(), u64> {
        if !SITE_EXCHANGES {
            place.store(entry, SITE_PUBLISH);
            return Ok(());
        }
        // Release (SITE_PUBLISH): carries the site's words (T1); pairs with Acquire in sites.rs::find_or_add. Acquire: another's, the same.
        place.compare_exchange(0, entry, SITE_PUBLISH, Acquire).map(|_| ())
    }

    /// Writes a site that is not published yet.
    fn append(&self, hash: u64, key: Key<'_>) -> Option<Site<'_>> {
        let length = FRAMES + key.frames.len();
        // Relaxed, here and below: no other thread has these words before they are published. Offset 0 is none.
        let offset = self.used.fetch_add(length as u64, Relaxed) as usize + 1;
        if offset.checked_add(length)? > WORDS {
            return None;
        }
        let site = Site::at(self, offset);
        let numbers = [(HASH, hash), (BYTES, key.bytes), (MEAN, key.mean), (LABEL, key.label.into())];
        let derived = [(DEPTH, key.frames.len() as u64), (WEIGHT, weight(key.bytes, key.mean))];
        numbers.into_iter().chain(derived).for_each(|(place, word)| site.word(place).store(word, Relaxed));
        (FRAMES..).zip(key.frames).for_each(|(place, frame)| site.word(place).store(*frame as u64, Relaxed));
        Some(site)
    }

    /// The site that a number stands for.
    pub fn site(&self, number: u32) -> Option<Site<'_>> {
        (number != 0 && (number as usize) < WORDS - FRAMES).then(|| Site::at(self, number as usize))
    }

    /// All sites.
    pub fn iter(&self) -> impl Iterator<Item = Site<'_>> {
        // Acquire: as in `find_or_add`; pairs with Release in sites.rs::publish.
        let taken = self.index.iter().map(|place| place.load(Acquire)).filter(|entry| *entry != 0);
        taken.map(|entry| Site::at(self, (entry & 0xffff_ffff) as usize))
    }

    /// Bytes at its start that are in use, if its first word, which counts words of sites, is this.
    pub fn used_bytes(first: u64) -> usize {
        core::mem::offset_of!(Self, words) + 8 * first.saturating_add(1).min(WORDS as u64) as usize
    }

    /// One of all words; a wrong place is the first one, which is no site's.
    pub(crate) fn word(&self, place: usize) -> &AtomicU64 {
        self.words.get(place).unwrap_or(&self.words[0])
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
        assert_eq!(table.find(key(16, &[1, 2, 3])).unwrap().number(), site.number());
        assert!(table.find(key(48, &[1, 2, 3])).is_none());
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
