#![no_std]
//! The only system calls of the Strata memory allocator.
//!
//! A range of addresses moves through four states, page by page. Strata's upper crates decide when, this crate knows
//! how, and [`memory`] is the contract:
//!
//! ```text
//!            reserve            commit              purge
//!  (free)   ─────────► reserved ───────► committed ───────► purged ──┐ written again:
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
//! | released  | lost      | none             | forbidden  | no code                                 |
//!
//! Beside memory: what the [`machine`] is, a coarse [`clock`], one word per thread ([`thread_word!`]), what happens at
//! thread exit, fork and unload ([`lifecycle`]), a [`thread`] of our own, or one that only the kernel knows of ([`kernel_thread`]), and how it sleeps ([`futex`]), a [`barrier`] in all threads, a line on [`stderr`], a file for last words ([`kept_file`]) and a [`signal`] that asks for them, its [`own_memory`] seen from outside, and [`counters`] of the system calls made.
//!
//! Rules of the crate: nothing allocates unless its doc says that the C library may; nothing waits; nothing panics
//! outside [`debug_assert!`] and the simulated OS; a failing call is a value, `errno` stays as it was, and the caller
//! decides whether to try again.
//!
//! `--cfg strata_simulated` (or `strata_loom`) puts the `simulated` module under the same names.
//!
//! The system is Linux, or else plain POSIX (`--cfg strata_unix` takes that on Linux, too, so that it can be tested).
//!
//! Does not know: arenas, pools, size classes, options, policy.

#[cfg(any(test, strata_loom))]
extern crate std;

#[cfg(not(unix))]
compile_error!("strata-os speaks Unix only so far: a port is a sibling of src/unix with the same functions");
#[cfg(not(target_pointer_width = "64"))]
compile_error!("Strata packs addresses and counters into 64-bit words");

pub mod barrier;
#[cfg_attr(
    strata_loom,
    allow(dead_code, unreachable_pub, reason = "under loom nothing comes from the kernel")
)]
mod call;
#[cfg_attr(strata_loom, allow(dead_code, reason = "under loom nothing is counted"))]
pub mod counters;
mod hugetlb;
pub mod kept_file;
pub mod kernel_thread;
pub mod lifecycle;
#[cfg(all(target_os = "linux", not(strata_unix)))]
#[cfg_attr(
    any(strata_loom, strata_simulated),
    allow(
        dead_code,
        unreachable_pub,
        reason = "under loom nothing comes from the kernel, and less if simulated"
    )
)]
mod linux;
pub mod machine;
pub mod memory;
mod node;
mod output;
pub mod own_memory;
#[cfg_attr(
    strata_loom,
    allow(dead_code, unreachable_pub, reason = "under loom nothing comes from the kernel")
)]
mod posix;
mod probe;
pub mod signal;
#[cfg(any(strata_simulated, strata_loom))]
pub mod simulated;
pub mod stderr;
pub mod thread;
pub mod tls;
#[cfg(any(test, strata_unix, not(target_os = "linux")))]
#[cfg_attr(
    any(test, strata_loom),
    allow(
        dead_code,
        unreachable_pub,
        unused_imports,
        reason = "on Linux only tests use it, and under loom no code"
    )
)]
mod unix;
mod weak;

#[cfg(all(target_os = "linux", not(strata_unix)))]
use linux as system;
#[cfg(any(strata_unix, not(target_os = "linux")))]
use unix as system;

#[cfg(any(strata_simulated, strata_loom))]
use simulated::memory as imp;
#[cfg(not(any(strata_simulated, strata_loom)))]
use system::memory as imp;

pub use counters::calls;
pub use lifecycle::{AroundFork, ThreadExitKey, abort, around_fork, on_thread_exit};
pub use output::Output;
#[cfg(strata_loom)]
pub use simulated::clock;
pub use stderr::Line;
#[cfg(not(strata_loom))]
pub use system::clock;
pub use system::futex;
