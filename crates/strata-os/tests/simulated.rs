//! The simulated OS, through the names that everyone uses. One test at a time: its state is the process's.
#![cfg(strata_simulated)]

use core::ptr::NonNull;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use strata_os::machine::MemoryBudget;
use strata_os::simulated::{
    calls, fail_from, fail_never, on_purge, promise_at_most, promised_bytes, set_memory_limit, set_page_size,
};
use strata_os::{machine, memory};

const SIZE: usize = 1 << 20;

fn alone() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    fail_never();
    set_page_size(4096);
    alone
}

fn reserved() -> NonNull<u8> {
    memory::reserve(SIZE, SIZE).unwrap()
}

fn is_refused<T>(step: impl FnOnce() -> T + std::panic::UnwindSafe) -> bool {
    catch_unwind(step).is_err()
}

#[test]
fn a_range_goes_through_its_life() {
    let _alone = alone();
    let ptr = reserved();
    // SAFETY: reserved, and not shared; so on through its life.
    assert!(unsafe { memory::commit(ptr, SIZE) });
    // SAFETY: committed.
    unsafe { ptr.write(1) };
    // SAFETY: committed.
    assert!(unsafe { memory::purge(ptr, SIZE) });
    // SAFETY: purged.
    assert!(unsafe { memory::purge_lazily(ptr, SIZE) });
    // SAFETY: purged.
    assert!(unsafe { memory::decommit(ptr, SIZE) });
    // SAFETY: reserved.
    assert!(unsafe { memory::release(ptr, SIZE) });
}

#[test]
fn illegal_moves_are_refused() {
    let _alone = alone();
    let ptr = reserved();
    // SAFETY: panics before it does anything.
    assert!(is_refused(|| unsafe { memory::purge(ptr, SIZE) }));
    // SAFETY: panics before it does anything.
    assert!(is_refused(|| unsafe { memory::decommit(ptr, SIZE) }));
    // SAFETY: panics before it does anything.
    assert!(is_refused(|| unsafe { memory::grow_in_place(ptr, SIZE, 2 * SIZE) }));
    // SAFETY: panics before it does anything.
    assert!(is_refused(|| unsafe { memory::relocate(ptr, SIZE, SIZE, SIZE) }));
    // SAFETY: reserved.
    assert!(unsafe { memory::release(ptr, SIZE) });
    // SAFETY: panics before it does anything.
    assert!(is_refused(|| unsafe { memory::release(ptr, SIZE) }));
    // SAFETY: panics before it does anything.
    assert!(is_refused(|| unsafe { memory::commit(ptr, SIZE) }));
}

#[test]
fn calls_fail_as_planned_and_leave_the_state() {
    let _alone = alone();
    let before = calls();
    fail_from(2, 2);
    let ptr = reserved();
    // SAFETY: reserved, and so it stays.
    let answers = [0; 3].map(|_| unsafe { memory::commit(ptr, SIZE) });
    assert_eq!(answers, [false, false, true]);
    assert_eq!(calls() - before, 4);
    fail_from(1, 1);
    assert_eq!(memory::map(SIZE, SIZE), None);
    fail_from(1, 1);
    // SAFETY: committed.
    assert_eq!(unsafe { memory::relocate(ptr, SIZE, SIZE, SIZE) }, None);
    // SAFETY: still where it was.
    let moved = unsafe { memory::relocate(ptr, SIZE, 2 * SIZE, 2 * SIZE) }.unwrap();
    // SAFETY: moved.
    assert!(unsafe { memory::release(moved, 2 * SIZE) });
}

#[test]
fn a_release_that_fails_loses_the_addresses_for_good() {
    let _alone = alone();
    let ptr = reserved();
    fail_from(1, 1);
    // SAFETY: reserved.
    assert!(!unsafe { memory::release(ptr, SIZE) });
    // SAFETY: panics before it does anything.
    assert!(is_refused(|| unsafe { memory::release(ptr, SIZE) }));
}

#[test]
fn parts_are_released_one_by_one() {
    let _alone = alone();
    let ptr = memory::map(SIZE, SIZE).unwrap();
    // SAFETY: mapped.
    assert!(unsafe { memory::shrink_in_place(ptr, SIZE, SIZE / 2) });
    // SAFETY: panics before it does anything.
    assert!(is_refused(|| unsafe { memory::purge(ptr, SIZE) }));
    // SAFETY: the half that is left.
    assert!(unsafe { memory::release(ptr, SIZE / 2) });
}

#[test]
fn the_hook_hears_of_each_purge_that_succeeds() {
    static PURGED: AtomicUsize = AtomicUsize::new(0);
    let _alone = alone();
    on_purge(|_, size, _| PURGED.store(PURGED.load(Ordering::Relaxed) + size, Ordering::Relaxed));
    let ptr = memory::map(SIZE, SIZE).unwrap();
    // SAFETY: mapped.
    assert!(unsafe { memory::purge(ptr, SIZE) });
    fail_from(1, 1);
    // SAFETY: mapped.
    assert!(!unsafe { memory::purge(ptr, SIZE) });
    assert_eq!(PURGED.load(Ordering::Relaxed), SIZE);
    on_purge(|_, _, _| ());
    // SAFETY: mapped.
    assert!(unsafe { memory::release(ptr, SIZE) });
}

#[test]
fn larger_pages_align_what_is_taken() {
    let _alone = alone();
    set_page_size(65536);
    assert_eq!(machine::page_size(), 65536);
    let ptr = memory::reserve(65536, 1).unwrap();
    assert_eq!(ptr.addr().get() % 65536, 0);
    // SAFETY: reserved.
    assert!(unsafe { memory::release(ptr, 65536) });
    assert!(!cfg!(debug_assertions) || is_refused(|| memory::reserve(4096, 4096)));
}

#[test]
fn what_may_be_written_is_promised_until_it_is_unmapped_and_no_more_than_there_is() {
    let _alone = alone();
    let before = promised_bytes();
    let more = || (promised_bytes() - before) / SIZE as u64;
    promise_at_most(3 * SIZE as u64);
    let (mapped, kept) = (memory::map(SIZE, SIZE).unwrap(), reserved());
    assert_eq!(more(), 1, "what is only reserved is not promised");
    // SAFETY: reserved, and not shared; so on through its life.
    assert!(unsafe { memory::commit(kept, SIZE) });
    assert!(memory::map(2 * SIZE, SIZE).is_none());
    // SAFETY: committed.
    assert!(unsafe { memory::purge(kept, SIZE) });
    // SAFETY: purged.
    assert!(unsafe { memory::commit(kept, SIZE) });
    assert_eq!(more(), 2, "a purge, and another commit, change nothing");
    set_memory_limit(7);
    assert_eq!(machine::memory_budget(), Some(MemoryBudget { limit: 7, usage: promised_bytes() }));
    // SAFETY: the test's own mapping.
    let moved = unsafe { memory::relocate(mapped, SIZE, 2 * SIZE, SIZE) }.unwrap();
    assert_eq!(more(), 3);
    // SAFETY: the test's own mapping.
    assert!(unsafe { memory::relocate(moved, 2 * SIZE, 3 * SIZE, SIZE) }.is_none());
    // SAFETY: the test's own mapping.
    assert!(unsafe { memory::shrink_in_place(moved, 2 * SIZE, SIZE) });
    // SAFETY: the test's own mapping.
    assert!(unsafe { memory::release(moved, SIZE) });
    // SAFETY: the test's own mapping.
    assert!(unsafe { memory::release(kept, SIZE) });
    assert_eq!(more(), 0);
    promise_at_most(u64::MAX);
    set_memory_limit(0);
}
