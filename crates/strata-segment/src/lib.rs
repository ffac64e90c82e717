//! The segment layer: which memory serves next, and when it goes back to the OS.
//!
//! ```text
//!   directory ── index ──► segment (≤ 64 arenas, 256 MiB of addresses) ──► arena ──► pools
//!       └── what freed huge blocks leave, between two uses
//! ```
//!
//! Nobody owns anything here: every word is shared and changed by read-modify-write. Memory is claimed from the fullest
//! arena first, so that the others can drain; what lay free for a while is purged.
//!
//! Does not know: thread caches, what is in a pool, thread-local storage.
#![no_std]

#[cfg(any(test, strata_loom))]
extern crate std;

mod adopt;
mod affine;
mod asking;
mod claim;
mod decommit;
mod directory;
mod duty;
mod evidence;
mod extent;
mod hints;
mod huge;
mod huge_cache;
mod huge_limit;
mod huge_zero;
mod index;
#[cfg_attr(strata_loom, path = "misuse_model.rs")]
pub mod misuse;
#[cfg(strata_loom)]
mod model;
mod numa;
mod offsets;
mod parker;
mod peak;
mod prefault;
mod pressure;
mod purge;
mod purge_schedule;
mod purge_thread;
mod rate;
mod reclaim;
mod refaults;
mod release;
mod reservation;
mod segment;
mod stats;
mod tail;
mod thp;
mod thp_growth;
mod thp_policy;
mod vacancy;
mod windowed;

pub use claim::ClaimedRun;
pub use directory::{Directory, Tuning};
pub use huge::Resized;
pub use offsets::place_directory;
pub use parker::Parker;
pub use purge::PurgeWay;
pub use purge_thread::PurgeThread;
pub use reservation::Reserved;
pub use stats::{ClassSnapshot, Footprint, Snapshot};
pub use thp::HugePageChoice;
