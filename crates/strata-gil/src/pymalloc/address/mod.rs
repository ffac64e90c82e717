//! From an address to its pool, and the question whether the pool is ours.
//!
//! Blocks carry no mark and the C interface passes no size to `free`, so a heap must tell its own blocks from those of the
//! system path by address alone.
//!
//! Does not know: size classes, the states of pools.

mod header_index;
mod radix;

pub(crate) use header_index::HeaderIndex;
pub(crate) use radix::RadixTree;

use super::parameters::{Parameters, Sizes};
use super::pool::PoolHeader;
use super::table::ArenaTable;
use core::ptr::NonNull;

/// A way to recognise the pools of a heap.
pub trait AddressTest {
    /// Recognises nothing.
    const NONE: Self;

    /// Recognises an arena from now on; false: no memory for that, and nothing changed.
    fn admit(&mut self, base: NonNull<u8>) -> bool;

    /// Forgets an arena that was admitted.
    fn dismiss(&mut self, base: NonNull<u8>);

    /// Is `block` in an admitted arena?
    fn owns<P: Parameters>(&self, arenas: &ArenaTable, block: NonNull<u8>) -> bool;

    /// What the recognition itself costs.
    fn nodes(&self) -> MapNodes;
}

/// The size of the radix tree: the root is part of the heap, the nodes are mapped on demand and kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MapNodes {
    /// Nodes of the middle level.
    pub mid_count: usize,
    /// Nodes of the bottom level.
    pub bottom_count: usize,
    /// Bytes of the root; 0: this set needs no tree.
    pub root_bytes: usize,
    /// Bytes of one middle node.
    pub mid_bytes: usize,
    /// Bytes of one bottom node.
    pub bottom_bytes: usize,
}

/// Where the header of the pool around `block` would be. In a foreign block's neighbourhood there is none.
#[inline]
pub(crate) fn header_around<P: Parameters>(block: NonNull<u8>) -> *mut PoolHeader {
    block.as_ptr().map_addr(|address| address & !(P::POOL_BYTES - 1)).cast()
}
