//! Thread caches: one thread's view of the allocator, and the fast path that every allocation takes.
//!
//! ```text
//!   malloc:  alloc ──(list empty)──► refill ─► remote frees · partial pools · carve · adopt · claim
//!   free:    free ──(not current)──► own pool │ outbox ─► the owner's remote word │ nobody's pool: becomes ours
//!   exit:    abandon ─► pools go back, to the shelf, or stay nobody's until their next free
//! ```
//!
//! Does not know: how memory is found (the segment layer does), what a `Layout` is, options.
#![no_std]

#[cfg(any(test, strata_loom))]
extern crate std;

mod abandon;
mod ahead;
mod alloc;
mod borrow;
mod cache;
mod class_counts;
mod collect;
#[cfg_attr(strata_loom, path = "current_model.rs")]
pub mod current;
mod free;
mod identity;
mod idle;
#[cfg(not(strata_loom))]
mod janitor;
mod later;
#[cfg(strata_loom)]
pub mod model;
mod outbox;
#[cfg(not(strata_loom))]
#[doc(hidden)]
pub mod place;
mod pocket;
mod queue;
mod refill;
#[cfg(all(test, not(strata_loom)))]
mod scene;
mod spree;
mod sweep;
mod vigil;

pub use cache::Cache;
pub use identity::{Registry, Runtime};
#[cfg(not(strata_loom))]
pub use place::ListPlace;
