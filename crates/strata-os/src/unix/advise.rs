//! Giving memory back while keeping its addresses. What Linux knows beyond that is refused here.
//!
//! `MADV_DONTNEED` keeps the contents outside Linux, or may. What is sure to read as zero is a fresh mapping in place of
//! the old one, so a purge takes access away and gives it again. In two steps, because the second one alone may meet a
//! limit on promised memory: refused, it leaves addresses that fault, not a hole for another thread to map into.
//!
//! Does not know: what is worth giving back (`strata-segment` does).

use super::kernel;
use super::map::{commit, decommit};
use crate::call;
use crate::counters::Call;
use core::ffi::CStr;
use core::ptr::NonNull;

/// # Safety
/// - As for [`crate::memory::purge`].
pub(crate) unsafe fn purge(ptr: NonNull<u8>, size: usize) -> bool {
    // SAFETY: the caller gives up the contents.
    let decommitted = unsafe { decommit(ptr, size) };
    // SAFETY: reserved a moment ago, and still the caller's.
    decommitted && unsafe { commit(ptr, size) }
}

/// # Safety
/// - As for [`crate::memory::purge_lazily`].
pub(crate) unsafe fn purge_lazily(ptr: NonNull<u8>, size: usize) -> bool {
    // SAFETY: M3, and the caller gives up the contents.
    call::is_done(Call::Advise, || unsafe { kernel::madvise(ptr, size, libc::MADV_FREE) })
}

/// # Safety
/// - As for [`crate::memory::populate`].
pub(crate) unsafe fn populate(_ptr: NonNull<u8>, _size: usize) -> bool {
    false
}

/// # Safety
/// - As for [`crate::memory::advise_huge_pages`].
pub(crate) unsafe fn advise_huge_pages(_ptr: NonNull<u8>, _size: usize) -> bool {
    false
}

/// # Safety
/// - As for [`crate::memory::advise_small_pages`].
pub(crate) unsafe fn advise_small_pages(_ptr: NonNull<u8>, _size: usize) -> bool {
    false
}

/// # Safety
/// - As for [`crate::memory::collapse`].
pub(crate) unsafe fn collapse(_ptr: NonNull<u8>, _size: usize) -> bool {
    false
}

pub(crate) fn find_resident(ptr: NonNull<u8>, pages: &mut [u8]) -> bool {
    let size = pages.len() * super::machine::page_size();
    // SAFETY: reads no memory, and writes a byte for each page.
    call::is_done(Call::Advise, || unsafe { kernel::mincore(ptr, size, pages.as_mut_ptr()) })
}

pub(crate) fn name(_ptr: NonNull<u8>, _size: usize, _name: &'static CStr) {}

#[cfg(test)]
mod tests {
    use super::super::machine::page_size;
    use super::super::map::{map, release};
    use super::*;

    const SIZE: usize = 1 << 20;

    /// A mapping in which every page is written.
    fn with_written(test: impl FnOnce(NonNull<u8>)) {
        let ptr = map(SIZE, SIZE).unwrap();
        (0..SIZE).step_by(page_size()).for_each(|offset| write(ptr, offset, 9));
        test(ptr);
        // SAFETY: mapped above.
        assert!(unsafe { release(ptr, SIZE) });
    }

    fn write(ptr: NonNull<u8>, offset: usize, byte: u8) {
        // SAFETY: within the mapping.
        let place = unsafe { ptr.byte_add(offset) };
        // SAFETY: within the mapping.
        unsafe { place.write(byte) };
    }

    fn holds(ptr: NonNull<u8>, offset: usize, byte: u8) -> bool {
        // SAFETY: within the mapping.
        let place = unsafe { ptr.byte_add(offset) };
        // SAFETY: within the mapping.
        unsafe { place.read() == byte }
    }

    fn resident_pages(ptr: NonNull<u8>) -> usize {
        let mut pages = std::vec![0_u8; SIZE / page_size()];
        assert!(find_resident(ptr, &mut pages));
        pages.iter().filter(|page| **page & 1 == 1).count()
    }

    #[test]
    fn purged_memory_is_gone_reads_as_zero_and_can_be_written() {
        with_written(|ptr| {
            // SAFETY: mapped above, and not shared.
            assert!(unsafe { purge(ptr, SIZE) });
            assert_eq!(resident_pages(ptr), 0);
            assert!((0..SIZE).step_by(page_size()).all(|offset| holds(ptr, offset, 0)));
            write(ptr, SIZE - 1, 5);
            assert!(holds(ptr, SIZE - 1, 5));
        });
    }

    #[test]
    fn a_purge_leaves_its_neighbours_alone() {
        with_written(|ptr| {
            let page = page_size();
            // SAFETY: within the mapping.
            let middle = unsafe { ptr.byte_add(page) };
            // SAFETY: mapped above, and not shared.
            assert!(unsafe { purge(middle, page) });
            assert!(holds(ptr, 0, 9) && holds(ptr, page, 0) && holds(ptr, 2 * page, 9));
        });
    }

    #[test]
    fn lazily_purged_memory_keeps_what_is_written_after() {
        with_written(|ptr| {
            // SAFETY: mapped above, and not shared.
            assert!(unsafe { purge_lazily(ptr, SIZE) });
            write(ptr, 0, 5);
            assert!(holds(ptr, 0, 5));
            let last_page = SIZE - page_size();
            assert!(holds(ptr, last_page, 9) || holds(ptr, last_page, 0));
        });
    }
}
