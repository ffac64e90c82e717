//! Every kind of operation once, on every kind of block: what must work at any moment of a thread's and a program's life.

use crate::patterned::{Patterned, layout};

/// From one granule to a mapping of its own.
pub(crate) const SIZES: [usize; 8] = [1, 40, 500, 3000, 20_000, 32 << 10, 200 << 10, 3 << 20];

/// Allocates, gets zeroed memory, resizes and frees, everything checked; `seed` makes the patterns its own.
pub(crate) fn churn(seed: u64) {
    for size in SIZES {
        let mut first = Patterned::new(layout(size, 8), seed).unwrap();
        let second = Patterned::zeroed(layout(size, 64), seed + 1).unwrap();
        assert!(first.resize(size + size / 2 + 1, seed + 2));
        second.free();
        assert!(first.resize(size.div_ceil(3), seed + 3));
        first.free();
    }
}
