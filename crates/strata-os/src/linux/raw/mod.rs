//! System calls past the C library: no `errno`, no cancellation point, nothing that another library can put itself before.
//!
//! What runs on a [kernel thread](crate::kernel_thread) may make no others: it has no thread-local storage of the C library's,
//! so it has no `errno` to leave alone.
//!
//! Where the instruction is not known here, and under ThreadSanitizer, which has to see what is mapped, the C library
//! makes the call, and `errno` is put back.
//!
//! Does not know: what the calls mean.

#[cfg(all(target_arch = "aarch64", not(strata_tsan)))]
mod aarch64;
#[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(strata_tsan))))]
mod portable;
#[cfg(all(target_arch = "x86_64", not(strata_tsan)))]
mod x86_64;

#[cfg(all(target_arch = "aarch64", not(strata_tsan)))]
use aarch64 as imp;
#[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(strata_tsan))))]
use portable as imp;
#[cfg(all(target_arch = "x86_64", not(strata_tsan)))]
use x86_64 as imp;

use core::ffi::{c_int, c_long, c_void};
use core::ptr::without_provenance_mut;

pub(crate) use imp::{CAN_CLONE, clone};

/// What the kernel answers, or the number of the error.
pub(crate) type Answer = Result<usize, c_int>;

/// An argument: a number, or an address that the kernel reads or writes.
pub(crate) type Argument = *mut c_void;

/// The numbers of errors, negated, are the last ones.
const ERRORS: usize = 4095;

/// A number as an argument.
pub(crate) const fn number(value: usize) -> Argument {
    without_provenance_mut(value)
}

/// A number that may be negative, or a set of flags.
pub(crate) const fn flags(value: c_int) -> Argument {
    number(value as usize)
}

/// Makes the call with up to six arguments.
///
/// # Safety
/// - As the call itself wants it: the kernel may use the addresses that it is given.
#[inline]
pub(crate) unsafe fn call<const COUNT: usize>(call: c_long, arguments: [Argument; COUNT]) -> Answer {
    let mut six = [number(0); 6];
    for (place, argument) in six.iter_mut().zip(arguments) {
        *place = argument;
    }
    // SAFETY: a valid call, by this function's contract.
    unsafe { imp::call(call, six) }
}

/// What the kernel's register says.
#[cfg_attr(strata_tsan, allow(dead_code, reason = "the C library has told them apart"))]
const fn answer(register: usize) -> Answer {
    if register > usize::MAX - ERRORS { Err((register as c_int).wrapping_neg()) } else { Ok(register) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_number_or_an_error() {
        assert_eq!(answer(0), Ok(0));
        assert_eq!(answer(usize::MAX - ERRORS), Ok(usize::MAX - ERRORS));
        assert_eq!(answer(usize::MAX), Err(1));
        assert_eq!(answer(usize::MAX - ERRORS + 1), Err(4095));
    }

    #[test]
    fn the_kernel_answers_as_it_does_through_the_c_library() {
        // SAFETY: asks for a number.
        let process = unsafe { call(libc::SYS_getpid, []) };
        assert_eq!(process, Ok(std::process::id() as usize));
        // SAFETY: no such file is open.
        let refused = unsafe { call(libc::SYS_close, [flags(-1)]) };
        assert_eq!(refused, Err(libc::EBADF));
    }
}
