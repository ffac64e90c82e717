//! What the cache cuts, joins, hands out and hands over, one thread at a time.

use super::*;
use std::cell::RefCell;
use std::vec::Vec;
use strata_core::layout::ARENA_BYTES;
use strata_os::memory;

const MIB: usize = 1 << 20;
const FIRST: MappingNumber = MappingNumber(MappingNumber::STEP);

/// A cache, 64 MiB to make extents of, and what the cache unmapped: the first MiB and how many.
struct Scene {
    cache: HugeCache,
    base: NonNull<u8>,
    unmapped: RefCell<Vec<(usize, usize)>>,
}

impl Scene {
    fn new() -> Self {
        let base = memory::map(64 * MIB, ARENA_BYTES).unwrap();
        Self { cache: HugeCache::new(), base, unmapped: RefCell::default() }
    }

    fn extent(&self, at: usize, mib: usize) -> Extent {
        // SAFETY: within the 64.
        Extent { start: unsafe { self.base.byte_add(at * MIB) }, bytes: mib * MIB, mapping: FIRST }
    }

    /// Where in the 64 MiB an extent lies, and how long it is, in MiB.
    fn place(&self, extent: &Extent) -> (usize, usize) {
        ((extent.start.addr().get() - self.base.addr().get()) / MIB, extent.bytes / MIB)
    }

    fn unmap(&self) -> impl Fn(Extent) {
        |extent| self.unmapped.borrow_mut().push(self.place(&extent))
    }

    fn put(&self, at: usize, mib: usize) {
        self.cache.put(self.extent(at, mib), &self.unmap());
    }

    fn take(&self, mib: usize) -> Option<(usize, usize)> {
        self.cache.take(mib * MIB, &self.unmap()).map(|extent| self.place(&extent))
    }

    fn kept(&self) -> usize {
        self.cache.kept_bytes() as usize / MIB
    }

    fn pass(&self) -> bool {
        self.cache.age(Scope::Idle, &self.unmap())
    }
}

#[test]
fn the_smallest_that_has_room_behind_a_boundary_is_taken() {
    let scene = Scene::new();
    scene.put(0, 20);
    scene.put(25, 10);
    scene.put(40, 8);
    assert_eq!(scene.take(6), Some((28, 6)));
    assert_eq!(scene.take(8), Some((40, 8)));
    assert_eq!(scene.kept(), 24);
}

#[test]
fn what_is_cut_off_stays_and_is_joined_again() {
    let scene = Scene::new();
    scene.put(0, 20);
    assert_eq!(scene.take(5), Some((0, 5)));
    assert_eq!(scene.take(5), Some((8, 5)), "a block starts at a boundary");
    assert_eq!(scene.kept(), 10);
    scene.put(8, 5);
    scene.put(0, 5);
    assert_eq!(scene.take(20), Some((0, 20)));
}

#[test]
fn where_nothing_is_large_enough_the_largest_is_taken() {
    let scene = Scene::new();
    scene.put(0, 3);
    scene.put(8, 7);
    assert_eq!(scene.take(30), Some((8, 7)));
    assert_eq!(scene.take(30), Some((0, 3)));
    assert_eq!(scene.take(30), None);
}

#[test]
fn what_has_no_boundary_serves_no_request() {
    let scene = Scene::new();
    scene.put(5, 3);
    assert_eq!((scene.take(1), scene.kept()), (None, 3));
}

#[test]
fn a_block_grows_over_the_extent_behind_it() {
    let scene = Scene::new();
    scene.put(5, 10);
    let end = scene.extent(5, 0).start.as_ptr();
    let take = |mapping| scene.cache.take_behind(end, mapping, 4 * MIB, &scene.unmap());
    assert_eq!(take(MappingNumber(2 * MappingNumber::STEP)), 0);
    assert_eq!(take(FIRST), 4 * MIB);
    assert_eq!(take(FIRST), 0);
    assert_eq!(scene.take(3), Some((12, 3)));
}

#[test]
fn what_is_shed_is_as_much_as_was_asked_for() {
    let scene = Scene::new();
    scene.put(0, 10);
    scene.put(20, 10);
    scene.cache.shed(13 * MIB as u64, &scene.unmap());
    assert_eq!(*scene.unmapped.borrow(), [(0, 10), (27, 3)]);
    assert_eq!(scene.kept(), 7);
}

#[test]
fn what_is_shed_has_waited_longest() {
    let scene = Scene::new();
    scene.put(0, 8);
    scene.put(20, 8);
    scene.put(40, 8);
    assert_eq!(scene.take(8), Some((0, 8)));
    scene.put(0, 8);
    scene.cache.shed(10 * MIB as u64, &scene.unmap());
    assert_eq!(*scene.unmapped.borrow(), [(20, 8), (46, 2)]);
    assert_eq!(scene.take(8), Some((0, 8)));
}

#[test]
fn what_is_left_of_an_extent_has_waited_as_long_as_before() {
    let scene = Scene::new();
    scene.put(0, 8);
    scene.put(20, 8);
    (0..2).for_each(|_| scene.cache.shed(2 * MIB as u64, &scene.unmap()));
    assert_eq!(*scene.unmapped.borrow(), [(6, 2), (4, 2)]);
}

#[test]
fn three_passes_hand_over_what_was_kept_and_not_needed() {
    let scene = Scene::new();
    scene.put(0, 20);
    assert!(scene.pass() && scene.pass(), "too early");
    assert_eq!(scene.take(8), Some((0, 8)));
    scene.put(0, 8);
    assert!(scene.pass());
    assert_eq!(scene.kept(), 8, "what was needed for a moment stays");
    assert!(scene.pass());
    assert!(!scene.pass());
    assert_eq!(scene.kept(), 0);
}

#[test]
fn what_is_left_when_a_part_went_goes_with_the_next_pass_if_it_was_not_needed() {
    let scene = Scene::new();
    scene.put(0, 20);
    scene.pass();
    assert_eq!(scene.take(8), Some((0, 8)));
    scene.put(0, 8);
    assert!(scene.pass() && scene.pass());
    assert_eq!(scene.kept(), 8);
    assert!(!scene.pass());
}

#[test]
fn what_finds_no_slot_goes_at_once() {
    let scene = Scene::new();
    (0..SLOT_COUNT).for_each(|index| scene.cache.put(small(&scene, 2 * index), &scene.unmap()));
    assert!(scene.unmapped.borrow().is_empty());
    scene.put(63, 1);
    assert_eq!(*scene.unmapped.borrow(), [(63, 1)]);
    assert_eq!(scene.cache.kept_bytes() as usize, SLOT_COUNT * LEAST_BYTES);
}

/// An extent that is just worth a slot, and has no neighbour.
fn small(scene: &Scene, at: usize) -> Extent {
    Extent { bytes: LEAST_BYTES, ..scene.extent(at, 1) }
}

#[test]
fn what_is_taken_or_handed_over_of_huge_pages_are_whole_ones() {
    let scene = Scene::new();
    scene.cache.put(Extent { mapping: FIRST.in_huge_pages(), ..scene.extent(0, 20) }, &scene.unmap());
    assert_eq!(scene.take(5), Some((0, 6)));
    scene.cache.shed(3 << 20, &scene.unmap());
    assert_eq!(*scene.unmapped.borrow(), [(18, 2)]);
    assert_eq!(scene.kept(), 12);
}

#[test]
fn neighbours_in_two_slots_are_joined_by_the_next_insertion() {
    let scene = Scene::new();
    // As two threads insert them that put at the same time.
    for (at, mib) in [(8, 4), (4, 4)] {
        // Relaxed: a sum.
        scene.cache.kept_bytes.fetch_add((mib * MIB) as u64, Relaxed);
        scene.cache.insert(scene.extent(at, mib), &scene.unmap());
    }
    scene.put(0, 4);
    assert_eq!(scene.take(12), Some((0, 12)));
}
