//! What every `map.rs` promises, tried on that of this system and on that of any Unix.

use super::trim::is_aligned_behind;
use crate::memory::At;
use core::ptr::NonNull;

const MIB: usize = 1 << 20;

/// The verbs of a `map.rs`.
struct Map {
    page_bytes: usize,
    reserve: fn(usize, usize) -> Option<NonNull<u8>>,
    map: fn(usize, usize) -> Option<NonNull<u8>>,
    map_behind: fn(usize, usize, usize) -> Option<NonNull<u8>>,
    commit: unsafe fn(NonNull<u8>, usize) -> bool,
    decommit: unsafe fn(NonNull<u8>, usize) -> bool,
    release: unsafe fn(NonNull<u8>, usize) -> bool,
    give_back: unsafe fn(NonNull<u8>, usize) -> bool,
    map_at: fn(NonNull<u8>, usize) -> At,
}

/// Of a module `memory`.
macro_rules! map_of {
    ($($memory:ident)::+) => {{
        use $($memory)::+::{commit, decommit, give_back, map, map_at, map_behind, page_size, release, reserve};
        Map { page_bytes: page_size(), reserve, map, map_behind, commit, decommit, release, give_back, map_at }
    }};
}

fn maps() -> [Map; 2] {
    [map_of!(crate::system::memory), map_of!(crate::unix::memory)]
}

#[test]
fn every_size_comes_at_every_alignment() {
    for Map { page_bytes: page, reserve, release, .. } in maps() {
        for align in [page, 64 << 10, 4 * MIB, 64 * MIB] {
            for size in [page, 3 * page, 4 * MIB] {
                let ptr = reserve(size, align).unwrap();
                assert!(is_aligned_behind(0, ptr, align));
                // SAFETY: reserved above.
                assert!(unsafe { release(ptr, size) });
            }
        }
    }
}

#[test]
fn what_lies_behind_a_front_is_aligned_and_all_can_be_used() {
    for Map { page_bytes: page, map_behind, release, .. } in maps() {
        for align in [64 << 10, 4 * MIB, 64 * MIB] {
            for (front, size) in [(page, 2 * page), (page, 4 * MIB), (2 * page, page)] {
                let ptr = map_behind(front, size, align).unwrap();
                assert!(is_aligned_behind(front, ptr, align));
                for offset in [0, size - 1] {
                    // SAFETY: within the mapping.
                    let place = unsafe { ptr.byte_add(offset) };
                    // SAFETY: within the mapping.
                    unsafe { place.write(1) };
                }
                // SAFETY: mapped above.
                assert!(unsafe { release(ptr, size) });
            }
        }
    }
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    for Map { page_bytes: page, reserve, map, .. } in maps() {
        assert_eq!(reserve(usize::MAX & !(page - 1), page), None);
        assert_eq!(map((isize::MAX as usize) & !(page - 1), 4 * MIB), None);
    }
}

#[test]
fn memory_reads_as_zero_after_commit_and_after_decommit() {
    for Map { page_bytes, reserve, commit, decommit, release, .. } in maps() {
        let size = 8 * page_bytes;
        let ptr = reserve(size, MIB).unwrap();
        for _ in 0..2 {
            // SAFETY: reserved.
            assert!(unsafe { commit(ptr, size) });
            // SAFETY: committed.
            assert_eq!(unsafe { ptr.read() }, 0);
            // SAFETY: committed.
            unsafe { ptr.write(7) };
            // SAFETY: committed, and not shared.
            assert!(unsafe { decommit(ptr, size) });
        }
        // SAFETY: reserved.
        assert!(unsafe { release(ptr, size) });
    }
}

#[test]
fn addresses_that_were_given_back_can_be_had_again_unless_somebody_has_them() {
    for Map { page_bytes: page, map, release, give_back, map_at, .. } in maps() {
        let size = 8 * page;
        let ptr = map(size, MIB).unwrap();
        // SAFETY: within the mapping.
        let middle = unsafe { ptr.byte_add(2 * page) };
        assert_eq!(map_at(middle, 3 * page), At::Taken);
        // SAFETY: mapped.
        unsafe { middle.write(7) };
        // SAFETY: mapped, and not in use.
        assert!(unsafe { give_back(middle, 3 * page) });
        // Other tests' mappings may come between; then it says so.
        if map_at(middle, 3 * page) == At::Mapped {
            // SAFETY: mapped.
            assert_eq!(unsafe { middle.read() }, 0);
            // SAFETY: mapped above.
            assert!(unsafe { release(ptr, size) });
        }
    }
}
