//! This process's memory as another process would see it. For statistics on request: each question is a system call or many.
//!
//! Addresses are numbers here: nothing is accessed through them but by the kernel, which refuses what is not there.
//!
//! Does not know: how (`linux/own_memory.rs`); elsewhere there is no answer.

use crate::system::own_memory as imp;

/// Copies what lies at an address. `false`: not all of it is there, or the kernel does not allow it.
pub fn copy(address: u64, into: &mut [u8]) -> bool {
    imp::copy(address, into)
}

/// The lines of the kernel's list of mappings, without their ends. Lines of more than 4 KiB are passed over. `false`: there is none.
pub fn each_mapping_line(each: &mut dyn FnMut(&[u8])) -> bool {
    imp::each_line(c"/proc/self/maps", each)
}

/// The lines of what the kernel says of the process as a whole. `false`: it says nothing.
pub fn each_status_line(each: &mut dyn FnMut(&[u8])) -> bool {
    imp::each_line(c"/proc/self/status", each)
}

/// The same with how much of each mapping is in memory: some 50 ms for each GiB in small pages.
pub fn each_usage_line(each: &mut dyn FnMut(&[u8])) -> bool {
    imp::each_line(c"/proc/self/smaps", each)
}

/// The ranges of pages from `start` to `end` that are in memory and no file's: their start, their end, and whether they are huge
/// pages. `false`: the kernel does not say.
pub fn resident(start: u64, end: u64, each: &mut dyn FnMut(u64, u64, bool)) -> bool {
    imp::resident(start, end, each)
}

#[cfg(all(test, target_os = "linux", not(strata_unix)))]
mod tests {
    use super::*;
    use crate::memory;

    #[test]
    fn what_is_there_is_copied_and_what_is_not_is_refused() {
        let text = *b"a few bytes";
        let mut copied = [0; 11];
        assert!(copy(text.as_ptr().addr() as u64, &mut copied));
        assert_eq!(copied, text);
        assert!(!copy(8, &mut copied) && !copy(1 << 63, &mut copied));
    }

    #[test]
    fn pages_that_were_written_are_in_memory() {
        const PAGE: usize = 4096;
        let ptr = memory::map(16 * PAGE, 16 * PAGE).unwrap();
        // SAFETY: mapped just now.
        unsafe { memory::advise_small_pages(ptr, 16 * PAGE) };
        for page in [1, 2, 7] {
            // SAFETY: within the range.
            let byte = unsafe { ptr.byte_add(page * PAGE) };
            // SAFETY: within the range, which is this test's.
            unsafe { byte.write(1) };
        }
        let start = ptr.addr().get() as u64;
        let mut bytes = 0;
        assert!(resident(start, start + 16 * PAGE as u64, &mut |from, to, _| bytes += to - from));
        if crate::machine::page_size() == PAGE {
            assert_eq!(bytes, 3 * PAGE as u64);
        }
        // SAFETY: mapped above.
        unsafe { memory::release(ptr, 16 * PAGE) };
    }

    #[test]
    fn the_status_tells_resident_memory() {
        let mut told = 0;
        assert!(each_status_line(&mut |line| told += usize::from(line.starts_with(b"VmRSS:"))));
        assert_eq!(told, 1);
    }

    #[test]
    fn both_lists_begin_with_mappings() {
        for each_line in [each_mapping_line, each_usage_line] {
            let mut mappings = 0;
            assert!(each_line(&mut |line| mappings += usize::from(line.ends_with(b"[stack]"))));
            assert_eq!(mappings, 1);
        }
    }
}
