//! What this machine and this process are like: pages, processors, limits, environment.
//!
//! Does not know: how it is found out (`machine.rs` and `cgroup.rs` of each system), nor what anyone concludes from it.

use crate::system::machine::has_foreign_rights;
use core::ffi::{CStr, c_char};
use core::ptr::NonNull;

pub use crate::system::cgroup::{cgroup_memory_limit, cgroup_memory_usage};
pub use crate::system::machine::{
    address_space_limit, data_limit, physical_memory, process, processors, resident_bytes,
};

pub use crate::hugetlb::{HugetlbPage, HugetlbRefusal};
pub use crate::node::{Node, NodeSet};
pub use crate::system::huge_pages::huge_pages;

/// The size of the transparent huge pages that [`huge_pages`] speaks of: 2 MiB.
pub const HUGE_PAGE_BYTES: usize = 2 << 20;

/// To whom the kernel gives transparent huge pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HugePages {
    /// To no process, or not to this one, or there are none of [`HUGE_PAGE_BYTES`].
    Never,
    /// To ranges for which [`advise_huge_pages`](crate::memory::advise_huge_pages) asked.
    OnAdvice,
    /// To every range, unless [`advise_small_pages`](crate::memory::advise_small_pages) asked for none.
    Always,
}

/// A limit on memory, and how much of it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryBudget {
    /// Bytes that may be used.
    pub limit: u64,
    /// Bytes that are used, of whatever the limit counts: this process's addresses, its data, or the memory of all
    /// processes in its container.
    pub usage: u64,
}

impl MemoryBudget {
    /// Bytes left.
    pub fn room(self) -> u64 {
        self.limit.saturating_sub(self.usage)
    }

    /// The one with less room.
    #[cfg_attr(strata_simulated, allow(dead_code, reason = "a simulated budget is one"))]
    pub(crate) fn tighter(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        one.into_iter().chain(other).min_by_key(|budget| budget.room())
    }
}

/// Of the limits that this process has, the one with the least room: its containers' (cgroups), `RLIMIT_DATA` and
/// `RLIMIT_AS`. `None`: there is no limit, or the system does not say how much of it is used.
///
/// Asks the kernel each time, as limits change and processes are moved: a dozen small files, about a tenth of a millisecond.
/// For a few times a second; the caller needs 2 KiB of stack.
pub fn memory_budget() -> Option<MemoryBudget> {
    crate::imp::budget()
}

/// The smallest of the limits that [`memory_budget`] reads.
pub fn memory_limit() -> Option<u64> {
    [cgroup_memory_limit(), data_limit(), address_space_limit()].into_iter().flatten().min()
}

/// Bytes beyond which the system refuses a mapping whatever this process gives back before: its limits on addresses and data,
/// and what the machine has of memory and swap (Linux does not promise more, unless it is told to promise anything, and then refuses
/// nothing for want of memory). For calls that were refused already.
pub fn largest_mapping() -> u64 {
    let limits = [data_limit(), address_space_limit(), Some(crate::system::machine::memory_and_swap())];
    limits.into_iter().flatten().min().unwrap_or(u64::MAX)
}

/// The NUMA nodes that memory of this process may come from. One where there is nothing to choose: on most machines, and
/// where a policy (`numactl`) chose for the whole process already.
///
/// Asks the kernel each time: one call where there is one node, and where that may not be asked, a small file.
pub fn memory_nodes() -> NodeSet {
    crate::imp::memory_nodes()
}

/// The node of the processor that runs the caller at this moment. Asks the kernel each time.
pub fn running_node() -> Node {
    crate::imp::running_node()
}

/// How many explicit huge pages of this size the system has set apart, in use or not; `None`: it knows no such size.
pub fn hugetlb_pages(page: HugetlbPage) -> Option<u64> {
    crate::imp::hugetlb_pages(page)
}

/// Bytes of explicit huge pages that this process has, which its resident memory does not count.
pub fn hugetlb_bytes() -> u64 {
    crate::imp::hugetlb_bytes()
}

/// What this process has used since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Milliseconds of processor time in the program.
    pub user_ms: u64,
    /// Milliseconds of processor time in the kernel.
    pub system_ms: u64,
    /// Bytes of resident memory at its highest.
    pub peak_resident_bytes: u64,
    /// Page faults.
    pub faults: u64,
}

/// What this process has used since it started. A system call.
pub fn used() -> Used {
    let mut usage = core::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: writes the value that it is given; if it fails, the value stays zero.
    crate::call::quietly(|| unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) });
    // SAFETY: all zero bytes are one.
    let usage = unsafe { usage.assume_init() };
    let milliseconds = |time: libc::timeval| time.tv_sec as u64 * 1000 + time.tv_usec as u64 / 1000;
    // Linux counts the peak in KiB, macOS in bytes.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    Used {
        user_ms: milliseconds(usage.ru_utime),
        system_ms: milliseconds(usage.ru_stime),
        peak_resident_bytes: usage.ru_maxrss as u64 * unit,
        faults: (usage.ru_minflt + usage.ru_majflt) as u64,
    }
}

/// The name of the calling thread, which for the first one is the program's, copied into `buffer`; its length.
pub fn thread_name(buffer: &mut [u8; 16]) -> usize {
    crate::system::machine::thread_name(buffer);
    buffer.iter().position(|byte| *byte == 0).unwrap_or(buffer.len())
}

/// Bytes of a page: 4 KiB on x86-64; 4, 16 or 64 KiB on aarch64, as the kernel was built; never a constant.
#[inline]
pub fn page_size() -> usize {
    crate::imp::page_size()
}

/// Whether the eight bytes at the aligned address at or below `place` can be read: the kernel tries. A system call.
pub fn is_readable(place: *const u8) -> bool {
    crate::system::machine::is_readable(place.map_addr(|address| address & !7))
}

/// The value of an environment variable, copied into `buffer`; its length is the answer.
///
/// A length beyond `buffer.len()` means that the buffer holds only the beginning. `None`: not set, or the program runs
/// with the rights of another user (set-user-ID), who must not be steered from outside. Works before `main`, once the C
/// library has found the environment. As always in C, no other thread may be changing the environment meanwhile.
pub fn environment(name: &CStr, buffer: &mut [u8]) -> Option<usize> {
    if has_foreign_rights() {
        return None;
    }
    // SAFETY: `name` ends in a zero byte.
    let value: *mut c_char = unsafe { libc::getenv(name.as_ptr()) };
    let value = NonNull::new(value)?;
    // SAFETY: a value ends in a zero byte, and the environment does not change meanwhile.
    let value = unsafe { CStr::from_ptr(value.as_ptr()) }.to_bytes();
    for (place, byte) in buffer.iter_mut().zip(value) {
        *place = *byte;
    }
    Some(value.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_with_less_room_is_tighter() {
        let (wide, narrow) =
            (MemoryBudget { limit: 100, usage: 10 }, MemoryBudget { limit: 1000, usage: 990 });
        assert_eq!(MemoryBudget::tighter(Some(wide), Some(narrow)), Some(narrow));
        assert_eq!(MemoryBudget::tighter(None, Some(wide)), Some(wide));
        assert_eq!(MemoryBudget::tighter(None, None), None);
        assert_eq!(MemoryBudget { limit: 5, usage: 7 }.room(), 0);
    }

    #[test]
    fn the_environment_is_copied_as_far_as_it_fits() {
        // cargo sets it for every test.
        let mut buffer = [0; 64];
        let length = environment(c"CARGO_PKG_NAME", &mut buffer).unwrap();
        assert_eq!(buffer.get(..length), Some(&b"strata-os"[..]));
        let mut short = [0; 3];
        assert_eq!(environment(c"CARGO_PKG_NAME", &mut short), Some(length));
        assert_eq!(&short, b"str");
        assert_eq!(environment(c"STRATA_NO_SUCH_VARIABLE", &mut buffer), None);
    }
}
