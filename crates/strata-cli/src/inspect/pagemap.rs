//! Which pages of a process are in memory, as `/proc/PID/pagemap` has it.
//!
//! Linux 6.7 answers in ranges, and tells pages of zeroes that were only read from pages of the process's own (they are not
//! counted as resident). Before, each page is a word.
//!
//! Does not know: what is in the pages.

use std::fs::File;
use std::io::{Error, Result};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use strata_inspect::Resident;

const PAGE_BYTES: u64 = 4096;

// Of the kernel's interface (linux/fs.h), which is fixed.
const PAGEMAP_SCAN: libc::c_ulong = 0xc060_6610;
const IS_FILE: u64 = 1 << 2;
const IS_PRESENT: u64 = 1 << 3;
const IS_ZERO: u64 = 1 << 5;
const IS_HUGE: u64 = 1 << 6;

/// `struct pm_scan_arg`.
#[repr(C)]
#[derive(Debug, Default)]
struct Scan {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// `struct page_region`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct Region {
    start: u64,
    end: u64,
    categories: u64,
}

/// The open file.
#[derive(Debug)]
pub(crate) struct Pagemap {
    file: File,
    page_bytes: u64,
}

impl Pagemap {
    /// Opens it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        // SAFETY: asks for a number.
        let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        Ok(Self { file: File::open(path)?, page_bytes: u64::try_from(page_bytes).unwrap_or(PAGE_BYTES) })
    }

    /// Tells the pages of `start .. end` that are in memory and no file's.
    pub(crate) fn resident(&self, start: u64, end: u64, each: &mut dyn FnMut(Resident)) -> bool {
        let start = start & !(self.page_bytes - 1);
        let end = end.next_multiple_of(self.page_bytes);
        self.scan(start, end, each).or_else(|_| self.read_words(start, end, each)).is_ok()
    }

    fn scan(&self, start: u64, end: u64, each: &mut dyn FnMut(Resident)) -> Result<()> {
        let mut regions = [Region::default(); 512];
        let mut from = start;
        while from < end {
            let mut scan = Scan {
                size: size_of::<Scan>() as u64,
                start: from,
                end,
                vec: regions.as_mut_ptr().expose_provenance() as u64,
                vec_len: regions.len() as u64,
                category_inverted: IS_FILE | IS_ZERO,
                category_mask: IS_PRESENT | IS_FILE | IS_ZERO,
                return_mask: IS_PRESENT | IS_HUGE,
                ..Scan::default()
            };
            // SAFETY: the kernel reads and writes the argument, and writes at most `vec_len` regions.
            let found = unsafe { libc::ioctl(self.file.as_raw_fd(), PAGEMAP_SCAN, &raw mut scan) };
            if found < 0 {
                return Err(Error::last_os_error());
            }
            for region in regions.iter().take(found as usize) {
                let in_huge_pages = region.categories & IS_HUGE != 0;
                each(Resident { start: region.start, end: region.end, in_huge_pages });
            }
            if scan.walk_end <= from {
                break;
            }
            from = scan.walk_end;
        }
        Ok(())
    }

    /// A page's word: bit 63, it is in memory; bit 61, it is a file's.
    fn read_words(&self, start: u64, end: u64, each: &mut dyn FnMut(Resident)) -> Result<()> {
        let mut words = [0; 4096];
        let mut run: Option<Resident> = None;
        let mut page = start;
        while page < end {
            let bytes = ((end - page) / self.page_bytes * 8).min(words.len() as u64) as usize;
            let got = self.file.read_at(&mut words[..bytes], page / self.page_bytes * 8)?;
            if got < 8 {
                break;
            }
            for word in words[..got].chunks_exact(8) {
                let word = u64::from_ne_bytes(word.try_into().unwrap_or_default());
                let is_resident = word >> 63 == 1 && word >> 61 & 1 == 0;
                match &mut run {
                    Some(run) if is_resident => run.end += self.page_bytes,
                    Some(_) => run.take().into_iter().for_each(&mut *each),
                    None if is_resident => {
                        run =
                            Some(Resident { start: page, end: page + self.page_bytes, in_huge_pages: false });
                    }
                    None => {}
                }
                page += self.page_bytes;
            }
        }
        run.into_iter().for_each(each);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(start: u64, end: u64) -> [Vec<(u64, u64)>; 2] {
        let pagemap = Pagemap::open(Path::new("/proc/self/pagemap")).unwrap();
        let mut scanned = Vec::new();
        let mut read = Vec::new();
        let is_new = pagemap.scan(start, end, &mut |run| scanned.push((run.start, run.end))).is_ok();
        pagemap.read_words(start, end, &mut |run| read.push((run.start, run.end))).unwrap();
        if !is_new {
            println!("half skipped: a kernel before 6.7 has no PAGEMAP_SCAN");
            scanned.clone_from(&read);
        }
        [scanned, read]
    }

    #[test]
    fn both_ways_find_the_pages_that_were_written() {
        const PAGES: usize = 3000;
        let length = PAGES * PAGE_BYTES as usize;
        let (read_write, private) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a fresh mapping.
        let place = unsafe { libc::mmap(std::ptr::null_mut(), length, read_write, private, -1, 0) };
        assert_ne!(place, libc::MAP_FAILED);
        // SAFETY: a hint about the fresh mapping.
        unsafe { libc::madvise(place, length, libc::MADV_NOHUGEPAGE) };
        let start = place.addr() as u64;
        let mut expected = Vec::new();
        for page in (0..PAGES).step_by(2) {
            // SAFETY: within the mapping.
            let byte = unsafe { place.byte_add(page * PAGE_BYTES as usize) }.cast::<u8>();
            // SAFETY: within the mapping, which is this test's.
            unsafe { byte.write(1) };
            let page = start + page as u64 * PAGE_BYTES;
            expected.push((page, page + PAGE_BYTES));
        }
        let [scanned, read] = both(start, start + length as u64);
        assert_eq!(scanned, expected);
        assert_eq!(read, expected);
        // SAFETY: mapped above.
        unsafe { libc::munmap(place, length) };
    }
}
