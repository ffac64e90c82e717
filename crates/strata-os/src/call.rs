//! One system call on memory: made, counted, and judged without a trace in `errno`.
//!
//! `free` must leave `errno` as it was (POSIX 2024), and a `malloc` that succeeds after a retry should: so a refusal is
//! a value here. Linux is called past the C library (`linux/raw`) and never sets it; elsewhere the old one comes back.
//!
//! Every other call of the C library that a filter of system calls may refuse is made `quietly`.
//!
//! Does not know: what the call does.

use crate::counters::Call;
use crate::system::errno_location;
use core::ffi::c_int;
use core::ptr::NonNull;

/// What the system answers, or the number of the error.
pub(crate) type Answer = Result<usize, c_int>;

/// Makes a call; whether it was done.
pub(crate) fn is_done(kind: Call, call: impl FnOnce() -> Answer) -> bool {
    done_or_errno(kind, call).is_ok()
}

/// The same, with the reason of a refusal.
pub(crate) fn done_or_errno(kind: Call, call: impl FnOnce() -> Answer) -> Result<(), c_int> {
    judge(kind, call()).map(drop)
}

/// Makes a call that answers an address.
pub(crate) fn address(kind: Call, call: impl FnOnce() -> Answer) -> Option<NonNull<u8>> {
    address_or_errno(kind, call).ok()
}

/// The same, with the reason of a refusal.
pub(crate) fn address_or_errno(kind: Call, call: impl FnOnce() -> Answer) -> Result<NonNull<u8>, c_int> {
    let address = judge(kind, call())?;
    // Fresh addresses, whose provenance begins here: no older pointer leads to them.
    NonNull::new(core::ptr::with_exposed_provenance_mut(address)).ok_or(0)
}

/// Counts the call, and whether it was refused.
fn judge(kind: Call, answer: Answer) -> Answer {
    kind.count();
    if answer.is_err() {
        Call::count_failure();
    }
    answer
}

/// Makes a call of the C library's that answers `None` where it is refused, with the reason in `errno`.
#[allow(dead_code, reason = "on Linux only where its own calls cannot be made")]
pub(crate) fn by_errno(call: impl FnOnce() -> Option<usize>) -> Answer {
    let errno = Errno::now();
    let answer = call();
    let Errno(reason) = Errno::now();
    errno.restore();
    answer.ok_or(reason)
}

/// Makes a call that may fail and leave its reason in `errno`, which does not matter here.
pub(crate) fn quietly<T>(call: impl FnOnce() -> T) -> T {
    let errno = Errno::now();
    let answer = call();
    errno.restore();
    answer
}

/// The calling thread's error number at some moment.
#[derive(Clone, Copy)]
pub(crate) struct Errno(c_int);

impl Errno {
    pub(crate) fn now() -> Self {
        // SAFETY: the C library answers an address that is valid as long as this thread lives.
        let place = unsafe { errno_location() };
        // SAFETY: that address, which no other thread writes.
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

    #[test]
    fn a_refused_call_leaves_errno_as_it_was() {
        Errno(7).restore();
        let refused = by_errno(|| {
            Errno(libc::ENOMEM).restore();
            None
        });
        assert_eq!((refused, Errno::now().0), (Err(libc::ENOMEM), 7));
        assert!(!is_done(Call::Advise, || Err(libc::EINVAL)));
        assert_eq!(done_or_errno(Call::Advise, || Err(libc::EINVAL)), Err(libc::EINVAL));
        assert_eq!(Errno::now().0, 7);
    }

    #[test]
    fn what_fails_quietly_leaves_errno_as_it_was() {
        Errno(7).restore();
        quietly(|| Errno(libc::EPERM).restore());
        assert_eq!(Errno::now().0, 7);
    }

    #[test]
    fn a_failed_mapping_is_none_and_counted() {
        let [before, .., refused_before] = crate::calls();
        assert_eq!(address(Call::Map, || Err(libc::ENOMEM)), None);
        let [after, .., refused_after] = crate::calls();
        assert!(after > before && refused_after > refused_before);
    }
}
