//! Which way a request goes, the rule of `realloc`, and what callers see.

use super::*;
use std::boxed::Box;
use std::vec::Vec;

fn layout(size: usize, alignment: usize) -> Layout {
    Layout::from_size_align(size, alignment).unwrap()
}

fn in_pool<P: Parameters>(allocator: &Pymalloc<P>, ptr: *mut u8) -> Option<usize> {
    // SAFETY: tests ask about live blocks.
    unsafe { allocator.pool_block_size(NonNull::new(ptr).unwrap()) }
}

fn alloc<P: Parameters>(allocator: &Pymalloc<P>, layout: Layout) -> *mut u8 {
    // SAFETY: tests use no empty layout.
    unsafe { allocator.alloc(layout) }
}

fn dealloc<P: Parameters>(allocator: &Pymalloc<P>, ptr: *mut u8, layout: Layout) {
    // SAFETY: tests free what they allocated, once.
    unsafe { allocator.dealloc(ptr, layout) }
}

fn realloc<P: Parameters>(allocator: &Pymalloc<P>, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
    // SAFETY: tests pass live blocks and sizes that are not 0.
    unsafe { allocator.realloc(ptr, layout, new_size) }
}

fn current() -> Box<CurrentPymalloc> {
    Box::new(CurrentPymalloc::new())
}

#[test]
fn small_requests_go_to_pools_and_others_to_the_system() {
    let allocator = current();
    for (size, alignment, expected) in
        [(1, 1, Some(16)), (512, 16, Some(512)), (513, 1, None), (64, 32, None)]
    {
        let block = alloc(&allocator, layout(size, alignment));
        assert_eq!(in_pool(&allocator, block), expected);
        assert_eq!(block.addr() % alignment, 0);
        dealloc(&allocator, block, layout(size, alignment));
    }
    assert_eq!(allocator.stats().blocks_in_use(), 0);
}

#[test]
fn sixteen_byte_alignment_is_too_strict_for_the_classic_set() {
    let allocator = ClassicPymalloc::new();
    let block = alloc(&allocator, layout(64, 16));
    assert_eq!(in_pool(&allocator, block), None);
    dealloc(&allocator, block, layout(64, 16));
}

#[test]
fn system_blocks_are_counted() {
    let allocator = current();
    let [a, b] = [600, 30].map(|size| alloc(&allocator, layout(size, 8)));
    assert_eq!((allocator.stats().system_block_count, allocator.stats().blocks_in_use()), (1, 2));
    dealloc(&allocator, a, layout(600, 8));
    dealloc(&allocator, b, layout(30, 8));
    assert_eq!(allocator.stats().blocks_in_use(), 0);
}

#[test]
fn realloc_stays_while_more_than_three_quarters_are_used() {
    for (bytes, new_size, expected) in [
        (400, 400, true),
        (400, 301, true),
        (400, 300, false),
        (400, 401, false),
        (16, 13, true),
        (16, 12, false),
    ] {
        assert_eq!(stays(bytes, new_size), expected, "{bytes} to {new_size}");
    }
    assert!(!stays(512, usize::MAX));
}

/// Writes 1, 2, 3, … and checks that as much as fits survives.
fn survives_realloc(from: usize, to: usize) -> (bool, Option<usize>) {
    let allocator = current();
    let block = alloc(&allocator, layout(from, 8));
    for i in 0..from {
        // SAFETY: inside the block.
        unsafe { block.wrapping_add(i).write(i as u8) };
    }
    let moved = realloc(&allocator, block, layout(from, 8), to);
    for i in 0..from.min(to) {
        // SAFETY: inside the block.
        assert_eq!(unsafe { moved.wrapping_add(i).read() }, i as u8);
    }
    let outcome = (moved == block, in_pool(&allocator, moved));
    dealloc(&allocator, moved, layout(to, 8));
    assert_eq!(allocator.stats().blocks_in_use(), 0);
    outcome
}

#[test]
fn realloc_moves_between_classes_and_to_the_system_but_never_back() {
    assert_eq!(survives_realloc(100, 110), (true, Some(112)));
    assert_eq!(survives_realloc(100, 113), (false, Some(128)));
    assert_eq!(survives_realloc(500, 300), (false, Some(304)));
    assert_eq!(survives_realloc(500, 5000).1, None);
    // Foreign stays foreign, however small it gets.
    assert_eq!(survives_realloc(5000, 40).1, None);
}

#[test]
fn zeroed_blocks_are_zero_although_reused() {
    let allocator = current();
    for size in [1, 40, 512, 513, 4000] {
        let dirty = alloc(&allocator, layout(size, 1));
        // SAFETY: a fresh block.
        unsafe { dirty.write_bytes(0xff, size) };
        dealloc(&allocator, dirty, layout(size, 1));
        // SAFETY: the layout is not empty.
        let block = unsafe { allocator.alloc_zeroed(layout(size, 1)) };
        // SAFETY: wholly initialised.
        let bytes = unsafe { core::slice::from_raw_parts(block, size) };
        assert!(bytes.iter().all(|&byte| byte == 0));
        dealloc(&allocator, block, layout(size, 1));
    }
}

#[test]
fn a_gil_around_and_a_gil_behind_do_not_deadlock() {
    static AROUND: crate::Gil<ClassicPymalloc> = crate::Gil::new(ClassicPymalloc::new());
    static BEHIND: Pymalloc<Classic, crate::Gil<LibcPath>> = Pymalloc::with_system(crate::Gil::new(LibcPath));
    for size in [10, 1000] {
        round_trip(&AROUND, layout(size, 1));
        round_trip(&BEHIND, layout(size, 1));
    }
}

fn round_trip(allocator: &impl GlobalAlloc, layout: Layout) {
    // SAFETY: the layout is not empty.
    let block = unsafe { allocator.alloc(layout) };
    assert!(!block.is_null());
    // SAFETY: the block just allocated.
    unsafe { allocator.dealloc(block, layout) };
}

#[test]
fn an_impossible_request_gets_null_and_counts_nothing() {
    let allocator = current();
    let block = alloc(&allocator, layout(isize::MAX as usize - 8191, 1));
    // Seen from outside, or the optimiser drops the call and assumes success.
    assert!(core::hint::black_box(block).is_null());
    assert_eq!(allocator.stats().blocks_in_use(), 0);
}

/// The same work on a heap with and without the lock; what each answers and counts.
fn history<P: Parameters, X: Exclusion>(
    allocator: &Pymalloc<P, LibcPath, X>,
) -> (Vec<Option<usize>>, PymallocStats) {
    let sizes = (0..3_000).map(|number: usize| 1 + number * 37 % 700);
    let blocks: Vec<_> = sizes.map(|size| (size, fresh(allocator, size))).collect();
    // SAFETY: live blocks.
    let lengths = blocks.iter().map(|&(_, block)| unsafe { allocator.pool_block_size(block) }).collect();
    let stats = without_chance(allocator.stats());
    for (size, block) in blocks {
        // SAFETY: freed once, as allocated.
        unsafe { allocator.dealloc(block.as_ptr(), layout(size, 1)) };
    }
    assert_eq!(allocator.stats().blocks_in_use(), 0);
    (lengths, stats)
}

/// The same without what depends on where the system places an arena: one pool is lost to alignment or is not, and the map of
/// addresses has a node more or not.
fn without_chance(stats: PymallocStats) -> PymallocStats {
    let lost = stats.alignment_bytes.div_ceil(stats.pool_bytes);
    PymallocStats {
        unused_pool_count: stats.unused_pool_count + lost,
        alignment_bytes: 0,
        map: MapNodes::default(),
        ..stats
    }
}

fn fresh(allocator: &impl GlobalAlloc, size: usize) -> NonNull<u8> {
    // SAFETY: tests use no empty layout.
    NonNull::new(unsafe { allocator.alloc(layout(size, 1)) }).unwrap()
}

fn one_thread<P: Parameters>() -> Box<Unlocked<P>> {
    // SAFETY: it stays with the test's thread.
    Box::new(unsafe { Unlocked::one_thread(LibcPath) })
}

#[test]
fn without_the_lock_the_same_happens_as_with_it() {
    assert_eq!(history(&*one_thread::<Classic>()), history(&ClassicPymalloc::new()));
    assert_eq!(history(&*one_thread::<Current>()), history(&*current()));
}

#[test]
fn one_thread_is_not_kept_out_by_the_lock() {
    let allocator = one_thread::<Classic>();
    let _held = crate::fork::HEAP.acquire();
    let block = fresh(&*allocator, 40);
    // SAFETY: the block just allocated.
    unsafe { allocator.dealloc(block.as_ptr(), layout(40, 1)) };
}

#[test]
fn a_block_is_given_back_without_its_layout() {
    let allocator = current();
    let [small, large] = [40, 4_000].map(|size| fresh(&*allocator, size));
    // SAFETY: given up here; the C library needs no length.
    unsafe { allocator.dealloc_unsized(small) };
    assert_eq!(allocator.stats().blocks_in_use(), 1);
    // SAFETY: given up here; the C library needs no length.
    unsafe { allocator.dealloc_unsized(large) };
    assert_eq!(allocator.stats().blocks_in_use(), 0);
}
