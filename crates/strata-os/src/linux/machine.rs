//! What the kernel says of this machine and this process.
//!
//! The page size never changes and is remembered; everything else is asked each time, as it may change while the
//! program runs, and is asked rarely.
//!
//! Does not know: what anyone concludes from it.

use super::raw::{self, flags, number};
use super::small_file;
use crate::call::quietly;
use crate::machine::MemoryBudget;
use crate::posix::page_size::PageSize;
use core::ffi::CStr;
use core::mem::size_of_val;

/// More than any kernel supports today (8192 on x86-64).
const PROCESSORS_AT_MOST: usize = 16384;

/// Bytes of a page: 4 KiB on x86-64; 4, 16 or 64 KiB on aarch64, as the kernel was built.
#[inline]
pub(crate) fn page_size() -> usize {
    static KNOWN: PageSize = PageSize::unknown();
    KNOWN.or_ask(|| auxiliary(libc::AT_PAGESZ))
}

/// What the kernel told the process about itself at its start; works before `main`.
fn auxiliary(kind: libc::c_ulong) -> usize {
    // SAFETY: reads a table that does not change; zero for what is not in it.
    quietly(|| unsafe { libc::getauxval(kind) }) as usize
}

/// Whether the eight bytes at `place`, which is aligned to them, can be read.
///
/// The kernel reads the new signal mask before it finds that `how` is none of the three, so nothing changes either way.
pub(crate) fn is_readable(place: *const u8) -> bool {
    let no_way = flags(-1);
    let arguments = [no_way, place.cast_mut().cast(), number(0), number(8)];
    // SAFETY: the kernel checks the address, and writes nothing.
    unsafe { raw::call(libc::SYS_rt_sigprocmask, arguments) != Err(libc::EFAULT) }
}

/// Bytes of addresses that this process may hold (`RLIMIT_AS`); `None` if there is no limit.
pub fn address_space_limit() -> Option<u64> {
    soft_limit(libc::RLIMIT_AS as usize)
}

/// Bytes of memory of its own that this process may have (`RLIMIT_DATA`), touched or not; `None` if there is no limit.
pub fn data_limit() -> Option<u64> {
    soft_limit(libc::RLIMIT_DATA as usize)
}

fn soft_limit(kind: usize) -> Option<u64> {
    let mut limit = [u64::MAX; 2];
    let arguments = [number(0), number(kind), number(0), limit.as_mut_ptr().cast()];
    // SAFETY: writes the two numbers that it is given; if it is refused, they stay.
    let _ = unsafe { raw::call(libc::SYS_prlimit64, arguments) };
    Some(limit[0]).filter(|bytes| *bytes != u64::MAX)
}

/// The number of processors that the calling thread may run on; at least 1.
pub fn processors() -> usize {
    let mut set = [0_u64; PROCESSORS_AT_MOST / 64];
    let arguments = [number(0), number(size_of_val(&set)), set.as_mut_ptr().cast()];
    // SAFETY: the kernel writes at most as many bytes as it is told that there are.
    let _ = unsafe { raw::call(libc::SYS_sched_getaffinity, arguments) };
    let count: u32 = set.iter().map(|word| word.count_ones()).sum();
    (count as usize).max(1)
}

/// Of the limits that are this process's own, the one with the least room.
pub(crate) fn own_budget() -> Option<MemoryBudget> {
    let (addresses, data) = (address_space_limit(), data_limit());
    if addresses.is_none() && data.is_none() {
        return None;
    }
    let used = ProcessSize::now()?;
    let budget = |limit: Option<u64>, usage| limit.map(|limit| MemoryBudget { limit, usage });
    MemoryBudget::tighter(budget(addresses, used.addresses), budget(data, used.data))
}

/// Bytes of memory of the machine, whatever part of it this process may use; 0 if the kernel does not say.
pub fn physical_memory() -> u64 {
    let info = system_info();
    info.totalram * u64::from(info.mem_unit)
}

/// The same with its swap; `u64::MAX` if the kernel does not say.
pub(crate) fn memory_and_swap() -> u64 {
    let info = system_info();
    match info.totalram {
        0 => u64::MAX,
        memory => (memory + info.totalswap) * u64::from(info.mem_unit),
    }
}

fn system_info() -> libc::sysinfo {
    let mut info = core::mem::MaybeUninit::<libc::sysinfo>::zeroed();
    // SAFETY: writes the value that it is given.
    quietly(|| unsafe { libc::sysinfo(info.as_mut_ptr()) });
    // SAFETY: all numbers, for which zeroes are valid should the call fail.
    unsafe { info.assume_init() }
}

/// Bytes of memory that this process occupies now (its RSS), as the kernel counts; 0 without `/proc`.
///
/// The kernel counts in batches per thread, so this may be off by some hundred KiB.
pub fn resident_bytes() -> u64 {
    ProcessSize::now().map_or(0, |size| size.resident)
}

/// What `statm` says, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ProcessSize {
    addresses: u64,
    resident: u64,
    /// With the main thread's stack, which the limit on data does not count: the difference is its present size.
    data: u64,
}

impl ProcessSize {
    fn now() -> Option<Self> {
        Self::read(c"/proc/self/statm").or_else(|| Self::read(c"/proc/thread-self/statm"))
    }

    /// `None` also for zeros: once `main` has ended by `pthread_exit`, `self` is a process without memory, although its threads
    /// live on. What they say is true.
    fn read(path: &CStr) -> Option<Self> {
        let mut buffer = [0; 128];
        let size = Self::parse(small_file::read(path, &mut buffer)?, page_size() as u64)?;
        (size.addresses != 0).then_some(size)
    }

    /// Seven numbers of pages: size, resident, shared, text, nothing, data, nothing.
    fn parse(statm: &[u8], page_bytes: u64) -> Option<Self> {
        let mut numbers = statm.split(|byte| *byte == b' ').map(small_file::number);
        let mut bytes = |skipped| numbers.nth(skipped).flatten().map(|pages: u64| pages * page_bytes);
        Some(Self { addresses: bytes(0)?, resident: bytes(0)?, data: bytes(3)? })
    }
}

/// The kernel's number of the calling thread.
pub(crate) fn thread_number() -> u32 {
    // SAFETY: asks for a number.
    let answer = unsafe { super::raw::call(libc::SYS_gettid, []) };
    answer.map_or(0, |number| number as u32)
}

/// The number of this process; where it is refused, one that none has. The C library's `getpid` lies apart from what a start runs.
pub fn process() -> u64 {
    // SAFETY: asks for a number.
    let answer = unsafe { super::raw::call(libc::SYS_getpid, []) };
    answer.map_or(u64::MAX, |number| number as u64)
}

pub(crate) fn name_thread(name: &'static core::ffi::CStr) {
    // SAFETY: the name ends in a zero byte, and the kernel copies it.
    quietly(|| unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) });
}

pub(crate) fn thread_name(buffer: &mut [u8; 16]) {
    // SAFETY: the kernel writes sixteen bytes, of which one is zero.
    quietly(|| unsafe { libc::prctl(libc::PR_GET_NAME, buffer.as_mut_ptr()) });
}

/// Whether the program runs with the rights of another user than the one who started it.
pub(crate) fn has_foreign_rights() -> bool {
    auxiliary(libc::AT_SECURE) != 0
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
    fn processors_are_those_that_std_sees() {
        let std = std::thread::available_parallelism().unwrap().get();
        // std also honours the container's CPU quota.
        assert!(processors() >= std);
    }

    #[test]
    fn three_of_the_numbers_in_statm_are_used() {
        let size = ProcessSize { addresses: 12_000, resident: 3_400, data: 770 };
        assert_eq!(ProcessSize::parse(b"1200 340 5 1 0 77 0\n", 10), Some(size));
        assert_eq!(ProcessSize::parse(b"1200 340", 10), None);
        assert_eq!(ProcessSize::parse(b"", 10), None);
    }

    #[test]
    fn a_running_process_is_resident_in_physical_memory() {
        assert!(resident_bytes() > 0);
        assert!(resident_bytes() <= physical_memory());
    }

    #[test]
    fn a_process_whose_main_thread_has_ended_is_resident_all_the_same() {
        extern "C" fn look(_: *mut core::ffi::c_void) -> *mut core::ffi::c_void {
            // The other thread is gone when its own file says so.
            while ProcessSize::read(c"/proc/self/statm").is_some() {
                crate::thread::yield_now();
            }
            let is_true = resident_bytes() > 1 << 16;
            // SAFETY: ends the child.
            unsafe { libc::_exit(i32::from(!is_true)) };
        }
        // SAFETY: the child starts a thread and ends; the C library's allocator survives a fork.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let mut thread = 0;
            // SAFETY: the place is the child's, and the body takes nothing.
            unsafe { libc::pthread_create(&raw mut thread, core::ptr::null(), look, core::ptr::null_mut()) };
            // SAFETY: the call that ends this thread alone, past the harness, which has nothing to unwind for.
            unsafe { libc::syscall(libc::SYS_exit, 0) };
        }
        let mut status = 0;
        // SAFETY: a child of ours.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "{status:#x}");
    }
}
