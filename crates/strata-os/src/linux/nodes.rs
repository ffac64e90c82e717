//! Which NUMA nodes have memory for this process, which one runs a thread, and from which one a range takes its pages.
//!
//! ```text
//!   get_mempolicy(MPOL_F_MEMS_ALLOWED)            nodes whose memory the process may use; containers may forbid to ask
//!   /sys/devices/system/node/has_memory  0-1,3    those that have any
//!   get_mempolicy                                 whether a policy was chosen for the process already (`numactl`)
//! ```
//!
//! Does not know: whose memory belongs where (`strata-segment` does).

use super::raw::{self, Answer, flags, number};
use super::small_file;
use crate::call;
use crate::counters::Call;
use crate::node::{Node, NodeSet};
use core::ffi::{c_int, c_uint};
use core::ptr::{NonNull, null_mut};
use libc::{SYS_get_mempolicy, SYS_getcpu, SYS_mbind};

// Of the kernel's interface, which is fixed.
const MPOL_DEFAULT: c_int = 0;
const MPOL_PREFERRED: c_int = 1;
const MPOL_LOCAL: c_int = 4;
const MPOL_F_MEMS_ALLOWED: c_int = 1 << 2;

/// No kernel is built for more nodes.
const NODES_AT_MOST: usize = 1024;
type Mask = [u64; NODES_AT_MOST / 64];

/// The nodes that memory may come from; one if a policy was chosen for this process already, which then holds.
pub(crate) fn memory_nodes() -> NodeSet {
    let allowed = allowed().or_else(with_memory).unwrap_or(NodeSet::ONE);
    if allowed.count() > 1 && is_chosen() { NodeSet::ONE } else { allowed }
}

/// The node that runs the caller; it may run elsewhere a moment later.
pub(crate) fn running_node() -> Node {
    let mut node: c_uint = 0;
    let arguments = [null_mut(), (&raw mut node).cast(), null_mut()];
    // SAFETY: the kernel writes the number that it is given a place for, and nothing if it does not know the call.
    let _ = unsafe { raw::call(SYS_getcpu, arguments) };
    Node::new(node)
}

/// # Safety
/// - As for [`crate::memory::prefer_node`].
pub(crate) unsafe fn prefer_node(ptr: NonNull<u8>, size: usize, node: Node) -> bool {
    let mut mask: Mask = [0; NODES_AT_MOST / 64];
    let bit = node.number() as usize;
    let Some(word) = mask.get_mut(bit / 64) else { return false };
    *word = 1 << (bit % 64);
    call::is_done(Call::Advise, || {
        // The kernel takes one from the number of bits that it is told.
        let bits = NODES_AT_MOST + 1;
        let (start, mask) = (ptr.as_ptr().cast(), mask.as_mut_ptr().cast());
        let arguments = [start, number(size), flags(MPOL_PREFERRED), mask, number(bits), number(0)];
        // SAFETY: M3; where fresh pages come from changes no contents, and the kernel reads the mask only.
        unsafe { raw::call(SYS_mbind, arguments) }
    })
}

fn allowed() -> Option<NodeSet> {
    let mut mask: Mask = [0; NODES_AT_MOST / 64];
    let done = policy(null_mut(), mask.as_mut_ptr(), MPOL_F_MEMS_ALLOWED).is_ok();
    let first = mask.first().copied().unwrap_or(0);
    (done && first != 0).then(|| NodeSet::of_mask(first))
}

fn is_chosen() -> bool {
    let mut mode = MPOL_DEFAULT;
    let _ = policy(&raw mut mode, null_mut(), 0);
    mode != MPOL_DEFAULT && mode != MPOL_LOCAL
}

/// Asks for the calling thread's policy; an error if that is forbidden, as in containers without `CAP_SYS_NICE`.
fn policy(mode: *mut c_int, mask: *mut u64, what: c_int) -> Answer {
    let no_address = null_mut();
    let arguments = [mode.cast(), mask.cast(), number(NODES_AT_MOST), no_address, flags(what)];
    // SAFETY: the kernel writes the mode and at most as many bits of the mask, where it is given places for them.
    unsafe { raw::call(SYS_get_mempolicy, arguments) }
}

fn with_memory() -> Option<NodeSet> {
    let mut buffer = [0; 256];
    let list = small_file::read(c"/sys/devices/system/node/has_memory", &mut buffer)?;
    mask_of(list).map(NodeSet::of_mask)
}

/// The mask of the first 64 numbers of a list like `0-1,3`; `None` if that is none.
fn mask_of(list: &[u8]) -> Option<u64> {
    list.trim_ascii().split(|byte| *byte == b',').try_fold(0, |mask, range| {
        let mut ends = range.splitn(2, |byte| *byte == b'-').map(small_file::number);
        let first = ends.next()??;
        let last = ends.next().unwrap_or(Some(first))?;
        let bits = (first..=last.min(63)).fold(0, |bits, number| bits | 1 << number);
        Some(mask | bits)
    })
}

#[cfg(test)]
mod tests {
    use super::super::machine::page_size;
    use super::super::map::{map, release};
    use super::*;
    use crate::linux::in_child::is_true_in_a_child;

    #[test]
    fn a_list_of_ranges_is_a_mask() {
        for (list, mask) in
            [("0\n", 0b1), ("0-1\n", 0b11), ("0-1,3", 0b1011), ("2,62-70", 1 << 2 | 0b11 << 62)]
        {
            assert_eq!(mask_of(list.as_bytes()), Some(mask), "{list:?}");
        }
        assert_eq!(mask_of(b"64-127"), Some(0));
        for junk in ["", "\n", "a", "0-", "-1", "0,,1", "0 1"] {
            assert_eq!(mask_of(junk.as_bytes()), None, "{junk:?}");
        }
    }

    #[test]
    fn a_thread_runs_on_a_node_and_some_node_has_memory() {
        let nodes = memory_nodes();
        assert!(nodes.count() >= 1);
        let known = with_memory().unwrap_or(NodeSet::ONE);
        assert!(nodes == NodeSet::ONE || nodes.iter().all(|node| known.iter().any(|other| other == node)));
        assert!(running_node().number() < NODES_AT_MOST as u32);
    }

    #[test]
    fn a_range_with_a_preference_is_memory_like_any_other() {
        let size = 4 * page_size();
        let ptr = map(size, size).unwrap();
        for node in [running_node(), Node::new(1000), Node::new(NODES_AT_MOST as u32), Node::new(u32::MAX)] {
            // A node that is not there is refused, and so may every node be in a container.
            // SAFETY: mapped above.
            let preferred = unsafe { prefer_node(ptr, size, node) };
            assert!(!preferred || node.number() < 1000);
        }
        // SAFETY: mapped.
        unsafe { ptr.write(1) };
        // SAFETY: ours.
        assert!(unsafe { release(ptr, size) });
    }

    #[test]
    fn what_the_user_chose_by_a_policy_of_his_own_is_left_alone() {
        assert!(is_true_in_a_child(|| {
            const MPOL_INTERLEAVE: c_int = 3;
            let mask = 1_u64;
            // SAFETY: a policy of the child's; the kernel reads the mask.
            let done =
                unsafe { libc::syscall(libc::SYS_set_mempolicy, MPOL_INTERLEAVE, &raw const mask, 65) };
            done != 0 || is_chosen()
        }));
        assert!(!is_chosen() || memory_nodes() == NodeSet::ONE);
    }
}
