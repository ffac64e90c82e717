//! The limits that a process has of its own, as `setrlimit` knows them: they may change while the program runs.
//!
//! Does not know: how much is used of them.

use crate::call::quietly;
// OpenBSD has no limit on addresses; that on data counts private mappings.
#[cfg(not(target_os = "openbsd"))]
use libc::RLIMIT_AS as ADDRESS_SPACE;
#[cfg(target_os = "openbsd")]
use libc::RLIMIT_DATA as ADDRESS_SPACE;

/// Which limit: the C libraries disagree on its type.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
type Kind = libc::__rlimit_resource_t;
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
type Kind = core::ffi::c_int;

/// Bytes of addresses that this process may hold (`RLIMIT_AS`); `None` if there is no limit.
pub fn address_space_limit() -> Option<u64> {
    soft_limit(ADDRESS_SPACE)
}

/// Bytes of memory of its own that this process may have (`RLIMIT_DATA`), on Linux touched or not; `None` if there is no
/// limit.
pub fn data_limit() -> Option<u64> {
    soft_limit(libc::RLIMIT_DATA)
}

#[allow(clippy::unnecessary_cast, reason = "a signed number on some systems, never below zero")]
fn soft_limit(kind: Kind) -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: writes the value that it is given; cannot fail for a kind that there is.
    quietly(|| unsafe { libc::getrlimit(kind, &raw mut limit) });
    (limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_space_without_limit_is_none() {
        assert!(address_space_limit().is_none_or(|bytes| bytes > 1 << 20));
    }
}
