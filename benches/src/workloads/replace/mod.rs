//! `replace_…`: blocks that die at random, as in a cache, a table of connections, a map: one of a table's is replaced by a new one.
//!
//! Each thread has a table of its own and does the same amount, so that two threads on two free cores take as long as one. The
//! dice cost a multiplication, and of a block only the first word or byte is written: what is left is the allocator's.
//!
//! | workload              | blocks in the table | of                                      |
//! |-----------------------|---------------------|-----------------------------------------|
//! | `replace_boxes_1k`    | 1,000               | one size: half the time 32, half 64 bytes |
//! | `replace_boxes_4k`    | 4,000               | the same                                |
//! | `replace_boxes_100k`  | 100,000             | the same                                |
//! | `replace_small`       | 20,000              | 8 to 600 bytes, uniform                 |
//! | `replace_mixed`       | 3,000               | 16 bytes to 64 KiB, uniform in the logarithm |
//! | `replace_aligned`     | 700                 | 16 bytes to 2 KiB, aligned to 16 to 4,096 |

mod aligned;

use std::mem;

use self::aligned::Aligned;
use super::{Job, Kind, Outcome, Settings, Threads, Workload, together};
use crate::data::Dice;

pub(super) const BOXES_1K: Workload = Workload {
    name: "replace_boxes_1k",
    stands_for: "threads that replace one of 1,000 boxes at random, 32 and 64 bytes",
    prepare: |settings| prepare(settings, BOXES, |dice, count| boxes(dice, 1_000, count)),
    ..SCALING
};

pub(super) const BOXES_4K: Workload = Workload {
    name: "replace_boxes_4k",
    stands_for: "threads that replace one of 4,000 boxes at random, 32 and 64 bytes",
    prepare: |settings| prepare(settings, BOXES, |dice, count| boxes(dice, 4_000, count)),
    ..SCALING
};

pub(super) const BOXES_100K: Workload = Workload {
    name: "replace_boxes_100k",
    stands_for: "threads that replace one of 100,000 boxes at random, 32 and 64 bytes",
    prepare: |settings| prepare(settings, BOXES / 2, |dice, count| boxes(dice, 100_000, count)),
    ..SCALING
};

pub(super) const SMALL: Workload = Workload {
    name: "replace_small",
    stands_for: "threads that replace one of 20,000 buffers at random, 8 to 600 bytes",
    prepare: |settings| {
        prepare(settings, 20_000_000, |dice, count| buffers(dice, 20_000, count, |dice| 8 + dice.roll(593)))
    },
    ..SCALING
};

pub(super) const MIXED: Workload = Workload {
    name: "replace_mixed",
    stands_for: "threads that replace one of 3,000 buffers at random, 16 B to 64 KiB",
    prepare: |settings| {
        prepare(settings, 8_000_000, |dice, count| buffers(dice, 3_000, count, |dice| dice.size(16, 12)))
    },
    ..SCALING
};

pub(super) const ALIGNED: Workload = Workload {
    name: "replace_aligned",
    stands_for: "one thread that replaces one of 700 blocks at random, aligned to 16 to 4,096 bytes",
    kind: Kind::Micro,
    threads: Threads::One,
    prepare: |settings| {
        let count = settings.count(15_000_000);
        Box::new(move || {
            let sum = replace(Dice::new(0), 700, count, Aligned::random, |block| block.first().into());
            Outcome::new(sum, count)
        })
    },
};

const SCALING: Workload = Workload {
    name: "",
    stands_for: "",
    kind: Kind::Scaling,
    threads: Threads::Many,
    prepare: |_| unreachable!("each workload has its own"),
};

/// Replaced by each thread, both sizes together.
const BOXES: usize = 40_000_000;

/// `work` on each thread, with dice of its own; it is told how many blocks to replace.
fn prepare(settings: &Settings, full: usize, work: fn(Dice, usize) -> u64) -> Job {
    let (threads, count) = (settings.threads, settings.count(full));
    Box::new(move || {
        let (sums, wall) = together::run(threads, |number| work(Dice::new(number as u64), count));
        let sum = sums.iter().fold(0_u64, |sum, part| sum.wrapping_add(*part));
        Outcome { wall: Some(wall), ..Outcome::new(sum, threads * count) }
    })
}

fn boxes(dice: Dice, slots: usize, count: usize) -> u64 {
    let half = count / 2;
    let small = boxes_of::<4>(dice.clone(), slots, half);
    small.wrapping_add(boxes_of::<8>(dice, slots, count - half))
}

fn boxes_of<const WORDS: usize>(dice: Dice, slots: usize, count: usize) -> u64 {
    replace(dice, slots, count, |dice| Box::new([dice.roll(1 << 16) as u64; WORDS]), |block| block[0])
}

fn buffers(dice: Dice, slots: usize, count: usize, bytes: fn(&mut Dice) -> usize) -> u64 {
    let make = |dice: &mut Dice| {
        let bytes = bytes(dice);
        let mut buffer: Vec<u8> = Vec::with_capacity(bytes);
        buffer.push(bytes as u8);
        buffer
    };
    replace(dice, slots, count, make, |buffer| buffer[0].into())
}

/// Fills a table, then replaces one of its blocks `count` times; the sum of what `read` saw in those that died.
fn replace<T>(
    mut dice: Dice,
    slots: usize,
    count: usize,
    make: impl Fn(&mut Dice) -> T,
    read: impl Fn(&T) -> u64,
) -> u64 {
    let mut table: Vec<T> = (0..slots).map(|_| make(&mut dice)).collect();
    let mut sum = 0_u64;
    for _ in 0..count {
        let block = make(&mut dice);
        let died = mem::replace(&mut table[dice.roll(slots)], block);
        sum = sum.wrapping_add(read(&died));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_die_with_what_they_were_made_with() {
        let sum = replace(Dice::new(3), 1, 4, |_| Box::new(1_u64), |block| **block);
        assert_eq!(sum, 4);
        assert_ne!(boxes(Dice::new(1), 10, 100), boxes(Dice::new(2), 10, 100));
    }

    #[test]
    fn each_thread_does_the_same_amount() {
        for threads in [1, 2, 3] {
            let settings = Settings { scale: 0.000_1, threads, usable_size: None };
            assert_eq!((BOXES_1K.prepare)(&settings)().operations, threads as u64 * 4_000);
        }
    }
}
