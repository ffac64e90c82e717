//! Huge blocks that must be zero: of an extent that is reused, the pages in memory are cleared, the others purged.
//!
//! ```text
//!   an extent that is kept │■■■■■■■■■■■■■■■│ · · · · · · · · │■■■■│ · · · │     ■ in memory   · not
//!                         memset            purge           memset  purge
//! ```
//!
//! Clearing a page in memory takes 0.07 µs; a fresh one costs a fault of 0.7 (read) to 1.5 µs (written). So what the program once
//! touched stays, and what it never touched stays untouched. Whether a page was read or written does not matter: one that was
//! only read is there too, and turns into one of its own by the first clearing. The kernel is asked (`mincore`, 1 µs for 2 MiB).
//! What is not in memory is purged, since it may be in swap space. An extent with almost no page in memory is purged whole: to ask
//! about 100 MiB takes longer than to fault in the few pages again.
//!
//! Does not know: what else huge blocks do. Measured: decision 0024.

use super::Huge;
use super::block::Reused;
use super::head::payload;
use crate::thp::evidence;
use core::ptr::NonNull;
use strata_core::arena::ArenaHead;
use strata_os::{machine, memory};

/// Pages that the kernel is asked about at a time: 2 MiB of small ones.
const PAGES_A_QUESTION: usize = 512;

/// A gap of this many pages is cleared with what lies behind it: purging it takes as long as clearing seven.
const GAP_PAGES: usize = 3;

impl Huge<'_> {
    /// A block of `needed` bytes with its head, cleared. `None`: no kept extent is as large.
    pub(super) fn reuse_cleared(&self, needed: usize) -> Option<NonNull<ArenaHead>> {
        if self.kept_bytes() < needed as u64 {
            return None;
        }
        let reused = self.reuse_huge(needed)?;
        clear(&reused, needed);
        Some(reused.head)
    }
}

/// Zeroes what was in use before; what the kernel added is zero.
fn clear(reused: &Reused, needed: usize) {
    let (start, page) = (payload(reused.head), machine::page_size());
    let offset = start.addr().get() - reused.head.addr().get();
    let used = reused.used_bytes.min(needed).saturating_sub(offset);
    // The rest of the page that holds the head, if it is longer than that.
    let front = (offset.next_multiple_of(page) - offset).min(used);
    // SAFETY: within the block, which is ours and whose first `used_bytes` are mapped.
    unsafe { start.write_bytes(0, front) };
    // SAFETY: the rest of that page, within the block, which is ours.
    let pages = unsafe { start.byte_add(front) };
    let bytes = used - front;
    // SAFETY: whole pages of the block, whose contents are not used.
    if bytes == 0 || is_long_and_untouched(pages, bytes) && unsafe { memory::purge(pages, bytes) } {
        return;
    }
    let mut clearing = Clearing { next: pages, run_pages: 0, kind: Run::InMemory };
    clearing.all(bytes / page);
}

/// Whether the range is worth a question: for a short one, asking whether it is untouched costs as much as asking about all of it.
fn is_long_and_untouched(start: NonNull<u8>, bytes: usize) -> bool {
    bytes / machine::page_size() > 4 * PAGES_A_QUESTION && evidence::is_untouched(start, bytes)
}

/// What neighbouring pages have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    InMemory,
    Gap,
}

/// A walk over pages, all of them the caller's.
struct Clearing {
    /// The first page that is not dealt with.
    next: NonNull<u8>,
    /// This many pages from there on are known to be of this kind.
    run_pages: usize,
    kind: Run,
}

impl Clearing {
    fn all(&mut self, pages: usize) {
        let mut answer = [0; PAGES_A_QUESTION];
        let mut left = pages;
        while left != 0 {
            let answer = &mut answer[..left.min(PAGES_A_QUESTION)];
            let asked = self.next.map_addr(|next| next.saturating_add(self.run_pages * machine::page_size()));
            if !memory::find_resident(asked, answer) {
                answer.fill(1);
            }
            answer.iter().for_each(|page| self.note(if page & 1 == 1 { Run::InMemory } else { Run::Gap }));
            left -= answer.len();
        }
        self.see_to_run();
    }

    /// The next page is of this kind.
    fn note(&mut self, kind: Run) {
        if kind != self.kind {
            if kind == Run::InMemory && self.run_pages <= GAP_PAGES {
                self.kind = Run::InMemory;
            } else {
                self.see_to_run();
                self.kind = kind;
            }
        }
        self.run_pages += 1;
    }

    fn see_to_run(&mut self) {
        let bytes = self.run_pages * machine::page_size();
        if bytes == 0 {
            return;
        }
        // SAFETY: whole pages of a block that is ours; their contents are not used.
        let is_gone = self.kind == Run::Gap && unsafe { memory::purge(self.next, bytes) };
        if !is_gone {
            // SAFETY: within the block, which is ours.
            unsafe { self.next.write_bytes(0, bytes) };
        }
        // SAFETY: within the block, or its end.
        self.next = unsafe { self.next.byte_add(bytes) };
        self.run_pages = 0;
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::page_heap::PageHeap;
    use crate::tuning::HugePageChoice;
    use std::vec;
    use strata_core::address::UserPtr;
    use strata_core::layout::ARENA_BYTES;
    use strata_core::sync::Ordering::Relaxed;

    fn page_at(block: NonNull<u8>, index: usize) -> NonNull<u8> {
        // SAFETY: the tests stay within their blocks.
        unsafe { block.byte_add(index * machine::page_size()) }
    }

    /// Takes a block, of small pages, has the test use it and gives it back: where it was.
    fn leave(page_heap: &PageHeap, bytes: usize, using: impl FnOnce(NonNull<u8>)) -> NonNull<u8> {
        // Relaxed: a number that stands alone.
        page_heap.tuning.huge_pages.store(HugePageChoice::Never as u64, Relaxed);
        let block = page_heap.allocate_huge(bytes, 16, false).unwrap().0;
        using(block);
        // SAFETY: ours, used no more.
        unsafe { page_heap.free_huge(UserPtr::new(block)) };
        block
    }

    fn fill(block: NonNull<u8>, bytes: usize) {
        // SAFETY: the block is as long.
        unsafe { block.write_bytes(0xA5, bytes) };
    }

    fn new_zeroed(page_heap: &PageHeap, bytes: usize) -> NonNull<u8> {
        let (block, is_zero) = page_heap.allocate_huge(bytes, 16, true).unwrap();
        assert!(is_zero);
        block
    }

    fn is_zero(block: NonNull<u8>, bytes: usize) -> bool {
        // SAFETY: the block is as long, initialised to zero.
        let content = unsafe { core::slice::from_raw_parts(block.as_ptr(), bytes) };
        content.iter().all(|byte| *byte == 0)
    }

    fn resident_pages(block: NonNull<u8>, bytes: usize) -> usize {
        let mut pages = vec![0; bytes / machine::page_size()];
        assert!(memory::find_resident(block, &mut pages));
        pages.iter().filter(|page| **page & 1 == 1).count()
    }

    #[test]
    fn what_was_filled_is_cleared_where_it_is() {
        static HEAP: PageHeap = PageHeap::new();
        let left = leave(&HEAP, 2 * ARENA_BYTES, |block| fill(block, 2 * ARENA_BYTES));
        let block = new_zeroed(&HEAP, ARENA_BYTES);
        assert_eq!(block, left);
        assert!(is_zero(block, ARENA_BYTES));
    }

    #[test]
    #[cfg_attr(strata_tsan, ignore = "the sanitizer's own memory is what the limit and the measure count")]
    fn what_was_touched_here_and_there_is_cleared_there_and_stays_untouched_elsewhere() {
        static HEAP: PageHeap = PageHeap::new();
        // Each sixteenth page; two with one between; the last.
        let last = ARENA_BYTES / machine::page_size() - 1;
        let touched = || (0..last).step_by(16).chain([33, 35, last]);
        let use_some = |block| touched().for_each(|page| fill(page_at(block, page), machine::page_size()));
        let left = leave(&HEAP, ARENA_BYTES, use_some);
        let block = new_zeroed(&HEAP, ARENA_BYTES);
        assert_eq!(block, left);
        // The page between the 33rd and the 35th is cleared, too.
        assert_eq!(resident_pages(block, ARENA_BYTES), touched().count() + 1);
        assert!(is_zero(block, ARENA_BYTES));
    }

    #[test]
    fn what_was_only_read_is_used_again() {
        static HEAP: PageHeap = PageHeap::new();
        let pages = ARENA_BYTES / machine::page_size();
        let left = leave(&HEAP, ARENA_BYTES, |block| {
            // SAFETY: within the block, which is fresh, so zero.
            (0..pages).for_each(|page| assert_eq!(unsafe { page_at(block, page).read_volatile() }, 0));
        });
        let block = new_zeroed(&HEAP, ARENA_BYTES);
        assert_eq!(block, left);
        assert_eq!(resident_pages(block, ARENA_BYTES), pages);
    }

    #[test]
    fn what_was_never_touched_is_still_without_memory() {
        static HEAP: PageHeap = PageHeap::new();
        let left = leave(&HEAP, 4 * ARENA_BYTES, |_| ());
        let block = new_zeroed(&HEAP, 4 * ARENA_BYTES);
        assert_eq!((block, resident_pages(block, 4 * ARENA_BYTES)), (left, 0));
    }

    #[test]
    fn what_does_not_suffice_is_not_made_longer() {
        static HEAP: PageHeap = PageHeap::new();
        leave(&HEAP, ARENA_BYTES, |block| fill(block, ARENA_BYTES));
        let kept = HEAP.huge_cache.kept_bytes();
        new_zeroed(&HEAP, 2 * ARENA_BYTES);
        assert_eq!(HEAP.huge_cache.kept_bytes(), kept);
    }
}
