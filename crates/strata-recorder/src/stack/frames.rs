//! A stack by its frame pointers.
//!
//! ```text
//!   rbp ──► │ caller's rbp │ return address │      each link leads up the stack, to the caller's frame
//! ```
//!
//! In code without frame pointers the register holds anything. So a link is followed only if it leads up, by no more than
//! [`LONGEST_STEP`], to an aligned address that the kernel says can be read: it is asked once for each page. That holds on every stack,
//! whatever made it, and does not ask for its bounds (`pthread_getattr_np` reads a file, and allocates).
//!
//! Does not know: whether the links were frame pointers. Idea and traps: tcmalloc (abseil #2143), jemalloc.

use crate::errno;
use core::arch::asm;

/// Bytes from one frame to the next at most.
const LONGEST_STEP: usize = 512 << 10;
/// The caller's frame, and the return address.
type Links = [usize; 2];

const WORD: usize = size_of::<usize>();
const PAGE: usize = 4096;

/// Fills `addresses` with the calling thread's return addresses; how many there were.
#[inline(never)]
pub fn walk(addresses: &mut [usize]) -> usize {
    let mut frame = frame_pointer();
    let mut readable = Readable { page: 0 };
    for (found, place) in addresses.iter_mut().enumerate() {
        if !readable.contains(frame) {
            return found;
        }
        // SAFETY: the kernel can read it, and it is on this thread's stack or in memory that is as good for reading a word from.
        let [next, address] = unsafe { frame.read_volatile() };
        if address < PAGE {
            return found;
        }
        *place = address;
        let step = next.wrapping_sub(frame.addr());
        if !(2 * WORD..=LONGEST_STEP).contains(&step) {
            return found + 1;
        }
        frame = frame.with_addr(next);
    }
    addresses.len()
}

/// Which page was found to be readable.
struct Readable {
    page: usize,
}

impl Readable {
    /// Whether the frame that starts here can be read.
    fn contains(&mut self, frame: *const Links) -> bool {
        let first = frame.addr() & !(PAGE - 1);
        let last = frame.addr().saturating_add(2 * WORD - 1) & !(PAGE - 1);
        // The kernel takes null for no mask, and nothing is in the first page.
        first != 0
            && frame.is_aligned()
            && [first, last].into_iter().all(|page| {
                if page != self.page {
                    if !is_readable(frame.with_addr(page)) {
                        return false;
                    }
                    self.page = page;
                }
                true
            })
    }
}

/// Whether a word can be read: the kernel reads a signal mask there before it finds that it is to do nothing with it.
fn is_readable(place: *const Links) -> bool {
    const MASK_BYTES: usize = 8;
    let none = core::ptr::null_mut::<u8>();
    errno::preserving(|| {
        // SAFETY: the kernel checks the address, and the first argument is none of the three that change something.
        let _ = unsafe { libc::syscall(libc::SYS_rt_sigprocmask, !0, place, none, MASK_BYTES) };
        errno::get() != libc::EFAULT
    })
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn frame_pointer() -> *const Links {
    let frame: *const Links;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, rbp", out(reg) frame, options(nomem, nostack, preserves_flags)) };
    frame
}

#[cfg(target_arch = "aarch64")]
#[inline(always)]
fn frame_pointer() -> *const Links {
    let frame: *const Links;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, x29", out(reg) frame, options(nomem, nostack, preserves_flags)) };
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_register_that_is_no_frame_pointer_does_no_harm() {
        for frame in [0, 1, 0x7fff_0000_0001, PAGE, usize::MAX - 7, 0x8000_0000_0000_0000] {
            let mut readable = Readable { page: 0 };
            assert!(!readable.contains(core::ptr::without_provenance(frame)), "{frame:x}");
        }
        let here = [0_usize; 2];
        assert!(Readable { page: 0 }.contains(&raw const here));
    }
}
