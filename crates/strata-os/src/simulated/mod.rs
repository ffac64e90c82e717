//! An operating system for tests: the same functions, which panic on an illegal move and fail on request.
//!
//! ```text
//!  crate::memory ──► memory   ── may the call succeed? ──► faults
//!                       │  ── is it promised? ───────────► promises
//!                       │  ── is the move legal? ────────► table
//!                       └──── memory to back it ─────────► system, or under loom `heap`
//! ```
//!
//! Its own state is plain atomics of `core`, invisible to loom, never held across a call, and shared by the process:
//! a test that asks for failures or another page size is alone in its process, or shuts out the others with a lock.
//!
//! Under `--cfg strata_loom` nothing comes from the kernel, a purge leaves the contents alone, and the model says by
//! [`on_purge`] what it makes of them.
//!
//! Does not know: who calls.

use crate::machine::MemoryBudget;
use core::mem;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

#[cfg(strata_loom)]
pub mod clock;
mod faults;
#[cfg(strata_loom)]
mod heap;
mod hugetlb;
pub(crate) mod memory;
mod nodes;
mod promises;
mod ranges;
mod table;

#[cfg(not(strata_loom))]
use crate::system::memory as backing;
#[cfg(strata_loom)]
use heap as backing;

pub use faults::{calls, fail_from, fail_never};
pub use hugetlb::{free_hugetlb_pages, set_hugetlb_pages};
pub use nodes::{RunningNode, node_questions, preferred_node, set_nodes};
pub use promises::{promise_at_most, promised_bytes};

/// What memory holds that was given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remains {
    /// Zero.
    Zero,
    /// What it held, or zero, as the kernel likes from one read to the next; until it is written.
    OldOrZero,
}

/// Called with each range that was purged or decommitted.
pub type PurgeHook = fn(NonNull<u8>, usize, Remains);

/// Zero: the real one.
static PAGE_BYTES: AtomicUsize = AtomicUsize::new(0);
/// Zero: none.
static LIMIT: AtomicU64 = AtomicU64::new(0);
static USAGE: AtomicU64 = AtomicU64::new(0);
const WHAT_IS_PROMISED: u64 = u64::MAX;
static PURGE_HOOK: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// Has [`page_size`](crate::machine::page_size) answer `bytes` from now on: 4096, 16384 or 65536.
///
/// To be called before the first reservation. Alignments and the checks of sizes follow; the memory behind does not, so
/// not below the real page size.
pub fn set_page_size(bytes: usize) {
    assert!(matches!(bytes, 4096 | 16384 | 65536), "no machine has pages of {bytes} bytes");
    assert!(bytes >= backing::page_size(), "pages of {bytes} bytes are smaller than the real ones");
    // Relaxed: set before the threads of a test start.
    PAGE_BYTES.store(bytes, Ordering::Relaxed);
}

/// Has [`memory_budget`](crate::machine::memory_budget) answer this from now on; none at first, whatever the real one is.
pub fn set_memory_budget(budget: MemoryBudget) {
    // Relaxed: set by the thread that asks, or before the threads of a test start.
    LIMIT.store(budget.limit, Ordering::Relaxed);
    // Relaxed: as above.
    USAGE.store(budget.usage, Ordering::Relaxed);
}

/// Has [`memory_budget`](crate::machine::memory_budget) answer this limit from now on, and what is promised at the moment as its usage.
pub fn set_memory_limit(limit: u64) {
    set_memory_budget(MemoryBudget { limit, usage: WHAT_IS_PROMISED });
}

pub(crate) fn budget() -> Option<MemoryBudget> {
    // Relaxed: as in `set_memory_budget`.
    let (limit, usage) = (LIMIT.load(Ordering::Relaxed), USAGE.load(Ordering::Relaxed));
    let usage = if usage == WHAT_IS_PROMISED { promised_bytes() } else { usage };
    (limit != 0).then_some(MemoryBudget { limit, usage })
}

/// Has `hook` called after each purge that succeeds; the last one set counts.
pub fn on_purge(hook: PurgeHook) {
    // Relaxed: set before the threads of a test start.
    PURGE_HOOK.store(hook as *mut (), Ordering::Relaxed);
}

pub(crate) fn page_size() -> usize {
    // Relaxed: as in `set_page_size`.
    match PAGE_BYTES.load(Ordering::Relaxed) {
        0 => backing::page_size(),
        simulated => simulated,
    }
}

fn purged(ptr: NonNull<u8>, size: usize, remains: Remains) {
    // Relaxed: as in `on_purge`.
    let hook = PURGE_HOOK.load(Ordering::Relaxed);
    if !hook.is_null() {
        // SAFETY: only `on_purge` writes the word, and it writes a `PurgeHook`.
        let hook = unsafe { mem::transmute::<*mut (), PurgeHook>(hook) };
        hook(ptr, size, remains);
    }
}
