//! Slots are found along the hints, however many there are.

use super::*;
use std::vec::Vec;

/// Claims only: what a cache's own page would take is not on trial.
fn claim_many(slabs: &Slabs, count: usize) -> Vec<&'static Cache> {
    (0..count).map(|_| slabs.claim().unwrap()).collect()
}

fn number_of(cache: &Cache) -> usize {
    cache.slot.get() as usize
}

#[test]
fn each_slab_but_the_first_has_one_that_leads_to_it() {
    assert_eq!(
        [0, 1, 64, 65, 4160].map(above),
        [None, Some((0, 0)), Some((0, 63)), Some((1, 0)), Some((64, 63))]
    );
}

#[test]
fn there_are_as_many_slots_as_are_wanted() {
    const MANY: usize = 66_000;
    static SLABS: Slabs = Slabs::new();
    let claimed = claim_many(&SLABS, MANY);
    assert!(claimed.iter().enumerate().all(|(index, cache)| index == number_of(cache)));
    assert_eq!(SLABS.count(), MANY.div_ceil(CACHES_PER_SLAB));
    assert_eq!(SLABS.iter().count(), SLABS.count());
    for slot in [65_999, 65 * CACHES_PER_SLAB, 100, 40_000, 3] {
        SLABS.release(claimed[slot]);
        assert_eq!(number_of(SLABS.claim().unwrap()), slot);
    }
    claimed.iter().for_each(|cache| SLABS.release(cache));
    assert_eq!(number_of(SLABS.claim().unwrap()), 0);
}

#[test]
fn a_search_reads_the_slabs_to_which_hints_lead_and_no_others() {
    static SLABS: Slabs = Slabs::new();
    let claimed = claim_many(&SLABS, 4 * CACHES_PER_SLAB);
    let root = SLABS.get(0).unwrap();
    assert!(SLABS.claim().is_some_and(|cache| number_of(cache) == 4 * CACHES_PER_SLAB), "a fifth slab");
    assert_eq!(root.below.hints() & 0b111, 0, "the hints to full slabs are gone");
    SLABS.release(claimed[2 * CACHES_PER_SLAB]);
    assert_eq!(root.below.hints() & 0b111, 0b010);
    root.below.clear_if(1, || true);
    assert_eq!(number_of(SLABS.claim().unwrap()), 4 * CACHES_PER_SLAB + 1, "no hint led to the free slot");
}

#[test]
fn a_slot_deep_in_the_tree_is_hinted_at_on_each_level() {
    static SLABS: Slabs = Slabs::new();
    // Slab 65 is one of those that slab 1 leads to.
    let claimed = claim_many(&SLABS, 66 * CACHES_PER_SLAB);
    assert!(Slabs::claim_from(SLABS.get(0).unwrap(), 0).is_none());
    let below = || [0, 1].map(|number| SLABS.get(number).unwrap().below.hints() & 1);
    assert_eq!(below(), [0, 0]);
    SLABS.release(claimed[65 * CACHES_PER_SLAB + 7]);
    assert_eq!(below(), [1, 1]);
    assert_eq!(number_of(SLABS.claim().unwrap()), 65 * CACHES_PER_SLAB + 7);
}
