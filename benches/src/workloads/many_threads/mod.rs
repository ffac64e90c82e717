//! What many threads hold: threads that sleep most of the time, with what they have and what their allocator keeps for them.
//!
//! | workload           | threads | what they do                                                          |
//! |--------------------|---------|-----------------------------------------------------------------------|
//! | `sleeping_threads` | 1,000   | churn, then sleep with 100 live blocks each                           |
//! | `turns_of_64`      | 64      | one request a second each, as in a pool                               |
//! | `sizes_once`       | 250     | take one block of each of 200 sizes, free them all, then sleep        |
//! | `rounds_of_400`    | 400     | live at once with a little of everything; six generations             |
//! | `events_of_50`     | 50      | send each other events as fast as they can (a work of its own)        |
//!
//! Resident memory is the whole process's, stacks included: what an operator sees.

mod events;
mod rounds;
mod sizes_once;
mod sleeping;
mod stage;
mod turns;

use crate::data::Dice;

pub(super) use events::WORKLOAD as EVENTS;
pub(super) use rounds::WORKLOAD as ROUNDS;
pub(super) use sizes_once::WORKLOAD as SIZES_ONCE;
pub(super) use sleeping::WORKLOAD as SLEEPING;
pub(super) use turns::WORKLOAD as TURNS;

/// A block of 16 bytes to 8 KiB, all of it written: 1,360 bytes on average.
fn block(dice: &mut Dice) -> Vec<u8> {
    written(dice.size(16, 9))
}

fn written(bytes: usize) -> Vec<u8> {
    vec![bytes as u8; bytes]
}

fn held(blocks: &[Vec<u8>]) -> usize {
    blocks.iter().map(Vec::len).sum()
}
