//! `free` in seventeen instructions of x86-64: `release` as LLVM would not write it.
//!
//! A naked function has no frame, so every way out is a jump. The words of the header and the mask are aligned words that
//! other threads write whole, if at all: a plain load of them is what a relaxed one compiles to.
//!
//! Does not know: anything that `release` does not.

use core::ptr::NonNull;
use strata_cache::current;
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
                // Pool index 0 (null, huge), and everything while nobody is trusted.
                "and eax, dword ptr [rip + {slot_mask}]",
                "jz {with_care}",
                "mov rcx, rdi",
                "and rcx, {arena_mask}",
                // The thread word: this thread's cache.
                concat!("mov rdx, qword ptr [rip + ", $crate::free::exported::thread_word!(), "@GOTTPOFF]"),
                "mov rdx, qword ptr fs:[rdx]",
                "cmp qword ptr [rcx + rax + {owner}], rdx",
                "jne {foreign}",
                "mov rdx, qword ptr [rcx + rax + {sink}]",
                "mov rsi, qword ptr [rdx]",
                "mov qword ptr [rdi], rsi",
                "mov qword ptr [rdx], rdi",
                "dec dword ptr [rcx + rax + {live}]",
                "jz {retire}",
                "ret",
                slot_shift = const strata_core::address::SLOT_SHIFT,
                slot_mask = sym $crate::trust::SLOT_MASK,
                arena_mask = const strata_core::address::ARENA_MASK as isize,
                owner = const strata_core::pool::FREE_OFFSETS[0],
                sink = const strata_core::pool::FREE_OFFSETS[1],
                live = const strata_core::pool::FREE_OFFSETS[2],
                with_care = sym $crate::free::release_with_care,
                foreign = sym $crate::free::exported::release_foreign,
                retire = sym $crate::free::exported::retire_pool,
            )
        }
    )*};
}
pub(crate) use define_free;

/// The symbol of the thread word that `strata_cache::current` defines; a wrong one does not link.
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

/// A block of a pool that another cache owns, or none, or a run's.
///
/// # Safety
/// - A block of ours that is the caller's, with a pool index above 0.
#[inline(never)]
pub(crate) unsafe extern "C" fn release_foreign(pointer: NonNull<u8>) {
    let pointer = UserPtr::new(pointer);
    // SAFETY: the caller's promise.
    let pool = unsafe { pointer.pool() };
    // SAFETY: the caller's block; the calling thread's own cache.
    unsafe { current::cache().free_foreign(pointer, pool) };
}

/// The block just freed was its pool's last.
///
/// # Safety
/// - It lay in a pool that the calling thread owns and that counts no live block.
#[cold]
#[inline(never)]
pub(crate) unsafe extern "C" fn retire_pool(pointer: NonNull<u8>) {
    // SAFETY: an address in a pool of ours.
    let pool = unsafe { UserPtr::new(pointer).pool() };
    current::cache().retire(pool);
}
