//! Any allocator behind one global mutex.
//!
//! The lock is one static of the process, like the interpreter lock that it stands for: all `Gil`s share it, and
//! `fork.rs` can reach it. So a `Gil` inside a `Gil` would wait for itself; don't.
//!
//! I1  `inner` is used by `with` only, hence with `GIL` held.
//!
//! Does not know: what the inner allocator does, or whether it needed a lock.

use crate::fork::GIL;
use core::alloc::{GlobalAlloc, Layout};

/// The allocator `A`, one call at a time.
///
/// `A` need not be `Sync`: the lock makes it so. Every call, large or small, holds the lock to its end.
///
/// ```
/// use std::alloc::System;
/// #[global_allocator]
/// static GLOBAL: strata_gil::Gil<System> = strata_gil::Gil::new(System);
/// assert_eq!(vec![1, 2, 3].iter().sum::<i32>(), 6);
/// ```
///
/// An allocator whose calls come back to the same `Gil`, or that is one itself, waits for itself forever.
pub struct Gil<A> {
    inner: A,
}

// SAFETY: I1, so two threads are never inside `inner` at once; `Send` lets them take turns.
unsafe impl<A: Send> Sync for Gil<A> {}

impl<A> Gil<A> {
    /// Puts `inner` behind the lock.
    pub const fn new(inner: A) -> Self {
        Self { inner }
    }

    /// Whatever else `inner` can do, one call at a time with all others.
    ///
    /// `call` must not come back here: it would wait for itself.
    #[inline]
    pub fn with<R>(&self, call: impl FnOnce(&A) -> R) -> R {
        let _held = GIL.acquire();
        call(&self.inner)
    }
}

// SAFETY: every call is passed on unchanged, so the contract is the inner allocator's. The lock neither allocates nor
// unwinds.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Gil<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the same contract.
        self.with(|inner| unsafe { inner.alloc(layout) })
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the same contract.
        self.with(|inner| unsafe { inner.dealloc(ptr, layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the same contract.
        self.with(|inner| unsafe { inner.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the same contract.
        self.with(|inner| unsafe { inner.realloc(ptr, layout, new_size) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;
    use std::alloc::System;
    use std::thread;

    /// Not `Sync`: without the lock its count would lose updates.
    struct Counting(Cell<u32>);

    impl Counting {
        fn count(&self) {
            self.0.set(self.0.get() + 1);
        }
    }

    // SAFETY: `System` does the work.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            self.count();
            // SAFETY: the same contract.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
            self.count();
            // SAFETY: the same contract.
            unsafe { System.dealloc(ptr, layout) }
        }
    }

    #[test]
    fn an_allocator_that_is_not_sync_counts_exactly() {
        static ALLOCATOR: Gil<Counting> = Gil::new(Counting(Cell::new(0)));
        let workers: std::vec::Vec<_> = (0..4).map(|_| thread::spawn(|| churn(&ALLOCATOR))).collect();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        assert_eq!(ALLOCATOR.inner.0.get(), 4 * 2 * 5000);
    }

    fn churn(allocator: &Gil<Counting>) {
        let layout = Layout::new::<[u64; 4]>();
        for _ in 0..5000 {
            // SAFETY: the layout is not empty.
            let block = unsafe { allocator.alloc(layout) };
            assert!(!block.is_null());
            // SAFETY: the block just allocated.
            unsafe { allocator.dealloc(block, layout) };
        }
    }

    #[test]
    fn zeroed_and_realloc_go_through() {
        let allocator = Gil::new(System);
        let layout = Layout::new::<[u8; 24]>();
        // SAFETY: the layout is not empty.
        let block = unsafe { allocator.alloc_zeroed(layout) };
        // SAFETY: the block just allocated.
        let grown = unsafe { allocator.realloc(block, layout, 4000) };
        // SAFETY: 24 zeroed bytes were carried over.
        assert_eq!(unsafe { grown.wrapping_add(23).read() }, 0);
        // SAFETY: the block, with its new size.
        unsafe { allocator.dealloc(grown, Layout::from_size_align(4000, 1).unwrap()) };
    }
}
