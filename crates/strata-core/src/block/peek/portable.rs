//! An atomic load, where there is no file of the processor's own.

use crate::block::Link;

/// The word at `link`, whatever it is by now.
///
/// # Safety
/// - `link` is mapped and aligned to a word.
#[inline]
pub(in crate::block) unsafe fn peek(link: *const Link) -> *mut Link {
    // SAFETY: mapped and aligned, by the caller's promise.
    unsafe { &*link }.next.glance()
}
