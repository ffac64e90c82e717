//! `free` in Rust, for processors without a version in assembly.
//!
//! Does not know: assembly.

/// Defines functions under these names that give one block back.
macro_rules! define_free {
    ($($name:ident)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(pointer: *mut core::ffi::c_void) {
            // SAFETY: C's contract is ours: null, or the caller's block.
            unsafe { $crate::free::release(pointer.cast()) };
        }
    )*};
}
pub(crate) use define_free;
