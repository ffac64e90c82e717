//! NUMA outside Linux: each system has its own way to ask, or none; so all memory counts as equally near.
//!
//! Does not know: anything.

use crate::node::{Node, NodeSet};
use core::ptr::NonNull;

/// The nodes that memory may come from: one.
pub(crate) fn memory_nodes() -> NodeSet {
    NodeSet::ONE
}

/// The node that runs the caller: the only one.
pub(crate) fn running_node() -> Node {
    Node::new(0)
}

/// # Safety
/// - As for [`crate::memory::prefer_node`].
pub(crate) unsafe fn prefer_node(_ptr: NonNull<u8>, _size: usize, _node: Node) -> bool {
    false
}
