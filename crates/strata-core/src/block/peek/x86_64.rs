//! One load of x86-64.

use crate::block::Link;

/// The word at `link`, whatever it is by now.
///
/// # Safety
/// - `link` is mapped and aligned to a word.
#[inline]
pub(in crate::block) unsafe fn peek(link: *const Link) -> *mut Link {
    let word: *mut Link;
    // SAFETY: mapped and aligned, by the caller's promise; nothing is written.
    unsafe {
        core::arch::asm!(
            "mov {word}, qword ptr [{link}]",
            word = lateout(reg) word,
            link = in(reg) link,
            options(nostack, readonly, preserves_flags)
        );
    }
    word
}
