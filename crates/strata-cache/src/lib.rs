//! Thread caches: one thread's view of the allocator, and the fast path that every allocation takes.
//!
//! ```text
//!   alloc ──► magazine of the class ◄── free            a batch: blocks of one pool, one exchange
//!              │ empty          ▲ full
//!              ▼                ▼
//!            refill           flush ──chains, one a pool──► their pools, whichever thread owns them
//!              ▲
//!              └── active pool ◄── adopted: unowned, with room │ claimed: free
//! ```
//!
//! Does not know: how memory is found (the segment layer does), what a `Layout` is, options.
#![no_std]

#[cfg(any(test, strata_loom))]
extern crate std;

mod active;
mod alloc;
mod cache;
mod chains;
mod flush;
#[cfg(not(strata_loom))]
mod fork;
mod free;
pub mod large;
mod magazine;
mod maintenance;
#[cfg(strata_loom)]
pub mod model;
mod offsets;
mod peaks;
#[cfg_attr(strata_loom, path = "profile/model.rs")]
pub mod profile;
mod promotion;
#[cfg(not(strata_loom))]
mod purge_thread;
mod refill;
#[cfg(not(strata_loom))]
pub mod refusal;
mod registry;
#[cfg(all(test, not(strata_loom)))]
mod scene;
#[cfg(not(strata_loom))]
#[doc(hidden)]
pub mod size_table;
mod slabs;
#[cfg_attr(strata_loom, path = "thread_model.rs")]
pub mod thread;
mod turnover;

pub use cache::Cache;
pub use peaks::Outside;
#[cfg(strata_loom)]
pub use peaks::Sayer;
pub use registry::{Registry, Runtime};
#[cfg(not(strata_loom))]
pub use size_table::MagazinePlace;
pub use turnover::Departed;
