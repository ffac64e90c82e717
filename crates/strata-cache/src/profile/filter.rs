//! Which addresses may be those of sampled blocks: asked for each block that was freed while profiling is on.
//!
//! ```text
//!   address ──hash──► place │ 0 0 1 0 0 0 2 0 … │   how many sampled blocks lead there
//! ```
//!
//! Nearly all say 0. It is small, so that it leaves most of the processor's first cache to the program: in 64 KiB, nearly each free missed it.
//!
//! F1  Counted by exchanges, before the program has the block and after it was found. So who frees a sampled block reads 1 or more: its own
//!     is among what it sees, and is not taken away before.
//!
//! Does not know: what a sample is. Model: `loom-tests/tests/p28_sampled.rs`. Idea: counting filters (Fan et al. 2000).

use core::ptr::NonNull;
use strata_core::sync::mutation::FILTER_EXCHANGES;
use strata_core::sync::{AtomicU8, Ordering::Relaxed};

/// Bits of a place's number.
const PLACE_BITS: u32 = if cfg!(strata_loom) { 0 } else { 13 };
/// Places; in models, one, to which all addresses lead.
const PLACE_COUNT: usize = 1 << PLACE_BITS;

/// All-zero bytes are a filter that excludes all addresses.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Filter {
    counts: [AtomicU8; PLACE_COUNT],
}

/// The hash of an address, of whose bits the upper ones count.
#[inline(always)]
pub fn hash(address: u64) -> u64 {
    // Fibonacci hashing (Knuth, vol. 3).
    address.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Filter {
    strata_core::const_unless_loom! {
        /// Excludes all addresses.
        pub fn new() -> Self {
            Self { counts: strata_core::each_slot!(AtomicU8::new(0); PLACE_COUNT) }
        }
    }

    #[inline(always)]
    fn count(&self, address: u64) -> &AtomicU8 {
        let place = hash(address).unbounded_shr(u64::BITS - PLACE_BITS) as usize;
        // SAFETY: below the number of places, since the remainder is.
        unsafe { self.counts.get_unchecked(place % PLACE_COUNT) }
    }

    /// A block is sampled, which the program does not have yet. At most 255 lead to a place: the holder of the filter sees to it.
    pub fn add(&self, address: u64) {
        let count = self.count(address);
        // Relaxed, here and below: F1.
        if FILTER_EXCHANGES {
            count.fetch_add(1, Relaxed);
        } else {
            count.store(count.load(Relaxed) + 1, Relaxed);
        }
    }

    /// A sampled block was freed, and found.
    pub fn remove(&self, address: u64) {
        self.count(address).fetch_sub(1, Relaxed);
    }

    /// Sampled blocks that lead to where a block's address does. 0: it is not sampled.
    #[inline(always)]
    pub fn marks(&self, block: NonNull<u8>) -> u8 {
        self.count(block.addr().get() as u64).load(Relaxed)
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self::new()
    }
}
