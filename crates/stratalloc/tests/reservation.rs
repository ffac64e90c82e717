//! Explicit huge pages that a test says there are: which blocks they serve, that they stay, and what is said if there are too few.
//!
//! The simulated OS panics when something purges, advises or decommits them. The pool is a process's, so each test runs in a
//! child.
#![cfg(strata_simulated)]

#[allow(dead_code, reason = "each test file uses its part")]
mod patterned;
#[allow(dead_code, reason = "each test file uses its part")]
mod process;

use patterned::{Patterned, layout};
use process::{KIB, MIB, alone};
use std::time::Duration;
use strata_cache::thread::RUNTIME;
use strata_os::machine::HugetlbPage::{self, OneGiB, TwoMiB};
use strata_os::machine::{HugetlbRefusal, Node};
use strata_os::simulated::{
    fail_from, fail_never, free_hugetlb_pages, preferred_node, set_hugetlb_pages, set_nodes,
};
use strata_segment::Reserved;
use stratalloc::{Options, Strata};

#[global_allocator]
static GLOBAL: Strata = Strata;

fn blocks(bytes: usize, size: usize) -> Vec<Patterned> {
    (0..bytes / size).map(|seed| Patterned::new(layout(size, 8), seed as u64).unwrap()).collect()
}

fn reserve(page: HugetlbPage, bytes: usize) -> Reserved {
    RUNTIME.page_heap.reserve_hugetlb(page, bytes as u64)
}

const fn all(bytes: usize) -> Reserved {
    Reserved { bytes: bytes as u64, refusal: None }
}

#[test]
fn what_is_reserved_serves_small_and_large_blocks_before_more_is_taken() {
    alone("what_is_reserved_serves_small_and_large_blocks_before_more_is_taken", || {
        set_hugetlb_pages(TwoMiB, 100);
        assert_eq!(reserve(TwoMiB, 100 * MIB), all(100 * MIB));
        assert_eq!(free_hugetlb_pages(TwoMiB), 50);
        let before = Strata::stats();
        assert_eq!(before.pinned_bytes, 100 * MIB as u64);
        let held = [(30 * MIB, 500), (30 * MIB, 20_000), (20 * MIB, 500 * KIB)]
            .map(|(bytes, size)| blocks(bytes, size));
        let after = Strata::stats();
        assert_eq!((after.arenas, after.segments), (before.arenas, before.segments));
        assert!(after.resident_bytes < before.resident_bytes + 8 * MIB as u64, "{after}");
        held.iter().flatten().for_each(Patterned::check);
        held.into_iter().flatten().for_each(Patterned::free);
    });
}

#[test]
fn reserved_memory_stays_whatever_is_given_back() {
    alone("reserved_memory_stays_whatever_is_given_back", || {
        set_hugetlb_pages(TwoMiB, 50);
        assert_eq!(reserve(TwoMiB, 64 * MIB), all(64 * MIB));
        Options::new().purge_delay(Some(Duration::ZERO)).impose();
        for round in 0..3 {
            let (keep, free): (Vec<_>, Vec<_>) =
                blocks(40 * MIB, 300).into_iter().enumerate().partition(|(index, _)| index % 50 == round);
            free.into_iter().for_each(|(_, block)| block.free());
            // Whole pools lie free, and pages within the others.
            (0..5).for_each(|_| Strata::collect());
            Strata::trim();
            keep.into_iter().for_each(|(_, block)| block.free());
        }
        Strata::trim();
        let stats = Strata::stats();
        assert!(stats.dirty_pools > 500, "the pools are free and not purged: {stats}");
        assert!(stats.resident_bytes < 16 * MIB as u64, "{stats}");
        assert!(
            stats.to_string().contains("64.0 MiB beside those, in explicit huge pages, which stay"),
            "{stats}"
        );
    });
}

#[test]
fn memory_beyond_what_is_reserved_is_ordinary() {
    alone("memory_beyond_what_is_reserved_is_ordinary", || {
        set_hugetlb_pages(TwoMiB, 8);
        assert_eq!(reserve(TwoMiB, 16 * MIB), all(16 * MIB));
        let held = blocks(64 * MIB, 5000);
        held.iter().for_each(Patterned::check);
        assert!(Strata::stats().resident_bytes > 48 * MIB as u64);
        held.into_iter().for_each(Patterned::free);
        Strata::trim();
        assert!(Strata::stats().resident_bytes < 8 * MIB as u64);
    });
}

#[test]
fn a_part_that_is_to_be_had_is_taken() {
    alone("a_part_that_is_to_be_had_is_taken", || {
        set_hugetlb_pages(TwoMiB, 75);
        let expected = Reserved { bytes: 148 * MIB as u64, refusal: Some(HugetlbRefusal::TooFew) };
        assert_eq!(reserve(TwoMiB, 1024 * MIB), expected);
        assert_eq!(free_hugetlb_pages(TwoMiB), 1, "half of an arena is left");
        let none = Reserved { bytes: 0, refusal: Some(HugetlbRefusal::TooFew) };
        assert_eq!(reserve(OneGiB, 2048 * MIB), none);
        blocks(8 * MIB, 100).into_iter().for_each(Patterned::free);
    });
}

#[test]
fn what_is_refused_as_one_piece_and_comes_in_two_is_no_refusal() {
    alone("what_is_refused_as_one_piece_and_comes_in_two_is_no_refusal", || {
        set_hugetlb_pages(TwoMiB, 100);
        fail_from(1, 1);
        assert_eq!(reserve(TwoMiB, 64 * MIB), all(64 * MIB));
        fail_never();
        assert_eq!(free_hugetlb_pages(TwoMiB), 68);
    });
}

#[test]
fn a_page_of_a_gibibyte_is_four_segments() {
    alone("a_page_of_a_gibibyte_is_four_segments", || {
        set_hugetlb_pages(OneGiB, 2);
        let before = Strata::stats();
        assert_eq!(reserve(OneGiB, 1024 * MIB), all(1024 * MIB));
        let after = Strata::stats();
        assert_eq!((after.segments - before.segments, after.arenas - before.arenas), (4, 256));
        assert_eq!(after.reserved_bytes - before.reserved_bytes, 1024 * MIB as u64);
        let held = blocks(600 * MIB, MIB);
        assert_eq!(Strata::stats().arenas, after.arenas);
        held.into_iter().for_each(Patterned::free);
    });
}

#[test]
fn several_nodes_get_equal_shares() {
    alone("several_nodes_get_equal_shares", || {
        set_nodes(0b101, || Node::new(2));
        set_hugetlb_pages(TwoMiB, 1000);
        assert_eq!(reserve(TwoMiB, 100 * MIB), all(100 * MIB));
        let before = Strata::stats();
        let held = blocks(40 * MIB, 10_000);
        let is_there = |block: &Patterned| preferred_node(block.start()) == Some(Node::new(2));
        assert!(held.iter().all(is_there));
        assert_eq!(Strata::stats().arenas, before.arenas, "this node's share was enough");
        held.into_iter().for_each(Patterned::free);
    });
}

#[test]
fn threads_may_reserve_while_others_allocate() {
    alone("threads_may_reserve_while_others_allocate", || {
        set_hugetlb_pages(TwoMiB, 10_000);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| blocks(40 * MIB, 700).into_iter().for_each(Patterned::free));
                scope.spawn(|| (0..10).for_each(|_| assert_eq!(reserve(TwoMiB, 8 * MIB), all(8 * MIB))));
            }
        });
        assert_eq!(Strata::stats().pinned_bytes, 240 * MIB as u64);
    });
}
