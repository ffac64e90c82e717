//! Holes against a naive model: a flag for every block and every subpage.
//!
//! Every class, pages of 4 and of 16 KiB, memory that was zero and memory that was not, random patterns of survivors; the
//! pool is gone, used, and gone again.

use super::*;
use crate::address::{ArenaPtr, PoolIndex, UserPtr};
use crate::arena::{self, ArenaHead};
use crate::block::Chain;
use crate::layout::ARENA_BYTES;
use crate::pool::Format;
use core::ptr::NonNull;
use std::alloc::{Layout, alloc_zeroed};
use std::collections::BTreeSet;
use std::vec::Vec;

/// A pool of an arena that is never given back: a test has a few of them.
fn new_pool() -> &'static Pool {
    let layout = Layout::from_size_align(ARENA_BYTES, ARENA_BYTES).unwrap();
    // SAFETY: the size is not zero.
    let base = NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap();
    // SAFETY: aligned, zero, never freed.
    let arena = unsafe { ArenaPtr::new(base) };
    // SAFETY: ours, zero.
    unsafe { arena::init(arena, ArenaHead::of_pools(core::ptr::null(), 0)) };
    // SAFETY: initialised.
    unsafe { arena.pool(PoolIndex::new(1).unwrap()) }
}

/// Numbers that are the same in every run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// A pool, and what the model knows of it.
struct Case {
    pool: OwnedPool,
    class: SizeClass,
    memory: Memory,
    live: BTreeSet<u32>,
    holes: Subpages,
}

impl Case {
    fn open(pool: &'static Pool, class: SizeClass, memory: Memory) -> Self {
        Self::open_with(pool, class, if memory == Memory::Zero { 0 } else { u64::MAX })
    }

    /// The same where those pools of a span may hold something that have a bit.
    fn open_with(pool: &'static Pool, class: SizeClass, dirty: u64) -> Self {
        let dirty = dirty & ((1 << class.span_pools()) - 1);
        // SAFETY: a test opens its pools anew only when it uses them as before no more.
        let pool = unsafe { pool.open(class, 0, dirty) };
        let memory = if dirty == 0 { Memory::Zero } else { Memory::Used };
        let holes = pool.span_holes(class);
        Self { pool, class, memory, live: BTreeSet::new(), holes }
    }

    fn subpages(&self) -> u32 {
        self.class.span_pools() * SUBPAGES
    }

    fn index_of(&self, block: BlockPtr) -> u32 {
        let offset = usize::from(self.pool.granule_of(block)) << GRANULE_SHIFT;
        assert!(offset.is_multiple_of(self.class.block_bytes()));
        (offset / self.class.block_bytes()) as u32
    }

    fn block(&self, index: u32) -> BlockPtr {
        self.pool.block_at_granule(granule_of_index(self.class, index))
    }

    /// Takes `count` blocks in batches, as a cache would.
    fn take(&mut self, count: u64) {
        let mut blocks = Vec::new();
        while (blocks.len() as u64) < count {
            let wanted = (count - blocks.len() as u64).min(32) as u32;
            if self.pool.take(self.class, wanted, |block| blocks.push(block)) == Ok(0)
                && self.pool.carve(self.class, wanted, |block| blocks.push(block)) == 0
            {
                break;
            }
        }
        for block in blocks {
            // SAFETY: ours, of this length.
            unsafe { block.as_non_null().write_bytes(0xa5, self.class.block_bytes()) };
            assert!(self.live.insert(self.index_of(block)), "a block that lives was handed out");
        }
        self.holes = self.pool.span_holes(self.class);
    }

    /// Frees a block that lives.
    fn give_back(&self, index: u32) {
        // SAFETY: it lives, and is ours.
        let _ = unsafe { self.pool.put(Chain::of(self.block(index))) };
    }

    /// Frees all but one in `keep` of the live blocks.
    fn free(&mut self, random: &mut Random, keep: u64) {
        for index in self.live.clone() {
            if self.live.len() > 1 && random.below(keep) != 0 {
                self.live.remove(&index);
                self.give_back(index);
            }
        }
    }

    fn subpages_of(&self, index: u32) -> Vec<u32> {
        let (start, bytes) = (index as usize * self.class.block_bytes(), self.class.block_bytes());
        let overlaps = |subpage: &u32| {
            let subpage = *subpage as usize * SUBPAGE_BYTES;
            start < subpage + SUBPAGE_BYTES && subpage < start + bytes
        };
        (0..self.subpages()).filter(overlaps).collect()
    }

    fn is_in_holes(&self, index: u32) -> bool {
        self.subpages_of(index).iter().any(|subpage| self.holes & (1 << subpage) != 0)
    }

    /// What should go, subpage by subpage and page by page.
    fn expected(&self, page_bytes: usize) -> Subpages {
        let carved = 0..self.pool.glance_carved();
        let mut taken = [false; SPAN_SUBPAGES];
        let mut touched = [self.memory == Memory::Used; SPAN_SUBPAGES];
        carved.for_each(|index| {
            for subpage in self.subpages_of(index) {
                taken[subpage as usize] |= self.live.contains(&index);
                touched[subpage as usize] = true;
            }
        });
        let is_free = |subpage: u32| {
            self.holes & (1 << subpage) != 0 || !taken[subpage as usize] && touched[subpage as usize]
        };
        let subpages_a_page = (page_bytes / SUBPAGE_BYTES) as u32;
        let pages = (0..self.subpages() / subpages_a_page)
            .map(|page| page * subpages_a_page..(page + 1) * subpages_a_page);
        let free = pages.filter(|page| page.clone().all(is_free)).flatten();
        free.map(|subpage| 1 << subpage).sum::<Subpages>() & !self.holes
    }

    fn decommit(&mut self, page_bytes: usize) {
        let expected = self.expected(page_bytes);
        let gone = self.pool.decommit(self.class, page_bytes);
        assert_eq!(gone, expected, "{:?} {:?}", self.class, self.live);
        for subpage in wide_bits_of(gone) {
            // SAFETY: within the pool; nothing lives there, and nothing on the list does.
            let start = unsafe { self.pool.base().byte_add(subpage as usize * SUBPAGE_BYTES) };
            // SAFETY: a subpage of the pool in which nothing lives: it has no reader.
            unsafe { start.write_bytes(0x5a, SUBPAGE_BYTES) };
        }
        self.holes |= gone;
    }

    /// The subpages behind the last block that a span has room for.
    fn expected_behind(&self) -> Subpages {
        let last = self.subpages_of(Pool::capacity(self.class) - 1).into_iter().max().unwrap();
        (last + 1..self.subpages()).map(|subpage| 1 << subpage).sum()
    }

    fn check(&self) {
        let mut listed = BTreeSet::new();
        // SAFETY: ours.
        unsafe {
            self.pool.free.each(
                4096,
                |_| true,
                |block| assert!(listed.insert(self.index_of(block)), "listed twice"),
            )
        };
        let in_holes =
            (0..self.pool.glance_carved()).filter(|index| self.is_in_holes(*index)).collect::<Vec<_>>();
        let free = (0..self.pool.glance_carved())
            .filter(|index| !self.live.contains(index) && !self.is_in_holes(*index));
        assert_eq!(listed, free.collect());
        assert!(in_holes.iter().all(|index| !self.live.contains(index)));
        assert_eq!(self.pool.span_holes(self.class), self.holes);
        assert_eq!(self.pool.glance_hole_blocks(), in_holes.len() as u32);
        assert_eq!(self.pool.live(), self.live.len() as u32);
        for index in &self.live {
            let start = self.block(*index).as_non_null();
            for offset in [0, self.class.block_bytes() - 1] {
                // SAFETY: within a live block.
                let byte = unsafe { start.byte_add(offset) };
                // SAFETY: written when the block was taken.
                assert_eq!(unsafe { byte.read() }, 0xa5);
            }
        }
    }
}

#[test]
fn holes_agree_with_a_naive_model_whatever_the_class_the_page_and_the_survivors() {
    let pool = new_pool();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for class in SizeClass::all() {
        for (page_bytes, memory) in
            [(4096, Memory::Zero), (4096, Memory::Used), (16_384, Memory::Zero), (16_384, Memory::Used)]
        {
            for keep in [2, 10, 100, 5_000] {
                let dirty = if memory == Memory::Zero { 0 } else { 1 + random.below(u64::MAX) };
                let mut case = Case::open_with(pool, class, dirty);
                let some = u64::from(Pool::capacity(class));
                case.take(1 + random.below(some));
                for _ in 0..4 {
                    case.free(&mut random, keep);
                    case.check();
                    case.decommit(page_bytes);
                    case.check();
                    case.take(random.below(some));
                    case.check();
                }
            }
        }
    }
}

#[test]
fn a_pool_whose_pages_went_gives_out_each_of_its_blocks_once_more() {
    let pool = new_pool();
    let mut random = Random(88_172_645_463_325_252);
    for class in SizeClass::all() {
        let mut case = Case::open(pool, class, Memory::Zero);
        let all = u64::from(Pool::capacity(class));
        case.take(all);
        case.free(&mut random, 50);
        case.decommit(4096);
        case.take(all);
        case.check();
        let behind = case.expected_behind();
        assert_eq!((case.live.len() as u64, case.pool.span_holes(class) & !behind), (all, 0));
    }
}

#[test]
fn what_has_no_memory_is_known_while_a_pool_is_closed_and_until_it_is_carved_again() {
    let pool = new_pool();
    let class = SizeClass::of(SUBPAGE_BYTES);
    let empty = |case: Case| {
        case.live.iter().for_each(|index| case.give_back(*index));
        let _ = case.pool.close();
    };
    let mut case = Case::open(pool, class, Memory::Zero);
    case.take(3);
    empty(case);
    assert_eq!(pool.holes(), HOLES & !0b111);
    let mut case = Case::open(pool, SizeClass::of(2 * SUBPAGE_BYTES), Memory::Used);
    assert_eq!(pool.holes(), HOLES & !0b111);
    case.take(3);
    assert_eq!(pool.holes(), HOLES & !0b11_1111);
    empty(case);
    assert_eq!((pool.fill_holes(), pool.holes()), (10, 0));
}

#[test]
fn a_span_counts_as_resident_as_far_as_its_blocks_reach() {
    let pool = new_pool();
    let class = SizeClass::of(24 << 10);
    let holes = |pool: &'static Pool| {
        // SAFETY: within the arena.
        [0, 1, 2].map(|distance| unsafe { pool.behind(distance) }.holes())
    };
    let mut case = Case::open(pool, class, Memory::Zero);
    assert_eq!((holes(pool), case.pool.uncarved_memory(class)), ([HOLES; 3], Memory::Zero));
    case.take(4);
    assert_eq!((holes(pool), case.pool.uncarved_memory(class)), ([0, HOLES & !0xff, HOLES], Memory::Zero));
    case.live.iter().for_each(|index| case.give_back(*index));
    let closed = case.pool.close();
    assert_eq!((closed.pools, closed.reached), (3, 2));
    // SAFETY: within the arena.
    let formats = [0, 1, 2].map(|distance| unsafe { pool.behind(distance) }.format());
    assert_eq!(formats, [Format::Idle; 3]);
    assert_eq!(holes(pool), [0, HOLES & !0xff, HOLES]);
    // The third may be taken for one that holds something, and then the first two for such.
    let case = Case::open_with(pool, class, 0b100);
    assert_eq!((holes(pool), case.pool.uncarved_memory(class)), ([HOLES; 3], Memory::Used));
}

#[test]
fn every_block_of_a_span_leads_to_its_books() {
    let pool = new_pool();
    for class in SizeClass::all().filter(|class| class.span_pools() > 1) {
        let mut case = Case::open(pool, class, Memory::Zero);
        case.take(u64::from(Pool::capacity(class)));
        for index in &case.live {
            let block = case.block(*index);
            // SAFETY: a block of the pool.
            let lies_in = unsafe { UserPtr::new(block.as_non_null()).pool() };
            assert!(core::ptr::eq(lies_in.first(), pool));
            assert_eq!(lies_in.format(), Format::Blocks(class));
            assert_eq!(case.pool.granule_of(block), granule_of_index(class, *index));
        }
    }
}

#[test]
fn a_page_as_large_as_the_pool_never_goes() {
    let pool = new_pool();
    let mut case = Case::open(pool, SizeClass::of(64), Memory::Zero);
    case.take(1024);
    case.free(&mut Random(1), 1_000);
    assert_eq!(case.pool.decommit(case.class, POOL_BYTES), 0);
}

#[test]
fn pages_go_when_the_pool_was_idle_and_again_only_after_more_of_it_died() {
    let pool = new_pool();
    let class = SizeClass::of(1024);
    let mut case = Case::open(pool, class, Memory::Zero);
    case.take(64);
    assert_eq!(case.pool.inspect(class), Inspected::Leave, "nothing is free");
    let free = |case: &mut Case, indices: core::ops::Range<u32>| {
        indices.for_each(|index| {
            case.live.remove(&index);
            case.give_back(index);
        });
    };
    free(&mut case, 0..32);
    assert_eq!([case.pool.inspect(class), case.pool.inspect(class)], [Inspected::Again, Inspected::Decommit]);
    case.decommit(4096);
    assert_eq!(case.pool.inspect(class), Inspected::Leave);
    free(&mut case, 32..36);
    assert_eq!(
        [case.pool.inspect(class), case.pool.inspect(class)],
        [Inspected::Again, Inspected::Decommit],
        "more died, and then none"
    );
    case.decommit(4096);
    case.take(1);
    assert_eq!(case.pool.inspect(class), Inspected::Again, "blocks were taken from it since");
}
