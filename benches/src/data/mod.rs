//! Where the workloads' input comes from: fixed seeds, so that every allocator gets the same bytes.

mod dice;
mod words;

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

pub use dice::Dice;
pub use words::Words;

/// Random numbers that are the same in every process and on every machine.
#[must_use]
pub fn random(seed: u64) -> Pcg64Mcg {
    Pcg64Mcg::seed_from_u64(seed)
}
