//! Which addresses may be those of sampled blocks: searched for each block that was freed while profiling is on.
//!
//! A word of 0 says that none of the addresses that lead to it is sampled, and nearly all say so. What else is in the words is the
//! listener's.
//!
//! Does not know: what a sample is.

use core::ptr::NonNull;
use strata_core::sync::{AtomicU64, Ordering::Relaxed};

/// Bits of a word's number.
const WORD_BITS: u32 = if cfg!(strata_loom) { 0 } else { 13 };
/// Words; in models, one, to which all addresses lead.
pub const WORD_COUNT: usize = 1 << WORD_BITS;

/// 64 KiB of words, of which the kernel has given what was touched. All-zero bytes are one that excludes all addresses.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Filter {
    words: [AtomicU64; WORD_COUNT],
}

/// The hash of an address, of whose bits a word's number takes the upper ones.
#[inline(always)]
pub fn hash(address: u64) -> u64 {
    // Fibonacci hashing (Knuth, vol. 3).
    address.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Filter {
    strata_core::const_unless_loom! {
        /// Excludes all addresses.
        pub fn new() -> Self {
            Self { words: strata_core::each_slot!(AtomicU64::new(0); WORD_COUNT) }
        }
    }

    /// The number of the word that an address leads to, below [`WORD_COUNT`].
    #[inline(always)]
    pub fn place(address: u64) -> usize {
        hash(address).unbounded_shr(u64::BITS - WORD_BITS) as usize
    }

    /// The word at a place that [`place`](Self::place) said.
    #[inline(always)]
    pub fn word(&self, place: usize) -> &AtomicU64 {
        // SAFETY: below the number of words, since the remainder is.
        unsafe { self.words.get_unchecked(place % WORD_COUNT) }
    }

    /// The word that a block's address leads to. 0: it is not sampled.
    #[inline(always)]
    pub(crate) fn word_of(&self, block: NonNull<u8>) -> u64 {
        // Relaxed: a thread that frees a sampled block sees what the sample wrote, since the program handed the block to it; any other
        // address does not concern the caller.
        self.word(Self::place(block.addr().get() as u64)).load(Relaxed)
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self::new()
    }
}
