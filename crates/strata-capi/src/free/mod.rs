//! Giving a block back when nothing but its address is known: the inlined part, and the slow paths behind it.
//!
//! ```text
//!   free ─► pool index 0? ─────► release_with_care   null · huge · perhaps another allocator's (`trust`)
//!             │ no
//!           the magazine that the pool's header names: full? ── yes ─► release_at_the_door   flush · the first pool of a run
//!             │ no
//!           into the magazine
//! ```
//!
//! | file       | for                                 | instructions            |
//! |------------|-------------------------------------|-------------------------|
//! | `x86_64`   | x86-64: a naked function            | 15                      |
//! | `portable` | all others, and what `x86_64` means | 20, compiled for x86-64 |
//!
//! The difference: LLVM takes no relaxed atomic as an operand (mask, count) and does not increment one in place, and doors that
//! might unwind, as far as it knows, want a frame.
//!
//! Does not know: sizes.

#[cfg_attr(not(target_arch = "x86_64"), path = "portable.rs")]
#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
pub(crate) mod exported;

pub(crate) use exported::define_free;

use crate::trust;
use core::ptr::NonNull;
use strata_cache::thread;
use strata_core::address::UserPtr;

/// Gives a block back.
///
/// # Safety
/// - Null, or a block that is the caller's and not used again, or (if this allocator is not the program's) another's.
#[inline(always)]
pub(crate) unsafe fn release(pointer: *mut u8) {
    // SAFETY: null or ours where the mask is not 0 (`trust`).
    match unsafe { UserPtr::in_pool(pointer, trust::slot_mask()) } {
        // SAFETY: the caller's block; the calling thread's own cache.
        Some((pointer, pool)) => unsafe { thread::cache().free_in(pointer, pool) },
        // SAFETY: the same contract.
        None => unsafe { release_with_care(pointer) },
    }
}

/// Null, a huge block, or a pointer that may be another's.
///
/// # Safety
/// - As for [`release`].
#[cold]
#[inline(never)]
pub(crate) unsafe extern "C" fn release_with_care(pointer: *mut u8) {
    if let Some(block) = NonNull::new(pointer)
        && trust::is_ours(block)
    {
        // SAFETY: the caller's block; the calling thread's own cache.
        unsafe { thread::cache().free_unsized(UserPtr::new(block)) };
    }
}
