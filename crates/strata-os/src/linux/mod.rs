//! Linux, mostly past the C library's thin wrappers.
//!
//! | file          | what                                                            |
//! |---------------|-----------------------------------------------------------------|
//! | `raw`         | a system call, as the processor makes it                        |
//! | `kernel`      | the calls on memory, with types                                 |
//! | `map`         | addresses: taken aligned, made usable, given back               |
//! | `remap`       | addresses: grown, cut and moved with their pages                |
//! | `advise`      | memory: given back, taken early, in pages of which size         |
//! | `machine`     | page size, processors, limits, environment                      |
//! | `huge_pages`  | to whom the kernel gives transparent huge pages                 |
//! | `hugetlb`     | huge pages that an administrator set apart                      |
//! | `nodes`       | NUMA: which memory is near to whom                              |
//! | `cgroup`      | the containers' memory limits, and what is used of them         |
//! | `small_file`  | a file of `/proc` or `/sys` in a buffer of the caller's         |
//! | `cancel`      | calls in which no thread ends                                   |
//! | `clock`       | milliseconds, processor_nanoseconds                             |
//! | `stderr`      | one write to the standard error output                          |
//! | `barrier`     | a memory barrier in all threads                                 |
//! | `futex`       | sleeping until a word changes                                   |
//! | `kernel_thread` | a thread that the C library does not know of                  |
//! | `abort`       | the end of the process from such a thread                       |
//! | `own_memory`  | this process seen from outside                                  |
//! | `processors`  | those that the program was started with                         |

mod abort;
mod advise;
pub(crate) mod barrier;
pub(crate) mod cancel;
pub(crate) mod cgroup;
pub mod clock;
pub mod futex;
pub(crate) mod huge_pages;
mod hugetlb;
#[cfg(test)]
mod in_child;
pub(crate) mod kernel;
pub(crate) mod kernel_thread;
pub(crate) mod machine;
mod map;
mod nodes;
pub(crate) mod own_memory;
mod processors;
pub(crate) mod raw;
mod remap;
mod small_file;
pub(crate) mod stderr;

pub(crate) use libc::__errno_location as errno_location;

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
