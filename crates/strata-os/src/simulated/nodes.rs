//! A machine of several NUMA nodes: which there are, which runs a thread, and which one a range prefers.
//!
//! One node at first, whatever the real machine has.
//!
//! Does not know: where memory really comes from.

use super::faults::may_succeed;
use super::ranges::Ranges;
use super::table::{self, Move};
use crate::node::{Node, NodeSet};
use core::mem;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// Answers on which node the calling thread runs.
pub type RunningNode = fn() -> Node;

// All Relaxed: set before the threads of a test start; counts are read for themselves.
static NODES: AtomicU64 = AtomicU64::new(1);
static RUNNING: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());
static QUESTIONS: AtomicU64 = AtomicU64::new(0);
static PREFERENCES: Ranges = Ranges::new();

/// Has the machine have the nodes of this mask, and `running` say which of them runs a thread.
pub fn set_nodes(mask: u64, running: RunningNode) {
    RUNNING.store(running as *mut (), Ordering::Relaxed);
    NODES.store(mask, Ordering::Relaxed);
}

/// How often nodes were asked about, or said that a range prefers one.
pub fn node_questions() -> u64 {
    QUESTIONS.load(Ordering::Relaxed)
}

/// The node that fresh pages at `ptr` come from, if that was said.
pub fn preferred_node(ptr: NonNull<u8>) -> Option<Node> {
    PREFERENCES.find(ptr, 1).map(|number| Node::new(number as u32))
}

pub(crate) fn memory_nodes() -> NodeSet {
    QUESTIONS.fetch_add(1, Ordering::Relaxed);
    NodeSet::of_mask(NODES.load(Ordering::Relaxed))
}

pub(crate) fn running_node() -> Node {
    QUESTIONS.fetch_add(1, Ordering::Relaxed);
    let running = RUNNING.load(Ordering::Relaxed);
    if running.is_null() {
        return Node::new(0);
    }
    // SAFETY: only `set_nodes` writes the word, and it writes a `RunningNode`.
    let running = unsafe { mem::transmute::<*mut (), RunningNode>(running) };
    running()
}

/// # Safety
/// - As for [`crate::memory::prefer_node`].
pub(crate) unsafe fn prefer_node(ptr: NonNull<u8>, size: usize, node: Node) -> bool {
    QUESTIONS.fetch_add(1, Ordering::Relaxed);
    table::check(ptr, size, Move::HOLD);
    let done = may_succeed();
    if done {
        PREFERENCES.forget(ptr, size);
        PREFERENCES.note(ptr, size, node.number().into());
    }
    done
}

/// The range is free.
pub(super) fn forget(ptr: NonNull<u8>, size: usize) {
    PREFERENCES.forget(ptr, size);
}
