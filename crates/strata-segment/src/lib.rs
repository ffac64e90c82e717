//! The segment layer: which memory is used next, and when it is given back to the OS.
//!
//! ```text
//!   page heap ── index ──► segment (≤ 64 arenas, 256 MiB of addresses) ──► arena ──► pools
//!       └── what freed huge blocks leave, between two uses
//! ```
//!
//! Nothing here has an owner: every word is shared and changed by read-modify-write. Memory is claimed from the fullest
//! arena first, so that the others can drain; memory that was free for a while is purged.
//!
//! Does not know: thread caches, what is in a pool, thread-local storage.
#![no_std]

#[cfg(any(test, strata_loom))]
extern crate std;

mod above;
mod counters;
mod fork_gate;
mod huge;
mod in_flight;
#[cfg_attr(strata_loom, path = "misuse_model.rs")]
pub mod misuse;
#[cfg(strata_loom)]
mod model;
mod offsets;
mod page_heap;
mod pause;
mod pools;
mod prefault;
mod purge;
mod rate;
mod segments;
mod stats;
mod thp;
mod tuning;
mod windowed;
mod without;

pub use fork_gate::{ForkGate, Inside, Presence, StrangerInside};
pub use huge::block::Resized;
pub use offsets::place_page_heap;
pub use page_heap::{PageHeap, SELDOM_BYTES};
pub use pools::claim::ClaimedRun;
pub use purge::parker::Parker;
pub use purge::thread::PurgeThread;
pub use segments::hugetlb::Reserved;
pub use stats::{ClassSnapshot, Flows, Footprint, Snapshot};
pub use tuning::{HugePageChoice, PurgeWay, Tuning};
