//! Taking a block of a size that is known at run time only: the part that every `malloc` and `operator new` begins with.
//!
//! ```text
//!   malloc, operator new ─► up to 1 KiB: each size │ up to 32 KiB: steps of 128 ─► table ─► magazine: empty?
//!                             │ larger                                                        │ no: the block
//!                             └──────────────────────► the slow path of the caller        ◄───┘ yes
//! ```
//!
//! | file       | for                                 | instructions, up to 1 KiB and 32 KiB |
//! |------------|-------------------------------------|--------------------------------------|
//! | `x86_64`   | x86-64: naked functions             | 12, 16                               |
//! | `portable` | all others, and what `x86_64` means | 13, 18, compiled for x86-64          |
//!
//! Does not know: what the slow paths do.

#[cfg_attr(not(target_arch = "x86_64"), path = "portable.rs")]
#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
pub(crate) mod exported;

#[cfg(target_arch = "x86_64")]
pub(crate) use exported::code;
pub(crate) use exported::define_malloc;

use strata_cache::{MagazinePlace, thread};
use strata_core::block::BlockPtr;

/// A block for `size` bytes from the magazine of its class, if there is one.
#[inline(always)]
pub(crate) fn pop(size: usize) -> Option<BlockPtr> {
    if let Some(place) = MagazinePlace::of_small(size) {
        // SAFETY: the calling thread's own cache.
        return unsafe { thread::alloc_cache().pop_at(place) };
    }
    let place = MagazinePlace::of_medium(size)?;
    // SAFETY: the calling thread's own cache.
    unsafe { thread::alloc_cache().pop_at(place) }
}
