//! What this machine and this process are like: pages, processors, limits, environment.
//!
//! Does not know: how it is found out (`linux/machine.rs`, `linux/cgroup.rs`), nor what anyone concludes from it.

pub use crate::linux::cgroup::{cgroup_memory_limit, cgroup_memory_usage};
pub use crate::linux::machine::{
    address_space_limit, environment, physical_memory, processors, resident_bytes,
};

/// Bytes of a page: 4 KiB on x86-64; 4, 16 or 64 KiB on aarch64, as the kernel was built; never a constant.
#[inline]
pub fn page_size() -> usize {
    crate::imp::page_size()
}
