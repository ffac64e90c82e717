//! `free` in fifteen instructions of x86-64: `release` as LLVM would not write it.
//!
//! A naked function has no frame, so every way out is a jump. The words of the header, the magazine and the mask are aligned words
//! that other threads write whole, if at all: a plain load of them is what a relaxed one compiles to.
//!
//! Does not know: anything that `release` does not.

use core::ptr::NonNull;
use strata_cache::thread;
use strata_core::address::UserPtr;

/// Defines functions under these names that give one block back.
macro_rules! define_free {
    ($($name:ident)*) => {$(
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        unsafe extern "C" fn $name(pointer: *mut core::ffi::c_void) {
            core::arch::naked_asm!(
                "mov eax, edi",
                "shr eax, {slot_shift}",
                // Pool index 0 (null, huge), and everything while no pointer is trusted.
                "and eax, dword ptr [rip + {slot_mask}]",
                "jz {with_care}",
                "mov rcx, rdi",
                "and rcx, {arena_mask}",
                // Where the class's magazine lies in any cache; 0 leads to one that is full.
                "mov eax, dword ptr [rcx + rax + {magazine}]",
                // The thread word: this thread's cache.
                concat!("mov rdx, qword ptr [rip + ", $crate::free::exported::thread_word!(), "@GOTTPOFF]"),
                "add rax, qword ptr fs:[rdx]",
                "mov rcx, qword ptr [rax + {count}]",
                "cmp rcx, qword ptr [rax + {limit}]",
                "jae {at_the_door}",
                "mov qword ptr [rax + 8 * rcx + {slots}], rdi",
                "inc qword ptr [rax + {count}]",
                "ret",
                slot_shift = const strata_core::address::SLOT_SHIFT,
                slot_mask = sym $crate::trust::SLOT_MASK,
                arena_mask = const strata_core::address::ARENA_MASK as isize,
                magazine = const strata_core::pool::MAGAZINE_OFFSET,
                count = const strata_cache::size_table::MAGAZINE_FIELDS[0],
                limit = const strata_cache::size_table::MAGAZINE_FIELDS[1],
                slots = const strata_cache::size_table::MAGAZINE_FIELDS[2],
                with_care = sym $crate::free::release_with_care,
                at_the_door = sym $crate::free::exported::release_at_the_door,
            )
        }
    )*};
}
pub(crate) use define_free;

/// The symbol of the thread words that `strata_cache::thread` defines; a wrong one does not link.
macro_rules! thread_word {
    () => {
        concat!(
            "strata_thread_word_strata_cache_word_",
            env!("CARGO_PKG_VERSION_MAJOR"),
            "_",
            env!("CARGO_PKG_VERSION_MINOR"),
            "_",
            env!("CARGO_PKG_VERSION_PATCH"),
        )
    };
}
pub(crate) use thread_word;

/// A block whose magazine is full, or the first pool of a run.
///
/// # Safety
/// - A block of ours that is the caller's, with a pool index above 0.
#[inline(never)]
pub(crate) unsafe extern "C" fn release_at_the_door(pointer: NonNull<u8>) {
    let pointer = UserPtr::new(pointer);
    // SAFETY: a block of ours with a pool index above 0, by this function's contract.
    let pool = unsafe { pointer.pool() };
    // SAFETY: the caller's block; the calling thread's own cache.
    unsafe { thread::cache().free_in_at_the_door(pointer, pool) };
}
