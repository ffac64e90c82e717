//! Cutting a mapping; growing and moving one together with its pages is Linux's alone.
//!
//! Does not know: what the caller does instead (`stratalloc` copies).

use super::map::release;
use core::ptr::NonNull;

/// # Safety
/// - As for [`crate::memory::grow_in_place`].
pub(crate) unsafe fn grow_in_place(_ptr: NonNull<u8>, _old: usize, _new: usize) -> bool {
    false
}

/// # Safety
/// - As for [`crate::memory::shrink_in_place`].
pub(crate) unsafe fn shrink_in_place(ptr: NonNull<u8>, old: usize, new: usize) -> bool {
    // SAFETY: `new < old`, so this is inside the range.
    let tail = unsafe { ptr.byte_add(new) };
    // SAFETY: the caller gives up the tail.
    unsafe { release(tail, old - new) }
}

/// # Safety
/// - As for [`crate::memory::relocate`].
pub(crate) unsafe fn relocate(
    _ptr: NonNull<u8>,
    _old: usize,
    _new: usize,
    _align: usize,
) -> Option<NonNull<u8>> {
    None
}

#[cfg(test)]
mod tests {
    use super::super::machine::page_size;
    use super::super::map::map;
    use super::*;

    #[test]
    fn what_is_left_of_a_cut_keeps_its_contents() {
        let page = page_size();
        let ptr = map(4 * page, page).unwrap();
        // SAFETY: mapped above.
        unsafe { ptr.write(7) };
        // SAFETY: ours.
        assert!(unsafe { shrink_in_place(ptr, 4 * page, page) });
        // SAFETY: the page that is left.
        assert_eq!(unsafe { ptr.read() }, 7);
        // SAFETY: ours.
        assert!(unsafe { release(ptr, page) });
    }
}
