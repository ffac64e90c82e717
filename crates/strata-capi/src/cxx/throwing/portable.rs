//! The throwing forms of `operator new` in Rust, for processors without a version in assembly.
//!
//! An exception passes them where panics unwind. Where panics abort, as in the finished library, it ends the program instead.
//!
//! Does not know: assembly.

use core::ffi::c_void;

/// Defines the form for a size, and the one for a size and an alignment, under these names.
macro_rules! define {
    ($($plain:ident $aligned:ident)*) => {$(
        #[unsafe(no_mangle)]
        extern "C-unwind" fn $plain(size: usize) -> *mut core::ffi::c_void {
            let block = $crate::malloc::allocate(size);
            if block.is_null() {
                $crate::cxx::throwing::with_care(size, strata_core::layout::GRANULE_BYTES)
            } else {
                block.cast()
            }
        }

        #[unsafe(no_mangle)]
        extern "C-unwind" fn $aligned(size: usize, align: usize) -> *mut core::ffi::c_void {
            $crate::cxx::throwing::with_care(size, align)
        }
    )*};
}
pub(super) use define;

/// Tries, and does what is the next step until there is memory or something throws.
pub(super) extern "C-unwind" fn with_care(size: usize, align: usize) -> *mut c_void {
    loop {
        let block = super::allocate_for_type(size, align);
        if !block.is_null() {
            return block.cast();
        }
        // SAFETY: the program's own function, or the C++ library's.
        unsafe { super::next_step(size, align)() };
    }
}
