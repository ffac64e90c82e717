//! Explicit huge pages: taken from the kernel's pool, how many of them there are, and how many a process has.
//!
//! ```text
//!   mmap(MAP_HUGETLB)        takes all pages out of the pool at once (ENOMEM: too few; EINVAL: no such size)
//!   mbind                    from the pool of a node, where there are several
//!   MADV_POPULATE_WRITE      every page is there, or refused here and not by SIGBUS at the first touch
//! ```
//!
//! The mapping is private: a shared one would have children of `fork` write into their parent's memory.
//!
//! Does not know: what it is used for.

use super::kernel;
use super::map::{release, reserve};
use super::nodes::prefer_node;
use super::small_file;
use crate::call;
use crate::counters::Call;
use crate::hugetlb::{HugetlbPage, HugetlbRefusal};
use crate::node::Node;
use core::ffi::{CStr, c_int};
use core::ptr::NonNull;

/// How often aligned addresses are searched for: another thread may be faster.
const ATTEMPTS: u32 = 8;

const FLAGS: c_int = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_HUGETLB;
// Of the kernel's interface, which is fixed; the C library's header may be older than the kernel.
const MADV_POPULATE_WRITE: c_int = 23;

/// As [`crate::memory::map_hugetlb`].
pub(crate) fn map_hugetlb(
    size: usize,
    align: usize,
    page: HugetlbPage,
    node: Option<Node>,
) -> Result<NonNull<u8>, HugetlbRefusal> {
    let start = map_aligned(size, align.max(page.bytes()), page)?;
    if let Some(node) = node {
        // SAFETY: mapped just now. If it is refused, the pages come from wherever there are some.
        unsafe { prefer_node(start, size, node) };
    }
    // SAFETY: mapped just now.
    if unsafe { populate(start, size) } {
        return Ok(start);
    }
    // SAFETY: not shared yet.
    unsafe { release(start, size) };
    Err(HugetlbRefusal::TooFew)
}

fn map_aligned(size: usize, align: usize, page: HugetlbPage) -> Result<NonNull<u8>, HugetlbRefusal> {
    for _ in 0..ATTEMPTS {
        // The kernel aligns to the page. Ordinary addresses show where there is room at more than that.
        let place = reserve(size, align).ok_or(HugetlbRefusal::NoAddresses)?;
        // SAFETY: reserved just now, and not shared yet.
        unsafe { release(place, size) };
        let start = map_at(place, size, page)?;
        if start.addr().get() & (align - 1) == 0 {
            return Ok(start);
        }
        // SAFETY: mapped just now, and not shared yet.
        unsafe { release(start, size) };
    }
    Err(HugetlbRefusal::NoAddresses)
}

fn map_at(place: NonNull<u8>, size: usize, page: HugetlbPage) -> Result<NonNull<u8>, HugetlbRefusal> {
    let flags = FLAGS | (page.shift() as c_int) << libc::MAP_HUGE_SHIFT;
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    call::address_or_errno(Call::Map, || {
        // SAFETY: without `MAP_FIXED` the kernel gives only addresses that are free (M1).
        unsafe { kernel::mmap(place.as_ptr(), size, protection, flags) }
    })
    .map_err(|errno| match errno {
        libc::EINVAL => HugetlbRefusal::NoSuchSize,
        _ => HugetlbRefusal::TooFew,
    })
}

/// Whether all pages are there now, or will be: a kernel before 5.14 gives them on first touch.
///
/// # Safety
/// - The caller holds the whole range.
unsafe fn populate(start: NonNull<u8>, size: usize) -> bool {
    let answer = call::done_or_errno(Call::Advise, || {
        // SAFETY: M3; changes no contents.
        unsafe { kernel::madvise(start, size, MADV_POPULATE_WRITE) }
    });
    matches!(answer, Ok(()) | Err(libc::EINVAL))
}

/// Pages of this size that are set apart, in use or not; `None`: the kernel knows no such size.
pub(crate) fn hugetlb_pages(page: HugetlbPage) -> Option<u64> {
    let mut buffer = [0; 32];
    small_file::read(file(page), &mut buffer).and_then(small_file::number)
}

fn file(page: HugetlbPage) -> &'static CStr {
    match page {
        HugetlbPage::TwoMiB => c"/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
        HugetlbPage::OneGiB => c"/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages",
    }
}

/// Bytes of explicit huge pages that this process has, which are no part of its resident memory.
pub(crate) fn hugetlb_bytes() -> u64 {
    let mut buffer = [0; 512];
    let mut read = |path| small_file::find_line(path, &mut buffer, bytes_in);
    // The first has no such line once `main` has ended by `pthread_exit`.
    read(c"/proc/self/status").or_else(|| read(c"/proc/thread-self/status")).unwrap_or(0)
}

fn bytes_in(line: &[u8]) -> Option<u64> {
    let kib = line.strip_prefix(b"HugetlbPages:")?.trim_ascii().strip_suffix(b"kB")?;
    Some(small_file::number(kib)? << 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use HugetlbPage::{OneGiB, TwoMiB};

    #[test]
    fn the_line_about_huge_pages_is_understood() {
        assert_eq!(bytes_in(b"HugetlbPages:\t    4096 kB"), Some(4 << 20));
        assert_eq!(bytes_in(b"HugetlbPages:\t       0 kB"), Some(0));
        for other in [&b"VmRSS:\t 4096 kB"[..], b"HugetlbPages:", b"HugetlbPages:\t4096"] {
            assert_eq!(bytes_in(other), None);
        }
    }

    /// Whatever this machine has: pages that were got are memory, and refusals have the reason that files show.
    #[test]
    fn pages_are_there_or_refused_for_a_reason() {
        for page in [TwoMiB, OneGiB] {
            let size = page.bytes().max(4 << 20);
            match map_hugetlb(size, 4 << 20, page, None) {
                Ok(start) => {
                    assert_eq!(start.addr().get() % (4 << 20), 0);
                    assert!(hugetlb_bytes() >= size as u64);
                    // SAFETY: mapped.
                    unsafe { start.write(1) };
                    // SAFETY: ours.
                    assert!(unsafe { release(start, size) });
                }
                Err(HugetlbRefusal::NoSuchSize) => assert_eq!(hugetlb_pages(page), None),
                Err(HugetlbRefusal::TooFew) => assert!(hugetlb_pages(page).is_some()),
                Err(HugetlbRefusal::NoAddresses) => panic!("there are addresses for {size} bytes"),
            }
        }
    }

    #[test]
    fn more_than_there_are_addresses_for_is_refused() {
        let absurd = 1 << 62;
        for page in [TwoMiB, OneGiB] {
            let answer = map_hugetlb(absurd, 4 << 20, page, Some(Node::new(0)));
            assert_eq!(answer, Err(HugetlbRefusal::NoAddresses));
        }
    }
}
