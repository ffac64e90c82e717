#![no_std]
//! The only system calls of the Strata memory allocator.
//!
//! A range of addresses moves through four states, page by page. Strata's upper crates decide when, this crate knows
//! how, and [`memory`] is the contract:
//!
//! ```text
//!            reserve            commit              purge
//!  (nobody) ─────────► reserved ───────► committed ───────► purged ──┐ written again:
//!     ▲  │                ▲ │                │ ▲ ▲             │ │   │ committed, as far
//!     │  └─ map ──────────┼─┼────────────────┼─┘ └─────────────┼─┼───┘ as the kernel knows
//!     │                   └─┼── decommit ────┴─────────────────┘ │
//!     └─────────────────────┴── release ────────────────────────-┘
//! ```
//!
//! | state     | addresses | memory           | access     | who moves it on                         |
//! |-----------|-----------|------------------|------------|-----------------------------------------|
//! | reserved  | ours      | none             | faults     | `strata-segment`, before an arena's use |
//! | committed | ours      | on first touch   | read/write | the program, by using it                |
//! | purged    | ours      | none, or on loan | read/write | `strata-segment`, by using it again     |
//! | released  | lost      | none             | forbidden  | nobody                                  |
//!
//! Beside memory: what the [`machine`] is, a coarse [`clock`], one word per thread ([`thread_word!`]), what happens at
//! thread exit, fork and unload ([`lifecycle`]), a line on [`stderr`], and [`counters`] of the system calls made.
//!
//! Rules of the crate: nothing allocates unless its doc says that the C library may; nothing waits; nothing panics
//! outside [`debug_assert!`] and the simulated OS; a failing call is a value, `errno` stays as it was, and the caller
//! decides whether to try again.
//!
//! The feature `simulated` (or `--cfg strata_loom`) puts the `simulated` module under the same names.
//!
//! Does not know: arenas, pools, size classes, options, policy.

#[cfg(any(test, strata_loom))]
extern crate std;

#[cfg(not(target_os = "linux"))]
compile_error!(
    "strata-os speaks Linux only so far: a port is a sibling of src/linux with the same functions"
);
#[cfg(not(target_pointer_width = "64"))]
compile_error!("Strata packs addresses and counters into 64-bit words");

#[cfg_attr(strata_loom, allow(dead_code, reason = "under loom nothing is counted"))]
pub mod counters;
pub mod lifecycle;
#[cfg_attr(strata_loom, allow(dead_code, reason = "under loom no memory comes from the kernel"))]
mod linux;
pub mod machine;
pub mod memory;
#[cfg(any(feature = "simulated", strata_loom))]
pub mod simulated;
pub mod stderr;
pub mod tls;

#[cfg(not(any(feature = "simulated", strata_loom)))]
use linux::memory as imp;
#[cfg(any(feature = "simulated", strata_loom))]
use simulated::memory as imp;

pub use counters::{CallCounts, calls};
pub use lifecycle::{ThreadExitKey, abort, after_fork_in_child, on_thread_exit};
#[cfg(not(strata_loom))]
pub use linux::clock;
#[cfg(strata_loom)]
pub use simulated::clock;
pub use stderr::Line;
