//! Arenas, pools and blocks: the lock-free core that everything above allocates from.
//!
//! ```text
//!   arena (4 MiB) ── 64 × ──► pool (64 KiB, one size class) ── n × ──► block (what the program gets)
//!     header table              owner, free list, remote word            first word: link while free
//! ```
//!
//! An address alone leads to its pool: masking gives the arena, a shift the pool's header. An arena has no owner;
//! a pool is owned by one thread cache at a time, or unowned; a block is the program's until it is freed.
//!
//! Does not know: the OS, thread-local storage, which memory to take next, when to give it back.
#![no_std]
#![warn(missing_docs)]

#[cfg(any(test, strata_loom))]
extern crate std;

pub mod address;
pub mod arena;
pub mod block;
pub mod counters;
pub mod layout;
pub mod masks;
pub mod offsets;
pub mod pool;
pub mod size_class;
#[doc(hidden)]
pub mod sync;
