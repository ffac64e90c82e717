//! CPython's small-object design as a Rust allocator: the heap, the lock around it, and the system path beside it.
//!
//! ```text
//! alloc    ─► 1…512 bytes, ordinary alignment ─► lock ─► heap.rs
//!          └► else ─────────────────────────────────────► system path, without the lock
//! dealloc  ─► lock ─► ours: heap.rs;  foreign: unlock ─► system path
//! realloc  ─► ours, at least as long, at most a quarter wasted: stays;  ours otherwise: moves
//!          └► foreign: stays foreign, however small
//! ```
//!
//! All heaps of a process share one lock (`fork.rs` says why), except those made for one thread (`exclusion.rs`).
//!
//! I1  `heap` is touched with `HEAP` held only, or by the one thread; the system path is never called with it held.
//!
//! Idea: CPython's obmalloc (Vladimir Marangozov, 2000; Tim Peters, Neil Schemenauer and others since). Facts only.

mod address;
mod arena;
mod class;
mod exclusion;
mod heap;
mod libc_path;
mod parameters;
mod pool;
mod report;
mod stats;
mod table;
#[cfg(test)]
mod testing;
mod usable;
mod used;

pub use address::MapNodes;
pub use exclusion::{Exclusion, Locked, OneThread};
pub use libc_path::{LibcPath, move_block};
pub use parameters::{Classic, Current, Parameters};
pub use stats::{ClassStats, PymallocStats};

use class::ClassIndex;
use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;
use heap::{Freed, Heap};
use parameters::Sizes;

/// The design of 2000 to 2019: 256 KiB arenas, 4 KiB pools, 64 classes of 8 bytes.
pub type ClassicPymalloc = Pymalloc<Classic>;

/// The design of today: 1 MiB arenas, 16 KiB pools, 32 classes of 16 bytes.
pub type CurrentPymalloc = Pymalloc<Current>;

/// A heap without the lock, for programs of one thread: see [`Pymalloc::one_thread`].
pub type Unlocked<P, A = LibcPath> = Pymalloc<P, A, OneThread>;

/// pymalloc with a set of parameters, in front of an allocator for everything else.
///
/// ```
/// #[global_allocator]
/// static GLOBAL: strata_gil::CurrentPymalloc = strata_gil::CurrentPymalloc::new();
/// let words: Vec<Box<u32>> = (0..100).map(Box::new).collect();
/// assert!(GLOBAL.stats().blocks_in_use() >= words.len());
/// ```
///
/// A value that is dropped leaves its arenas mapped, since blocks of it may still be in use.
pub struct Pymalloc<P: Parameters, A = LibcPath, X: Exclusion = Locked> {
    heap: UnsafeCell<Heap<P>>,
    /// Blocks that went the system path.
    system_blocks: AtomicUsize,
    system: A,
    exclusion: PhantomData<X>,
}

// SAFETY: I1 for the heap; the system path is used from several threads at once, so it must be `Sync` itself.
unsafe impl<P: Parameters, A: Sync, X: Exclusion> Sync for Pymalloc<P, A, X> {}

/// The heap, with no other thread inside.
struct EnteredHeap<'a, P: Parameters, X: Exclusion> {
    heap: &'a mut Heap<P>,
    _inside: X::Inside,
}

impl<P: Parameters> Pymalloc<P> {
    /// An empty heap in front of the C library's allocator.
    pub const fn new() -> Self {
        Self::with_system(LibcPath)
    }
}

impl<P: Parameters> Default for Pymalloc<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Parameters, A> Pymalloc<P, A> {
    /// An empty heap in front of `system`, which gets requests of 0 or more than 512 bytes or of strict alignment.
    pub const fn with_system(system: A) -> Self {
        Self::empty(system)
    }
}

impl<P: Parameters, A> Unlocked<P, A> {
    /// An empty heap in front of `system` that nothing protects: pymalloc's time without any lock.
    ///
    /// ```
    /// use strata_gil::{Current, LibcPath, Unlocked};
    /// // SAFETY: this program has one thread.
    /// #[global_allocator]
    /// static GLOBAL: Unlocked<Current> = unsafe { Unlocked::one_thread(LibcPath) };
    /// assert_eq!(vec![1, 2, 3].len(), 3);
    /// ```
    ///
    /// # Safety
    /// - No call on the value, and none of its methods, begins before the one before it has ended: one thread at a time,
    ///   and what one did happens before what the next one does. A global allocator is called by every thread of the
    ///   program, those of libraries included.
    pub const unsafe fn one_thread(system: A) -> Self {
        Self::empty(system)
    }
}

impl<P: Parameters, A, X: Exclusion> Pymalloc<P, A, X> {
    const fn empty(system: A) -> Self {
        let heap = UnsafeCell::new(Heap::NEW);
        Self { heap, system_blocks: AtomicUsize::new(0), system, exclusion: PhantomData }
    }

    /// Where every byte of the arenas is now. Walks all pools with the lock held; allocates nothing.
    pub fn stats(&self) -> PymallocStats {
        // Relaxed: a number for people.
        let system_blocks = self.system_blocks.load(Relaxed);
        self.enter().heap.stats(system_blocks)
    }

    /// The length of the block at `ptr` if a pool of this heap holds it, none if it went the system path.
    ///
    /// # Safety
    /// - `ptr` is a block in use, of this allocator.
    pub unsafe fn pool_block_size(&self, ptr: NonNull<u8>) -> Option<usize> {
        self.enter().heap.usable_size(ptr)
    }

    #[inline]
    fn enter(&self) -> EnteredHeap<'_, P, X> {
        let inside = X::enter();
        // SAFETY: I1, no other thread gets in until the reference is gone.
        let heap = unsafe { &mut *self.heap.get() };
        EnteredHeap { heap, _inside: inside }
    }

    /// The class that serves `layout`, unless it takes the system path.
    #[inline]
    fn class(layout: Layout) -> Option<ClassIndex> {
        if layout.align() > P::ALIGNMENT_BYTES {
            return None;
        }
        ClassIndex::of::<P>(layout.size())
    }

    #[inline]
    fn allocate_small(&self, class: ClassIndex) -> *mut u8 {
        let block = self.enter().heap.allocate(class);
        block.map_or(core::ptr::null_mut(), NonNull::as_ptr)
    }

    /// Counts what the system path gave.
    fn counted(&self, block: *mut u8) -> *mut u8 {
        if !block.is_null() {
            X::add(&self.system_blocks, 1);
        }
        block
    }

    /// # Safety
    /// - `ptr` is a block in use of this allocator, which the caller gives up, or null.
    #[inline]
    unsafe fn free_if_ours(&self, ptr: *mut u8) -> Freed {
        let Some(block) = NonNull::new(ptr) else { return Freed::Ours };
        // SAFETY: the caller gives the block up.
        unsafe { self.enter().heap.free(block) }
    }
}

// SAFETY: blocks of a class are at least as long and as aligned as asked, and two are never the same while in use (pool.rs).
// Everything else is the system path's promise. Nothing unwinds.
unsafe impl<P: Parameters, A: GlobalAlloc, X: Exclusion> GlobalAlloc for Pymalloc<P, A, X> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match Self::class(layout) {
            Some(class) => self.allocate_small(class),
            // SAFETY: the caller's layout, passed on.
            None => self.counted(unsafe { self.system.alloc(layout) }),
        }
    }

    #[inline]
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller gives the block up.
        if unsafe { self.free_if_ours(ptr) } == Freed::Foreign {
            X::add(&self.system_blocks, -1);
            // SAFETY: not of a pool, so the system path gave it.
            unsafe { self.system.dealloc(ptr, layout) };
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let Some(class) = Self::class(layout) else {
            // SAFETY: the caller's layout, passed on.
            return self.counted(unsafe { self.system.alloc_zeroed(layout) });
        };
        let block = self.allocate_small(class);
        if !block.is_null() {
            // SAFETY: a fresh block of at least that length. Blocks are reused, so always zero.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let Some(block) = NonNull::new(ptr) else { return ptr };
        let held_bytes = self.enter().heap.usable_size(block);
        match held_bytes {
            // SAFETY: not of a pool, so the system path gave it. It stays there.
            None => unsafe { self.system.realloc(ptr, layout, new_size) },
            Some(bytes) if stays(bytes, new_size) => ptr,
            // SAFETY: a live allocation of this allocator with this layout, by this function's contract.
            Some(_) => unsafe { self.move_to(ptr, layout, new_size) },
        }
    }
}

impl<P: Parameters, A: GlobalAlloc, X: Exclusion> Pymalloc<P, A, X> {
    /// Gives a block back without its layout, as C's `free` must.
    ///
    /// # Safety
    /// - `ptr` is a block in use, of this allocator, which the caller gives up.
    /// - The system path does not read layouts when it frees: the C library's does not.
    #[inline]
    pub unsafe fn dealloc_unsized(&self, ptr: NonNull<u8>) {
        // SAFETY: no pool reads the layout, and neither does the system path.
        unsafe { self.dealloc(ptr.as_ptr(), Layout::new::<u8>()) };
    }

    /// # Safety
    /// - As `GlobalAlloc::realloc`.
    unsafe fn move_to(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the new size is legal with this alignment.
        let new = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        // SAFETY: the caller's block.
        unsafe { move_block(self, ptr, layout, new) }
    }
}

/// A block of `bytes` keeps a content of `new_size`: it fits, and moving would save less than a quarter.
fn stays(bytes: usize, new_size: usize) -> bool {
    new_size <= bytes && 4 * new_size > 3 * bytes
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
