//! A library with a thread word and a thread-exit key, for `tests/library.rs` to open and close.

use core::ffi::c_void;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};

static EMPTY: u64 = 0x5eed;

strata_os::thread_word! {
    /// The word under test.
    mod word { initial = EMPTY }
}

/// The calling thread's word.
#[unsafe(no_mangle)]
pub extern "C" fn library_word() -> *mut () {
    word::get()
}

/// The address that the word starts with.
#[unsafe(no_mangle)]
pub extern "C" fn library_initial() -> *const u64 {
    &raw const EMPTY
}

/// Sets the calling thread's word.
///
/// # Safety
/// - Nothing: this word is trusted by nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn library_set_word(value: *mut ()) {
    // SAFETY: this word is trusted by nothing.
    unsafe { word::set(value) };
}

/// Has `count` raised by one when the calling thread exits.
#[unsafe(no_mangle)]
pub extern "C" fn library_arm(count: &'static AtomicU32) -> bool {
    let key = strata_os::on_thread_exit(raise);
    key.is_some_and(|key| key.arm(NonNull::from(count).cast()))
}

unsafe extern "C" fn raise(count: *mut c_void) {
    // SAFETY: `library_arm` passed a counter that lives for ever.
    let count = unsafe { &*count.cast::<AtomicU32>() };
    // Relaxed: the test joins the thread before it reads.
    count.fetch_add(1, Ordering::Relaxed);
}
