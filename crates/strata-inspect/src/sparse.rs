//! How much of the memory in huge pages was never used: pages of zeroes inside a huge page, which small pages would not have taken.
//!
//! A sample: some 64 huge pages, evenly spread, of each of which sixteen small pages are read. What the program filled with zeroes
//! itself cannot be told from what it never touched.
//!
//! Does not know: what the memory is used for.

use crate::heap::Heap;
use crate::target::{Resident, Target};
use strata_core::layout::ARENA_BYTES;

const HUGE_PAGE_BYTES: u64 = 2 << 20;
const PAGE_BYTES: u64 = 4096;
/// Huge pages in the sample.
const SAMPLES: u64 = 64;
/// Small pages that are read in each.
const PARTS: u64 = 16;

/// What the sample says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sparse {
    /// Bytes in huge pages.
    pub in_huge_pages: u64,
    /// Of those, how many hold nothing but zeroes, about.
    pub zero_bytes: u64,
    /// Huge pages sampled.
    pub samples: u64,
}

impl<T: Target + ?Sized> Heap<'_, T> {
    /// Reads a sample of the memory in huge pages.
    pub fn sparse(&self) -> Sparse {
        let mut count = 0_u64;
        self.huge_pages(&mut |_| count += 1);
        let step = count.div_ceil(SAMPLES).max(1);
        let (mut index, mut samples, mut zeroes) = (0, 0, 0);
        self.huge_pages(&mut |page| {
            if index % step == 0 {
                samples += 1;
                zeroes += self.zero_parts(page);
            }
            index += 1;
        });
        let in_huge_pages = count * HUGE_PAGE_BYTES;
        let looked_at = samples * PARTS;
        let zero_bytes = (in_huge_pages * zeroes).checked_div(looked_at).unwrap_or(0);
        Sparse { in_huge_pages, zero_bytes, samples }
    }

    fn huge_pages(&self, each: &mut dyn FnMut(u64)) {
        let mut pages = |run: Resident| {
            let first = run.start.next_multiple_of(HUGE_PAGE_BYTES);
            if run.in_huge_pages {
                (first..run.end).step_by(HUGE_PAGE_BYTES as usize).for_each(&mut *each);
            }
        };
        self.arenas(&mut |arena| {
            if !arena.is_pinned {
                self.target.resident(arena.start, arena.start + ARENA_BYTES as u64, &mut pages);
            }
        });
        self.live_huge(&mut |block| {
            self.target.resident(block.start, block.start + block.bytes, &mut pages);
        });
    }

    /// Of some parts of a huge page, those that hold nothing.
    fn zero_parts(&self, page: u64) -> u64 {
        let stride = HUGE_PAGE_BYTES / PARTS;
        // Not the first of each stride: programs like to put something at round addresses.
        let place = |part: u64| page + part * stride + (part * 7 + 1) % (stride / PAGE_BYTES) * PAGE_BYTES;
        let is_zero = |place: &u64| {
            let mut bytes = [0; PAGE_BYTES as usize];
            self.target.read(*place, &mut bytes) && bytes.iter().all(|byte| *byte == 0)
        };
        self.target.expect(&mut (0..PARTS).map(|part| (place(part), PAGE_BYTES as usize)));
        (0..PARTS).map(place).filter(is_zero).count() as u64
    }
}
