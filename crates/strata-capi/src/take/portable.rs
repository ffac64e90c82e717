//! `malloc` in Rust, for processors without a version in assembly.
//!
//! Does not know: assembly.

/// Defines `malloc`, with the function that serves what no magazine does.
macro_rules! define_malloc {
    ($name:ident, $with_care:path) => {
        #[unsafe(no_mangle)]
        extern "C" fn $name(size: usize) -> *mut core::ffi::c_void {
            match $crate::take::pop(size) {
                Some(block) => block.as_non_null().as_ptr().cast(),
                None => $with_care(size).cast(),
            }
        }
    };
}
pub(crate) use define_malloc;
