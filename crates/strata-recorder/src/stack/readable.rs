//! Which words of memory can be read: the kernel is asked once for each page.
//!
//! That holds on every stack, whatever made it, and does not ask for its bounds (`pthread_getattr_np` reads a file, and allocates).
//!
//! Does not know: what is read.

use crate::errno;

const PAGE: usize = 4096;
const WORD: usize = size_of::<usize>();

/// Pages that were found to be readable.
pub(super) struct Readable {
    page: usize,
}

impl Readable {
    /// The page of a place that the caller may read.
    pub(super) fn at(place: *const usize) -> Self {
        Self { page: page_of(place) }
    }

    /// The word at a place; `None`: it cannot be read, or is not aligned.
    #[inline]
    pub(super) fn word(&mut self, place: *const usize) -> Option<usize> {
        let page = page_of(place);
        // The kernel takes null for no mask, and nothing is in the first page.
        if page == 0 || !place.is_aligned() || (page != self.page && !is_readable(place.with_addr(page))) {
            return None;
        }
        self.page = page;
        // SAFETY: the kernel can read it, and it is on this thread's stack or in memory that is as good for reading a word from.
        Some(unsafe { place.read_volatile() })
    }
}

/// The page of a word; aligned, it lies on one.
fn page_of(place: *const usize) -> usize {
    place.addr() & !(PAGE - 1)
}

/// Whether a word can be read: the kernel reads a signal mask there before it finds that it is to do nothing with it.
fn is_readable(place: *const usize) -> bool {
    let none = core::ptr::null_mut::<u8>();
    errno::preserving(|| {
        // SAFETY: the kernel checks the address, and the first argument is none of the three that change something.
        let _ = unsafe { libc::syscall(libc::SYS_rt_sigprocmask, !0, place, none, WORD) };
        errno::get() != libc::EFAULT
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_cannot_be_read_does_no_harm() {
        for place in [0, 1, 0x7fff_0000_0001, PAGE, usize::MAX - 7, 0x8000_0000_0000_0000] {
            assert_eq!(
                Readable::at(core::ptr::null()).word(core::ptr::without_provenance(place)),
                None,
                "{place:x}"
            );
        }
        let here = [7_usize; 2];
        assert_eq!(Readable::at(core::ptr::null()).word(&raw const here[1]), Some(7));
    }
}
