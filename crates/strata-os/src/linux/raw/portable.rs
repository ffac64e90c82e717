//! Through the C library, with `errno` put back: for processors whose instruction is not known here.
//!
//! Does not know: what the calls mean.

use super::{Answer, Argument};
use crate::call::by_errno;
use core::ffi::{c_int, c_long};

/// Whether [`clone`] can be called.
pub(crate) const CAN_CLONE: bool = false;

/// # Safety
/// - As for [`super::call`].
pub(super) unsafe fn call(call: c_long, [a, b, c, d, e, f]: [Argument; 6]) -> Answer {
    by_errno(|| {
        // SAFETY: a valid call, by this function's contract.
        usize::try_from(unsafe { libc::syscall(call, a, b, c, d, e, f) }).ok()
    })
}

/// Starts no thread.
///
/// # Safety
/// - None: nothing is done.
pub(crate) unsafe fn clone(
    _flags: usize,
    _stack: Argument,
    _number: Argument,
    _storage: Argument,
    _body: extern "C" fn(Argument),
    _argument: Argument,
) -> Answer {
    Err(c_int::from(libc::ENOSYS))
}
