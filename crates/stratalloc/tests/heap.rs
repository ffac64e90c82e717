//! Heaps of the program's own: their blocks are as any others, whichever thread frees them, and whatever becomes of the heap.

#[allow(dead_code, reason = "each test file uses its part")]
mod patterned;
#[allow(dead_code, reason = "each test file uses its part")]
mod process;
#[allow(dead_code, reason = "each test file uses its part")]
mod random;

use patterned::{Patterned, layout};
use process::{KIB, MIB, alone, is_slow, resident_bytes};
use random::Random;
use std::alloc::Layout;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use stratalloc::{Heap, Strata};

#[global_allocator]
static GLOBAL: Strata = Strata;

/// Classes, runs and mappings.
const SIZES: [usize; 9] = [1, 16, 100, KIB, 5000, 32 * KIB, 100 * KIB, 2 * MIB, 5 * MIB];

fn block(heap: &Heap, layout: Layout, seed: u64) -> Patterned {
    Patterned::fill_new(heap.alloc(layout).expect("memory"), layout, seed)
}

fn small(random: &mut Random) -> Layout {
    layout(random.between(1, 2 * KIB), 1 << random.below(7))
}

/// Gives the heap a block back that it gave out itself, or that something else did.
fn give_back(heap: &Heap, block: Patterned) {
    let (start, layout) = block.into_parts();
    // SAFETY: a live allocation with this layout, and not used again.
    unsafe { heap.dealloc(start, layout) };
}

#[test]
fn a_heap_goes_from_thread_to_thread() {
    const fn is_sent<T: Send>() {}
    const { is_sent::<Heap>() };
    let mut heap = Heap::new().unwrap();
    let mut blocks = Vec::new();
    for round in 0..8 {
        (heap, blocks) = thread::spawn(move || {
            blocks.extend(SIZES.map(|size| block(&heap, layout(size, 8), round)));
            blocks.iter().for_each(Patterned::check);
            // Half by the heap, half by whatever thread this is.
            let last = blocks.split_off(blocks.len() - 4);
            for (index, block) in last.into_iter().enumerate() {
                if index % 2 == 0 { give_back(&heap, block) } else { block.free() }
            }
            (heap, blocks)
        })
        .join()
        .unwrap();
    }
    drop(heap);
    blocks.into_iter().for_each(Patterned::free);
}

#[test]
fn an_empty_block_has_a_place_of_its_own_however_it_is_aligned() {
    let heap = Heap::new().unwrap();
    for shift in 0..=24 {
        let empty = Layout::from_size_align(0, 1 << shift).unwrap();
        let blocks = [heap.alloc(empty), heap.alloc_zeroed(empty), heap.alloc(empty)].map(Option::unwrap);
        for (index, block) in blocks.into_iter().enumerate() {
            assert!(block.addr().get().trailing_zeros() >= shift, "{block:?}");
            // SAFETY: a live allocation.
            assert!(unsafe { Strata::usable_size(block) } > 0, "alignment {}", 1 << shift);
            assert!(!blocks[..index].contains(&block));
        }
        for block in blocks {
            // SAFETY: a live allocation with this layout, and not used again.
            unsafe { heap.dealloc(block, empty) };
        }
    }
}

#[test]
fn blocks_of_a_heap_are_as_any_others() {
    let heap = Heap::new().unwrap();
    for align in (0..=20).map(|shift| 1 << shift) {
        for size in SIZES {
            let layout = layout(size, align);
            let ordinary = block(&heap, layout, 1);
            let mut resized = block(&heap, layout, 2);
            assert!(resized.resize(size * 2 + 1, 3));
            let elsewhere = block(&heap, layout, 4);
            thread::scope(|scope| scope.spawn(move || elsewhere.free()).join().unwrap());
            give_back(&heap, Patterned::new(layout, 5).unwrap());
            ordinary.free();
            resized.free();
        }
    }
}

#[test]
fn an_empty_layout_is_a_block_of_its_own() {
    let heap = Heap::new().unwrap();
    let empty = Layout::from_size_align(0, 64).unwrap();
    let [first, second] = [heap.alloc(empty).unwrap(), heap.alloc_zeroed(empty).unwrap()];
    assert!(first != second && first.addr().get().is_multiple_of(64));
    for block in [first, second] {
        // SAFETY: allocated with this layout, and not used again.
        unsafe { heap.dealloc(block, empty) };
    }
}

#[test]
fn zeroed_blocks_are_zero_also_where_memory_was_used() {
    let heap = Heap::new().unwrap();
    for round in 0..4 {
        for size in SIZES {
            let layout = layout(size, 8);
            let blocks: Vec<_> =
                (0..4).map(|seed| Patterned::fill_new(zeroed(&heap, layout), layout, seed + round)).collect();
            blocks.into_iter().for_each(|block| give_back(&heap, block));
        }
    }
}

fn zeroed(heap: &Heap, layout: Layout) -> std::ptr::NonNull<u8> {
    let start = heap.alloc_zeroed(layout).unwrap();
    // SAFETY: allocated just now, initialised to zero.
    let bytes = unsafe { std::slice::from_raw_parts(start.as_ptr(), layout.size()) };
    assert!(bytes.iter().all(|byte| *byte == 0), "{layout:?}");
    start
}

#[test]
fn resizing_keeps_what_both_sizes_have() {
    let heap = Heap::new().unwrap();
    let mut random = Random::new(7);
    for align in [1, 16, 256, 8 * KIB] {
        let mut size = 1;
        let mut start = heap.alloc(layout(size, align)).unwrap();
        for _ in 0..60 {
            // SAFETY: a block of this size.
            unsafe { start.write_bytes(0xa5, size) };
            let new_size = SIZES[random.below(SIZES.len())] + random.below(100);
            // SAFETY: allocated with this layout; only the answer is used from now on.
            start = unsafe { heap.realloc(start, layout(size, align), new_size) }.unwrap();
            assert!(start.addr().get().is_multiple_of(align));
            // SAFETY: that many bytes of it were filled.
            let kept = unsafe { std::slice::from_raw_parts(start.as_ptr(), size.min(new_size)) };
            assert!(kept.iter().all(|byte| *byte == 0xa5), "{size} to {new_size}");
            size = new_size;
        }
        // SAFETY: allocated with this layout, and not used again.
        unsafe { heap.dealloc(start, layout(size, align)) };
    }
}

#[test]
fn what_is_too_much_is_none_and_changes_nothing() {
    let heap = Heap::new().unwrap();
    let too_much = Layout::from_size_align(isize::MAX as usize, 1).unwrap();
    assert_eq!((heap.alloc(too_much), heap.alloc_zeroed(too_much)), (None, None));
    let kept = block(&heap, layout(100, 8), 1);
    for size in [isize::MAX as usize, usize::MAX] {
        // SAFETY: allocated with this layout; nothing is answered.
        assert_eq!(unsafe { heap.realloc(kept.start(), layout(100, 8), size) }, None);
    }
    kept.free();
}

#[test]
fn what_lives_when_a_heap_is_dropped_stays_valid() {
    let mut random = Random::new(11);
    let mut survivors = Vec::new();
    for round in 0..50 {
        let heap = Heap::new().unwrap();
        let mut blocks: Vec<_> = (0..500).map(|seed| block(&heap, small(&mut random), seed)).collect();
        blocks.extend(SIZES.map(|size| block(&heap, layout(size, 8), round)));
        drop(heap);
        blocks.iter().for_each(Patterned::check);
        while blocks.len() > 20 {
            blocks.swap_remove(random.below(blocks.len())).free();
        }
        survivors.append(&mut blocks);
    }
    survivors.into_iter().for_each(Patterned::free);
}

#[test]
fn a_dropped_heap_whose_blocks_were_freed_leaves_no_pool_in_use() {
    alone("a_dropped_heap_whose_blocks_were_freed_leaves_no_pool_in_use", || {
        let (heap, mut random) = (Heap::new().unwrap(), Random::new(5));
        let mut blocks = Vec::with_capacity(5000);
        Strata::collect();
        let before = Strata::stats();
        blocks.extend((0..5000).map(|seed| block(&heap, small(&mut random), seed)));
        assert!(Strata::stats().used_pools > before.used_pools + 30);
        let (for_heap, for_thread) = (blocks.split_off(2500), blocks);
        for_heap.into_iter().for_each(|block| give_back(&heap, block));
        // Pools that the heap had filled become this thread's as it frees into them.
        for_thread.into_iter().for_each(Patterned::free);
        drop(heap);
        Strata::collect();
        let after = Strata::stats();
        assert_eq!(after.caches, before.caches - 1);
        assert!(after.used_pools <= before.used_pools, "{} > {}", after.used_pools, before.used_pools);
    });
}

/// Makes a heap, uses it, and drops it: the ways in which its blocks may be freed.
fn live_once(random: &mut Random, others: &SyncSender<Patterned>) {
    let heap = Heap::new().unwrap();
    for seed in 0..30 {
        let block = block(&heap, small(random), seed);
        match random.below(3) {
            0 => give_back(&heap, block),
            1 => block.free(),
            _ => others.send(block).unwrap(),
        }
    }
}

#[test]
fn heaps_that_come_and_go_take_no_memory() {
    alone("heaps_that_come_and_go_take_no_memory", || {
        // A bound, so that the other thread is never far behind, however busy the machine.
        let (sender, receiver) = sync_channel::<Patterned>(1000);
        let other = thread::spawn(move || receiver.into_iter().for_each(Patterned::free));
        let mut random = Random::new(1);
        let tenth = if is_slow() { 300 } else { 10_000 };
        let mut live = |heaps: usize| {
            (0..heaps).for_each(|_| live_once(&mut random, &sender));
            // What waits for its delay is not what heaps take: it goes.
            Strata::trim();
        };
        // The other thread's magazines become as deep as they may (flush.rs F1), not at once but for good.
        live(10 * tenth);
        let before = (resident_bytes(), Strata::stats());
        live(10 * tenth);
        let after = (resident_bytes(), Strata::stats());
        println!("  resident after {} heaps: {}, after {}: {}", 10 * tenth, before.0, 20 * tenth, after.0);
        // What the other thread has not freed yet comes and goes, and so do the pools that it keeps; a sanitizer's own memory is a
        // multiple of that. A pool for each heap would be 190 MiB and more.
        let comes_and_goes = if is_slow() { 96 * MIB } else { 24 * MIB };
        assert!(after.0 < before.0 + comes_and_goes, "{} grew to {}", before.0, after.0);
        assert_eq!(after.1.caches, before.1.caches);
        drop(sender);
        other.join().unwrap();
    });
}

#[test]
fn many_heaps_feed_threads_that_free() {
    let rounds = if is_slow() { 20 } else { 200 };
    let consumer =
        |receiver: Receiver<Vec<Patterned>>| move || receiver.into_iter().flatten().for_each(Patterned::free);
    thread::scope(|scope| {
        let senders = [(); 3].map(|()| {
            let (sender, receiver) = sync_channel(4);
            scope.spawn(consumer(receiver));
            sender
        });
        for producer in 0..2 {
            let senders = senders.clone();
            scope.spawn(move || {
                let mut random = Random::new(producer);
                let mut heaps: Vec<_> = (0..4).map(|_| Heap::new().unwrap()).collect();
                for round in 0..rounds {
                    let index = random.below(heaps.len());
                    let heap = &heaps[index];
                    let mut blocks: Vec<_> =
                        (0..200).map(|seed| block(heap, small(&mut random), seed)).collect();
                    blocks.drain(..50).for_each(|block| give_back(heap, block));
                    senders[random.below(senders.len())].send(blocks).unwrap();
                    match round % 10 {
                        0 => heaps[index] = Heap::new().unwrap(),
                        5 => heap.collect(),
                        _ => {}
                    }
                }
            });
        }
        drop(senders);
    });
}
