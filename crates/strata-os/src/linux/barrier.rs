//! A memory barrier in all threads at once, by the kernel's `membarrier` (`crate::barrier` has the contract).
//!
//! Does not know: what is ordered.

use super::raw::{Answer, call, flags, number};
use core::ffi::c_int;

// Of the kernel's interface, which is fixed; the C library's header may be older than the kernel.
const PRIVATE_EXPEDITED: c_int = 1 << 3;
const REGISTER_PRIVATE_EXPEDITED: c_int = 1 << 4;

/// Asks for the right to raise one; whether it was given.
pub fn register() -> bool {
    membarrier(REGISTER_PRIVATE_EXPEDITED).is_ok()
}

/// Raises one; whether that was done.
pub fn raise() -> bool {
    membarrier(PRIVATE_EXPEDITED).is_ok()
}

fn membarrier(command: c_int) -> Answer {
    // SAFETY: touches no memory.
    unsafe { call(libc::SYS_membarrier, [flags(command), number(0)]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::in_child::is_true_in_a_child;

    #[test]
    fn a_barrier_is_raised_once_it_was_asked_for_and_in_a_child_too() {
        if !register() {
            std::println!("skipped: no membarrier here");
            return;
        }
        assert!(raise());
        assert!(is_true_in_a_child(|| raise() || register() && raise()));
    }
}
