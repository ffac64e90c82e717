//! This process's memory as another process would see it: what the kernel says of mappings and pages, and reads that cannot fault.
//!
//! A read goes through the kernel, so an address that was unmapped a moment ago is no crash but a refusal. Nothing
//! allocates.
//!
//! Does not know: what the memory holds.

use super::raw::{self, flags, number};
use super::small_file::{self, File};
use core::ffi::CStr;
use core::ptr::without_provenance_mut;

// Of the kernel's interface (linux/fs.h), which is fixed.
const PAGEMAP_SCAN: libc::c_int = 0xc060_6610_u32.cast_signed();
const IS_FILE: u64 = 1 << 2;
const IS_PRESENT: u64 = 1 << 3;
const IS_ZERO: u64 = 1 << 5;
const IS_HUGE: u64 = 1 << 6;

/// `struct pm_scan_arg`.
#[repr(C)]
struct Scan {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: *mut Region,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// `struct page_region`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Region {
    start: u64,
    end: u64,
    categories: u64,
}

pub(crate) fn copy(address: u64, into: &mut [u8]) -> bool {
    let local = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    let remote = libc::iovec { iov_base: without_provenance_mut(address as usize), iov_len: into.len() };
    let (local, remote) = ((&raw const local).cast_mut().cast(), (&raw const remote).cast_mut().cast());
    let process = number(crate::machine::process() as usize);
    let arguments = [process, local, number(1), remote, number(1), number(0)];
    // SAFETY: the kernel writes to our buffer, as much as it holds, and reads the other address or refuses.
    let copied = unsafe { raw::call(libc::SYS_process_vm_readv, arguments) };
    copied == Ok(into.len())
}

pub(crate) fn each_line(path: &CStr, each: &mut dyn FnMut(&[u8])) -> bool {
    let mut is_read = false;
    small_file::find_line(path, &mut [0; 4608], |line| {
        is_read = true;
        each(line);
        None::<()>
    });
    is_read
}

pub(crate) fn resident(start: u64, end: u64, each: &mut dyn FnMut(u64, u64, bool)) -> bool {
    let Some(file) = File::open(c"/proc/self/pagemap") else { return false };
    let page = super::machine::page_size() as u64;
    let (start, end) = (start & !(page - 1), end.next_multiple_of(page));
    scan(&file, start, end, each) || read_words(&file, start, end, each)
}

/// In ranges: Linux 6.7.
fn scan(file: &File, start: u64, end: u64, each: &mut dyn FnMut(u64, u64, bool)) -> bool {
    let mut regions = [Region { start: 0, end: 0, categories: 0 }; 128];
    let mut from = start;
    while from < end {
        let mut scan = Scan {
            size: size_of::<Scan>() as u64,
            flags: 0,
            start: from,
            end,
            walk_end: 0,
            vec: regions.as_mut_ptr(),
            vec_len: regions.len() as u64,
            max_pages: 0,
            category_inverted: IS_FILE | IS_ZERO,
            category_mask: IS_PRESENT | IS_FILE | IS_ZERO,
            category_anyof_mask: 0,
            return_mask: IS_PRESENT | IS_HUGE,
        };
        let arguments = [flags(file.number()), flags(PAGEMAP_SCAN), (&raw mut scan).cast()];
        // SAFETY: the kernel reads and writes the argument, and writes at most `vec_len` regions.
        let Ok(found) = (unsafe { raw::call(libc::SYS_ioctl, arguments) }) else { return false };
        for region in regions.iter().take(found) {
            each(region.start, region.end, region.categories & IS_HUGE != 0);
        }
        if scan.walk_end <= from {
            break;
        }
        from = scan.walk_end;
    }
    true
}

/// Word by word: bit 63, a page is in memory; bit 61, it is a file's.
fn read_words(file: &File, start: u64, end: u64, each: &mut dyn FnMut(u64, u64, bool)) -> bool {
    let page = super::machine::page_size() as u64;
    let mut words = [0_u64; 256];
    let mut at = start;
    while at < end {
        let wanted = ((end - at) / page).min(words.len() as u64) as usize;
        let arguments = [
            flags(file.number()),
            words.as_mut_ptr().cast(),
            number(wanted * 8),
            number((at / page * 8) as usize),
        ];
        // SAFETY: writes at most as many words.
        let got = unsafe { raw::call(libc::SYS_pread64, arguments) }.unwrap_or(0) / 8;
        if got == 0 {
            return at != start;
        }
        for word in words.iter().take(got) {
            if word >> 63 == 1 && word >> 61 & 1 == 0 {
                each(at, at + page, false);
            }
            at += page;
        }
    }
    true
}
