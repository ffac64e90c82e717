//! Rounds of the same work, one for each line of input, with the nanoseconds that it took: to measure what others do to it.

use std::hint::black_box;
use std::io::{BufRead, Write};
use std::time::Instant;

use crate::Form;

/// Some 250 MiB of blocks, one of which is replaced at a time.
const BLOCKS: usize = 250_000;
/// Replacements in a round: a tenth of a second of them, or more.
const REPLACED: u64 = 600_000;

fn block(number: u64) -> Vec<u8> {
    vec![number as u8; 16 + (number >> 40) as usize % 2000]
}

/// Numbers that look random (xorshift, Marsaglia 2003).
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

pub(super) fn play(_: Form) {
    let mut state = 0x9e37_79b9_7f4a_7c15;
    let mut table: Vec<Vec<u8>> = (0..BLOCKS).map(|_| block(next(&mut state))).collect();
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "ready");
    for line in std::io::stdin().lock().lines() {
        if line.is_err() {
            return;
        }
        let start = Instant::now();
        for _ in 0..REPLACED {
            let number = next(&mut state);
            if let Some(place) = table.get_mut(number as usize % BLOCKS) {
                *place = block(number);
            }
        }
        black_box(&table);
        let _ = writeln!(out, "{}", start.elapsed().as_nanos());
    }
}
