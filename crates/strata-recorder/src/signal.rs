//! A signal that switches the recorder on, and off again: for a process that runs already.
//!
//! The thread that gets it passes it on to all others, so that those learn of it too which come to no slow path of the allocator (I2 says how they
//! know it for what it is). Nothing here allocates or waits: system calls and exchanges.
//!
//! I1  The handler never switches a thread back: it might interrupt a use of the counting cache. A later slow path does, which is
//!     one of its next 33 allocations of a class.
//! I2  A signal that this process sent to a thread (`SI_TKILL`) is one that was passed on.
//!
//! Does not know: which signal.

use crate::{errno, log, recorder};
use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use strata_cache::profile;
use strata_core::sync::{AtomicU64, Ordering::Relaxed};

/// The rate at which the signal starts.
static RATE: AtomicU64 = AtomicU64::new(0);

/// Has the signal switch the recorder, which is off until then; whether it will.
pub(crate) fn wait_for(signal: c_int, mean: u64) -> bool {
    // Relaxed: written before the handler is there.
    RATE.store(mean, Relaxed);
    // All memory is mapped now: the handler takes none.
    if !recorder::start(mean) {
        return false;
    }
    recorder::stop();
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: all-zero bytes are an action.
    let action = unsafe { action.assume_init_mut() };
    action.sa_sigaction =
        (switch as extern "C" fn(c_int, *const libc::siginfo_t, *mut c_void) as *const ()).addr();
    action.sa_flags = libc::SA_RESTART | libc::SA_SIGINFO;
    // SAFETY: a handler that calls what a handler may.
    unsafe { libc::sigaction(signal, action, core::ptr::null_mut()) == 0 }
}

extern "C" fn switch(signal: c_int, info: *const libc::siginfo_t, _context: *mut c_void) {
    errno::preserving(|| {
        // SAFETY: the kernel wrote it.
        let was_passed_on = unsafe { (*info).si_code } == libc::SI_TKILL;
        if was_passed_on {
            profile::heed();
        } else if recorder::mean_bytes() == 0 {
            // Relaxed: as above.
            recorder::start(RATE.load(Relaxed));
            profile::heed();
            pass_on(signal);
        } else {
            recorder::stop();
            log::write();
        }
    });
}

/// Sends the signal to all other threads.
fn pass_on(signal: c_int) {
    let how = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
    // SAFETY: a name with its end.
    let tasks = unsafe { libc::open(c"/proc/self/task".as_ptr(), how) };
    // SAFETY: asks nothing of the caller.
    let (process, own) = (unsafe { libc::getpid() }, unsafe { libc::syscall(libc::SYS_gettid) });
    loop {
        let mut entries = Entries([0; 1024]);
        // SAFETY: writes into the buffer.
        let bytes =
            unsafe { libc::syscall(libc::SYS_getdents64, tasks, entries.0.as_mut_ptr(), entries.0.len()) };
        let Some(bytes) = usize::try_from(bytes).ok().filter(|bytes| *bytes != 0) else { break };
        for thread in entries.numbers(bytes).filter(|thread| *thread != own) {
            // SAFETY: a thread that has ended meanwhile is none.
            unsafe { libc::syscall(libc::SYS_tgkill, process, thread, signal) };
        }
    }
    // SAFETY: opened above, or no descriptor.
    unsafe { libc::close(tasks) };
}

/// What the kernel says of a folder: records of `inode u64, offset u64, length u16, kind u8, name`.
#[repr(align(8))]
struct Entries([u8; 1024]);

impl Entries {
    /// The names that are numbers.
    fn numbers(&self, bytes: usize) -> impl Iterator<Item = i64> {
        let mut rest = self.0.get(..bytes).unwrap_or_default();
        core::iter::from_fn(move || {
            let length = u16::from_ne_bytes(*rest.get(16..18)?.first_chunk()?);
            let (entry, behind) = rest.split_at_checked(usize::from(length))?;
            rest = behind;
            Some(entry.get(19..)?.split(|byte| *byte == 0).next().unwrap_or_default())
        })
        .filter_map(|name| core::str::from_utf8(name).ok()?.parse().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_among_a_folders_entries() {
        let mut entries = Entries([0; 1024]);
        let mut place = 0;
        for name in [&b"."[..], b"1203", b"..", b"77"] {
            let length = (19 + name.len() + 1).next_multiple_of(8);
            entries.0[place + 16..place + 18].copy_from_slice(&(length as u16).to_ne_bytes());
            entries.0[place + 19..place + 19 + name.len()].copy_from_slice(name);
            place += length;
        }
        assert!(entries.numbers(place).eq([1203, 77]));
        assert_eq!(entries.numbers(0).count(), 0);
    }
}
