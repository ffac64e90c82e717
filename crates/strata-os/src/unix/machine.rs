//! What the system says of this machine and this process.
//!
//! The page size never changes and is remembered; everything else is asked each time, as it may change while the
//! program runs, and is asked rarely.
//!
//! Does not know: what anyone concludes from it.

use crate::call::{Errno, by_errno, quietly};
use crate::machine::MemoryBudget;
use crate::posix::page_size::PageSize;
use core::ffi::c_int;

pub use crate::posix::limit::{address_space_limit, data_limit};

/// Bytes of a page: 4 KiB on most processors, 16 KiB on Apple's.
#[inline]
pub(crate) fn page_size() -> usize {
    static KNOWN: PageSize = PageSize::unknown();
    KNOWN.or_ask(|| ask(libc::_SC_PAGESIZE) as usize)
}

/// A number that the C library knows; 0 if it does not.
fn ask(what: c_int) -> u64 {
    let errno = Errno::now();
    // SAFETY: asks nothing of the caller; -1 for what it does not know.
    let answer = unsafe { libc::sysconf(what) };
    errno.restore();
    u64::try_from(answer).unwrap_or(0)
}

/// Whether the eight bytes at `place`, which is aligned to them, can be read; also `false` if a text that begins there runs into
/// what cannot.
///
/// The kernel reads them as the name of a file.
pub(crate) fn is_readable(place: *const u8) -> bool {
    // SAFETY: the kernel checks the address, and writes nothing.
    let found = || unsafe { libc::access(place.cast(), libc::F_OK) };
    by_errno(|| (found() == 0).then_some(0)) != Err(libc::EFAULT)
}

/// The number of processors of the machine that are on, whichever of them this thread may run on; at least 1.
pub fn processors() -> usize {
    ask(libc::_SC_NPROCESSORS_ONLN).max(1) as usize
}

/// Of the limits that are this process's own, the one with the least room: none, as POSIX does not say what is used.
pub(crate) fn own_budget() -> Option<MemoryBudget> {
    None
}

/// Beyond which the system promises nothing: POSIX does not say.
pub(crate) fn memory_and_swap() -> u64 {
    u64::MAX
}

/// Bytes of memory of the machine, whatever part of it this process may use; 0 if the system does not say.
pub fn physical_memory() -> u64 {
    ask(libc::_SC_PHYS_PAGES) * page_size() as u64
}

/// Bytes of memory that this process occupies now: 0, as each system has its own way to say it, or none.
/// (`getrusage` knows the highest number so far only.)
pub fn resident_bytes() -> u64 {
    0
}

pub(crate) fn thread_number() -> u32 {
    0
}

/// The number of this process.
pub fn process() -> u64 {
    // SAFETY: asks nothing of the caller.
    quietly(|| unsafe { libc::getpid() as u64 })
}

/// Threads have no names that POSIX knows of.
pub(crate) fn name_thread(_name: &'static core::ffi::CStr) {}

pub(crate) fn thread_name(buffer: &mut [u8; 16]) {
    buffer.fill(0);
}

/// Whether the program runs with the rights of another user than the one who started it.
///
/// Asked before the program gives such rights up, as it does no sooner than in `main`.
pub(crate) fn has_foreign_rights() -> bool {
    // SAFETY: these four ask nothing of the caller, and cannot fail.
    let (user, effective_user) = (unsafe { libc::getuid() }, unsafe { libc::geteuid() });
    // SAFETY: these ask nothing of the caller either.
    let (group, effective_group) = (unsafe { libc::getgid() }, unsafe { libc::getegid() });
    user != effective_user || group != effective_group
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_size_is_a_power_of_two_and_stays() {
        let size = page_size();
        assert!(size.is_power_of_two() && size >= 4096);
        assert_eq!(size, page_size());
    }

    #[test]
    fn the_machine_has_processors_and_memory() {
        assert!(processors() >= std::thread::available_parallelism().unwrap().get());
        assert!(physical_memory() > 1 << 20);
    }

    #[test]
    fn a_question_that_nobody_knows_is_zero_and_leaves_errno() {
        let errno = std::io::Error::last_os_error().raw_os_error();
        assert_eq!(ask(-1), 0);
        assert_eq!(std::io::Error::last_os_error().raw_os_error(), errno);
    }
}
