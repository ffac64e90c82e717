//! What a program may ask for besides memory: to tidy up, to give back, and how large a block really is.
//!
//! None of it is ever necessary; all of it helps at a moment that only the program knows: before it sleeps, after a peak.

use crate::global::Strata;
use crate::realloc;
use core::ptr::NonNull;
use strata_cache::thread::{self, RUNTIME};
use strata_core::address::UserPtr;

impl Strata {
    /// Gives all blocks back that the calling thread has ready in its magazines, and lets go of its pools. The memory of those in
    /// which nothing lives returns to the system after the purge delay.
    ///
    /// For a thread that is about to sleep for long.
    pub fn collect() {
        // SAFETY: the calling thread's own cache.
        unsafe { thread::own_cache().collect() };
    }

    /// [`collect`](Self::collect)s, then gives all free memory back to the system at once; the answer is how many bytes
    /// that were, counting what other threads gave back meanwhile.
    ///
    /// Addresses that nothing uses go back, too, as far as whole arenas of 4 MiB are free. What other threads' caches hold is theirs.
    ///
    /// ```
    /// use stratalloc::Strata;
    ///
    /// #[global_allocator]
    /// static GLOBAL: Strata = Strata;
    ///
    /// fn main() {
    ///     let peak: Vec<Box<[u8]>> = (0..100).map(|_| vec![1; 50_000].into_boxed_slice()).collect();
    ///     drop(peak);
    ///     assert!(Strata::trim() >= 100 * 50_000);
    /// }
    /// ```
    pub fn trim() -> u64 {
        let before = RUNTIME.page_heap.purged_bytes();
        Self::collect();
        RUNTIME.page_heap.trim();
        RUNTIME.page_heap.purged_bytes().saturating_sub(before)
    }

    /// Bytes that may be used of an allocation: what was asked for, and what its size class or pages have beyond.
    ///
    /// ```
    /// # use core::alloc::{GlobalAlloc, Layout};
    /// # use core::ptr::NonNull;
    /// use stratalloc::Strata;
    ///
    /// let layout = Layout::new::<[u8; 1000]>();
    /// // SAFETY: the layout has a size.
    /// let block = NonNull::new(unsafe { Strata.alloc(layout) }).expect("memory");
    /// // SAFETY: allocated just now.
    /// assert_eq!(unsafe { Strata::usable_size(block) }, 1024);
    /// // SAFETY: allocated above with this layout, and not used again.
    /// unsafe { Strata.dealloc(block.as_ptr(), layout) };
    /// ```
    ///
    /// # Safety
    /// - `block` is the start of a live allocation of this allocator.
    /// - A size above its layout's may be used only if the block is then freed and resized with that larger layout.
    pub unsafe fn usable_size(block: NonNull<u8>) -> usize {
        // SAFETY: the same contract.
        unsafe { realloc::usable_size(UserPtr::new(block)) }
    }
}
