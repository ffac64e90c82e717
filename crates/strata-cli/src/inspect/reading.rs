//! A running process at about one moment: each page of it is copied once, many of them by one call.
//!
//! ```text
//!   what a walk expects ──► pages that are not here yet ──► process_vm_readv, up to 1,024 a call ──► pages ──► read
//! ```
//!
//! So whatever is asked of one reading is answered from the same copy: a waterfall and statistics of one reading agree. A page that could
//! not be copied, since it went away meanwhile, is left out for the whole of it. No page is copied that was not asked for: one that was
//! never touched would get a page table.
//!
//! Does not know: what lies in the pages.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;

use strata_inspect::{Heap, Mapping, Resident, Target, Usage, kernel_text};

use super::heaps_in;
use super::process::{PAGE_BYTES, Process};
use super::refusal::Refusal;

/// Pages that one call copies at most: each may be a range of its own.
const MOST_PAGES: usize = 1024;

type Page = Box<[u8; PAGE_BYTES]>;

/// One of a process.
#[derive(Debug)]
pub(crate) struct Reading<'process> {
    process: &'process Process,
    /// By address; `None`: it could not be copied.
    pages: RefCell<BTreeMap<u64, Option<Page>>>,
    maps: OnceCell<Option<Vec<u8>>>,
}

impl<'process> Reading<'process> {
    /// One that begins now.
    pub(crate) fn of(process: &'process Process) -> Self {
        Self { process, pages: RefCell::default(), maps: OnceCell::new() }
    }

    /// The allocators in it, at least one.
    pub(crate) fn heaps(&self) -> Result<Vec<Heap<'_, Self>>, Refusal> {
        heaps_in(self).map_err(|other| match other {
            Some(version) => Refusal::OtherVersion(self.process.pid(), version),
            None if self.process.has_ended() => Refusal::Missing(self.process.pid()),
            None => Refusal::NoStrata(self.process.pid(), self.process.name()),
        })
    }

    /// Copies those of these pages that are not here yet.
    fn copy(&self, wanted: impl Iterator<Item = u64>) {
        let mut pages = self.pages.borrow_mut();
        let mut missing: Vec<u64> = wanted.filter(|page| !pages.contains_key(page)).collect();
        missing.dedup();
        for mut left in missing.chunks(MOST_PAGES) {
            let mut bytes = vec![0; left.len() * PAGE_BYTES];
            while let Some((first, others)) = left.split_first() {
                let copied = self.process.copy_pages(left, &mut bytes);
                for (page, bytes) in left[..copied].iter().zip(bytes.chunks_exact(PAGE_BYTES)) {
                    pages.insert(*page, bytes.try_into().ok().map(Box::new));
                }
                // A call ends before the first page that cannot be copied.
                if copied == 0 {
                    pages.insert(*first, None);
                }
                left = if copied == 0 { others } else { &left[copied..] };
            }
        }
    }
}

/// The pages that a range lies in.
fn pages_of(address: u64, length: usize) -> impl Iterator<Item = u64> {
    let first = address & !(PAGE_BYTES as u64 - 1);
    (first..address.saturating_add(length as u64)).step_by(PAGE_BYTES)
}

impl Target for Reading<'_> {
    fn read(&self, address: u64, into: &mut [u8]) -> bool {
        self.copy(pages_of(address, into.len()));
        let pages = self.pages.borrow();
        let mut left = into;
        pages_of(address, left.len()).all(|page| {
            let Some(Some(bytes)) = pages.get(&page) else { return false };
            let from = address.saturating_sub(page) as usize;
            let bytes = bytes.get(from..).unwrap_or_default();
            let length = bytes.len().min(left.len());
            let (now, later) = std::mem::take(&mut left).split_at_mut(length);
            now.copy_from_slice(&bytes[..length]);
            left = later;
            true
        })
    }

    fn expect(&self, ranges: &mut dyn Iterator<Item = (u64, usize)>) {
        self.copy(ranges.flat_map(|(address, length)| pages_of(address, length)));
    }

    fn resident(&self, start: u64, end: u64, each: &mut dyn FnMut(Resident)) -> bool {
        self.process.resident(start, end, each)
    }

    fn mappings(&self, each: &mut dyn FnMut(&Mapping<'_>)) -> bool {
        let maps = self.maps.get_or_init(|| self.process.maps_text());
        let Some(text) = maps else { return false };
        kernel_text::mappings(text).for_each(|mapping| each(&mapping));
        true
    }

    fn usage(&self, each: &mut dyn FnMut(&Mapping<'_>, Usage)) -> bool {
        self.process.usage(each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Process {
        Process::open(std::process::id()).unwrap()
    }

    #[test]
    fn what_is_read_is_what_was_there_when_its_page_was_copied() {
        let process = own();
        let mut bytes = vec![7_u8; 3 * PAGE_BYTES];
        let address = bytes.as_ptr().expose_provenance() as u64;
        let reading = Reading::of(&process);
        let mut copy = vec![0; bytes.len() - 100];
        assert!(reading.read(address + 50, &mut copy));
        assert!(copy.iter().all(|byte| *byte == 7));
        std::hint::black_box(&mut bytes).fill(8);
        assert!(reading.read(address + 50, &mut copy) && copy.iter().all(|byte| *byte == 7));
        let later = Reading::of(&process);
        assert!(later.read(address + 50, &mut copy) && copy.iter().all(|byte| *byte == 8));
    }

    #[test]
    fn a_page_that_cannot_be_copied_keeps_no_other_from_it() {
        const PAGES: usize = 3000;
        let (rights, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        let length = PAGES * PAGE_BYTES;
        // SAFETY: a fresh mapping.
        let place = unsafe { libc::mmap(std::ptr::null_mut(), length, rights, kind, -1, 0) };
        assert_ne!(place, libc::MAP_FAILED);
        let page = |index: usize| place.map_addr(|start| start + index * PAGE_BYTES);
        let address = |index: usize| page(index).addr() as u64;
        for index in 0..PAGES {
            // SAFETY: within the mapping, which is this test's.
            unsafe { page(index).cast::<u8>().write(index as u8) };
        }
        for index in [0, 5, 6, 2999] {
            // SAFETY: one page of the mapping.
            unsafe { libc::mprotect(page(index), PAGE_BYTES, libc::PROT_NONE) };
        }
        let process = own();
        let reading = Reading::of(&process);
        reading.expect(&mut (0..PAGES).step_by(2).map(|index| (address(index), 1)));
        reading.expect(&mut std::iter::once((address(0), length)));
        for index in 0..PAGES {
            let (mut byte, is_there) = ([0], ![0, 5, 6, 2999].contains(&index));
            assert_eq!(reading.read(address(index), &mut byte), is_there, "page {index}");
            assert!(!is_there || byte[0] == index as u8);
        }
        assert!(!reading.read(address(4) + 4090, &mut [0; 12]), "a part of it cannot be read");
        // SAFETY: mapped above.
        unsafe { libc::munmap(place, length) };
    }
}
