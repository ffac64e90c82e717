//! Sizes that change, and memory that must be zero: contents kept, in place where it can be, pages moved instead of bytes.

#[allow(dead_code, reason = "each test file uses its part")]
mod patterned;
#[allow(dead_code, reason = "each test file uses its part")]
mod process;

use patterned::{Patterned, layout};
use process::{KIB, MIB, alone, is_slow, peak_resident_bytes, resident_bytes};
use strata_cache::thread::{RUNTIME, cache};
use strata_core::layout::{LARGEST_CLASS_BYTES, LARGEST_RUN_BYTES, LARGEST_SINGLE_BYTES, POOL_BYTES};
use strata_core::size_class::SizeClass;
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

fn new(size: usize) -> Patterned {
    Patterned::new(layout(size, 8), 1).unwrap()
}

/// Whether the block stays where it is when it becomes `size` bytes long.
fn stays(block: &mut Patterned, size: usize) -> bool {
    let address = block.address();
    assert!(block.resize(size, 2));
    block.address() == address
}

#[test]
fn a_block_shrinks_in_place_to_half_of_its_class_and_grows_back() {
    for class in SizeClass::all() {
        let bytes = class.block_bytes();
        // Half of it is of a class whose blocks may be better aligned.
        if SizeClass::of(bytes - bytes / 2).block_bytes().trailing_zeros() > bytes.trailing_zeros() {
            continue;
        }
        // The first blocks of some classes are of larger ones.
        let (mut first, mut block) = (Vec::new(), new(bytes));
        // SAFETY: a live block.
        while unsafe { Strata::usable_size(block.start()) } != bytes {
            first.push(std::mem::replace(&mut block, new(bytes)));
        }
        assert!(stays(&mut block, bytes - bytes / 2));
        assert!(stays(&mut block, bytes));
        block.free();
        first.into_iter().for_each(Patterned::free);
    }
}

#[test]
fn a_large_block_shrinks_in_place_and_grows_back_over_what_it_gave() {
    alone("a_large_block_shrinks_in_place_and_grows_back_over_what_it_gave", || {
        let mut block = new(MIB);
        for size in
            [MIB - POOL_BYTES, 7 * POOL_BYTES, 5 * POOL_BYTES, 5 * POOL_BYTES + 1, 10 * POOL_BYTES, MIB]
        {
            assert!(stays(&mut block, size), "{size}");
        }
        block.free();
    });
}

#[test]
fn a_large_block_moves_when_its_neighbour_is_in_the_way() {
    alone("a_large_block_moves_when_its_neighbour_is_in_the_way", || {
        let mut block = new(5 * POOL_BYTES);
        let neighbours: Vec<_> = (0..12).map(|_| new(5 * POOL_BYTES)).collect();
        assert!(!stays(&mut block, 6 * POOL_BYTES));
        block.free();
        neighbours.into_iter().for_each(Patterned::free);
    });
}

#[test]
fn a_huge_block_shrinks_in_place_and_gives_its_tail_back() {
    alone("a_huge_block_shrinks_in_place_and_gives_its_tail_back", || {
        let mut block = new(100 * MIB);
        let before = resident_bytes();
        assert!(stays(&mut block, 10 * MIB));
        assert!(before - resident_bytes() > 89 * MIB);
        block.free();
    });
}

/// Grows a filled block without reading its contents, which would touch more than the resize does.
fn grow_untouched(start: *mut u8, old: usize, size: usize) -> *mut u8 {
    // SAFETY: the caller's block, of this layout.
    let moved = unsafe { std::alloc::realloc(start, layout(old, 8), size) };
    assert!(!moved.is_null());
    moved
}

#[test]
#[cfg_attr(strata_unix, ignore = "only Linux moves pages")]
fn a_huge_block_grows_by_moving_pages_and_not_bytes() {
    const OLD: usize = 64 * MIB;
    alone("a_huge_block_grows_by_moving_pages_and_not_bytes", || {
        let mut bytes = vec![0x5a_u8; OLD];
        bytes.iter_mut().step_by(4096).enumerate().for_each(|(page, byte)| *byte = page as u8);
        // Something behind it, so that it cannot grow in place: it has to move.
        let in_the_way: Vec<_> = (0..16).map(|_| new(3 * MIB)).collect();
        let (resident, start) = (resident_bytes(), std::time::Instant::now());
        let mut bytes = std::mem::ManuallyDrop::new(bytes);
        let moved = grow_untouched(bytes.as_mut_ptr(), OLD, 4 * OLD);
        let took = start.elapsed();
        let (more, peak) = (resident_bytes().saturating_sub(resident), peak_resident_bytes() - resident);
        println!("  64 to 256 MiB in {took:?}, {} KiB more resident, {} KiB at most", more / KIB, peak / KIB);
        assert!(more < 4 * MIB && peak < 4 * MIB);
        // SAFETY: ours, and the first part was filled.
        let kept = unsafe { std::slice::from_raw_parts(moved, OLD) };
        let is_kept = |(index, byte): (usize, &u8)| {
            *byte == if index.is_multiple_of(4096) { (index / 4096) as u8 } else { 0x5a }
        };
        assert!(kept.iter().enumerate().all(is_kept));
        // SAFETY: ours, of this layout.
        unsafe { std::alloc::dealloc(moved, layout(4 * OLD, 8)) };
        in_the_way.into_iter().for_each(Patterned::free);
    });
}

/// Sizes around every place where the way of serving a request changes.
fn boundaries() -> Vec<usize> {
    let places = [
        16,
        128,
        1024,
        4096,
        LARGEST_SINGLE_BYTES,
        LARGEST_CLASS_BYTES / 2,
        LARGEST_CLASS_BYTES,
        POOL_BYTES,
        5 * POOL_BYTES,
        LARGEST_RUN_BYTES / 2,
        LARGEST_RUN_BYTES,
        4 * MIB,
        9 * MIB,
    ];
    let around = places.into_iter().flat_map(|place| [place - 1, place, place + 1]);
    [1, 7].into_iter().chain(around).collect()
}

#[test]
fn contents_survive_every_pair_of_sizes_at_every_alignment() {
    let sizes = boundaries();
    let aligns: &[usize] = if is_slow() { &[8] } else { &[1, 16, 64, 4 * KIB, 64 * KIB, 2 * MIB, 4 * MIB] };
    for &align in aligns {
        // Pairs of large sizes cost time and differ little by alignment.
        let most = if align == 8 || align == 64 * KIB { usize::MAX } else { 3 * MIB };
        for &old in sizes.iter().filter(|size| **size < most) {
            for &new in sizes.iter().filter(|size| **size < most) {
                let mut block = Patterned::new(layout(old, align), 1).unwrap();
                assert!(block.resize(new, 2));
                assert_eq!(block.address() % align, 0);
                block.free();
            }
        }
    }
}

#[test]
fn a_chain_of_resizes_up_and_down_keeps_the_contents() {
    let sizes = boundaries();
    let mut block = new(1);
    for size in sizes.iter().chain(sizes.iter().rev()) {
        assert!(block.resize(*size, *size as u64));
    }
    block.free();
}

// Zeroed memory.

/// A size in each class, and some of runs and mappings.
fn zeroable_sizes() -> impl Iterator<Item = usize> {
    let larger = [33 * KIB, POOL_BYTES, 3 * POOL_BYTES + 5, MIB, 2 * MIB, 2 * MIB + 1, 5 * MIB];
    SizeClass::all().map(|class| class.block_bytes() - 3).chain(larger)
}

/// Several blocks dirtied and freed, as many as a pool holds of the larger classes.
fn dirty(size: usize) {
    let blocks: Vec<_> = (0..20).map(|seed| Patterned::new(layout(size, 8), seed).unwrap()).collect();
    blocks.into_iter().for_each(Patterned::free);
}

fn expect_zeroes(size: usize) {
    let blocks: Vec<_> = (0..25).map(|seed| Patterned::zeroed(layout(size, 8), seed).unwrap()).collect();
    blocks.into_iter().for_each(Patterned::free);
}

#[test]
fn zeroed_memory_is_zero_where_others_wrote_before() {
    for size in zeroable_sizes() {
        for _ in 0..3 {
            dirty(size);
            expect_zeroes(size);
        }
    }
}

#[test]
fn zeroed_memory_is_zero_where_pools_served_another_class_before() {
    for size in zeroable_sizes() {
        for other in [48, 1000, 5000, 20_000, 300 * KIB] {
            dirty(other);
            // SAFETY: the calling thread's own cache.
            unsafe { cache().collect() };
            expect_zeroes(size);
        }
    }
}

#[test]
fn zeroed_memory_is_zero_after_a_purge() {
    alone("zeroed_memory_is_zero_after_a_purge", || {
        for size in zeroable_sizes() {
            dirty(size);
            // SAFETY: the calling thread's own cache.
            unsafe { cache().collect() };
            RUNTIME.page_heap.purge_all();
            expect_zeroes(size);
        }
    });
}

#[test]
fn zeroed_memory_is_zero_beside_blocks_that_stay() {
    for size in zeroable_sizes().filter(|size| *size < MIB) {
        let mut blocks: Vec<_> = (0..30).map(|seed| Patterned::new(layout(size, 8), seed).unwrap()).collect();
        let mut kept = Vec::new();
        while let Some(block) = blocks.pop() {
            if blocks.len() % 3 == 0 { kept.push(block) } else { block.free() }
        }
        expect_zeroes(size);
        kept.into_iter().for_each(Patterned::free);
    }
}
