#![doc = include_str!("../README.md")]
//!
//! # Files
//!
//! ```text
//! gil.rs            any allocator behind the lock
//! pymalloc/mod.rs   pymalloc as a GlobalAlloc: alloc, dealloc, realloc
//!   heap.rs         one allocation and one free through the three layers, without the lock
//!   parameters.rs   the free choices: Classic and Current
//!   exclusion.rs    behind the lock, or for one thread without it
//!   class.rs        request size <-> size class
//!   pool.rs         blocks of one class: take, give, carve
//!   used.rs         the partial pools of each class
//!   arena.rs        pools of one mapping: which are free
//!   table.rs        the vector of arena objects
//!   usable.rs       arenas with free pools, fullest first
//!   address/        is this pointer ours? (header index, radix tree)
//!   stats.rs, report.rs   numbers, and their printed form
//!   libc_path.rs    where everything else goes
//! lock.rs fork.rs futex.rs   the word that is the mutex, and `fork`
//! ```
//!
//! Linux, 64 bits.
#![no_std]

#[cfg(test)]
extern crate std;

mod fork;
mod futex;
mod gil;
mod lock;
mod pymalloc;

pub use gil::Gil;
pub use pymalloc::{
    ClassStats, Classic, ClassicPymalloc, Current, CurrentPymalloc, Exclusion, LibcPath, Locked, MapNodes,
    OneThread, Parameters, Pymalloc, PymallocStats, Unlocked, move_block,
};
