//! NUMA on a machine that has no such thing: the simulated OS has as many nodes as a test says, and a thread runs on the one
//! that it says itself.
//!
//! The topology is a process's, so each test runs in a child.
#![cfg(strata_simulated)]

#[allow(dead_code, reason = "each test file uses its part")]
mod patterned;
#[allow(dead_code, reason = "each test file uses its part")]
mod process;

use patterned::{Patterned, layout};
use process::{KIB, MIB, alone};
use std::cell::Cell;
use std::ptr::NonNull;
use strata_os::machine::Node;
use strata_os::simulated::{fail_from, fail_never, node_questions, preferred_node, set_nodes};
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

thread_local! {
    static RUNS_ON: Cell<u32> = const { Cell::new(0) };
}

fn running_node() -> Node {
    Node::new(RUNS_ON.get())
}

/// The calling thread runs on this node from now on.
fn move_to(node: u32) {
    RUNS_ON.set(node);
}

/// A machine of two nodes, as known to a process that has taken more than an arena on node 0.
fn two_nodes() {
    set_nodes(0b11, running_node);
    use_and_free(8 * MIB, 1000);
    assert_eq!(Strata::stats().nodes, 2);
}

fn blocks(bytes: usize, size: usize) -> Vec<Patterned> {
    (0..bytes / size).map(|seed| Patterned::new(layout(size, 8), seed as u64).unwrap()).collect()
}

fn use_and_free(bytes: usize, size: usize) {
    blocks(bytes, size).into_iter().for_each(Patterned::free);
}

/// Runs `body` on a new thread of this node.
fn on_node<R: Send>(node: u32, body: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            move_to(node);
            body()
        });
        thread.join().unwrap()
    })
}

/// How many of the blocks lie in memory of this node.
fn count_on(node: u32, blocks: &[Patterned]) -> usize {
    let is_there = |block: &&Patterned| preferred_node(block.start()) == Some(Node::new(node));
    blocks.iter().filter(is_there).count()
}

#[test]
fn addresses_that_went_back_are_left_as_they_are_when_the_segment_gets_its_node() {
    alone("addresses_that_went_back_are_left_as_they_are_when_the_segment_gets_its_node", || {
        const ARENA: usize = 4 * MIB;
        set_nodes(0b11, running_node);
        let first = Patterned::new(layout(1000, 8), 1).unwrap();
        Strata::trim();
        use_and_free(2 * ARENA, 1000);
        assert_eq!(Strata::stats().nodes, 2);
        assert_eq!(preferred_node(first.start()), Some(Node::new(0)));
        // The last ones of the segment, which is longer, but not theirs any more.
        let base = first.start().map_addr(|address| (address.get() & !(ARENA - 1)).try_into().unwrap());
        let last = NonNull::new(base.as_ptr().wrapping_add(60 * ARENA)).unwrap();
        assert_eq!(preferred_node(last), None);
        first.free();
    });
}

#[test]
fn a_thread_gets_memory_of_its_node_although_there_is_free_memory_of_another() {
    alone("a_thread_gets_memory_of_its_node_although_there_is_free_memory_of_another", || {
        two_nodes();
        assert!(Strata::stats().dirty_pools + Strata::stats().clean_pools > 60, "node 0 has free pools");
        for (bytes, size) in [(2 * MIB, 500), (4 * MIB, 20_000), (8 * MIB, 300 * KIB)] {
            let there = on_node(1, move || blocks(bytes, size));
            assert_eq!(count_on(1, &there), there.len(), "blocks of {size} bytes");
            there.into_iter().for_each(Patterned::free);
            let here = on_node(0, move || blocks(bytes, size));
            assert_eq!(count_on(0, &here), here.len(), "blocks of {size} bytes");
            here.into_iter().for_each(Patterned::free);
        }
    });
}

#[test]
fn memory_freed_by_a_thread_of_another_node_goes_back_to_its_own() {
    alone("memory_freed_by_a_thread_of_another_node_goes_back_to_its_own", || {
        two_nodes();
        let work = || on_node(1, || blocks(12 * MIB, 3000));
        // The thread has ended, so this thread, of node 0, empties unowned pools.
        work().into_iter().for_each(Patterned::free);
        let before = Strata::stats();
        let again = work();
        assert_eq!(count_on(1, &again), again.len());
        let after = Strata::stats();
        assert_eq!((after.arenas, after.segments), (before.arenas, before.segments), "it was used again");
        again.into_iter().for_each(Patterned::free);
    });
}

#[test]
fn pools_that_were_left_on_another_node_are_not_adopted() {
    alone("pools_that_were_left_on_another_node_are_not_adopted", || {
        two_nodes();
        // Every second block dies, so that what is left has room and no owner.
        let left: Vec<_> = on_node(0, || {
            let (mut keep, drop): (Vec<_>, Vec<_>) =
                blocks(4 * MIB, 2000).into_iter().enumerate().partition(|(index, _)| index % 2 == 0);
            drop.into_iter().for_each(|(_, block)| block.free());
            keep.drain(..).map(|(_, block)| block).collect()
        });
        let there = on_node(1, || blocks(MIB, 2000));
        assert_eq!(count_on(1, &there), there.len());
        let pools = Strata::stats().used_pools;
        let here = on_node(0, || blocks(MIB, 2000));
        assert_eq!(count_on(0, &here), here.len());
        assert!(
            Strata::stats().used_pools < pools + 8,
            "a thread of the same node took the room that was left"
        );
        left.into_iter().chain(there).chain(here).for_each(Patterned::free);
    });
}

#[test]
fn a_thread_that_moves_takes_its_next_pools_from_where_it_runs() {
    alone("a_thread_that_moves_takes_its_next_pools_from_where_it_runs", || {
        two_nodes();
        on_node(0, || {
            let before = blocks(MIB, 1000);
            assert_eq!(count_on(0, &before), before.len());
            move_to(1);
            let after = blocks(4 * MIB, 1000);
            // What was ready in the pool that it had came along.
            assert!(count_on(1, &after) >= after.len() - 64);
            before.into_iter().chain(after).for_each(Patterned::free);
        });
    });
}

#[test]
fn far_memory_is_better_than_none() {
    alone("far_memory_is_better_than_none", || {
        two_nodes();
        let places = on_node(1, || {
            let mut all = Vec::with_capacity(100_000);
            let first = Patterned::new(layout(16, 8), 0).unwrap();
            // From here on the system refuses everything, and node 1 has an arena.
            fail_from(1, u64::MAX);
            while let Some(block) = Patterned::new(layout(4000, 8), 7) {
                all.push(block);
            }
            fail_never();
            all.push(first);
            all
        });
        let (near, far) = (count_on(1, &places), count_on(0, &places));
        assert!(near > 500 && far > 500, "{near} near, {far} far");
        places.iter().for_each(Patterned::check);
        places.into_iter().for_each(Patterned::free);
    });
}

#[test]
fn memory_of_all_nodes_goes_back() {
    alone("memory_of_all_nodes_goes_back", || {
        two_nodes();
        for node in [0, 1] {
            on_node(node, || use_and_free(16 * MIB, 900));
        }
        Strata::trim();
        let stats = Strata::stats();
        assert!(stats.dirty_pools < 8, "{stats}");
        assert!(stats.to_string().contains("kept apart for 2 nodes"), "{stats}");
    });
}

#[test]
fn on_one_node_somebody_asks_once_and_nobody_pays_again() {
    alone("on_one_node_somebody_asks_once_and_nobody_pays_again", || {
        assert_eq!(node_questions(), 0, "a process of less than an arena has nothing to ask");
        for _ in 0..3 {
            use_and_free(300 * MIB, 10_000);
            std::thread::scope(|scope| {
                (0..4).for_each(|_| drop(scope.spawn(|| use_and_free(20 * MIB, 700))));
            });
        }
        assert!(Strata::stats().segments >= 2);
        assert_eq!(node_questions(), 1);
        assert_eq!(Strata::stats().nodes, 1);
    });
}
