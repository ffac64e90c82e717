//! What huge blocks leave serves huge blocks of other sizes: no more is taken from the system than once.

#[allow(dead_code, reason = "each test file uses its part")]
mod patterned;
#[allow(dead_code, reason = "each test file uses its part")]
mod process;
#[allow(dead_code, reason = "each test file uses its part")]
mod random;

use patterned::{Patterned, layout};
use process::{MIB, alone};
use random::Random;
use std::collections::VecDeque;
use std::hint::black_box;
use std::thread::scope;
use stratalloc::{Options, Strata};

#[global_allocator]
static GLOBAL: Strata = Strata;

/// Runs `body` in a process that gives nothing back because of time, and has no huge pages.
fn undisturbed(name: &str, body: impl FnOnce()) {
    alone(name, || {
        Options::new().purge_delay(None).impose();
        Strata::set_option("huge_pages", "never").unwrap();
        body();
    });
}

fn new(size: usize, seed: u64) -> Patterned {
    Patterned::new(layout(size, 8), seed).unwrap()
}

/// Bytes that page faults brought since the process began.
fn faulted_bytes() -> usize {
    // SAFETY: all numbers.
    let mut usage = unsafe { std::mem::zeroed::<libc::rusage>() };
    // SAFETY: writes the value that it is given.
    assert_eq!(unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) }, 0);
    usage.ru_minflt as usize * strata_os::machine::page_size()
}

/// Bytes that wait for reuse.
fn kept_bytes() -> usize {
    Strata::stats().huge_kept_bytes as usize
}

/// Bytes of huge blocks that live or wait.
fn huge_bytes() -> usize {
    let stats = Strata::stats();
    (stats.huge_bytes + stats.huge_kept_bytes) as usize
}

#[test]
#[cfg_attr(strata_tsan, ignore = "the sanitizer has page faults of its own")]
fn blocks_of_many_sizes_that_come_and_go_take_little_more_than_they_need_together() {
    const ALIVE: usize = 6;
    undisturbed("blocks_of_many_sizes_that_come_and_go_take_little_more_than_they_need_together", || {
        let mut random = Random::new(7);
        let mut alive: Vec<Option<Patterned>> = (0..ALIVE).map(|_| None).collect();
        let (before, mut turned_over, mut most) = (faulted_bytes(), 0, 0);
        for step in 0..200 {
            let (place, size) = (random.below(ALIVE), random.between(5 * MIB, 25 * MIB));
            if let Some(block) = alive[place].take() {
                block.free();
            }
            alive[place] = Some(new(size, step));
            turned_over += size;
            most = most.max(huge_bytes());
        }
        let faulted = faulted_bytes() - before;
        println!(
            "  {} MiB turned over, {} faulted in, at most {} held",
            turned_over / MIB,
            faulted / MIB,
            most / MIB
        );
        assert!(faulted < turned_over / 4, "{faulted} of {turned_over}");
        assert!(most < ALIVE * 25 * MIB * 5 / 4 + 8 * MIB, "{most}");
        alive.into_iter().flatten().for_each(Patterned::free);
    });
}

#[test]
#[cfg_attr(strata_tsan, ignore = "the sanitizer has page faults of its own")]
fn a_queue_of_equal_blocks_is_faulted_in_once() {
    undisturbed("a_queue_of_equal_blocks_is_faulted_in_once", || {
        let mut queue: VecDeque<_> = (0..10).map(|seed| new(3 * MIB, seed)).collect();
        queue.pop_front().unwrap().free();
        let before = faulted_bytes();
        for seed in 0..100 {
            queue.push_back(new(3 * MIB, seed));
            queue.pop_front().unwrap().free();
        }
        assert!(faulted_bytes() - before < 6 * MIB);
        queue.into_iter().for_each(Patterned::free);
    });
}

#[test]
#[cfg_attr(strata_tsan, ignore = "the sanitizer has page faults of its own")]
fn one_large_block_serves_several_small_ones_and_is_one_again() {
    undisturbed("one_large_block_serves_several_small_ones_and_is_one_again", || {
        new(60 * MIB, 1).free();
        let before = faulted_bytes();
        for _ in 0..3 {
            let parts: Vec<_> = (0..7).map(|seed| new(7 * MIB, seed)).collect();
            parts.into_iter().rev().for_each(Patterned::free);
            new(60 * MIB, 2).free();
        }
        assert!(faulted_bytes() - before < 2 * MIB);
    });
}

#[test]
#[cfg_attr(strata_tsan, ignore = "the sanitizer has page faults of its own")]
fn a_block_grows_over_what_was_cut_off_it() {
    undisturbed("a_block_grows_over_what_was_cut_off_it", || {
        new(64 * MIB, 1).free();
        let before = faulted_bytes();
        let mut block = new(4 * MIB, 2);
        let address = block.address();
        for mib in [8, 16, 32, 60] {
            assert!(block.resize(mib * MIB, 3));
            assert_eq!(block.address(), address);
        }
        assert!(faulted_bytes() - before < 2 * MIB);
        block.free();
    });
}

#[test]
#[cfg_attr(strata_tsan, ignore = "the sanitizer has page faults of its own")]
fn what_is_kept_beside_new_blocks_does_not_make_the_program_larger() {
    undisturbed("what_is_kept_beside_new_blocks_does_not_make_the_program_larger", || {
        new(40 * MIB, 1).free();
        assert!(huge_bytes() >= 40 * MIB);
        // What is aligned to more than a page is always fresh.
        let aligned = Patterned::new(layout(40 * MIB, 8192), 2).unwrap();
        assert!(huge_bytes() <= 59 * MIB, "{}", huge_bytes() / MIB);
        aligned.free();
    });
}

#[test]
#[cfg_attr(strata_tsan, ignore = "the sanitizer has page faults of its own")]
fn zeroed_blocks_that_are_filled_and_freed_again_and_again_are_taken_once() {
    undisturbed("zeroed_blocks_that_are_filled_and_freed_again_and_again_are_taken_once", || {
        let before = faulted_bytes();
        for seed in 0..20 {
            Patterned::zeroed(layout(8 * MIB, 8), seed).unwrap().free();
        }
        // Fresh each time, 160 MiB would be read and then written: two faults a page.
        assert!(faulted_bytes() - before <= 64 * MIB, "{}", (faulted_bytes() - before) / MIB);
    });
}

#[test]
fn threads_that_share_what_they_leave_keep_their_contents() {
    const ROUNDS: u64 = 100;
    scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                let mut random = Random::new(thread);
                let mut block = new(3 * MIB, thread);
                for round in 0..ROUNDS {
                    match random.below(3) {
                        0 => assert!(block.resize(random.between(3 * MIB, 9 * MIB), round)),
                        _ => {
                            let next = new(random.between(3 * MIB, 9 * MIB), round);
                            std::mem::replace(&mut block, next).free();
                        }
                    }
                }
                block.free();
            });
        }
    });
}

#[test]
#[cfg_attr(strata_tsan, ignore = "the sanitizer has page faults of its own")]
fn a_large_block_that_is_freed_once_leaves_little_and_one_that_comes_back_is_kept() {
    const BYTES: usize = 400 * MIB;
    const TEST: &str = "a_large_block_that_is_freed_once_leaves_little_and_one_that_comes_back_is_kept";
    undisturbed(TEST, || {
        Options::new().huge_keep_bytes(u64::MAX).impose();
        let touched = new(BYTES, 1);
        touched.free();
        assert!(kept_bytes() <= 64 * MIB, "{} MiB", kept_bytes() / MIB);
        // Untouched, so that it takes a fraction of the quarter of a second for which a request is remembered.
        for _ in 0..3 {
            drop(black_box(Vec::<u8>::with_capacity(BYTES)));
        }
        assert!(kept_bytes() >= BYTES, "{} MiB", kept_bytes() / MIB);
    });
}
