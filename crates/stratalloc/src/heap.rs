//! A heap of the program's own: a thread cache that belongs to a value instead of a thread.
//!
//! ```text
//!   Heap::new ─► a cache of the registry ─► alloc, from pools of its own ─► drop: as a thread's end (`Runtime::delete`)
//!                                                 │
//!            any thread: free ────────────────────┘  as a block of any other thread's
//! ```
//!
//! | who frees a block of a heap      | where it waits                                                  |
//! |----------------------------------|-----------------------------------------------------------------|
//! | the heap (`Heap::dealloc`)       | the heap's magazine of its class                                |
//! | any thread, by the ordinary free | that thread's magazine, until it is flushed or handed out there |
//!
//! A heap and the threads exchange pools as threads do among each other: a pool that a heap has no use for at the moment is
//! unowned, and any thread may adopt it. So a heap gathers what is allocated together, but fences nothing off.
//!
//! H1  The cache is the heap's alone from `new` to `drop`: it is in no thread word, and the type is not `Sync`.
//!
//! Does not know: which thread it is on. Freeing all blocks of a heap at once is not built.
//! Model: `loom-tests/tests/p17_heap.rs`. Idea: first-class heaps (Leijen, Zorn, de Moura 2019).

use crate::realloc;
use core::alloc::Layout;
use core::cell::Cell;
use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;
use strata_cache::thread::{self, RUNTIME};
use strata_cache::{Cache, large};
use strata_core::address::UserPtr;
use strata_core::pool::Memory;
use strata_core::size_class::{SizeClass, has_class, padded};

/// A heap: blocks that are allocated from it lie together, apart from those of threads and of other heaps.
///
/// For what belongs together and dies together: a request, a document, a plug-in. It may move from thread to thread; one
/// thread at a time allocates. Its blocks are as any others: [`Strata`](crate::Strata) frees and resizes them on any thread,
/// and they stay valid when the heap is dropped.
///
/// ```
/// use core::alloc::Layout;
/// use stratalloc::Heap;
///
/// let heap = Heap::new()?;
/// let layout = Layout::new::<[u64; 8]>();
/// let block = heap.alloc_zeroed(layout).expect("memory").cast::<[u64; 8]>();
/// // SAFETY: eight zeros.
/// assert_eq!(unsafe { block.read() }, [0; 8]);
/// // SAFETY: allocated above with this layout, and not used again.
/// unsafe { heap.dealloc(block.cast(), layout) };
/// # Ok::<(), stratalloc::HeapError>(())
/// ```
///
/// It works whether or not Strata is the program's allocator ([`Strata::is_global`](crate::Strata::is_global)); where it is not, blocks
/// of a heap are freed by [`Heap::dealloc`] or [`Strata`](crate::Strata), not by `Box` and its like.
///
/// Two threads cannot use one heap at the same time:
///
/// ```compile_fail,E0277
/// let heap = stratalloc::Heap::new().expect("memory");
/// std::thread::scope(|scope| scope.spawn(|| heap.collect()).join());
/// ```
///
/// A thread that frees blocks of a heap by the ordinary free, also the one that uses the heap, may hand them out itself: they
/// wait in its magazines. Blocks that are left when the heap is dropped keep their pools in memory, 64 KiB each, until the last
/// of a pool is freed.
pub struct Heap {
    cache: &'static Cache,
    /// One thread at a time (H1).
    one_thread: PhantomData<Cell<()>>,
}

/// Why there is no new heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeapError {
    /// The system has no memory for it.
    OutOfMemory,
}

impl fmt::Display for HeapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfMemory => "no new heap: the system has no memory for it",
        })
    }
}

impl core::error::Error for HeapError {}

impl fmt::Debug for Heap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ready = self.cache.ready_blocks().count();
        f.debug_struct("Heap").field("ready_blocks", &ready).finish_non_exhaustive()
    }
}

impl Heap {
    /// A new, empty heap: some thirty kilobytes, of which what is used is in memory.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn new() -> Result<Self, HeapError> {
        let cache = RUNTIME.enter_as_heap().ok_or(HeapError::OutOfMemory)?;
        Ok(Self { cache, one_thread: PhantomData })
    }

    /// A block for a layout, which may be empty; its contents are unspecified. `None`: out of memory.
    #[inline]
    pub fn alloc(&self, layout: Layout) -> Option<NonNull<u8>> {
        match class_of(layout) {
            // SAFETY: H1.
            Some(class) => unsafe { self.cache.alloc(class) }.map(|block| block.as_non_null()),
            None => large::alloc(large_bytes(layout), layout.align()),
        }
    }

    /// The same, all zero.
    pub fn alloc_zeroed(&self, layout: Layout) -> Option<NonNull<u8>> {
        let Some(class) = class_of(layout) else {
            return large::alloc_zeroed(large_bytes(layout), layout.align());
        };
        // SAFETY: H1.
        let (block, memory) = unsafe { self.cache.alloc_zeroable(class, layout.size()) }?;
        let block = block.as_non_null();
        if memory == Memory::Used {
            // SAFETY: a new block of at least this size.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        Some(block)
    }

    /// Resizes a block, whichever heap or thread it came from; a new one comes from this heap. `None`: out of memory, or no
    /// such layout; the old block is as it was.
    ///
    /// # Safety
    /// - `block` is a live allocation of this allocator with `layout`; after `Some`, only what is returned is.
    pub unsafe fn realloc(&self, block: NonNull<u8>, layout: Layout, new_size: usize) -> Option<NonNull<u8>> {
        let new_layout = Layout::from_size_align(new_size.max(1), layout.align()).ok()?;
        let old = UserPtr::new(block);
        // SAFETY: the same contract; the alignment is the old one.
        if let Some(resized) = unsafe { realloc::in_place(old, layout.size(), new_layout) } {
            return Some(resized);
        }
        let fresh = self.alloc(new_layout)?;
        // SAFETY: two allocations of at least that many bytes.
        unsafe { block.copy_to_nonoverlapping(fresh, layout.size().min(new_size)) };
        // SAFETY: the caller gives the old block up; by its address, as in `realloc::resize`.
        unsafe { self.cache.free_unsized(old) };
        Some(fresh)
    }

    /// Frees a block, whichever heap or thread it came from: at once if it is of this heap, else as any free does.
    ///
    /// # Safety
    /// - `block` is a live allocation of this allocator with `layout`, and is not used again.
    #[inline]
    pub unsafe fn dealloc(&self, block: NonNull<u8>, layout: Layout) {
        match class_of(layout) {
            // SAFETY: H1; the caller gives the block back.
            Some(class) => unsafe { self.cache.free(UserPtr::new(block), class) },
            // SAFETY: H1; the caller gives the block back, which is of no class.
            None => unsafe { large::free(self.cache, UserPtr::new(block)) },
        }
    }

    /// [`dealloc`](Self::dealloc) for callers who know no layout.
    ///
    /// # Safety
    /// - `block` is a live allocation of this allocator, and is not used again.
    #[doc(hidden)]
    #[inline]
    pub unsafe fn dealloc_unsized(&self, block: NonNull<u8>) {
        // SAFETY: H1; the caller gives the block back.
        unsafe { self.cache.free_unsized(UserPtr::new(block)) };
    }

    /// Gives all blocks back that the heap has ready, and abandons its pools; for a heap that will rest.
    ///
    /// Without it a heap does so bit by bit as it allocates.
    pub fn collect(&self) {
        // SAFETY: H1.
        unsafe { self.cache.collect() };
    }

    /// What stands for the heap in C; [`from_raw`](Self::from_raw) takes it back.
    #[doc(hidden)]
    pub fn into_raw(self) -> NonNull<()> {
        let raw = NonNull::from(self.cache).cast();
        core::mem::forget(self);
        raw
    }

    /// The heap again.
    ///
    /// # Safety
    /// - `raw` came from [`into_raw`](Self::into_raw), and of all heaps made of it one is dropped at most, as the last.
    #[doc(hidden)]
    pub unsafe fn from_raw(raw: NonNull<()>) -> Self {
        // SAFETY: a cache of the registry, which is never unmapped.
        Self { cache: unsafe { raw.cast().as_ref() }, one_thread: PhantomData }
    }
}

impl Drop for Heap {
    /// Pools without a live block are free at once; the others have no owner from now on, and any thread may allocate from them.
    fn drop(&mut self) {
        // SAFETY: H1: the heap's cache, used no more; the calling thread's own cache.
        unsafe { RUNTIME.delete(self.cache, thread::cache()) };
    }
}

/// The class that serves a layout; `None`: larger than any.
#[inline(always)]
fn class_of(layout: Layout) -> Option<SizeClass> {
    let size = padded(layout.size(), layout.align());
    has_class(size, layout.align()).then(|| SizeClass::of(size))
}

/// Bytes to ask for where no class serves a layout: also an empty block has a place of its own.
fn large_bytes(layout: Layout) -> usize {
    layout.size().max(1)
}
