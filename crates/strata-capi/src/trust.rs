//! Whose a pointer is: the question that `free` must not spend an instruction on.
//!
//! To find a block's pool, `free` reads a header at the arena boundary in front of it. In front of a pointer that another
//! allocator handed out there may be no memory at all. So the fast path masks the pool's index with a word instead of a
//! constant, before it reads anything:
//!
//! | the word    | when                                                         | `free` of a pointer                        |
//! |-------------|--------------------------------------------------------------|--------------------------------------------|
//! | 0           | until the loader calls `decide`; for ever if we came late    | looks closer (`owns`); others' are left    |
//! | `SLOT_MASK` | the C library itself allocates from us                       | takes it for ours                          |
//!
//! A mask of 0 makes every pointer look like null, for which there is a test anyway: the question costs no instruction.
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

use core::mem::offset_of;
use core::ptr::NonNull;
use strata_cache::thread::{self, RUNTIME};
use strata_core::address::{ARENA_MASK, SLOT_MASK as TRUSTED, UserPtr};
use strata_core::arena::{ArenaHead, ArenaKind};
use strata_core::layout::{ARENA_BYTES, HEADER_TABLE_BYTES};
use strata_core::sync::{AtomicU64, Ordering::Relaxed};

/// What the fast path masks a pointer's pool index with.
pub(crate) static SLOT_MASK: AtomicU64 = AtomicU64::new(0);

strata_os::at_load!(first decide);

/// [`SLOT_MASK`], to mask with or to compare with 0.
#[inline(always)]
pub(crate) fn slot_mask() -> usize {
    // Relaxed: either value is right at any time; they differ in cost only.
    SLOT_MASK.load(Relaxed) as usize
}

/// Asks the C library for a block and looks whose it is.
extern "C" fn decide() {
    // SAFETY: a string with its end.
    let Some(block) = NonNull::new(unsafe { libc::strdup(c"?".as_ptr()) }) else { return };
    let block = block.cast::<u8>();
    if RUNTIME.page_heap.contains(block.addr().get()) {
        // SAFETY: ours, and nobody else's; the calling thread's own cache.
        unsafe { thread::cache().free_unsized(UserPtr::new(block)) };
        // Relaxed: see `slot_mask`.
        SLOT_MASK.store(TRUSTED as u64, Relaxed);
    }
    // Else it stays: two bytes of an allocator that has no name for us to free them by.
}

/// Whether `pointer` is a live allocation of this allocator, or was one.
#[cold]
#[inline(never)]
pub(crate) fn is_ours(pointer: NonNull<u8>) -> bool {
    slot_mask() != 0 || owns(pointer)
}

/// The same without trust.
pub(crate) fn owns(pointer: NonNull<u8>) -> bool {
    RUNTIME.page_heap.contains(pointer.addr().get()) || is_huge(pointer)
}

/// Whether there is a huge mapping's head where one of ours would be for this payload.
fn is_huge(pointer: NonNull<u8>) -> bool {
    let within = pointer.addr().get() & !ARENA_MASK;
    let (head, offset) = if within == 0 {
        let page = strata_os::machine::page_size();
        (pointer.as_ptr().wrapping_byte_sub(HEADER_TABLE_BYTES), HEADER_TABLE_BYTES.max(page))
    } else {
        (pointer.as_ptr().map_addr(|address| address & ARENA_MASK), within)
    };
    let is_place = (HEADER_TABLE_BYTES..ARENA_BYTES).contains(&offset) && offset.is_power_of_two();
    // Nothing of ours is in the first arena of addresses, and the kernel takes null for no mask.
    is_place && !head.is_null() && is_readable(head) && says_huge(head, offset)
}

/// Compares what lies at `head`, which is readable, with what `strata-segment` writes there, word by word: it may be
/// anything.
fn says_huge(head: *const u8, offset: usize) -> bool {
    let word = |at: usize| {
        // SAFETY: readable, and no word of a head crosses a page.
        unsafe { head.wrapping_byte_add(at).cast::<[u8; 8]>().read_volatile() }
    };
    let word = |at| u64::from_ne_bytes(word(at));
    let kind = (ArenaKind::Huge as u64) << 32;
    word(0) == 0
        && word(offset_of!(ArenaHead, segment)) == 0
        && word(offset_of!(ArenaHead, index)) == kind
        && word(offset_of!(ArenaHead, payload_offset)) == offset as u64
        && word(offset_of!(ArenaHead, mapped_bytes)) > offset as u64
}

const _: () = assert!(offset_of!(ArenaHead, kind) == offset_of!(ArenaHead, index) + 4);
const _: () = assert!(cfg!(target_endian = "little"));

/// How many bytes from `start` on, `most` at most, can be read: whole pages are asked for.
pub(crate) fn readable_bytes(start: NonNull<u8>, most: usize) -> usize {
    let page = strata_os::machine::page_size();
    let mut readable = 0;
    while readable < most {
        let place = start.as_ptr().wrapping_byte_add(readable);
        if !is_readable(place) {
            break;
        }
        readable += page - (place.addr() & (page - 1));
    }
    readable.min(most)
}

/// Whether the eight bytes at the aligned address below `place` can be read: the kernel tries.
///
/// It reads the new mask before it finds that `how` is none of the three, so nothing changes either way.
fn is_readable(place: *const u8) -> bool {
    const MASK_BYTES: usize = 8;
    let place = place.map_addr(|address| address & !(MASK_BYTES - 1));
    let before = crate::errno::get();
    let none = core::ptr::null_mut::<u8>();
    // SAFETY: the kernel checks the address, and `how` is invalid.
    let _ = unsafe { libc::syscall(libc::SYS_rt_sigprocmask, !0, place, none, MASK_BYTES) };
    let readable = crate::errno::get() != libc::EFAULT;
    crate::errno::set(before);
    readable
}
