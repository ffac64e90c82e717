//! P19: numbers that all threads count: exact when quiet, never torn or negative while they do.
#![cfg(strata_loom)]

use std::sync::Arc;
use strata_core::counters::{CompactFlow, Counter, Flow};
use strata_loom_tests::{HALF, World, join, model, spawn};

#[test]
fn two_count_while_one_reads() {
    model("two_count_while_one_reads", None, || {
        let counter = Arc::new(Counter::explored());
        let threads = [1, 2].map(|amount| {
            let there = Arc::clone(&counter);
            spawn(move || {
                there.add(amount + 10);
                there.subtract(10);
            })
        });
        assert!(counter.get() <= 23, "more than was ever counted, or a number below zero");
        threads.into_iter().for_each(join);
        assert_eq!(counter.get(), 3, "a count was lost");
    });
}

#[test]
fn what_was_counted_elsewhere_may_be_taken_off_first() {
    model("what_was_counted_elsewhere_may_be_taken_off_first", None, || {
        let counter = Arc::new(Counter::explored());
        let there = Arc::clone(&counter);
        let other = spawn(move || there.add(5));
        let here = Arc::clone(&counter);
        let another = spawn(move || here.subtract(5));
        assert!(counter.get() <= 5, "a number below zero");
        join(other);
        join(another);
        assert_eq!(counter.get(), 0);
    });
}

#[test]
fn a_peak_that_two_make_is_never_lost() {
    model("a_peak_that_two_make_is_never_lost", None, || {
        let flow = Arc::new(Flow::explored());
        let threads = [1, 2].map(|amount| {
            let there = Arc::clone(&flow);
            spawn(move || there.add(amount))
        });
        threads.into_iter().for_each(join);
        flow.subtract(3);
        let end = flow.read();
        assert_eq!((end.current, end.peak, end.came, end.gone), (0, 3, 3, 3), "the peak was lost");
    });
}

#[test]
fn a_compact_flow_loses_nothing_and_its_peak_is_exact() {
    model("a_compact_flow_loses_nothing_and_its_peak_is_exact", Some(2), || {
        let flow = Arc::new(CompactFlow::explored());
        flow.add(1);
        let threads = [true, false].map(|stays| {
            let there = Arc::clone(&flow);
            spawn(move || {
                there.add(1);
                if !stays {
                    there.subtract(1);
                }
            })
        });
        threads.into_iter().for_each(join);
        let end = flow.read();
        assert_eq!((end.current, end.came, end.gone), (2, 3, 1), "one was lost");
        assert!((2..=3).contains(&end.peak), "{end:?}");
    });
}

#[test]
fn a_snapshot_while_a_pool_comes_and_goes() {
    model("a_snapshot_while_a_pool_comes_and_goes", Some(2), || {
        let world = World::new();
        let actor = world.enter();
        let kept = actor.alloc(HALF);
        let reader = spawn(move || {
            let snapshot = world.runtime().page_heap.snapshot();
            assert_eq!(snapshot.arenas, 1);
            assert!((1..=2).contains(&snapshot.used_pools), "{} pools", snapshot.used_pools);
            assert_eq!(snapshot.used_pools + snapshot.dirty_pools + snapshot.clean_pools, 3);
            assert!(world.runtime().registry.live() == 1);
        });
        let block = [actor.alloc(HALF), actor.alloc(HALF)];
        block.into_iter().for_each(|block| actor.free(block));
        actor.collect();
        join(reader);
        actor.free(kept);
        world.end([actor]);
    });
}
