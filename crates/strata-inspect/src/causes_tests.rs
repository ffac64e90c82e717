//! Each cause from the facts that say so, and none from those that do not.

use super::*;
use crate::footprint::Footprint;
use crate::stats::Stats;
use crate::waterfall::{Kernel, Waterfall};
use std::vec::Vec;

const MIB: u64 = 1 << 20;

fn named(footprint: &Footprint, rest: u64, change: impl FnOnce(&mut Facts<'_>)) -> Vec<&'static str> {
    let kernel = Kernel { anonymous: footprint.resident() + rest, ..Kernel::default() };
    let mut facts = Facts::new(Waterfall::new(footprint, &kernel), footprint.clone());
    facts.about.purge_delay_ms = Some(500);
    change(&mut facts);
    let mut names = Vec::new();
    facts.causes(&mut |cause| {
        assert!(!cause.evidence.as_str().is_empty() && cause.evidence.as_str().ends_with('.'));
        assert!(cause.advice.as_str().ends_with(['.', ';']), "{:?}", cause.advice);
        names.push(cause.cause.name());
    });
    names
}

fn live(bytes: u64) -> Footprint {
    let mut footprint = Footprint::default();
    footprint.classes[4].live = bytes;
    footprint
}

#[test]
fn a_heap_of_live_blocks_has_no_problem() {
    assert_eq!(named(&live(100 * MIB), 3 * MIB, |_| ()), ["none"]);
    assert_eq!(named(&live(0), 3 * MIB, |_| ()), ["none"]);
}

#[test]
fn each_part_that_is_large_is_named_and_one_that_is_small_is_not() {
    let mut footprint = live(20 * MIB);
    footprint.classes[6].free = 5 * MIB;
    assert_eq!(named(&footprint, 0, |_| ()), ["fragmentation"]);
    assert_eq!(named(&footprint, 20 * MIB, |_| ()), ["fragmentation"]);
    assert_eq!(named(&footprint, 26 * MIB, |_| ()), ["none"], "less than a tenth");
    footprint.classes[6].free = 3 * MIB;
    assert_eq!(named(&footprint, 0, |_| ()), ["none"], "less than 4 MiB");
    footprint.classes[7].ready = 6 * MIB;
    assert_eq!(named(&footprint, 0, |_| ()), ["parked-in-threads"]);
}

#[test]
fn what_explains_most_comes_first() {
    let mut footprint = live(20 * MIB);
    footprint.kept = 7 * MIB;
    footprint.huge_kept = 5 * MIB;
    footprint.classes[6].free = 8 * MIB;
    assert_eq!(named(&footprint, 0, |_| ()), ["purge-delay", "fragmentation"]);
}

#[test]
fn what_blocks_in_magazines_keep_is_parked_and_not_fragmented() {
    let mut footprint = live(2 * MIB);
    let class = &mut footprint.classes[6];
    (class.ready, class.free) = (18 * MIB, 6 * MIB);
    assert_eq!(named(&footprint, 0, |_| ()), ["parked-in-threads"]);
    let class = &mut footprint.classes[6];
    (class.ready, class.live) = (5 * MIB, 25 * MIB);
    class.free = 6 * MIB;
    assert_eq!(named(&footprint, 0, |_| ()), ["parked-in-threads", "fragmentation"]);
}

#[test]
fn advice_names_what_the_program_has() {
    let mut footprint = live(2 * MIB);
    footprint.classes[6].free = 20 * MIB;
    let kernel = Kernel { anonymous: footprint.resident(), ..Kernel::default() };
    let advice = |linkage| {
        let mut facts = Facts::new(Waterfall::new(&footprint, &kernel), footprint.clone());
        facts.about.linkage = linkage;
        let mut advice = std::string::String::new();
        facts.causes(&mut |cause| advice.push_str(cause.advice.as_str()));
        advice
    };
    assert!(advice(Linkage::Inside).contains("stratalloc::Heap"));
    let library = advice(Linkage::Library);
    assert!(library.contains("strata_heap_new") && !library.contains("stratalloc::"), "{library}");
}

#[test]
fn zeroes_in_huge_pages_and_memory_of_others_are_named() {
    let sparse = |facts: &mut Facts<'_>| {
        facts.sparse.in_huge_pages = 80 * MIB;
        facts.sparse.zero_bytes = 60 * MIB;
        facts.sparse.samples = 40;
    };
    assert_eq!(named(&live(80 * MIB), 0, sparse), ["huge-pages"]);
    assert_eq!(named(&live(20 * MIB), 40 * MIB, |_| ()), ["other-memory"]);
    assert_eq!(named(&live(50 * MIB), 40 * MIB, |_| ()), ["none"]);
}

#[test]
fn growth_is_a_cache_if_it_is_steady() {
    let moment = |blocks: u64| {
        let mut stats = Stats::zero();
        stats.classes[20].live_blocks = blocks;
        stats.sum_classes();
        stats
    };
    let with = |counts: &[u64]| {
        let moments: Vec<Stats> = counts.iter().map(|count| moment(*count)).collect();
        let growth = Growth::between(&moments, 4000);
        named(&live(20 * MIB), 0, |facts| facts.growth = growth)
    };
    assert_eq!(with(&[10_000, 12_000, 14_000, 16_000]), ["unbounded-cache"]);
    assert_eq!(with(&[10_000, 12_000]), ["live-growth"], "two moments are too few");
    assert_eq!(with(&[10_000, 15_000, 12_000, 16_000]), ["live-growth"]);
    assert_eq!(with(&[10_000, 10_000, 16_000, 16_000]), ["none"], "a table became larger");
    assert_eq!(with(&[10_000, 10_100, 10_200, 10_300]), ["none"]);
    assert_eq!(with(&[16_000, 14_000, 12_000, 10_000]), ["none"]);
}
