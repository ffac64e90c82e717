//! Any Unix but Linux, by what POSIX promises and a little more.
//!
//! | file            | what                                              |
//! |-----------------|---------------------------------------------------|
//! | `kernel`        | the calls on memory, with types                   |
//! | `map`           | addresses: taken aligned, made usable, given back |
//! | `remap`         | addresses: cut; nothing grows or moves            |
//! | `advise`        | memory: given back; most hints are unknown        |
//! | `barrier`       | none                                              |
//! | `machine`       | page size, processors, limits                     |
//! | `cgroup`        | no container's limit                              |
//! | `huge_pages`    | none to ask for                                   |
//! | `hugetlb`       | none set apart                                    |
//! | `nodes`         | one                                               |
//! | `cancel`        | calls in which no thread ends                     |
//! | `clock`         | milliseconds, processor_nanoseconds               |
//! | `stderr`        | one write to the standard error output            |
//! | `futex`         | no sleeping                                       |
//! | `kernel_thread` | none                                              |
//! | `own_memory`    | not known                                         |
//!
//! Compiled for FreeBSD and macOS, but run on Linux only, by the tests and with `--cfg strata_unix`. A further system
//! needs a line below: where its C library keeps `errno`.

mod advise;
pub(crate) mod barrier;
pub(crate) mod cancel;
pub(crate) mod cgroup;
pub mod clock;
pub mod futex;
pub(crate) mod huge_pages;
mod hugetlb;
pub(crate) mod kernel;
pub(crate) mod kernel_thread;
pub(crate) mod machine;
mod map;
mod nodes;
pub(crate) mod own_memory;
mod remap;
pub(crate) mod stderr;

#[cfg(any(target_os = "solaris", target_os = "illumos"))]
pub(crate) use libc::___errno as errno_location;
#[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
pub(crate) use libc::__errno as errno_location;
#[cfg(any(target_os = "linux", target_os = "dragonfly"))]
pub(crate) use libc::__errno_location as errno_location;
#[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
pub(crate) use libc::__error as errno_location;

/// What `crate::memory` calls when nothing is simulated.
#[cfg_attr(
    any(strata_loom, strata_simulated),
    allow(unused_imports, reason = "under loom no memory comes from the kernel, and not all if simulated")
)]
pub(crate) mod memory {
    pub(crate) use super::advise::{
        advise_huge_pages, advise_small_pages, collapse, find_resident, name, populate, purge, purge_lazily,
    };
    pub(crate) use super::hugetlb::{hugetlb_bytes, hugetlb_pages, map_hugetlb};
    pub(crate) use super::machine::page_size;
    pub(crate) use super::map::{commit, decommit, give_back, map, map_at, map_behind, release, reserve};
    pub(crate) use super::nodes::{memory_nodes, prefer_node, running_node};
    pub(crate) use super::remap::{grow_in_place, relocate, shrink_in_place};

    /// The tighter of the containers' limits and those of the process.
    pub(crate) fn budget() -> Option<crate::machine::MemoryBudget> {
        crate::machine::MemoryBudget::tighter(super::cgroup::budget(), super::machine::own_budget())
    }
}
