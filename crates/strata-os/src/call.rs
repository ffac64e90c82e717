//! One system call on memory: made, counted, and judged without a trace in `errno`.
//!
//! `free` must leave `errno` as it was (POSIX 2024), and a `malloc` that succeeds after a retry should: so a refusal is
//! a value here, and the old `errno` comes back.
//!
//! Does not know: what the call does.

use crate::counters::Call;
use crate::system::errno_location;
use core::ffi::{c_int, c_void};
use core::ptr::NonNull;

/// Makes a call that answers zero when done.
pub(crate) fn is_done(kind: Call, call: impl FnOnce() -> c_int) -> bool {
    done_or_errno(kind, call).is_ok()
}

/// The same, with the reason of a refusal.
pub(crate) fn done_or_errno(kind: Call, call: impl FnOnce() -> c_int) -> Result<(), c_int> {
    let errno = Errno::now();
    let done = call() == 0;
    judge(kind, done, errno)
}

/// Makes a call that answers an address, or `MAP_FAILED`.
pub(crate) fn address(kind: Call, call: impl FnOnce() -> *mut c_void) -> Option<NonNull<u8>> {
    address_or_errno(kind, call).ok()
}

/// The same, with the reason of a refusal.
pub(crate) fn address_or_errno(kind: Call, call: impl FnOnce() -> *mut c_void) -> Result<NonNull<u8>, c_int> {
    let errno = Errno::now();
    let answer = call();
    judge(kind, answer != libc::MAP_FAILED, errno)?;
    NonNull::new(answer.cast()).ok_or(0)
}

/// Counts the call; if it was refused, says why and brings the old `errno` back.
fn judge(kind: Call, done: bool, errno: Errno) -> Result<(), c_int> {
    kind.count();
    if done {
        return Ok(());
    }
    let Errno(reason) = Errno::now();
    Call::count_failure();
    errno.restore();
    Err(reason)
}

/// The calling thread's error number at some moment.
#[derive(Clone, Copy)]
pub(crate) struct Errno(c_int);

impl Errno {
    pub(crate) fn now() -> Self {
        // SAFETY: the C library answers an address that is valid as long as this thread lives.
        let place = unsafe { errno_location() };
        // SAFETY: as above, and no other thread writes it.
        Errno(unsafe { *place })
    }

    pub(crate) fn restore(self) {
        // SAFETY: as in `now`.
        let place = unsafe { errno_location() };
        // SAFETY: as in `now`.
        unsafe { *place = self.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuse(errno: c_int) -> c_int {
        Errno(errno).restore();
        -1
    }

    #[test]
    fn a_refused_call_leaves_errno_as_it_was() {
        Errno(7).restore();
        assert!(!is_done(Call::Advise, || refuse(libc::ENOMEM)));
        assert_eq!(done_or_errno(Call::Advise, || refuse(libc::EINVAL)), Err(libc::EINVAL));
        assert_eq!(Errno::now().0, 7);
    }

    #[test]
    fn a_failed_mapping_is_none_and_counted() {
        let before = crate::counters::calls();
        assert_eq!(address(Call::Map, || libc::MAP_FAILED), None);
        let after = crate::counters::calls();
        assert!(after.map > before.map && after.failed > before.failed);
    }
}
