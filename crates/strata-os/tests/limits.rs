//! What is refused when a process meets its limits. Each test runs in a child, as limits are the process's.

#![cfg(not(strata_loom))] // no memory comes from the kernel there

use core::ptr::NonNull;
use strata_os::{calls, machine, memory};

const MIB: usize = 1 << 20;

/// Runs `test` in a child; `test` must not allocate.
fn holds_in_a_child(test: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child runs `test`, which takes no lock, and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let code = i32::from(!test());
        // SAFETY: ends the child.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: a child of ours.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
}

fn limit(kind: libc::__rlimit_resource_t, bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: reads the value that it is given.
    unsafe { libc::setrlimit(kind, &raw const limit) };
}

#[test]
fn a_limit_on_data_refuses_a_commit_and_leaves_it_reserved() {
    assert!(holds_in_a_child(|| {
        let Some(ptr) = memory::reserve(256 * MIB, MIB) else { return false };
        limit(libc::RLIMIT_DATA, 64 * MIB as u64);
        let [.., failed] = calls();
        // SAFETY: reserved, and not shared.
        let all = unsafe { memory::commit(ptr, 256 * MIB) };
        // SAFETY: still reserved.
        let some = unsafe { memory::commit(ptr, MIB) };
        !all && some && calls()[5] == failed + 1
    }));
}

#[test]
fn a_limit_on_addresses_refuses_a_reservation_and_can_be_read() {
    assert!(holds_in_a_child(|| {
        let bytes = 1 << 32;
        limit(libc::RLIMIT_AS, bytes);
        let refused = memory::reserve(8192 * MIB, MIB).is_none() && memory::map(8192 * MIB, MIB).is_none();
        refused && machine::address_space_limit() == Some(bytes)
    }));
}

/// Whether there is a budget with this limit, of which `least` bytes at least are used.
fn has_budget(limit: u64, least: u64) -> bool {
    machine::memory_budget().is_some_and(|budget| budget.limit == limit && budget.usage >= least)
}

#[test]
#[cfg_attr(strata_unix, ignore = "POSIX does not say how much of a limit is used")]
fn the_budget_is_that_of_the_tightest_limit() {
    assert!(holds_in_a_child(|| {
        let (all, data) = (1 << 34, 256 * MIB as u64);
        limit(libc::RLIMIT_AS, all);
        limit(libc::RLIMIT_DATA, data);
        let Some(ptr) = memory::map(200 * MIB, MIB) else { return false };
        let tight = has_budget(data, 200 * MIB as u64) && machine::memory_limit() == Some(data);
        // SAFETY: ours, and not in use.
        let released = unsafe { memory::release(ptr, 200 * MIB) };
        tight && released && machine::memory_budget().is_some_and(|budget| budget.room() > 200 * MIB as u64)
    }));
}

/// Makes holes until the kernel refuses another mapping, or a million are made.
fn meet_the_limit_on_mappings() -> Option<NonNull<u8>> {
    let page = machine::page_size();
    let field = memory::reserve(1_000_000 * page, page)?;
    (1..1_000_000).step_by(2).find_map(|index| {
        // SAFETY: within the field.
        let hole = unsafe { field.byte_add(index * page) };
        // SAFETY: ours, and not in use.
        (!unsafe { memory::release(hole, page) }).then_some(hole)
    })
}

#[test]
#[cfg_attr(strata_unix, ignore = "the memory goes back only when the kernel needs some")]
fn at_the_limit_on_mappings_a_release_gives_back_the_memory_only() {
    assert!(holds_in_a_child(|| {
        let Some(ptr) = memory::map(4 * MIB, MIB) else { return false };
        if meet_the_limit_on_mappings().is_none() {
            return true;
        }
        // SAFETY: within the mapping.
        let middle = unsafe { ptr.byte_add(MIB) };
        // SAFETY: mapped.
        unsafe { middle.write(1) };
        // SAFETY: ours, and not in use.
        let released = unsafe { memory::release(middle, MIB) };
        // SAFETY: still mapped, as the release says.
        !released && unsafe { middle.read() } == 0
    }));
}

#[test]
fn at_the_limit_on_mappings_a_relocation_leaves_the_old_range() {
    assert!(holds_in_a_child(|| {
        let Some(ptr) = memory::map(4 * MIB, MIB) else { return false };
        // SAFETY: mapped.
        unsafe { ptr.write(7) };
        if meet_the_limit_on_mappings().is_none() {
            return true;
        }
        // SAFETY: mapped.
        let moved = unsafe { memory::relocate(ptr, 4 * MIB, 8 * MIB, MIB) };
        // SAFETY: where it was.
        moved.is_none() && unsafe { ptr.read() } == 7
    }));
}
