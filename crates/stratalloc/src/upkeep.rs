//! What a program may ask for besides memory: to tidy up, to give back, and how large a block really is.
//!
//! None of it is ever necessary; all of it helps at a moment that only the program knows: before it sleeps, after a peak.

use crate::global::Strata;
use crate::realloc;
use core::ptr::NonNull;
use core::time::Duration;
use strata_cache::Cache;
use strata_cache::thread::{self, RUNTIME};
use strata_core::address::UserPtr;

impl Strata {
    /// Gives all blocks back that the calling thread has ready in its magazines, and abandons its pools. The memory of those in
    /// which nothing lives returns to the system after the purge delay.
    ///
    /// For a thread that is about to sleep for long.
    pub fn collect() {
        // SAFETY: the calling thread's own cache.
        unsafe { thread::cache().collect() };
    }

    /// Gives all free memory back to the system, at once, whichever thread freed it, and addresses as far as whole arenas of 4 MiB
    /// are free.
    ///
    /// The calling thread's magazines are emptied first. Those of other threads are theirs: each is asked to empty them, and does when it
    /// next has to refill or to flush one, which a thread that sleeps does not; what they hold is bounded, and the answer says
    /// how much it is. A thread that is about to sleep for long can [`collect`](Self::collect), for example in an async runtime's
    /// hook for threads that park.
    ///
    /// It takes as long as the system needs to take what goes, for gigabytes most of a second; [`trim_within`](Self::trim_within) has a bound.
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
    ///     assert!(Strata::trim().given_back_bytes >= 100 * 50_000);
    /// }
    /// ```
    pub fn trim() -> Trimmed {
        trim_with(|| {
            RUNTIME.page_heap.request_flush();
            RUNTIME.page_heap.trim();
            true
        })
    }

    /// [`trim`](Self::trim), ended after `limit` and a few milliseconds at most (the clock's tick, and the last step), and without the
    /// addresses: for a thread that must not stand still for long, such as an async runtime's. Each call gives something back, if
    /// there is something; called again, it goes on with what is left.
    ///
    /// ```
    /// use std::time::Duration;
    /// use stratalloc::Strata;
    ///
    /// while !Strata::trim_within(Duration::from_millis(5)).is_complete {
    ///     std::thread::yield_now(); // in async code: tokio::task::yield_now().await
    /// }
    /// ```
    pub fn trim_within(limit: Duration) -> Trimmed {
        let limit = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let deadline = strata_os::clock::milliseconds().saturating_add(limit);
        trim_with(|| {
            RUNTIME.page_heap.request_flush();
            RUNTIME.page_heap.purge_until(deadline)
        })
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

/// What [`Strata::trim`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Trimmed {
    /// Bytes that went back to the system, counting what other threads gave back meanwhile.
    pub given_back_bytes: u64,
    /// Bytes of blocks that other threads have ready and were asked to give back: an estimate, since they go on working.
    pub left_with_threads_bytes: u64,
    /// Whether everything was inspected before the limit.
    pub is_complete: bool,
}

fn trim_with(trim: impl FnOnce() -> bool) -> Trimmed {
    let before = RUNTIME.page_heap.purged_bytes();
    Strata::collect();
    let is_complete = trim();
    Trimmed {
        given_back_bytes: RUNTIME.page_heap.purged_bytes().saturating_sub(before),
        left_with_threads_bytes: RUNTIME.registry.caches().map(ready_bytes).sum(),
        is_complete,
    }
}

/// Bytes that a cache has ready; a racy read.
fn ready_bytes(cache: &Cache) -> u64 {
    cache.ready_blocks().map(|class| class.block_bytes() as u64).sum()
}

/// For `malloc_trim`: as [`Strata::trim`], but other threads are not asked for anything. The bytes that went.
pub fn trim_quietly() -> u64 {
    Strata::collect();
    RUNTIME.page_heap.trim()
}
