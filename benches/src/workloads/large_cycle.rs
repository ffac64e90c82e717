//! `large_cycle`: a storage engine that reads extents of 5 to 25 MiB, of which the last few stay in memory.
//!
//! An extent consists of pages of 4 KiB. Each gets its header and a row where it lies (what lies behind would come from a
//! device, without the processor); then every page is verified, and sooner or later another extent takes the place.

use std::mem::MaybeUninit;

use rand::RngExt;

use super::{Job, Kind, Outcome, Settings, Threads, Workload};
use crate::checksum::Checksum;
use crate::data::random;

pub(super) const WORKLOAD: Workload = Workload {
    name: "large_cycle",
    stands_for: "a storage engine that reads and drops extents of 5 to 25 MiB, six of them alive (Box)",
    kind: Kind::Real,
    threads: Threads::One,
    prepare,
};

const EXTENTS: usize = 1_500;
const ALIVE: usize = 6;
const PAGE_WORDS: usize = (4 << 10) / size_of::<u64>();
const SMALLEST_PAGES: usize = (5 << 20) / (4 << 10);
const LARGEST_PAGES: usize = (25 << 20) / (4 << 10);
/// Header and row: the words of a page that are written and read.
const USED_WORDS: usize = 24;

/// The first [`USED_WORDS`] of every page are written, the others never.
struct Extent {
    words: Box<[MaybeUninit<u64>]>,
}

impl Extent {
    fn read(number: usize, pages: usize) -> Self {
        let mut words = Box::new_uninit_slice(pages * PAGE_WORDS);
        for (page, place) in words.chunks_exact_mut(PAGE_WORDS).enumerate() {
            for (index, word) in place[..USED_WORDS].iter_mut().enumerate() {
                word.write((number as u64) << 32 ^ (page as u64) << 8 ^ index as u64);
            }
        }
        Self { words }
    }

    fn verify(&self) -> u64 {
        let used = self.words.chunks_exact(PAGE_WORDS).flat_map(|page| &page[..USED_WORDS]);
        used.fold(0, |sum, word| {
            // SAFETY: `read` wrote the used words of every page.
            sum + unsafe { word.assume_init() }
        })
    }
}

fn prepare(settings: &Settings) -> Job {
    let mut random = random(47);
    let mut extent = || (random.random_range(0..ALIVE), random.random_range(SMALLEST_PAGES..=LARGEST_PAGES));
    let plan: Vec<(usize, usize)> = (0..settings.count(EXTENTS)).map(|_| extent()).collect();
    Box::new(move || work(&plan))
}

/// Each extent takes the place of one that is dropped first: memory for it is free, if in another size.
fn work(plan: &[(usize, usize)]) -> Outcome {
    let mut alive: [Option<Extent>; ALIVE] = Default::default();
    let mut checksum = Checksum::new();
    for (number, (place, pages)) in plan.iter().enumerate() {
        alive[*place] = None;
        let extent = Extent::read(number, *pages);
        checksum.add(extent.verify());
        alive[*place] = Some(extent);
    }
    Outcome::new(checksum.value(), plan.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_used_word_of_every_page_counts() {
        let mut extent = Extent::read(3, 5);
        let whole = extent.verify();
        for page in 0..5 {
            extent.words[page * PAGE_WORDS + USED_WORDS - 1].write(0);
            assert_ne!(extent.verify(), whole, "page {page}");
        }
    }
}
