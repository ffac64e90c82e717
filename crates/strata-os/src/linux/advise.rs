//! Giving memory back while keeping its addresses, taking it early, and in pages of which size; asking what is there.
//!
//! | call                  | kernel | cost per 4 KiB with the next touch |
//! |-----------------------|--------|------------------------------------|
//! | `MADV_DONTNEED`       | always | 2.4 µs                             |
//! | `MADV_FREE`           | 4.5    | 0.5 µs                             |
//! | `MADV_POPULATE_WRITE` | 5.14   | 1.6 µs, instead of 1.9 by faults   |
//! | `MADV_COLLAPSE`       | 6.1    | one copy                           |
//!
//! An older kernel refuses what it does not know, which the caller sees as `false`.
//!
//! Does not know: what is worth giving back (`strata-segment` does).

use super::kernel;
use super::raw::{self, flags, number};
use crate::call;
use crate::counters::Call;
use core::ffi::{CStr, c_int};
use core::ptr::NonNull;

// Of the kernel's interface, which is fixed; the C library's header may be older than the kernel.
const MADV_POPULATE_WRITE: c_int = 23;
const MADV_COLLAPSE: c_int = 25;
const PR_SET_VMA: c_int = 0x5356_4d41;
const PR_SET_VMA_ANON_NAME: c_int = 0;

/// # Safety
/// - As for [`crate::memory::purge`].
pub(crate) unsafe fn purge(ptr: NonNull<u8>, size: usize) -> bool {
    // SAFETY: the caller gives up the contents.
    unsafe { advise(ptr, size, libc::MADV_DONTNEED) }
}

/// # Safety
/// - As for [`crate::memory::purge_lazily`].
pub(crate) unsafe fn purge_lazily(ptr: NonNull<u8>, size: usize) -> bool {
    // SAFETY: the caller gives up the contents.
    unsafe { advise(ptr, size, libc::MADV_FREE) }
}

/// # Safety
/// - As for [`crate::memory::populate`].
pub(crate) unsafe fn populate(ptr: NonNull<u8>, size: usize) -> bool {
    // SAFETY: changes no contents.
    unsafe { advise(ptr, size, MADV_POPULATE_WRITE) }
}

/// # Safety
/// - As for [`crate::memory::advise_huge_pages`].
pub(crate) unsafe fn advise_huge_pages(ptr: NonNull<u8>, size: usize) -> bool {
    // SAFETY: changes no contents.
    unsafe { advise(ptr, size, libc::MADV_HUGEPAGE) }
}

/// # Safety
/// - As for [`crate::memory::advise_small_pages`].
pub(crate) unsafe fn advise_small_pages(ptr: NonNull<u8>, size: usize) -> bool {
    // SAFETY: changes no contents.
    unsafe { advise(ptr, size, libc::MADV_NOHUGEPAGE) }
}

/// # Safety
/// - As for [`crate::memory::collapse`].
pub(crate) unsafe fn collapse(ptr: NonNull<u8>, size: usize) -> bool {
    // SAFETY: changes no contents.
    unsafe { advise(ptr, size, MADV_COLLAPSE) }
}

/// Addresses without memory are no part of a core dump.
pub(crate) fn keep_out_of_dumps(ptr: NonNull<u8>, size: usize) {
    // SAFETY: changes no contents.
    let _ = unsafe { advise(ptr, size, libc::MADV_DONTDUMP) };
}

/// They are, once they may be touched.
pub(crate) fn take_into_dumps(ptr: NonNull<u8>, size: usize) {
    // SAFETY: changes no contents.
    let _ = unsafe { advise(ptr, size, libc::MADV_DODUMP) };
}

pub(crate) fn find_resident(ptr: NonNull<u8>, pages: &mut [u8]) -> bool {
    let size = pages.len() * super::machine::page_size();
    // SAFETY: reads no memory, and writes a byte for each page.
    call::is_done(Call::Advise, || unsafe { kernel::mincore(ptr, size, pages.as_mut_ptr()) })
}

pub(crate) fn name(ptr: NonNull<u8>, size: usize, name: &'static CStr) {
    Call::Advise.count();
    let (kind, of) = (flags(PR_SET_VMA), flags(PR_SET_VMA_ANON_NAME));
    let name = name.as_ptr().cast_mut().cast();
    // SAFETY: a label on a mapping changes neither contents nor access, and the kernel copies the string.
    let _ = unsafe { raw::call(libc::SYS_prctl, [kind, of, ptr.as_ptr().cast(), number(size), name]) };
}

/// # Safety
/// - The caller holds the range, and gives up its contents where the advice drops them.
unsafe fn advise(ptr: NonNull<u8>, size: usize, advice: c_int) -> bool {
    // SAFETY: M3.
    call::is_done(Call::Advise, || unsafe { kernel::madvise(ptr, size, advice) })
}

#[cfg(test)]
mod tests {
    use super::super::machine::page_size;
    use super::super::map::{commit, reserve};
    use super::super::map::{map, release};
    use super::*;

    const SIZE: usize = 4 << 20;

    fn with_mapping(test: impl FnOnce(NonNull<u8>)) {
        let ptr = map(SIZE, SIZE).unwrap();
        test(ptr);
        // SAFETY: mapped above.
        assert!(unsafe { release(ptr, SIZE) });
    }

    fn resident_pages(ptr: NonNull<u8>) -> usize {
        let mut pages = std::vec![0_u8; SIZE / page_size()];
        assert!(find_resident(ptr, &mut pages));
        pages.iter().filter(|page| **page & 1 == 1).count()
    }

    #[test]
    fn populated_memory_is_resident_and_purged_memory_is_not() {
        with_mapping(|ptr| {
            // SAFETY: mapped.
            if unsafe { populate(ptr, SIZE) } {
                assert_eq!(resident_pages(ptr), SIZE / page_size());
            }
            // SAFETY: mapped above, and not shared.
            assert!(unsafe { purge(ptr, SIZE) });
            assert_eq!(resident_pages(ptr), 0);
        });
    }

    #[test]
    fn what_nobody_touched_is_not_resident_and_what_nobody_holds_is_not_known() {
        let ptr = map(SIZE, SIZE).unwrap();
        // SAFETY: mapped.
        let last = unsafe { ptr.byte_add(SIZE - 1) };
        // SAFETY: mapped.
        unsafe { last.write(1) };
        assert_eq!(resident_pages(ptr), 1);
        // SAFETY: mapped above.
        assert!(unsafe { release(ptr, SIZE) });
        let kernel_half = ptr.map_addr(|address| address | 1 << 63);
        assert!(!find_resident(kernel_half, &mut [0; 4]));
    }

    /// Whether the kernel lists the mapping that an address lies in as no part of a dump; `None`: it lists none.
    fn is_left_out(ptr: NonNull<u8>) -> Option<bool> {
        let text = std::fs::read_to_string("/proc/self/smaps").ok()?;
        let number = |digits: &str| usize::from_str_radix(digits, 16).ok();
        let begins = |line: &str| {
            let (start, end) = line.split_once(' ')?.0.split_once('-')?;
            Some((number(start)?..number(end)?).contains(&ptr.addr().get()))
        };
        let behind = text.lines().skip_while(|line| begins(line) != Some(true));
        let flags = behind.skip(1).find(|line| line.starts_with("VmFlags:"))?;
        Some(flags.split_whitespace().any(|flag| flag == "dd"))
    }

    #[test]
    fn what_is_reserved_is_in_no_dump_and_what_is_committed_is() {
        let ptr = reserve(4 * SIZE, SIZE).unwrap();
        // SAFETY: reserved just now.
        assert!(unsafe { commit(ptr, SIZE) });
        // SAFETY: within the range.
        let behind = unsafe { ptr.byte_add(SIZE) };
        assert_eq!([ptr, behind].map(is_left_out), [Some(false), Some(true)]);
        // SAFETY: reserved above.
        assert!(unsafe { release(ptr, 4 * SIZE) });
    }

    #[test]
    fn purged_memory_reads_as_zero() {
        with_mapping(|ptr| {
            // SAFETY: mapped.
            unsafe { ptr.write(9) };
            // SAFETY: mapped above, and not shared.
            assert!(unsafe { purge(ptr, SIZE) });
            // SAFETY: mapped.
            assert_eq!(unsafe { ptr.read() }, 0);
        });
    }

    #[test]
    fn lazily_purged_memory_keeps_what_is_written_after() {
        with_mapping(|ptr| {
            // SAFETY: mapped above, and not shared.
            assert!(unsafe { purge_lazily(ptr, SIZE) });
            // SAFETY: mapped.
            unsafe { ptr.write(5) };
            // SAFETY: mapped.
            assert_eq!(unsafe { ptr.read() }, 5);
        });
    }

    #[test]
    fn advice_on_addresses_that_nobody_holds_is_refused() {
        let ptr = map(SIZE, SIZE).unwrap();
        // SAFETY: mapped above.
        assert!(unsafe { release(ptr, SIZE) });
        let kernel_half = ptr.map_addr(|address| address | 1 << 63);
        // SAFETY: no process holds those addresses.
        assert!(!unsafe { purge(kernel_half, SIZE) });
    }

    #[test]
    fn hints_are_harmless_whatever_the_kernel_says() {
        with_mapping(|ptr| {
            // SAFETY: mapped.
            unsafe { ptr.write(3) };
            // SAFETY: mapped.
            unsafe { advise_huge_pages(ptr, SIZE) };
            // SAFETY: mapped.
            unsafe { collapse(ptr, SIZE) };
            // SAFETY: mapped.
            unsafe { advise_small_pages(ptr, SIZE) };
            name(ptr, SIZE, c"strata: test");
            // SAFETY: mapped.
            assert_eq!(unsafe { ptr.read() }, 3);
        });
    }
}
