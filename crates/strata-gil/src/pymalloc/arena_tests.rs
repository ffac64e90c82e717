//! Alignment, carving and emptied pools of one arena.

use super::super::parameters::{Classic, Current};
use super::super::table::ArenaTable;
use super::*;
use std::vec::Vec;
use strata_os::memory;

/// An arena whose base is `offset` bytes behind a multiple of the pool size. Leaked.
fn arena<P: Parameters>(offset: usize) -> Arena {
    let mapped = memory::map(2 * P::ARENA_BYTES, 1).unwrap();
    // SAFETY: twice as much was mapped than an arena has.
    let base = unsafe { mapped.byte_add(slack::<P>(mapped) + offset) };
    // SAFETY: mapped, and not shared.
    unsafe { Arena::open::<P>(base) }
}

fn index() -> ArenaIndex {
    let mut table = ArenaTable::EMPTY;
    table.take_unused().unwrap()
}

#[test]
fn an_aligned_arena_has_64_pools() {
    assert_eq!(arena::<Classic>(0).total_count(), 64);
    assert_eq!(arena::<Current>(0).total_count(), 64);
}

#[test]
fn an_unaligned_arena_loses_one_pool_to_alignment() {
    for offset in [4096, 8192, 12_288] {
        let mut arena = arena::<Current>(offset);
        assert_eq!([arena.total_count(), arena.free_count()], [63, 63]);
        let first = arena.take_pool::<Current>(index()).unwrap();
        let base = arena.base().unwrap();
        assert_eq!(Some(first), arena.carved_pools::<Current>().next());
        assert_eq!(first, pool_at(base, 16_384 - offset));
    }
}

#[test]
fn pools_are_carved_in_order_until_none_is_left() {
    let mut arena = arena::<Classic>(0);
    let pools: Vec<_> = core::iter::from_fn(|| arena.take_pool::<Classic>(index())).collect();
    assert_eq!(pools.len(), 64);
    assert_eq!(pools, arena.carved_pools::<Classic>().collect::<Vec<_>>());
    assert_eq!(arena.free_count(), 0);
    assert!(pools.iter().all(|pool| pool.arena() == 0 && pool.used_count() == 0));
}

#[test]
fn an_emptied_pool_is_taken_before_virgin_ones() {
    let mut arena = arena::<Current>(0);
    let [a, b] = [(); 2].map(|()| arena.take_pool::<Current>(index()).unwrap());
    arena.give_pool(a);
    arena.give_pool(b);
    assert_eq!(arena.free_count(), 64);
    let again = [(); 3].map(|()| arena.take_pool::<Current>(index()).unwrap());
    assert_eq!(again[..2], [b, a]);
    assert_ne!(again[2], a);
}

#[test]
fn a_closed_arena_is_unused() {
    let mut arena = arena::<Current>(0);
    assert!(arena.close().is_some());
    assert_eq!(arena.base(), None);
    assert_eq!(arena.carved_pools::<Current>().count(), 0);
    assert!(arena.take_pool::<Current>(index()).is_none());
}
