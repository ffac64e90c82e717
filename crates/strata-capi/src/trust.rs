//! Whose a pointer is: the question that `free` must not spend an instruction on.
//!
//! To find a block's pool, `free` reads a header at the arena boundary in front of it. In front of a pointer that another
//! allocator handed out there may be no memory at all. So the fast path masks the pool's index with a word instead of a
//! constant, before it reads anything:
//!
//! | the word    | when                                                      | `free` of a pointer                             |
//! |-------------|-----------------------------------------------------------|-------------------------------------------------|
//! | 0           | until the loader calls `decide`; for ever if we came late | checks them (`Strata::owns`) ; others' are left |
//! | `SLOT_MASK` | the C library itself allocates from us                    | takes it for ours                               |
//!
//! A mask of 0 makes every pointer read as null, for which there is a test anyway: the question costs no instruction.
//!
//! We came late if the program's `malloc` is another: this library was `dlopen`ed, with or without `RTLD_GLOBAL`, or stands
//! behind another allocator. Then pointers of both kinds arrive. If the program's `malloc` is ours, it was from the first
//! relocation on, and pointers of others cannot arrive but by a mistake: what the loader allocated for itself before that,
//! it never frees through `free`. One exception is known: a plugin opened with `RTLD_DEEPBIND` calls the C library's own
//! `malloc`, and must not hand its blocks to be freed to the program.
//!
//! The alternative, not built: a table of arenas (a byte for each 4 MiB of addresses), which is right for every pointer. By
//! count it costs `free` some four instructions and a load, which its budget does not have.
//!
//! Does not know: what is done with a pointer.

use core::ptr::NonNull;
use strata_cache::thread::{self, RUNTIME};
use strata_core::address::{SLOT_MASK as TRUSTED, UserPtr};
use strata_core::sync::{AtomicU64, Ordering::Relaxed};
use stratalloc::Strata;

/// What the fast path masks a pointer's pool index with.
pub(crate) static SLOT_MASK: AtomicU64 = AtomicU64::new(0);

strata_os::at_load!(first decide);

/// [`SLOT_MASK`], to mask with or to compare with 0.
#[inline(always)]
pub(crate) fn slot_mask() -> usize {
    // Relaxed: either value is right at any time; they differ in cost only.
    SLOT_MASK.load(Relaxed) as usize
}

/// Asks the C library for a block and checks whose it is.
extern "C" fn decide() {
    // SAFETY: a string with its end.
    let Some(block) = NonNull::new(unsafe { libc::strdup(c"?".as_ptr()) }) else { return };
    let block = block.cast::<u8>();
    if RUNTIME.page_heap.contains(block.addr().get()) {
        // SAFETY: ours, and not shared; the calling thread's own cache.
        unsafe { thread::cache().free_unsized(UserPtr::new(block)) };
        // Relaxed: see `slot_mask`.
        SLOT_MASK.store(TRUSTED as u64, Relaxed);
    } else {
        // Our own name, by which another's block is left alone: two bytes of an allocator that has no name for us to free them by. But
        // a checker (valgrind) may have put itself before all of our names, and would count them as lost.
        // SAFETY: a block of the C library's, not used again.
        unsafe { libc::free(block.as_ptr().cast()) };
    }
}

/// Whether `pointer` is a live allocation of this allocator, or was one.
#[cold]
#[inline(never)]
pub(crate) fn is_ours(pointer: NonNull<u8>) -> bool {
    slot_mask() != 0 || Strata::owns(pointer.as_ptr())
}

/// How many bytes from `start` on, `most` at most, can be read: whole pages are asked for.
pub(crate) fn readable_bytes(start: NonNull<u8>, most: usize) -> usize {
    let page = strata_os::machine::page_size();
    let mut readable = 0;
    while readable < most {
        let place = start.as_ptr().wrapping_byte_add(readable);
        if !strata_os::machine::is_readable(place) {
            break;
        }
        readable += page - (place.addr() & (page - 1));
    }
    readable.min(most)
}
