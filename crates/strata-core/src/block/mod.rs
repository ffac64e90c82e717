//! A free block: a link, on a free list or in a chain.
//!
//! A block's bytes are the program's from `alloc` until the last instruction of `free`; in between states its first word
//! is a [`Link`].
//!
//! Does not know: pools, owners, size classes.

mod chain;
mod free_list;
mod link;

pub use chain::Chain;
pub use free_list::FreeList;
pub use link::{BlockPtr, Link};
