//! Which segments a thread searches first, where they differ: NUMA placement, local memory before remote, reserved before ordinary.
//!
//! ```text
//!   one node, nothing reserved     all segments, oldest first                       costs one load
//!   else     claim, adopt   1      segments of the caller's node in explicit huge pages
//!                           2      other segments of that node
//!            claim          3      more memory on that node
//!                           4      when that is refused: whatever there is, local or remote
//! ```
//!
//! A segment belongs to a node from its birth, which the kernel is told before its memory is touched. Pools go back to the
//! segment that they came from, so they are used by threads of that node again; a thread that moves on takes the pools that it
//! has along, and its next ones from where it runs by then.
//!
//! The number of nodes is not asked for before the second arena is needed: a program of less than 4 MiB has little to place.
//! The first segment belongs to no node until then, and after that to the node of the thread that asked.
//!
//! N1  All words here are hints, and every thread writes the same to them; except for a segment's
//!     node, where the last write counts. A stale one costs an access to remote memory, nothing else.
//!
//! Does not know: which nodes there are, nor what memory is for. Decision 0012.

use super::Segments;
use super::index::Kind;
use super::segment::{Backing, Segment};
use core::ptr::NonNull;
use strata_core::layout::ARENA_BYTES;
use strata_core::masks::runs_of;
use strata_core::sync::Hint;
use strata_os::machine::{self, Node};
use strata_os::memory;

/// The number of nodes before it was asked for. Models have one, and know it.
const UNASKED: u64 = if cfg!(strata_loom) { 1 } else { 0 };

/// Where memory should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Locality {
    /// All of it is equally local.
    Anywhere,
    /// On the caller's node.
    Node(Node),
}

/// What the choice depends on.
#[derive(Debug)]
pub(crate) struct Placement {
    /// The number of nodes.
    pub(crate) nodes: Hint,
    /// Whether segments differ: 1 or 0.
    matters: Hint,
}

impl Placement {
    pub(crate) const fn new() -> Self {
        Self { nodes: Hint::new(UNASKED), matters: Hint::new(0) }
    }

    /// Whether some segments are better than others.
    #[inline]
    pub(super) fn matters(&self) -> bool {
        self.matters.get() != 0
    }

    /// Segments differ from now on.
    pub(super) fn set_matters(&self) {
        self.matters.set(1);
    }

    /// The number of nodes, if it was asked for.
    pub(super) fn known_nodes(&self) -> u64 {
        self.nodes.get().max(1)
    }

    /// Where the calling thread wants its memory.
    pub(super) fn locality(&self) -> Locality {
        if self.nodes.get() <= 1 { Locality::Anywhere } else { Locality::Node(machine::running_node()) }
    }
}

impl Segment {
    /// Asks for local memory for fresh addresses of the segment, as all of it is.
    pub(super) fn keep_local(&self, start: NonNull<u8>, bytes: usize) {
        if let Some(number) = self.node.get().checked_sub(1) {
            // SAFETY: the caller's. If the kernel refuses, the first touch decides.
            unsafe { memory::prefer_node(start, bytes, Node::new(number as u32)) };
        }
    }

    /// Whether its memory is where it should be: memory of no particular node is local to all.
    pub(super) fn serves(&self, locality: Locality) -> bool {
        match locality {
            Locality::Anywhere => true,
            Locality::Node(node) => [0, place_of(node)].contains(&self.node.get()),
        }
    }

    pub(super) fn set_node(&self, node: Node) {
        self.node.set(place_of(node));
    }

    /// Belongs to this node from now on, unless it belongs to one already.
    pub(super) fn assign_to(&self, node: Node) {
        if self.node.get() == 0 && !self.is_pinned() {
            self.set_node(node);
            for present in runs_of(self.present()) {
                let bytes = present.count_ones() as usize * ARENA_BYTES;
                // SAFETY: ours; what is touched already stays where it is.
                unsafe {
                    memory::prefer_node(self.arena(present.trailing_zeros()).as_non_null(), bytes, node)
                };
            }
        }
    }
}

/// A node as a segment notes it.
fn place_of(node: Node) -> u64 {
    u64::from(node.number()) + 1
}

impl Segments<'_> {
    /// The first answer of `ask`, over all segments or, where they differ, over those that the calling thread prefers.
    #[inline]
    pub(crate) fn find<T>(&self, kind: Kind, ask: impl FnMut(&'static Segment) -> Option<T>) -> Option<T> {
        if self.placement.matters() { self.find_by_placement(kind, ask) } else { self.index.find(kind, ask) }
    }

    /// The first answer of `ask`, over all segments, where they differ: for what was refused by [`find`](Self::find).
    pub(crate) fn find_remote<T>(
        &self,
        kind: Kind,
        ask: impl FnMut(&'static Segment) -> Option<T>,
    ) -> Option<T> {
        if self.placement.matters() { self.find_anywhere(kind, ask) } else { None }
    }

    /// The first answer of `ask`, over all segments.
    pub(crate) fn find_anywhere<T>(
        &self,
        kind: Kind,
        ask: impl FnMut(&'static Segment) -> Option<T>,
    ) -> Option<T> {
        self.index.find(kind, ask)
    }

    #[cold]
    #[inline(never)]
    fn find_by_placement<T>(
        &self,
        kind: Kind,
        mut ask: impl FnMut(&'static Segment) -> Option<T>,
    ) -> Option<T> {
        let locality = self.placement.locality();
        [Backing::Hugetlb, Backing::Ordinary].into_iter().find_map(|backing| {
            let is_one = |segment: &Segment| segment.backing() == backing && segment.serves(locality);
            self.index.find(kind, |segment| if is_one(segment) { ask(segment) } else { None })
        })
    }

    /// Where the memory that is about to be taken should be.
    pub(super) fn locality_for_more(&self) -> Locality {
        if self.placement.nodes.get() == UNASKED && self.counters.arenas.get() > 0 {
            self.ask_for_nodes();
        }
        self.placement.locality()
    }

    /// Finds out how many nodes there are.
    #[cold]
    #[inline(never)]
    pub(super) fn ask_for_nodes(&self) -> machine::NodeSet {
        let nodes = machine::memory_nodes();
        if nodes.count() > 1 {
            let here = machine::running_node();
            self.iter().for_each(|segment| segment.assign_to(here));
            self.placement.set_matters();
        }
        self.placement.nodes.set(nodes.count().into());
        nodes
    }
}

#[cfg(all(test, not(strata_loom)))]
mod tests {
    use super::*;
    use crate::page_heap::PageHeap;
    use crate::pools::claim::Wanted;
    use strata_core::pool::Pool;
    use strata_core::size_class::SizeClass;

    const ONE: Wanted = Wanted::Run { pools: 1, step: 1 };

    /// A node on which no test runs.
    const ELSEWHERE: Node = Node::new(900);

    /// A page heap with an arena, of which one pool is claimed.
    fn claim_first(page_heap: &PageHeap) -> &'static Pool {
        page_heap.claim_pool().unwrap().first
    }

    /// Makes the machine have two nodes, and puts everything that there is so far on the other one.
    fn move_away(page_heap: &PageHeap) {
        page_heap.placement.nodes.set(2);
        page_heap.placement.set_matters();
        page_heap.segments().iter().for_each(|segment| segment.assign_to(ELSEWHERE));
    }

    fn segment_of(pool: &Pool) -> &'static Segment {
        // SAFETY: claimed from a segment.
        unsafe { Segment::of(pool) }.0
    }

    #[test]
    fn free_memory_of_another_node_is_left_alone_while_there_is_more_locally() {
        static HEAP: PageHeap = PageHeap::new();
        let remote = segment_of(claim_first(&HEAP));
        move_away(&HEAP);
        let local = segment_of(claim_first(&HEAP));
        assert!(!core::ptr::eq(remote, local) && remote.open.hints() != 0);
        assert!(local.serves(HEAP.placement.locality()) && !local.serves(Locality::Node(ELSEWHERE)));
        let run = HEAP.claim(20, 4).unwrap();
        assert!(core::ptr::eq(segment_of(run.first), local));
        assert!(core::ptr::eq(segment_of(HEAP.pools().claim_remote(ONE).unwrap().first), remote));
    }

    #[test]
    fn a_pool_that_was_left_on_another_node_is_adopted_only_when_all_else_is_refused() {
        static HEAP: PageHeap = PageHeap::new();
        let (class, run) = (SizeClass::of(1000), HEAP.claim_pool().unwrap());
        let (pool, owned) = (run.first, run.open(class, 0));
        let _ = owned.carve_untouched(class);
        HEAP.abandon(owned);
        move_away(&HEAP);
        assert!(HEAP.adopt(class, 0).is_none());
        assert!(core::ptr::eq(&raw const *HEAP.pools().adopt_remote(class).unwrap(), pool));
    }

    #[test]
    fn a_segment_stays_with_the_node_that_it_was_assigned_to_and_serves_all_before() {
        static HEAP: PageHeap = PageHeap::new();
        let segment = segment_of(claim_first(&HEAP));
        assert!(
            [Locality::Anywhere, Locality::Node(ELSEWHERE)]
                .into_iter()
                .all(|locality| segment.serves(locality))
        );
        segment.assign_to(ELSEWHERE);
        segment.assign_to(Node::new(0));
        assert!(segment.serves(Locality::Node(ELSEWHERE)) && segment.serves(Locality::Anywhere));
        assert!(!segment.serves(Locality::Node(Node::new(0))));
    }

    #[test]
    fn nodes_are_not_asked_for_before_the_second_arena() {
        static HEAP: PageHeap = PageHeap::new();
        let _held = claim_first(&HEAP);
        assert_eq!(HEAP.placement.nodes.get(), UNASKED);
        while HEAP.snapshot().arenas == 1 {
            let _held = claim_first(&HEAP);
        }
        assert_ne!(HEAP.placement.nodes.get(), UNASKED);
    }

    #[test]
    fn where_all_memory_is_local_nothing_is_remote() {
        static HEAP: PageHeap = PageHeap::new();
        let _held = claim_first(&HEAP);
        assert!(!HEAP.placement.matters());
        assert!(
            HEAP.pools().claim_remote(ONE).is_none()
                && HEAP.pools().adopt_remote(SizeClass::of(16)).is_none()
        );
    }
}
