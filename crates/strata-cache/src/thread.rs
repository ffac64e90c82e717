//! The current thread's cache: two words of thread-local storage, never null. One is for allocations, the other for frees and all else.
//!
//! ```text
//!   new thread        first allocation or free        pthread key's destructor
//!     EMPTY  ─────────────────► its cache ─────────────────► DEAD
//! ```
//!
//! | a word says    | alloc                                                | free                                |
//! |----------------|------------------------------------------------------|-------------------------------------|
//! | `EMPTY`        | enters the runtime, arms the key, goes on            | the same                            |
//! | a cache        | the fast path                                        | the fast path                       |
//! | a counting one | what `profile` had it hand out, or by way of its own | (never)                             |
//! | `DEAD`         | takes the block from a pool                          | gives the block to its pool at once |
//!
//! I1  `EMPTY` and `DEAD` are never written: their magazines are empty and full, so every write is behind a test
//!     that fails for them (`Cache::runtime`).
//! I2  The words are set before the key is armed: arming may allocate (glibc does, for keys above 31), and then finds a cache.
//! I3  The destructor asks to be called once more: destructors of other keys may still allocate, and run in rounds. (Only
//!     once: a thread whose first allocation is in a late round would have no round left.)
//! I4  Both words say the same, unless the thread is profiled: then allocations have a counting cache in front of its own.
//!
//! Does not know: what a cache does.

use crate::cache::Cache;
use crate::profile::{counting, switch};
use crate::registry::Runtime;
use core::ffi::c_void;
use core::ptr::NonNull;
use strata_core::address::UserPtr;
use strata_core::block::BlockPtr;
use strata_core::pool::Memory;
use strata_core::size_class::SizeClass;
use strata_os::lifecycle;
use strata_segment::PageHeap;

/// Everything that the threads of this program share.
pub static RUNTIME: Runtime = Runtime::new();

/// `EMPTY`, and the rest of `DEAD`: caches of zeros that are never written (I1) may overlap.
#[repr(C)]
struct Sentinels {
    empty: Cache,
    rest: [u8; DEAD_OFFSET],
}

/// How far behind `EMPTY` is `DEAD`.
const DEAD_OFFSET: usize = align_of::<Cache>();

/// They lie in what the loader makes read-only (I1), on a page that is mapped anyway: every program reads its beginning.
#[cfg_attr(target_os = "linux", unsafe(link_section = ".data.rel.ro.strata_sentinels"))]
static SENTINELS: Sentinels = Sentinels { empty: Cache::new(), rest: [0; DEAD_OFFSET] };

/// What the word of a thread that is ending says.
fn dead() -> NonNull<()> {
    // SAFETY: a cache starts there, too, and ends where the sentinels do.
    unsafe { NonNull::from(&SENTINELS).byte_add(DEAD_OFFSET) }.cast()
}

strata_os::thread_word! {
    /// The address of the calling thread's cache; and, beside it, of the one that it allocates from (I4).
    mod word { initial = crate::thread::SENTINELS }
}

/// Rounds of destructors that the cache lets pass (I3), of the four that POSIX promises.
const ROUNDS_TO_WAIT: u32 = 1;

/// The calling thread's cache, or a sentinel that owns nothing.
#[inline(always)]
pub fn cache() -> &'static Cache {
    // SAFETY: the word holds the address of EMPTY, DEAD or a cache of the registry, none of which is ever unmapped.
    unsafe { &*word::get().cast::<Cache>() }
}

/// The cache that the calling thread allocates from: its own, or a counting one in front of it (I4).
#[inline(always)]
pub fn alloc_cache() -> &'static Cache {
    // SAFETY: as in `cache`.
    unsafe { &*word::beside::get().cast::<Cache>() }
}

/// The shared segment layer, for calls that may come from any thread.
pub(crate) fn shared_page_heap() -> &'static PageHeap {
    &RUNTIME.page_heap
}

/// A block went back to its pool from a thread that has no cache.
pub(crate) fn note_returned_without_cache(class: SizeClass) {
    RUNTIME.departed.note_returned(class);
    RUNTIME.outside.note_returned(class);
}

/// The segment layer, as seen from `cache`, which may be a sentinel.
pub(crate) fn page_heap(_cache: &Cache) -> &'static PageHeap {
    &RUNTIME.page_heap
}

/// The thread's own cache, whichever it calls by.
pub(crate) fn own_or(_cache: &Cache) -> &'static Cache {
    cache()
}

/// The caller's cache, made now if it has none yet; `None` on a thread that is ending, or without memory.
pub(crate) fn own(cache: &Cache) -> Option<&Cache> {
    match cache.runtime() {
        Some(_) => Some(cache),
        None => enter(),
    }
}

pub use crate::fork::HeldOff;
pub use crate::purge_thread::ensure as ensure_purge_thread;

/// Holds forks off, on the thread whose cache this is, or a sentinel: for what changes more than one word.
pub fn hold_off_forks(cache: &Cache) -> HeldOff<'_> {
    crate::fork::hold_off(cache)
}

pub(crate) use crate::profile::counting::note_large;
pub(crate) use crate::profile::note_leaving;
pub(crate) use crate::profile::switch::{
    end_heap as end_heap_profile, heed as heed_profile, heed_as_heap as begin_heap_profile,
};
pub(crate) use crate::refusal::tell as note_refusal;

/// Frees a block by way of a sentinel: a heap's cache that counts, or that of a thread that has none.
///
/// # Safety
/// - As for [`Cache::free`].
#[inline(never)]
pub(crate) unsafe fn free_by_sentinel(sentinel: &Cache, class: SizeClass, block: BlockPtr) {
    note_freed(block);
    if let Some(own) = sentinel.behind() {
        // SAFETY: the same contract, with the cache behind the heap's.
        return unsafe { own.free(UserPtr::new(block.as_non_null()), class) };
    }
    // SAFETY: the same contract.
    unsafe { sentinel.free_without_cache(class, block) };
}

/// A block that goes into no magazine is freed.
pub(crate) fn note_freed(block: BlockPtr) {
    crate::profile::note_freed(block.as_non_null());
}

/// A block of class for `size` bytes, and whether it is known to be zero, by way of a sentinel.
pub(crate) fn alloc_zeroable_without_cache(
    sentinel: &Cache,
    class: SizeClass,
    size: usize,
) -> Option<(BlockPtr, Memory)> {
    counting::alloc_zeroable(sentinel, class, size)
        .unwrap_or_else(|| alloc_without_cache(sentinel, class, size).map(|block| (block, Memory::Used)))
}

/// A block of class for `size` bytes by way of a sentinel: a counting cache, or that of a thread that has no cache.
pub(crate) fn alloc_without_cache(sentinel: &Cache, class: SizeClass, size: usize) -> Option<BlockPtr> {
    if let Some(block) = counting::alloc(sentinel, class, size) {
        return block;
    }
    if let Some(cache) = enter() {
        ensure_purge_thread();
        // SAFETY: the cache is this thread's own.
        return unsafe { cache.alloc(class) };
    }
    RUNTIME.alloc_past_caches(class)
}

/// Gives the calling thread a cache, unless it is ending.
#[cold]
#[inline(never)]
fn enter() -> Option<&'static Cache> {
    let now = cache();
    if now.runtime().is_some() {
        return Some(now);
    }
    if NonNull::from(now).cast() == dead() {
        return None;
    }
    let cache = RUNTIME.enter()?;
    cache.thread.set(strata_os::thread::number());
    RUNTIME.registry.note_thread();
    let identity = NonNull::from(cache).cast::<()>();
    // SAFETY: a cache of the registry, claimed for this thread.
    unsafe { word::set(identity.as_ptr()) };
    lead_to(cache);
    if lifecycle::on_thread_exit(leave).is_some_and(|key| key.arm(identity)) {
        heed_profile(cache);
        return Some(cache);
    }
    // Its end would go unnoticed: it is served without a cache, which is slow and leaves nothing behind.
    retire(cache);
    None
}

/// Has the calling thread allocate from another cache of its own.
pub(crate) fn lead_to(cache: &'static Cache) {
    // SAFETY: a cache of the registry, claimed for this thread.
    unsafe { word::beside::set(core::ptr::from_ref(cache).cast_mut().cast()) };
}

/// Takes the calling thread's cache away from it for good.
fn retire(cache: &'static Cache) {
    switch::end(cache);
    // SAFETY: DEAD owns nothing and is never written (I1).
    unsafe { word::beside::set(dead().as_ptr()) };
    // SAFETY: the same.
    unsafe { word::set(dead().as_ptr()) };
    // SAFETY: the thread's own cache, which the word no longer leads to.
    unsafe { RUNTIME.leave(cache) };
}

/// The pthread key's destructor.
unsafe extern "C" fn leave(value: *mut c_void) {
    // SAFETY: the key holds what `enter` armed it with.
    let Some(cache) = (unsafe { value.cast::<Cache>().as_ref() }) else { return };
    let rounds = cache.exit_rounds.get();
    if rounds < ROUNDS_TO_WAIT {
        cache.exit_rounds.set(rounds + 1);
        if let Some(key) = lifecycle::on_thread_exit(leave)
            && key.arm(NonNull::from(cache).cast())
        {
            return;
        }
    }
    retire(cache);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentinels_may_overlap_since_all_of_both_is_zero() {
        let bytes = (&raw const SENTINELS).cast::<u8>();
        for offset in 0..size_of::<Sentinels>() {
            // SAFETY: within the static.
            let byte = unsafe { bytes.byte_add(offset) };
            // SAFETY: within the static, which is never written.
            assert_eq!(unsafe { byte.read() }, 0, "{offset}");
        }
        assert_eq!(SENTINELS.rest.len() % align_of::<Cache>(), 0);
    }
}
