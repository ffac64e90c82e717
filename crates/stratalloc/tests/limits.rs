//! Where memory ends: null is returned, what lived still lives, and what is freed can be had again.
//!
//! Limits are a process's, so each test that sets one runs in a child.

#[allow(dead_code, reason = "each test file uses its part")]
mod patterned;
#[allow(dead_code, reason = "each test file uses its part")]
mod process;

use patterned::{Patterned, layout};
use process::{
    KIB, MIB, address_space_bytes, alone, child_for, expect_success, is_slow, limit, status_bytes,
};
use std::alloc::{Layout, alloc, alloc_zeroed};
use std::hint::black_box;
use std::os::unix::process::CommandExt;
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

/// Block sizes by the ways in which they are found: two classes, two lengths of runs, two mappings.
const SIZES: [usize; 6] = [2000, 20_000, 100 * KIB, MIB, 3 * MIB, 20 * MIB];

/// Allocates blocks of `size` until one is refused; `blocks` has room, so that nothing else needs memory.
fn exhaust(size: usize, blocks: &mut Vec<Patterned>) {
    while let Some(block) = Patterned::new(layout(size, 8), blocks.len() as u64) {
        assert!(blocks.len() < blocks.capacity(), "nothing was refused");
        blocks.push(block);
    }
}

/// Meets the limit, frees half of what there is, and gets as much again.
fn meet_the_limit(size: usize, blocks: &mut Vec<Patterned>) {
    exhaust(size, blocks);
    assert!(Patterned::zeroed(layout(64 * MIB, 8), 0).is_none_or(|block| {
        block.free();
        size > 20 * MIB
    }));
    blocks.iter().for_each(Patterned::check);
    let half = blocks.len() / 2;
    blocks.drain(half..).for_each(Patterned::free);
    for index in half..2 * half {
        blocks.push(Patterned::new(layout(size, 8), index as u64).expect("what was freed can be had again"));
    }
    blocks.drain(..).for_each(Patterned::free);
}

fn climb(resource: libc::__rlimit_resource_t, in_use: &str) {
    let mut blocks = Vec::with_capacity(400_000);
    let rungs: &[usize] = if is_slow() { &[5 * MIB] } else { &[0, 5 * MIB, 70 * MIB, 300 * MIB] };
    for size in SIZES {
        for more in rungs {
            limit(resource, Some(status_bytes(in_use) + more));
            meet_the_limit(size, &mut blocks);
            limit(resource, None);
            Patterned::new(layout(size, 8), 0).unwrap().free();
        }
    }
}

#[test]
#[cfg_attr(
    strata_tsan,
    ignore = "the sanitizer takes memory at run time, and ends the process where the limit refuses it"
)]
fn a_limit_on_addresses_is_met_with_null_and_recovered_from() {
    alone("a_limit_on_addresses_is_met_with_null_and_recovered_from", || climb(libc::RLIMIT_AS, "VmSize:"));
}

#[test]
#[cfg_attr(
    strata_tsan,
    ignore = "the sanitizer takes memory at run time, and ends the process where the limit refuses it"
)]
fn a_limit_on_data_like_strict_overcommit_is_met_with_null_and_recovered_from() {
    alone("a_limit_on_data_like_strict_overcommit_is_met_with_null_and_recovered_from", || {
        climb(libc::RLIMIT_DATA, "VmData:");
    });
}

#[test]
#[cfg_attr(
    strata_tsan,
    ignore = "the sanitizer takes memory at run time, and ends the process where the limit refuses it"
)]
fn a_resize_at_the_limit_leaves_the_block_as_it_was() {
    alone("a_resize_at_the_limit_leaves_the_block_as_it_was", || {
        let mut blocks: Vec<_> = [10, 3000, 30_000, 500 * KIB, 5 * MIB]
            .map(|size| Patterned::new(layout(size, 8), 1).unwrap())
            .into();
        let mut filler = Vec::with_capacity(400_000);
        limit(libc::RLIMIT_AS, Some(address_space_bytes() + 16 * MIB));
        [64 * KIB, 2000].into_iter().for_each(|size| exhaust(size, &mut filler));
        for block in &mut blocks {
            let old = block.layout();
            assert!(!block.resize(400 * MIB, 2));
            assert_eq!(block.layout(), old);
            assert!(block.resize(old.size() - old.size() / 8, 3), "a smaller size needs no memory");
        }
        filler.drain(..).for_each(Patterned::free);
        limit(libc::RLIMIT_AS, None);
        for mut block in blocks {
            assert!(block.resize(100 * MIB, 4));
            block.free();
        }
    });
}

#[test]
#[cfg_attr(
    strata_tsan,
    ignore = "the sanitizer takes memory at run time, and ends the process where the limit refuses it"
)]
fn threads_that_meet_the_limit_together_get_null_and_recover() {
    alone("threads_that_meet_the_limit_together_get_null_and_recover", || {
        let stores: [Vec<Patterned>; 4] = std::array::from_fn(|_| Vec::with_capacity(400_000));
        let start = &std::sync::Barrier::new(5);
        std::thread::scope(|scope| {
            for (index, mut blocks) in stores.into_iter().enumerate() {
                scope.spawn(move || {
                    start.wait();
                    for size in SIZES.into_iter().cycle().skip(index).take(8) {
                        exhaust(size, &mut blocks);
                        blocks.drain(..).for_each(Patterned::free);
                    }
                    start.wait();
                    std::mem::forget(blocks);
                });
            }
            limit(libc::RLIMIT_AS, Some(address_space_bytes() + 50 * MIB));
            start.wait();
            start.wait();
            limit(libc::RLIMIT_AS, None);
        });
        SIZES.into_iter().for_each(|size| Patterned::new(layout(size, 8), 0).unwrap().free());
    });
}

/// Runs the test in a child that has `bytes` of address space from its first instruction on.
fn cramped(name: &str, bytes: usize, body: impl FnOnce()) {
    if std::env::var_os("STRATA_TEST_CHILD").is_some() {
        return alone(name, body);
    }
    let mut command = child_for(name);
    let cramp = move || {
        let limit = libc::rlimit { rlim_cur: bytes as u64, rlim_max: bytes as u64 };
        // SAFETY: reads the value that it is given.
        let done = unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
        if done == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
    };
    // SAFETY: one system call between fork and exec.
    unsafe { command.pre_exec(cramp) };
    expect_success(command.spawn().unwrap());
}

const THREADS: usize = 1000;

/// Takes blocks of many sizes, all threads at the same moment; how many were refused.
fn rush(start: &std::sync::Barrier) -> usize {
    let mut blocks = Vec::with_capacity(400);
    start.wait();
    let sizes = (0..400).map(|index| 16 + index * 37 % 4000);
    blocks.extend(sizes.map(|size| Patterned::new(layout(size, 8), size as u64)));
    let refused = blocks.iter().filter(|block| block.is_none()).count();
    start.wait();
    blocks.into_iter().flatten().for_each(Patterned::free);
    refused
}

fn reserved_beyond_twice_what_is_committed() -> usize {
    let stats = Strata::stats();
    stats.reserved_bytes.saturating_sub(2 * stats.committed_bytes) as usize
}

#[test]
#[cfg_attr(
    strata_tsan,
    ignore = "the sanitizer takes memory at run time, and ends the process where the limit refuses it"
)]
fn a_thousand_threads_that_start_at_once_are_refused_nothing_that_is_there() {
    alone("a_thousand_threads_that_start_at_once_are_refused_nothing_that_is_there", || {
        let threads = if is_slow() { THREADS / 10 } else { THREADS };
        limit(libc::RLIMIT_AS, Some(8 << 30));
        let start = &std::sync::Barrier::new(threads);
        let refused: usize = std::thread::scope(|scope| {
            let small = || std::thread::Builder::new().stack_size(64 * KIB);
            let rush = |_| small().spawn_scoped(scope, || rush(start)).unwrap();
            let threads: Vec<_> = (0..threads).map(rush).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(refused, 0);
        assert!(reserved_beyond_twice_what_is_committed() <= 512 * MIB);
    });
}

/// Bytes of blocks of `size` that can be had, all of which are given back.
fn obtainable(size: usize, blocks: &mut Vec<Patterned>) -> usize {
    exhaust(size, blocks);
    let bytes = blocks.iter().map(Patterned::size).sum();
    blocks.iter().for_each(Patterned::check);
    blocks.drain(..).for_each(Patterned::free);
    bytes
}

/// Under a limit that leaves `room`, blocks of each kind can be had after those of each other.
fn turn_from_kind_to_kind(resource: libc::__rlimit_resource_t, in_use: &str) {
    let mut blocks = Vec::with_capacity(400_000);
    let room = if is_slow() { 110 * MIB } else { 400 * MIB };
    limit(resource, Some(status_bytes(in_use) + room));
    let least = |size| if size == MIB { room / 100 * 70 } else { room / 100 * 88 };
    for size in [2000, 20 * MIB, 20_000, 3 * MIB, 2000, 20 * MIB, MIB, 9 * MIB] {
        let bytes = obtainable(size, &mut blocks);
        assert!(bytes >= least(size), "{} MiB in blocks of {size} bytes", bytes / MIB);
    }
    limit(resource, None);
}

#[test]
fn under_a_limit_on_addresses_one_kind_of_blocks_makes_room_for_the_next() {
    alone("under_a_limit_on_addresses_one_kind_of_blocks_makes_room_for_the_next", || {
        turn_from_kind_to_kind(libc::RLIMIT_AS, "VmSize:");
    });
}

#[test]
fn under_a_limit_on_data_one_kind_of_blocks_makes_room_for_the_next() {
    alone("under_a_limit_on_data_one_kind_of_blocks_makes_room_for_the_next", || {
        turn_from_kind_to_kind(libc::RLIMIT_DATA, "VmData:");
    });
}

#[test]
fn what_is_trimmed_is_there_for_mappings_of_the_programs_own() {
    alone("what_is_trimmed_is_there_for_mappings_of_the_programs_own", || {
        let mut blocks = Vec::with_capacity(400_000);
        let before = address_space_bytes();
        (0..100_000).for_each(|seed| blocks.extend(Patterned::new(layout(1000, 8), seed)));
        blocks.drain(..).for_each(Patterned::free);
        Strata::trim();
        assert!(address_space_bytes() < before + 16 * MIB);
        let again: Vec<_> = (0..100_000).map(|seed| Patterned::new(layout(1000, 8), seed).unwrap()).collect();
        again.into_iter().for_each(Patterned::free);
    });
}

#[test]
#[cfg_attr(
    strata_tsan,
    ignore = "the sanitizer takes memory at run time, and ends the process where the limit refuses it"
)]
fn most_of_a_small_limit_can_be_had_in_large_pieces() {
    cramped("most_of_a_small_limit_can_be_had_in_large_pieces", 300 * MIB, || {
        let mut blocks = Vec::with_capacity(100_000);
        for size in [90 * MIB, 9000 * KIB, 5 * MIB] {
            let bytes = obtainable(size, &mut blocks);
            assert!(bytes >= 250 * MIB, "{} MiB in blocks of {size} bytes", bytes / MIB);
        }
    });
}

#[test]
#[cfg_attr(strata_tsan, ignore = "the sanitizer needs terabytes of addresses from the start")]
fn small_blocks_are_there_where_a_whole_segment_is_not() {
    cramped("small_blocks_are_there_where_a_whole_segment_is_not", 96 * MIB, || {
        let mut blocks = Vec::with_capacity(100_000);
        exhaust(1000, &mut blocks);
        let bytes: usize = blocks.iter().map(Patterned::size).sum();
        assert!(bytes > 48 * MIB, "only {bytes} bytes of 96 MiB could be had");
        blocks.iter().for_each(Patterned::check);
        blocks.drain(..).for_each(Patterned::free);
        Patterned::new(layout(100 * KIB, 8), 0).unwrap().free();
    });
}

#[test]
#[cfg_attr(strata_tsan, ignore = "the sanitizer needs terabytes of addresses from the start")]
fn a_huge_block_is_there_where_a_whole_segment_is_not() {
    cramped("a_huge_block_is_there_where_a_whole_segment_is_not", 160 * MIB, || {
        let block = Patterned::new(layout(40 * MIB, 8), 0).unwrap();
        let small = Patterned::new(layout(100, 8), 0).unwrap();
        block.free();
        small.free();
    });
}

#[test]
fn what_can_never_be_had_costs_nothing_that_lies_free() {
    alone("what_can_never_be_had_costs_nothing_that_lies_free", || {
        stratalloc::Options::new().purge_delay(None).impose();
        let small: Vec<_> = (0..32_000).map(|seed| Patterned::new(layout(1000, 8), seed).unwrap()).collect();
        small.into_iter().for_each(Patterned::free);
        let mut huge = Patterned::new(layout(5 * MIB, 8), 1).unwrap();
        let lie_free = || Strata::stats().dirty_pools;
        let before = lie_free();
        assert!(before > 300, "{before}");
        let refuse = |size| {
            assert!(Patterned::new(layout(size, 8), 0).is_none());
            assert!(Patterned::zeroed(layout(size, 8), 0).is_none());
        };
        [1 << 46, 1 << 48, 1 << 60, isize::MAX as usize - 15].into_iter().for_each(refuse);
        assert!(!huge.resize(1 << 46, 1));
        limit(libc::RLIMIT_AS, Some(address_space_bytes() + 16 * MIB));
        refuse(address_space_bytes() + 32 * MIB);
        limit(libc::RLIMIT_AS, None);
        assert!(lie_free() >= before);
        huge.free();
    });
}

#[test]
#[cfg_attr(
    strata_tsan,
    ignore = "the sanitizer takes memory at run time, and ends the process where the limit refuses it"
)]
fn an_alignment_takes_nothing_of_a_limit_on_data() {
    alone("an_alignment_takes_nothing_of_a_limit_on_data", || {
        limit(libc::RLIMIT_DATA, Some(status_bytes("VmData:") + 32 * MIB));
        for align in [64 * KIB, 4 * MIB, 64 * MIB, 512 * MIB] {
            Patterned::new(layout(24 * MIB, align), 0).expect("less than the limit").free();
        }
        limit(libc::RLIMIT_DATA, None);
    });
}

#[test]
fn the_largest_layouts_are_refused() {
    for shift in 0..=26 {
        let align = 1_usize << shift;
        let size = (isize::MAX as usize + 1) - align;
        for size in [size, size / 2 + 1, 1 << 48] {
            let largest = Layout::from_size_align(size, align).unwrap();
            // SAFETY: the size is not zero.
            assert!(black_box(unsafe { alloc(largest) }).is_null(), "{largest:?}");
            // SAFETY: the size is not zero.
            assert!(black_box(unsafe { alloc_zeroed(largest) }).is_null(), "{largest:?}");
        }
    }
}

#[test]
fn a_resize_to_the_largest_size_is_refused_and_leaves_the_block() {
    for size in SIZES {
        let mut block = Patterned::new(layout(size, 16), 0).unwrap();
        for largest in [isize::MAX as usize - 15, isize::MAX as usize / 2, 1 << 48] {
            assert!(!block.resize(largest, 1));
        }
        block.free();
    }
}

#[test]
fn every_alignment_up_to_64_mib_is_kept() {
    for shift in 0..=26 {
        let align = 1_usize << shift;
        let around = [align - 1, align, align + 1].into_iter().filter(|size| (1..=8 * MIB).contains(size));
        for size in [1, 100, 40_000, 3 * MIB].into_iter().chain(around) {
            let mut blocks: Vec<_> =
                (0..4).map(|seed| Patterned::new(layout(size, align), seed).unwrap()).collect();
            let zeroed = Patterned::zeroed(layout(size, align), 4).unwrap();
            // The new size is checked for its alignment too.
            assert!(blocks[0].resize(size + size / 2 + 1, 5));
            assert!(blocks[1].resize(size.div_ceil(2), 6));
            zeroed.free();
            blocks.into_iter().for_each(Patterned::free);
        }
    }
}
