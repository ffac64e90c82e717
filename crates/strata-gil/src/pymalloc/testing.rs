//! Builders for this folder's tests: memory for pools, requests, and random numbers that repeat.

use super::heap::Heap;
use super::parameters::{Parameters, Sizes};
use super::pool::PoolRef;
use core::marker::PhantomData;
use core::ptr::NonNull;
use std::boxed::Box;
use strata_os::memory;

/// An aligned stretch of memory for pools without an arena. Leaked.
pub(crate) struct PoolMemory<P> {
    start: NonNull<u8>,
    set: PhantomData<P>,
}

impl<P: Parameters> PoolMemory<P> {
    /// Founds `count` pools, of the arena objects number 0, 1, ….
    pub(crate) fn new(count: usize) -> Self {
        let start = memory::map(count * P::POOL_BYTES, P::POOL_BYTES).unwrap();
        let memory = Self { start, set: PhantomData };
        (0..count).for_each(|i| memory.found(i));
        memory
    }

    pub(crate) fn pool(&self, i: usize) -> PoolRef {
        // SAFETY: `new` founded it; never unmapped.
        unsafe { PoolRef::at(self.place(i).cast()) }
    }

    fn found(&self, i: usize) {
        // SAFETY: mapped, aligned, and not shared.
        unsafe { PoolRef::found(self.place(i), i as u32) };
    }

    fn place(&self, i: usize) -> NonNull<u8> {
        // SAFETY: `i` is below the count of `new`.
        unsafe { self.start.byte_add(i * P::POOL_BYTES) }
    }
}

/// A heap in a box: the tree of the current set is too long for a stack.
pub(crate) fn heap<P: Parameters>() -> Box<Heap<P>> {
    Box::new(Heap::NEW)
}

/// xorshift64*: the same numbers each time.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        (high as usize * end) >> 32
    }
}
