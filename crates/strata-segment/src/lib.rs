//! The segment layer: which memory serves next, and when it goes back to the OS.
//!
//! ```text
//!   directory ── up to 4096 × ──► segment (≤ 64 arenas, 256 MiB of addresses) ──► arena ──► pools
//!       └── huge mappings on the way between two uses
//! ```
//!
//! Nobody owns anything here: every word is shared and changed by read-modify-write. Memory is claimed from the fullest
//! arena first, so that the others can drain; what lay free for a while is purged.
//!
//! Does not know: thread caches, what is in a pool, thread-local storage.
#![no_std]

#[cfg(any(test, strata_loom))]
extern crate std;

mod census;
mod claim;
mod directory;
mod huge;
mod huge_shelf;
#[cfg(strata_loom)]
mod model;
mod purge;
mod release;
mod segment;

pub use census::{Census, ClassCensus};
pub use claim::ClaimedRun;
pub use directory::{Directory, Tuning};
pub use huge::Resized;
