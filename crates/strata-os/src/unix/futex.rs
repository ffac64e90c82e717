//! Sleeping until a word changes: not by what POSIX promises without a lock, so no thread sleeps here.

use core::ptr::NonNull;

/// Whether a thread can sleep here without waking up now and then to check.
pub const IS_THERE: bool = false;

/// Returns at once.
///
/// # Safety
/// - `word` is a live, aligned word of the caller's.
pub unsafe fn wait(_word: NonNull<u32>, _expected: u32, _milliseconds: Option<u64>) {}

/// No thread sleeps.
pub fn wake(_word: NonNull<u32>) {}
